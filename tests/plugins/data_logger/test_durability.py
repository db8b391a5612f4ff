"""Nothing is acknowledged before it is on the disk, and nothing acknowledged is lost: restarts, full disks, floods."""

from __future__ import annotations

import asyncio

import pytest
from meterhub_data_logger import committing
from meterhub_data_logger.asking import QueryArguments
from meterhub_data_logger.collecting import Collector
from meterhub_sdk import Refused

SOURCES = [{"label": "all", "points": ["**"], "record": "reading"}]


async def all_values(logger):
    found, after = [], ""
    while True:
        page = await logger.query(QueryArguments(points=["meter/**"], limit=1000, after=after))
        found += [entry.value for entry in page.entries]
        if page.next is None:
            return found
        after = page.next


def offer(hub, values):
    for value in values:
        hub.offer("meter/a", value, value)


async def until(condition):
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


async def test_what_trickles_in_shares_commits_and_all_of_it_is_logged(hub, logging):
    async with logging(sources=SOURCES) as logger:
        for value in range(60):
            offer(hub, [value])
            await asyncio.sleep(0.01)
        await hub.until_empty()
        status = logger.status()
        assert await all_values(logger) == list(range(60))
    assert status.commits < 30


async def test_a_flood_is_logged_whole_and_in_order(hub, logging):
    async with logging(sources=SOURCES) as logger:
        offer(hub, range(15_000))
        await hub.until_empty()
        assert await all_values(logger) == list(range(15_000))
        assert logger.status().lost == 0


async def test_what_waits_in_the_hub_is_taken_before_the_service_stops(hub, logging):
    async with logging(sources=SOURCES, commit_interval=60) as logger:
        offer(hub, [1])
        await until(lambda: logger.status().committed == 1)
        offer(hub, [2, 3])
    assert not hub.waiting
    async with logging(sources=SOURCES) as logger:
        assert await all_values(logger) == [1, 2, 3]


async def test_what_was_committed_but_not_acknowledged_is_not_logged_twice(hub, logging, monkeypatch):
    take = Collector._take

    async def end_suddenly(collector, batch):
        await take(collector, batch)
        raise RuntimeError("the power went")

    monkeypatch.setattr(Collector, "_take", end_suddenly)
    offer(hub, range(500))
    with pytest.raises(RuntimeError, match="the power went"):
        async with logging(sources=SOURCES):
            await asyncio.sleep(1)
    assert len(hub.waiting) == 500
    hub.store.conn.close()
    del hub.__dict__["store"]
    monkeypatch.setattr(Collector, "_take", take)
    offer(hub, range(500, 700))
    async with logging(sources=SOURCES) as logger:
        await hub.until_empty()
        assert await all_values(logger) == list(range(700))


async def test_readings_that_the_hub_could_not_keep_are_counted_and_told(hub, logging):
    hub.bound = 100
    offer(hub, range(150))
    async with logging(sources=SOURCES) as logger:
        await hub.until_empty()
        assert await all_values(logger) == list(range(50, 150))
        await until(lambda: hub.recorded)
        assert logger.status().lost == 50
    (event,) = hub.recorded
    assert (event.type.name, event.parameters) == ("data-log-readings-lost", {"count": 50})


async def test_a_full_disk_pauses_the_log_and_room_resumes_it_without_a_loss(hub, logging, monkeypatch):
    monkeypatch.setattr(committing, "FIRST_PAUSE", 0.02)
    async with logging(sources=SOURCES) as logger:
        offer(hub, range(10))
        await hub.until_empty()
        database = hub.store.conn
        (pages,) = database.execute("PRAGMA page_count").fetchone()
        database.execute(f"PRAGMA max_page_count={pages}")
        offer(hub, range(10, 5000))
        await until(lambda: logger.status().state != "logging")
        status = logger.status()
        assert status.state == "cannot be written: database or disk is full"
        assert status.pending > 0
        assert len(hub.waiting) >= 4000  # it is not acknowledged
        assert (await all_values(logger))[:10] == list(range(10))  # queries go on
        with pytest.raises(Refused, match="cannot be written"):
            await logger.clear()
        database.execute("PRAGMA max_page_count=1000000")
        await hub.until_empty()
        assert await all_values(logger) == list(range(5000))
        assert logger.status().state == "logging"
    assert [event.type.name for event in hub.recorded] == ["data-log-paused", "data-log-resumed"]


async def test_a_disk_that_stays_full_does_not_keep_the_service_from_stopping(hub, logging):
    async with logging(sources=SOURCES) as logger:
        hub.store.conn.execute("PRAGMA max_page_count=1")
        offer(hub, range(5000))
        await until(lambda: logger.status().state != "logging")
    assert len(hub.waiting) == 5000


async def test_an_event_log_that_fails_does_not_stop_the_data_log(hub, logging, monkeypatch):
    async def fail(*_, **__):
        raise RuntimeError("no room for an entry")

    monkeypatch.setattr(hub, "record", fail)
    hub.bound = 100
    offer(hub, range(150))
    async with logging(sources=SOURCES) as logger:
        await hub.until_empty()
        assert len(await all_values(logger)) == 100


async def test_what_is_written_is_measured_kept_and_held_against_the_budget(hub, logging):
    async with logging(sources=SOURCES, flash_budget=1) as logger:
        for begin in range(0, 60_000, 10_000):
            offer(hub, range(begin, begin + 10_000))
            await hub.until_empty()
        await until(lambda: hub.recorded)
        status = logger.status()
    (event,) = hub.recorded
    assert event.type.name == "data-log-over-flash-budget"
    assert (status.days[0].rows, status.flash_budget) == (60_000, 1)
    assert status.days[0].megabytes > 1
    assert status.budget_used > 100
    async with logging(sources=SOURCES) as logger:
        assert logger.status().days[0].rows == 60_000
    assert hub.published["entries"].value == 60_000
    assert hub.published["writable"].value is True
