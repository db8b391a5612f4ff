"""Configuration on a whole instance: real workers start, stop and restart, and only those that must."""

from __future__ import annotations

import asyncio
from datetime import date

import psutil
import pytest
from meterhub_sdk import NotDone, Quality, Refused

from meterhub import operation, process, workers
from meterhub.licensing.vendor import issue, new_vendor

pytestmark = pytest.mark.usefixtures("impatient")


@pytest.mark.slow
async def test_apply_restarts_only_what_changed(hand) -> None:
    await hand.apply(source={"value": 1.0}, source__2={"value": 2.0}, follower={})
    await hand.until_running("source", "source@2", "follower")
    workers = hand.pid("acme-bench"), hand.pid("acme-follower")
    since = {name: state.since for name, state in hand.instance.services.states.items()}
    applied = await hand.apply(source={"value": 1.0}, source__2={"value": 3.0}, follower={})
    assert applied["changed"] == ["source@2"]
    await hand.until_running("source@2")
    now = {name: state.since for name, state in hand.instance.services.states.items()}
    assert (now["source"], now["follower"]) == (since["source"], since["follower"])
    assert now["source@2"] > since["source@2"]
    assert (hand.pid("acme-bench"), hand.pid("acme-follower")) == workers
    async with asyncio.timeout(5):
        while hand.reading("source@2/energy").value != 3.0:
            await asyncio.sleep(0.01)
    assert hand.reading("source/energy").quality == Quality.GOOD
    await hand.apply(source={"value": 1.0})
    assert not psutil.pid_exists(workers[1])
    assert hand.pid("acme-bench") == workers[0]
    assert hand.instance.hub.points["source@2/energy"].point is None


@pytest.mark.parametrize("placement", [[], [["acme-bench", "acme-follower"]]])
async def test_the_workers_that_check_the_first_settings_go_on_to_run_them(
    bench, hand_of, placement, monkeypatch
) -> None:
    await bench.start()  # describes the plugins
    await bench.stop()
    began = []

    async def start(launch, *rest):
        began.append(launch.name)
        return await process.start_worker(launch, *rest)

    for module in (operation, workers):
        monkeypatch.setattr(module, "start_worker", start)
    services = {"source": {"value": 1.0}, "source@2": {"value": 2.0}, "follower": {}}
    hand = hand_of(await bench.start({"workers": {"placement": placement}, **services}))
    await hand.until_running(*services)
    assert sorted(began) == (["acme-bench"] if placement else ["acme-bench", "acme-follower"])


async def test_a_service_that_does_not_start_any_more_takes_the_revision_back(hand) -> None:
    await hand.apply(source={"value": 1.0})
    await hand.until_running("source")
    applied = await hand.apply(source={"behaviour": "wrong"})
    assert (applied["applied"], applied["reason"]) == (False, "source ran before and does not start any more")
    await hand.until_running("source")
    assert hand.reading("source/energy").value == 1.0
    status = await hand.get("/status/configuration")
    assert (status["revision"], status["confirm_within"], status["editor"]) == (1, None, hand.owner.name)
    assert "Revision 2 was taken back" in (await hand.events("configuration-rolled-back"))[0].text


@pytest.mark.slow
async def test_what_nobody_confirmed_is_taken_back_in_time_and_at_the_next_start(bench, hand_of, until) -> None:
    hand = hand_of(await bench.start())
    await hand.apply(source={"value": 1.0})
    await hand.apply(source={"value": 2.0}, confirm_within=0.3)
    assert 0 < (await hand.get("/status/configuration"))["confirm_within"] <= 0.3
    await until(lambda: hand.instance.configuration.active.number == 1)
    await until(lambda: hand.reading("source/energy").value == 1.0)
    await hand.apply(source={"value": 3.0}, confirm_within=3600)
    await until(lambda: hand.reading("source/energy").value == 3.0)
    await bench.stop()
    hand = hand_of(await bench.start())
    assert hand.instance.configuration.active.number == 1
    await until(lambda: hand.reading("source/energy").value == 1.0)
    reasons = [entry.arguments["reason"] for entry in await hand.events("configuration-rolled-back")]
    assert reasons == ["nobody confirmed it within 0.3 s", "the instance restarted before it was confirmed"]


