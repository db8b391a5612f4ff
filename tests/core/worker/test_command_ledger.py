"""One entry of the ledger for each command: on disk before the device hears of it, and with what became of it."""

from __future__ import annotations

import asyncio

import pytest
from meterhub_sdk import MeterhubError, NotDone, Reading, Refused

from meterhub.commands.ledger import LedgerQuery, PointCommand
from meterhub.store import StoreError


@pytest.fixture
def entries(rig):
    async def read(**query):
        return (await rig.ledger.read(LedgerQuery(**query)))["commands"]

    return read


async def test_a_command_is_in_the_ledger_while_its_device_works(relay, writer, entries) -> None:
    gate = asyncio.Event()

    async def slowly(name, value) -> None:
        await gate.wait()

    relay.on_write = slowly
    writing = asyncio.create_task(
        writer.write("meter/closed", True, reason="bill paid", origin="192.0.2.7:2404", selected=5)
    )
    async with asyncio.timeout(10):
        while not (found := await entries(outcome="executing")):
            await asyncio.sleep(0.01)
    (entry,) = found
    assert (entry["point"], entry["value"], entry["requester"]) == ("meter/closed", True, "meter@writer")
    assert (entry["origin"], entry["reason"], entry["ended"]) == ("192.0.2.7:2404", "bill paid", None)
    assert entry["selected"].startswith("1970-01-01T00:00:00")
    gate.set()
    await writing
    (entry,) = await entries()
    assert (entry["outcome"], entry["because"]) == ("done", "")
    assert entry["ended"] is not None


async def test_the_event_of_a_command_names_its_entry_and_its_origin(relay, writer, rig, entries) -> None:
    await writer.write("meter/closed", True, reason="bill paid", origin="192.0.2.7:2404")
    (entry,) = await entries()
    (event,) = rig.recorded.of("point-written")
    assert event["command"] == entry["number"]
    assert "meter@writer for 192.0.2.7:2404" in event["sentence"]


async def test_what_the_device_says_stands_in_the_ledger(relay, writer, rig, entries) -> None:
    async def refuse(name, value) -> None:
        raise Refused("the breaker is locked by hand")

    relay.on_write = refuse
    with pytest.raises(Refused):
        await writer.write("meter/closed", True, reason="")
    (entry,) = await entries()
    assert (entry["outcome"], entry["because"]) == ("refused", "the breaker is locked by hand")


async def test_nobody_knows_what_a_silent_device_did(relay, writer, entries) -> None:
    async def never(name, value) -> None:
        await asyncio.Event().wait()

    relay.on_write = never
    with pytest.raises(NotDone):
        await writer.write("meter/closed", True, reason="", timeout=0.2)
    (entry,) = await entries()
    assert entry["outcome"] == "unknown"
    assert "did not answer within" in entry["because"]


async def test_a_requester_that_goes_leaves_the_outcome_unknown(relay, rig, entries) -> None:
    started = asyncio.Event()

    async def never(name, value) -> None:
        started.set()
        await asyncio.Event().wait()

    relay.on_write = never
    writing = asyncio.create_task(rig.write("meter/closed", True, timeout=30))
    await started.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    (entry,) = await entries()
    assert (entry["outcome"], entry["because"]) == ("unknown", "who asked did not wait for the answer")


@pytest.mark.parametrize("outcome", ["refused", "cancelled", "expired"])
async def test_what_a_server_turns_down_is_noted(relay, writer, rig, entries, outcome) -> None:
    await writer.refuse("meter/closed", True, reason="C_SC", because="the switch says local", outcome=outcome)
    (entry,) = await entries()
    assert (entry["outcome"], entry["because"]) == (outcome, "the switch says local")
    assert relay.written == []
    assert "the switch says local" in rig.recorded.of("write-refused")[0]["sentence"]


async def test_a_server_notes_nothing_about_points_it_may_not_write(relay, writer, entries) -> None:
    with pytest.raises(Refused, match="may not write other/closed"):
        await writer.refuse("other/closed", True, reason="", because="x")
    with pytest.raises(MeterhubError):
        await writer.refuse("meter/closed", True, reason="", because="x", outcome="done")
    assert await entries() == []


async def test_without_a_ledger_nothing_is_switched(relay, writer, rig, monkeypatch) -> None:
    async def full(work):
        raise StoreError("the disk is full")

    monkeypatch.setattr(rig.store, "write", full)
    with pytest.raises(Refused, match="the disk is full"):
        await writer.write("meter/closed", True, reason="")
    assert relay.written == []


async def test_a_command_that_was_running_when_the_instance_ended_is_unknown(rig, entries) -> None:
    number = await rig.ledger.begin(PointCommand(point="a/b", value=1, requester="anna"))
    await rig.ledger.note(PointCommand(point="a/b", value=2, requester="anna"), "refused", "local")
    assert await rig.ledger.recover() == 1
    assert await rig.ledger.recover() == 0
    (entry,) = await entries(outcome="unknown")
    assert (entry["number"], entry["because"]) == (number, "the instance ended before the device had answered")


async def test_the_ledger_is_read_page_by_page_newest_first(rig) -> None:
    for value in range(7):
        await rig.ledger.note(PointCommand(point=f"a/{value % 2}", value=value, requester="anna"), "refused", "x")
    values, before = [], None
    while True:
        page = await rig.ledger.read(LedgerQuery(limit=3, before=before))
        values += [entry["value"] for entry in page["commands"]]
        if (before := page["next"]) is None:
            break
    assert values == [6, 5, 4, 3, 2, 1, 0]
    odd = await rig.ledger.read(LedgerQuery(point="a/1"))
    assert [entry["value"] for entry in odd["commands"]] == [5, 3, 1]


# -- read back --------------------------------------------------------------------------------


async def test_a_write_with_read_back_waits_for_the_point(relay, writer, rig) -> None:
    writing = asyncio.create_task(writer.write("meter/closed", True, reason="", read_back=True))
    await rig.settle()
    await asyncio.sleep(0.1)
    assert relay.written
    assert not writing.done()
    await relay.hub.points.publish({"closed": Reading(True, 1)})
    async with asyncio.timeout(10):
        await writing


async def test_a_point_that_reads_something_else_is_told(relay, writer, entries) -> None:
    await relay.hub.points.publish({"closed": Reading(False, 1)})
    with pytest.raises(NotDone, match=r"was written, but within 0\.3 s it read False back"):
        await writer.write("meter/closed", True, reason="", timeout=0.3, read_back=True)
    (entry,) = await entries()
    assert entry["outcome"] == "unknown"
