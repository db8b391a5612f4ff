"""Recording: on disk when it returns, in order, and never in anybody's way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from meterhub_sdk import Clock, EventType, Log, Severity

from meterhub.events import SCHEMA, EventLog, EventQuery, View, read_page, verify
from meterhub.events import log as log_module
from meterhub.store import Store, StoreError

EVENTS = [
    EventType(number=index + 1, name=log.value, text="event {n}", log=log, severity=Severity.NOTICE)
    for index, log in enumerate(Log)
]


class FullDisk:
    """A store whose disk is full while ``full`` is set."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.full = False

    async def write(self, work: Callable[[Any], Any]) -> Any:
        if self.full:
            raise StoreError("core.db could not be written: database or disk is full")
        return await self._store.write(work)


async def everything(store: Store) -> list[str]:
    page = await read_page(store, EventQuery(log=View.EVERYTHING, limit=1000))
    return [entry.text for entry in reversed(page.entries)]


async def test_an_entry_holds_what_was_recorded(log: EventLog, store: Store, door: EventType, clock: Any) -> None:
    clock.validity = Clock.INVALID
    recorded = await log.record(door, source="doors 1.2", distribution="acme-doors", door=3)
    (kept,) = (await read_page(store, EventQuery(log=View.SECURITY))).entries
    assert kept == recorded
    assert (kept.sequence, kept.number, kept.name, kept.log) == (1, 101, "door-opened", Log.SECURITY)
    assert (kept.clock, kept.severity, kept.source) == (Clock.INVALID, Severity.WARNING, "doors 1.2")
    assert (kept.distribution, kept.text, kept.arguments) == ("acme-doors", "Door 3 was opened", {"door": 3})


async def test_a_recorded_entry_is_there_after_the_store_is_opened_again(
    log: EventLog, store: Store, key: bytes, door: EventType
) -> None:
    await log.record(door, source="doors", door=1)
    again = Store(store.path, SCHEMA)
    assert await everything(again) == ["Door 1 was opened"]
    assert verify(again, key) == []
    again.close()


async def test_concurrent_records_stay_in_the_order_of_their_calls(
    log: EventLog, store: Store, key: bytes, door: EventType, link: EventType
) -> None:
    calls = [log.record(door if n % 2 else link, source="s", door=n, host=n) for n in range(300)]
    entries = await asyncio.gather(*calls)
    assert [entry.sequence for entry in entries] == list(range(1, 301))
    assert verify(store, key) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None)
@given(batches=st.lists(st.lists(st.sampled_from(EVENTS), max_size=6), max_size=6))
async def test_any_sequence_of_records_over_the_logs_verifies(
    make_store: Callable[[str], Store], key: bytes, clock: Any, batches: list[list[EventType]]
) -> None:
    store = make_store("any")
    log = EventLog(store, key, clock)
    for batch in batches:
        await asyncio.gather(*(log.record(event, source="s", n=number) for number, event in enumerate(batch)))
    assert verify(store, key) == []


async def test_record_soon_writes_without_waiting(log: EventLog, store: Store, key: bytes, door: EventType) -> None:
    for number in range(5):
        log.record_soon(door, source="doors", door=number)
    assert store.read_now(lambda database: database.execute("SELECT count(*) FROM event").fetchone()) == (0,)
    await log.close()
    assert await everything(store) == [f"Door {number} was opened" for number in range(5)]
    assert verify(store, key) == []


async def test_record_soon_drops_what_does_not_fit_and_says_how_many(
    log: EventLog, store: Store, door: EventType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "WAITING", 10)
    for number in range(25):
        log.record_soon(door, source="doors", door=number)
    await log.close()
    texts = await everything(store)
    assert texts[0] == "15 entries were dropped before they reached the event log"
    assert len(texts) == 11
    assert log.dropped_total == 15


async def test_record_soon_takes_anything_without_raising(log: EventLog, store: Store) -> None:
    log.record_soon(EventType(number=0, name="x", text="x"), source="s")
    await log.record(EVENTS[0], source="s", n=1)
    assert (await everything(store))[0] == "1 entries were dropped before they reached the event log"


async def test_a_full_disk_reaches_the_caller_and_is_counted_for_record_soon(
    store: Store, key: bytes, clock: Any, door: EventType
) -> None:
    disk = FullDisk(store)
    log = EventLog(disk, key, clock)  # type: ignore[arg-type]  # only its write method is used
    disk.full = True
    with pytest.raises(StoreError, match="disk is full"):
        await log.record(door, source="doors", door=1)
    log.record_soon(door, source="doors", door=2)
    await log.close()
    disk.full = False
    await log.record(door, source="doors", door=3)
    assert await everything(store) == ["1 entries were dropped before they reached the event log", "Door 3 was opened"]
    assert verify(store, key) == []


async def test_a_caller_that_is_cancelled_does_not_take_its_entry_back(
    log: EventLog, store: Store, door: EventType
) -> None:
    heard: list[str] = []
    log.listen(lambda entry: heard.append(entry.text))
    task = asyncio.create_task(log.record(door, source="doors", door=1))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await log.close()
    assert heard == await everything(store) == ["Door 1 was opened"]


async def test_a_listener_that_fails_does_not_hold_up_the_log(log: EventLog, door: EventType) -> None:
    def fail(entry: object) -> None:
        raise RuntimeError("broken")

    heard: list[int] = []
    log.listen(fail)
    unlisten = log.listen(lambda entry: heard.append(entry.sequence))
    await log.record(door, source="doors", door=1)
    unlisten()
    await log.record(door, source="doors", door=2)
    assert heard == [1]


@pytest.mark.parametrize("key", [b"", b"short"])
def test_a_key_that_is_too_short_is_refused(store: Store, key: bytes, clock: Any) -> None:
    with pytest.raises(ValueError, match="at least 16"):
        EventLog(store, key, clock)
    with pytest.raises(ValueError, match="at least 16"):
        verify(store, key)