async def test_errors_between_sections_are_told_at_their_fields_and_change_nothing(hand) -> None:
    await hand.apply(source={"value": 1.0})
    await hand.post("configuration/enter")
    for name, section in (
        ("source", {"port": 502, "reads": ["double/result", "nobody/energy"]}),
        ("source@2", {"port": 502}),
        ("double", {"of": "double@b/result"}),
        ("double@b", {"of": "double/result"}),
    ):
        saved = await hand.post("configuration/save", service=name, section=section)
        assert saved == {"saved": True, "errors": []}
    want = [
        {
            "path": ["source", "reads", 1],
            "message": "there is no point nobody/energy; no service 'nobody' is configured",
        },
        {
            "path": ["source@2", "port"],
            "message": "TCP port 502 is already taken by source.port; choose another one",
        },
        {"path": ["double"], "message": "double computes from its own results; take the circle apart"},
    ]
    assert (await hand.post("configuration/check"))["errors"] == want
    applied = await hand.post("configuration/apply", confirm_within=0)
    assert (applied["applied"], applied["errors"]) == (False, want)
    assert hand.instance.configuration.active.number == 1
    refused = (await hand.events("request-refused"))[-1]
    assert "nobody/energy" in refused.text


@pytest.mark.parametrize(
    ("section", "path", "said"),
    [
        ({"colour": "red"}, ["source", "colour"], "colour is not a setting here; remove it or mend its name"),
        ({"value": "much"}, ["source", "value"], "value: 'much' was given; "),
        ({"points": ["a", "b/c"]}, ["source", "points", 1], "'b/c' holds '/'; a name has none of"),
        ({"points": ["a", "a"]}, ["source"], "two rows make the point 'a'; give one another label"),
        ({"stale_after": -1}, ["source", "stale_after"], "stale_after: '-1' was given; "),
        ({"port": 70_000}, ["source", "port"], "port: '70000' was given; "),
    ],
)
async def test_errors_of_a_section_come_from_its_plugin(hand, section, path, said) -> None:
    await hand.post("configuration/enter")
    saved = await hand.post("configuration/save", service="source", section=section)
    assert saved["saved"] is False
    (fault,) = saved["errors"]
    assert fault["path"] == path
    assert said in fault["message"]


async def test_a_password_that_will_not_do_is_shown_nowhere(hand) -> None:
    await hand.post("configuration/enter")
    secret = "hunter2-" + "x" * 30
    saved = await hand.post("configuration/save", service="source", section={"password": secret})
    assert saved["errors"] == [
        {"path": ["source", "password"], "message": "password: string should have at most 20 characters"}
    ]
    assert not any("hunter2" in entry.text + entry.parameters for entry in await hand.events())


async def test_what_may_exist_once_has_no_label(hand) -> None:
    await hand.post("configuration/enter")
    saved = await hand.post("configuration/save", service="alias@2", section={})
    assert saved["errors"][0]["message"] == "there can be only one alias, without an @ and a label"


async def test_a_feature_without_a_licence_is_off_and_its_settings_are_kept(hand) -> None:
    await hand.apply(alias={"value": 7.0}, source={})
    rows = {row["name"]: row for row in (await hand.get("/status/services"))["services"]}
    assert rows["alias"]["state"] == "off"
    assert rows["alias"]["detail"] == "the feature acme.alias is not licensed or switched off"
    assert hand.instance.configuration.active.services["alias"] == {"value": 7.0}


