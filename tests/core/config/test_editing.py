"""Configuration mode: one editor, a draft that survives, and all errors with their paths."""

from __future__ import annotations

import json

import pytest
from meterhub_sdk import Refused


async def test_one_editor_at_a_time_and_the_other_is_named(bench) -> None:
    await bench.configuration.enter("anna")
    for work in (
        lambda: bench.configuration.enter("bert"),
        lambda: bench.configuration.save("bert", "meter", {}),
        lambda: bench.configuration.apply("bert"),
        lambda: bench.configuration.discard("bert"),
        lambda: bench.configuration.replace("bert", {}, {}),
    ):
        with pytest.raises(Refused, match="anna is in configuration mode"):
            await work()
    assert bench.recorded.names == ["configuration-mode"]


async def test_without_configuration_mode_nothing_is_edited(bench) -> None:
    for work in (
        lambda: bench.configuration.save("anna", "meter", {}),
        lambda: bench.configuration.apply("anna"),
        lambda: bench.configuration.discard("anna"),
        lambda: bench.configuration.cancel_other("anna"),
    ):
        with pytest.raises(Refused, match="nobody is in configuration mode"):
            await work()
    with pytest.raises(Refused):
        bench.configuration.check()
    assert bench.configuration.diff() == []


async def test_the_same_user_goes_on_where_he_was(bench) -> None:
    await bench.configuration.enter("anna", "session 1")
    await bench.configuration.save("anna", "meter", {"a": 1})
    again = await bench.configuration.enter("anna", "session 2")
    assert again.services == {"meter": {"a": 1}}
    assert again.session == "session 2"


async def test_another_one_may_end_it_and_then_begins_afresh(bench) -> None:
    await bench.configuration.enter("anna")
    await bench.configuration.save("anna", "meter", {"a": 1})
    assert await bench.configuration.cancel_other("bert") == "anna"
    assert (await bench.configuration.enter("bert")).services == {}
    with pytest.raises(Refused, match="bert is in configuration mode, not anna"):
        await bench.configuration.save("anna", "meter", {"a": 2})
    assert bench.recorded.of("configuration-mode")[1]["sentence"] == "bert cancelled anna's the configuration mode"


async def test_a_save_that_was_overtaken_by_a_cancellation_says_so(bench) -> None:
    """Also when the same user has begun a new draft meanwhile."""
    await bench.configuration.enter("anna")

    def cancel_and_enter_again() -> None:
        bench.plugins.meanwhile = lambda: None
        bench.configuration.editor.leave()

    bench.plugins.meanwhile = cancel_and_enter_again
    with pytest.raises(Refused, match="nobody is in configuration mode"):
        await bench.configuration.save("anna", "meter", {"a": 1})
    old = await bench.configuration.enter("anna")
    fresh = type(old)(**{name: getattr(old, name) for name in old.__struct_fields__})

    def begin_anew() -> None:
        bench.plugins.meanwhile = lambda: None
        bench.configuration.editor.draft = fresh

    bench.plugins.meanwhile = begin_anew
    with pytest.raises(Refused, match="cancelled meanwhile; nothing was saved"):
        await bench.configuration.save("anna", "meter", {"a": 1})


async def test_errors_carry_the_service_in_their_path_and_the_draft_stays(bench) -> None:
    await bench.configuration.enter("anna")
    await bench.configuration.save("anna", "meter", {"a": 1})
    faults = await bench.configuration.save("anna", "meter", {"wrong": ["host", "port"]})
    assert [(fault.path, fault.message) for fault in faults] == [
        (["meter", "host"], "host will not do"),
        (["meter", "port"], "port will not do"),
    ]
    assert bench.configuration.editor.draft.services == {"meter": {"a": 1}}
    faults = await bench.configuration.save("anna", "metre@north", {})
    assert [(fault.path, fault.message) for fault in faults] == [
        (["metre@north"], "no installed plugin offers the service 'metre'")
    ]


@pytest.mark.parametrize(
    "name",
    [
        *("", "@", "meter@", "@north", "meter@a/b", "meter@..", "meter@../../../etc", "meter@a b", "meter@a@b"),
        *("meter@é", "meter@" + "x" * 60, "meter@x*", "..", "meter@\n", "m" * 10_000),
    ],
)
async def test_a_service_has_a_plain_name(bench, name) -> None:
    name = name.replace("é", "e\u0301")
    await bench.configuration.enter("anna")
    (fault,) = await bench.configuration.save("anna", name, {})
    assert "is no name of a service; it is like losses or losses@north" in fault.message
    assert len(fault.message) < 400
    assert await bench.configuration.replace("anna", {name: {}}, {}) == [fault]
    assert bench.plugins.asked == []


