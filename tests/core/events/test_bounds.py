"""Pruning: logs stay within their limits, and what is left still verifies."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from typing import Any

import pytest
from meterhub_sdk import Clock, EventType, Log

from meterhub.events import EventLog, EventQuery, Pruner, View, bounds, read_page, verify
from meterhub.events.settings import LogBound, LogBounds
from meterhub.store import Store

DAY = 86_400 * 1_000_000_000


async def fill(log: EventLog, event: EventType, count: int) -> None:
    await asyncio.gather(*(log.record(event, source="s", door=number) for number in range(count)))


async def sequences(store: Store, view: View = View.SECURITY) -> list[int]:
    page = await read_page(store, EventQuery(log=view, limit=1000))
    return sorted(entry.sequence for entry in page.entries)


async def test_the_oldest_go_when_there_are_too_many(
    log: EventLog, store: Store, key: bytes, door: EventType, link: EventType
) -> None:
    await log.record(link, source="s", host="stays")
    await fill(log, door, 130)
    removed = await Pruner(log, LogBounds(security=LogBound(entries=100))).prune()
    assert removed == {Log.SECURITY: 31}
    assert await sequences(store) == list(range(33, 132))
    assert len(await sequences(store, View.COMMUNICATION)) == 1
    assert verify(store, key) == []
    await log.close()
    (report,) = (await read_page(store, EventQuery(log=View.DIAGNOSTICS))).entries
    assert report.text == (
        "The oldest 31 entries of the log security were removed: it is limited to 100 entries and 3650 days"
    )


async def test_a_full_log_is_not_pruned_with_every_entry(log: EventLog, key: bytes, door: EventType) -> None:
    pruner = Pruner(log, LogBounds(security=LogBound(entries=1000)))
    await fill(log, door, 1001)
    assert await pruner.prune() == {Log.SECURITY: 11}
    await fill(log, door, 10)
    assert await pruner.prune() == {}


async def test_the_log_goes_on_after_pruning(log: EventLog, store: Store, key: bytes, door: EventType) -> None:
    pruner = Pruner(log, LogBounds(security=LogBound(entries=100)))
    for _ in range(3):
        await fill(log, door, 60)
        await pruner.prune()
        assert verify(store, key) == []
    assert len(await sequences(store)) <= 100


async def test_the_oldest_go_when_they_are_too_old(
    log: EventLog, store: Store, key: bytes, clock: Any, door: EventType
) -> None:
    await fill(log, door, 5)
    clock.time += 9 * DAY
    await fill(log, door, 3)
    pruner = Pruner(log, LogBounds(security=LogBound(days=10)))
    assert await pruner.prune() == {}
    clock.time += 2 * DAY
    assert await pruner.prune() == {Log.SECURITY: 5}
    assert await sequences(store) == [6, 7, 8]
    clock.time += 100 * DAY
    assert (await pruner.prune())[Log.SECURITY] == 3
    assert verify(store, key) == []
    await log.record(door, source="s", door=1)
    assert verify(store, key) == []


async def test_entries_made_with_a_wrong_clock_are_not_taken_for_old(
    log: EventLog, store: Store, clock: Any, door: EventType
) -> None:
    now = clock.time
    clock.time, clock.validity = 0, Clock.INVALID
    await fill(log, door, 3)
    clock.time, clock.validity = now, Clock.VALID
    await fill(log, door, 3)
    assert await Pruner(log, LogBounds(security=LogBound(days=10))).prune() == {}


async def test_nothing_is_removed_for_its_age_while_the_clock_is_wrong(
    log: EventLog, clock: Any, door: EventType
) -> None:
    await fill(log, door, 3)
    clock.time, clock.validity = clock.time + 1000 * DAY, Clock.UNKNOWN
    assert await Pruner(log, LogBounds(security=LogBound(days=10))).prune() == {}


async def test_one_look_removes_a_bounded_number(
    log: EventLog, store: Store, key: bytes, door: EventType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounds, "SLICE", 10)
    monkeypatch.setattr(bounds, "SLICES", 3)
    await fill(log, door, 150)
    pruner = Pruner(log, LogBounds(security=LogBound(entries=100)))
    assert [(await pruner.prune())[Log.SECURITY] for _ in range(2)] == [30, 21]
    assert verify(store, key) == []


@pytest.mark.parametrize(
    "tamper",
    [
        "UPDATE event SET text = 'x' WHERE sequence = 5",
        "DELETE FROM event WHERE sequence = 5",
        "DELETE FROM event WHERE sequence < 5",
        "UPDATE event_chain SET count = 3, anchor_sequence = 1 WHERE log = 'security'",
        "UPDATE event_chain SET digest = 'x' WHERE log = 'security'",
        "DELETE FROM event_chain",
    ],
)
async def test_pruning_does_not_wipe_away_the_traces_of_a_change(
    log: EventLog, store: Store, key: bytes, door: EventType, tamper: str
) -> None:
    await fill(log, door, 150)
    with contextlib.closing(sqlite3.connect(store.path, isolation_level=None)) as database:
        database.execute(tamper)
    await Pruner(log, LogBounds(security=LogBound(entries=100))).prune()
    await log.close()
    assert any(fault.log == "security" for fault in verify(store, key))
    reports = await read_page(store, EventQuery(log=View.SECURITY, number=7))
    assert len(reports.entries) == 1


async def test_the_mark_of_a_change_goes_when_the_entries_of_its_time_are_pruned(
    log: EventLog, store: Store, key: bytes, door: EventType
) -> None:
    await fill(log, door, 150)
    with contextlib.closing(sqlite3.connect(store.path, isolation_level=None)) as database:
        database.execute("UPDATE event SET text = 'x' WHERE sequence = 5")
    pruner = Pruner(log, LogBounds(security=LogBound(entries=100)))
    await pruner.prune()
    await fill(log, door, 99)
    await log.close()
    assert verify(store, key) != []
    await fill(log, door, 20)
    await pruner.prune()
    await fill(log, door, 150)
    await pruner.prune()
    assert verify(store, key) == []


async def test_the_running_pruner_prunes(log: EventLog, store: Store, door: EventType) -> None:
    await fill(log, door, 130)
    task = asyncio.create_task(Pruner(log, LogBounds(security=LogBound(entries=100))).run(interval=0.01))
    while len(await sequences(store)) > 99:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