async def test_settings_of_an_older_version_are_migrated_and_reported(hand) -> None:
    await hand.post("configuration/enter")
    file = '{"services": {"source": {"name": "old-point"}}, "versions": {"source": 1}, "written_by": "0.0.9"}'
    imported = await hand.post("configuration/import", file=file)
    assert imported["saved"], imported
    assert imported["written_by"] == "0.0.9"
    assert imported["migrated"] == ["source: settings of version 1 are now version 2"]
    assert (await hand.get("/configuration/source"))["draft"] == {"points": ["old-point"]}
    exported = await hand.post("configuration/export")
    assert exported["services"] == {}


async def test_settings_that_cannot_be_migrated_or_are_too_new_are_errors(hand) -> None:
    await hand.post("configuration/enter")
    for version, said in ((1, "cannot be turned into version 2: KeyError('name')"), (3, "install a newer one")):
        file = f'{{"services": {{"source": {{}}}}, "versions": {{"source": {version}}}}}'
        imported = await hand.post("configuration/import", file=file)
        assert imported["saved"] is False
        assert said in imported["errors"][0]["message"]


async def test_an_absent_plugin_keeps_its_settings_and_is_marked(house, hand_of, monkeypatch) -> None:
    made = house(own=True)
    made.configure(source={"value": 1.0}, follower={})
    hand = hand_of(await made.start())
    try:
        await hand.until_running("source", "follower")
        (made.checkout() / "__init__.py").write_text("# not what was signed\n")
        await hand.post("plugins/rescan")
        rows = {row["name"]: row for row in (await hand.get("/status/services"))["services"]}
        assert rows["source"]["state"] == "off"
        assert rows["source"]["detail"] == "its plugin is absent or refused; its settings are kept"
        assert rows["follower"]["state"] == "running"
        assert hand.instance.hub.points["source/energy"].point is None
        assert hand.instance.configuration.active.services["source"] == {"value": 1.0}
        assert (await hand.get("/configuration/source"))["active"] == {"value": 1.0}
        (event,) = await hand.events("plugin-refused")
        assert event.log == "security"
    finally:
        await made.close()


# -- writes -----------------------------------------------------------------------------------


async def test_writes_through_the_tree_end_as_the_device_says(bench, hand_of, until) -> None:
    bench.configure(source={"value": 1.0}, follower={})
    hand = hand_of(await bench.start())
    await hand.until_running("source", "follower")

    async def write(value, **more):
        return await hand.post("points/write", name="source/energy", value=value, **more)

    await write(5, reason="test")
    await until(lambda: hand.reading("source/energy").value == 5)
    with pytest.raises(Refused, match="thirteen is not written here"):
        await write(13)
    with pytest.raises(Refused, match="the device says no"):
        await write(666)
    with pytest.raises(NotDone, match=r"did not answer within 0\.2 s"):
        await write(668, timeout=0.2)
    with pytest.raises(NotDone):
        await write(667)  # the owner dies
    with pytest.raises(Refused, match="source/energy takes float, not 'x'"):
        await write("x")
    with pytest.raises(Refused, match="there is no point source/power"):
        await hand.post("points/write", name="source/power", value=1)
    await until(lambda: hand.reading("source/energy").value == 1.0)
    written = await hand.events("point-written")
    assert [entry.text for entry in written] == [f"{hand.owner.name} set source/energy to 5 (test), command 1"]
    assert len(await hand.events("write-refused")) == 6
    ledger = (await hand.get("/data/commands"))["commands"]
    outcomes = [(entry["value"], entry["outcome"]) for entry in reversed(ledger)]
    assert outcomes == [
        (5, "done"), (13, "refused"), (666, "refused"), (668, "unknown"), (667, "unknown"),
        ("x", "refused"), (1, "refused"),
    ]  # fmt: skip
    with pytest.raises(NotDone):
        await hand.post("source/slow")
    with pytest.raises(Refused, match="not today"):
        await hand.post("source/refuse")
    await hand.post("source/see", text="a comet")
    assert (await hand.events("seen"))[0].text == "a comet was seen"


