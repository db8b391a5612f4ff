"""Revisions compared: what a return to one would change, as far as whoever asks may read it."""

from __future__ import annotations

import pytest
from meterhub_sdk import Invalid, Refused

from meterhub.access import Principal
from meterhub.access.roles import Role

PATH = "/data/configuration-revision"
ONE, TWO = [["a", "b"]], [["a", "c"]]


@pytest.fixture
async def two(hand):
    """An instance that runs its second revision."""
    await hand.apply(workers={"placement": ONE})
    await hand.apply(workers={"placement": TWO}, instance={"name": "North"})
    return hand


async def test_an_old_revision_is_compared_with_the_running_one(two) -> None:
    assert await two.get(PATH, {"number": 1}) == {
        "number": 1,
        "against": 2,
        "changes": [
            {"path": ["workers", "placement", 0, 1], "old": "c", "new": "b"},
            {"path": ["instance"], "old": {"name": "North"}, "new": None},
        ],
    }
    assert (await two.get(PATH, {"number": 2}))["changes"] == []


async def test_two_revisions_are_compared_and_nobody_needs_the_configuration_mode(two) -> None:
    forwards = await two.get(PATH, {"number": 2, "against": 1})
    backwards = await two.get(PATH, {"number": 1, "against": 2})
    assert [(c["path"], c["old"], c["new"]) for c in forwards["changes"]] == [
        (c["path"], c["new"], c["old"]) for c in backwards["changes"]
    ]
    from_nothing = await two.get(PATH, {"number": 1, "against": 0})
    assert [change["path"] for change in from_nothing["changes"]] == [["workers"]]
    assert (await two.get("/status/configuration"))["editor"] is None


async def test_it_says_what_a_restore_puts_into_the_draft(two) -> None:
    said = (await two.get(PATH, {"number": 1}))["changes"]
    await two.post("configuration/enter")
    await two.post("configuration/revert", revision=1)
    assert (await two.post("configuration/diff"))["changes"] == said


async def test_sections_that_somebody_may_not_read_are_left_out(two) -> None:
    for path, verb in ((PATH, "read"), ("/command/configuration/diff", "run"), ("/configuration/workers", "read")):
        await two.instance.access.administration.set_right(two.owner, path, verb, "R7", True)
    somebody = Principal("ina", frozenset({Role.FREE_7}), "session", "10.0.0.9", "1")
    await two.post("configuration/enter")
    await two.post("configuration/revert", revision=1)
    for verb, path, body in (("get", PATH, {"number": 1}), ("post", "/command/configuration/diff", None)):
        found = await two.instance.tree.request(somebody, verb, path, body)
        assert {change["path"][0] for change in found["changes"]} == {"workers"}


@pytest.mark.parametrize("query", [{"number": 7}, {"number": 1, "against": 7}])
async def test_a_revision_that_is_not_there_is_told(two, query) -> None:
    with pytest.raises(Refused, match="there is no revision 7"):
        await two.get(PATH, query)


@pytest.mark.parametrize("query", [{}, {"number": -1}, {"number": "x"}, {"number": 1, "against": -1}])
async def test_what_is_no_number_of_a_revision_is_refused(hand, query) -> None:
    with pytest.raises(Invalid):
        await hand.get(PATH, query)