async def test_a_point_whose_full_name_is_too_long_is_an_error(bench) -> None:
    bench.plugins.digests["m" * 60] = "1"
    await bench.configuration.enter("anna")
    (fault,) = await bench.configuration.save("anna", "m" * 60, {"offers": ["/".join(["x" * 60] * 8)]})
    assert fault.path == ["m" * 60]
    assert "at most 512 will do" in fault.message


async def test_the_whole_draft_is_checked_across_its_sections(bench) -> None:
    await bench.configuration.enter("anna")
    await bench.configuration.save("anna", "meter", {"offers": ["energy"]})
    await bench.configuration.save("anna", "server", {"needs": ["meter/power"], "port": 502})
    await bench.configuration.save("anna", "server@2", {"needs": ["meter/energy"], "port": 502})
    faults = [(fault.path, fault.message) for fault in bench.configuration.check()]
    assert faults == [
        (["server", "needs", 0], "there is no point meter/power"),
        (["server@2", "port"], "TCP port 502 is already taken by server.port; choose another one"),
    ]
    applied = await bench.configuration.apply("anna")
    assert not applied.applied
    assert [fault.path for fault in applied.errors] == [path for path, _ in faults]
    assert bench.configuration.active.number == 0
    assert bench.configuration.editor.draft is not None


async def test_a_circle_of_instances_that_do_not_run_yet_is_found(bench) -> None:
    await bench.configuration.enter("anna")
    await bench.configuration.save("anna", "losses@a", {"offers": ["x"], "needs": ["losses@b/x"]})
    await bench.configuration.save("anna", "losses@b", {"offers": ["x"], "needs": ["losses@a/x"]})
    assert ["take the circle apart" in fault.message for fault in bench.configuration.check()] == [True]


async def test_points_found_at_run_time_may_be_referred_to_while_their_service_stays(bench) -> None:
    await bench.apply({"meter": {"offers": ["energy"]}})
    bench.machine.found = frozenset({"meter/energy", "meter/found"})
    await bench.configuration.enter("anna")
    await bench.configuration.save("anna", "server", {"needs": ["meter/found"]})
    assert bench.configuration.check() == []
    await bench.configuration.save("anna", "meter", {"offers": []})
    await bench.configuration.save("anna", "server", {"needs": ["meter/energy"]})
    assert [fault.message for fault in bench.configuration.check()] == ["there is no point meter/energy"]
    await bench.configuration.save("anna", "meter", None)
    await bench.configuration.save("anna", "server", {"needs": ["meter/found"]})
    assert len(bench.configuration.check()) == 1


async def test_the_draft_survives_a_restart(bench) -> None:
    await bench.configuration.enter("anna")
    await bench.configuration.save("anna", "meter", {"a": 1})
    await bench.restart()
    assert bench.configuration.editor.draft.editor == "anna"
    assert [change.path for change in bench.configuration.diff()] == [["meter"]]
    await bench.configuration.discard("anna")
    await bench.restart()
    assert bench.configuration.editor.draft is None


@pytest.mark.parametrize("content", [b"", b"{", b'{"editor": 5}', b"[]", b"\xff\xfe"])
async def test_a_draft_that_cannot_be_read_does_not_keep_the_instance_from_starting(bench, content) -> None:
    (bench.home / "configuration" / "draft.json").write_bytes(content)
    await bench.restart()
    assert bench.configuration.editor.draft is None
    await bench.configuration.enter("anna")
    assert json.loads((bench.home / "configuration" / "draft.json").read_bytes())["editor"] == "anna"


async def test_taking_a_service_out_is_a_change(bench) -> None:
    await bench.apply({"meter": {"offers": ["x"]}, "server": {"needs": ["meter/x"]}})
    await bench.configuration.enter("anna")
    await bench.configuration.save("anna", "meter", None)
    assert [fault.message for fault in bench.configuration.check()] == [
        "there is no point meter/x; no service 'meter' is configured"
    ]
    await bench.configuration.save("anna", "server", None)
    assert (await bench.configuration.apply("anna", confirm_within=0)).changed == ["meter", "server"]
    assert bench.machine.services == {}