async def test_a_silent_point_turns_stale_and_good_again(bench, hand_of, until) -> None:
    bench.configure(source={"value": 1.0, "stale_after": 0.5})
    hand = hand_of(await bench.start())
    await hand.until_running("source")
    await until(lambda: hand.reading("source/energy").quality == Quality.STALE)
    time = hand.reading("source/energy").time
    assert hand.reading("source/energy").value == 1.0
    assert time > 0
    await hand.post("source/publish", value=2)
    assert hand.reading("source/energy").quality == Quality.GOOD


async def test_a_substituted_point_reads_what_a_person_said_also_after_a_restart(bench, hand_of) -> None:
    bench.configure(source={"value": 1.0})
    hand = hand_of(await bench.start())
    await hand.until_running("source")
    await hand.post("points/substitute", name="source/energy", value=7.0, seconds=600, reason="test")
    await hand.post("source/publish", value=2)
    assert (hand.reading("source/energy").value, hand.reading("source/energy").quality) == (7.0, Quality.SUBSTITUTED)
    await bench.stop()
    hand = hand_of(await bench.start())
    assert hand.reading("source/energy").quality == Quality.SUBSTITUTED
    (row,) = (await hand.get("/data/substitutions"))["substitutions"]
    assert (row["point"], row["value"]) == ("source/energy", 7.0)
    await hand.post("points/release", name="source/energy")
    assert hand.reading("source/energy").quality != Quality.SUBSTITUTED
    assert len(await hand.events("substitution-ended")) == 1


# -- features and trust -------------------------------------------------------------------------


async def test_a_licence_starts_a_service_and_a_switch_stops_it_within_a_second(hand, tmp_path) -> None:
    files = new_vendor("ACME Metering", tmp_path)
    serial = hand.instance.identity.serial
    text = issue(files, serial=serial, number="1", features=["acme.alias"], issued=date(2026, 1, 1))
    await hand.post("licences/trust-vendor", document=files.public.read_text())
    await hand.apply(alias={"value": 7.0})
    assert hand.instance.operation.idle["alias"].endswith("is not licensed or switched off")
    await hand.post("licences/install", text=text)
    await hand.until_running("alias")
    assert (await hand.get("/status/alias"))["state"] == "running"
    assert "/command/alias/publish" in {node.path for node in hand.instance.tree.nodes(hand.owner)}
    await hand.post("features/switch", name="acme.alias", on=False)
    async with asyncio.timeout(1):
        while "alias" in hand.instance.services.states:
            await asyncio.sleep(0.01)
    assert hand.instance.configuration.active.services["alias"] == {"value": 7.0}
    await hand.post("features/switch", name="acme.alias", on=True)
    await hand.until_running("alias")
    other = issue(files, serial="MH-000000000000", number="2", features=["acme.alias"], issued=date(2026, 1, 1))
    with pytest.raises(Refused, match="MH-000000000000"):
        await hand.post("licences/install", text=other)


async def test_a_release_that_was_withdrawn_stops_running(hand) -> None:
    await hand.apply(source={}, follower={})
    await hand.until_running("source", "follower")
    rows = {row["name"]: row for row in (await hand.get("/status/plugins"))["plugins"]}
    with pytest.raises(Refused, match="give either kid"):
        await hand.post("plugins/revoke")
    await hand.post("plugins/revoke", digest=rows["acme-bench"]["digest"])
    rows = {row["name"]: row for row in (await hand.get("/status/plugins"))["plugins"]}
    assert rows["acme-bench"]["state"] == "refused"
    assert "acme-bench" not in hand.instance.workers.running
    assert hand.instance.services.states["follower"].state == "running"
    with pytest.raises(Refused):
        await hand.post("plugins/trust", document="{}", names=["*"])
