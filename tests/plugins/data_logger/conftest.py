"""A hub whose named queue is kept until it is acknowledged, as the core's is, and a running logger."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from meterhub_data_logger.archive import Archive
from meterhub_data_logger.schema import MIGRATIONS
from meterhub_data_logger.service import DataLogger
from meterhub_data_logger.settings import DataLoggerConfig
from meterhub_sdk import Batch, Reading
from meterhub_sdk.store import open_store
from meterhub_sdk.testing import FakeHub

AT_ONCE = 1000


class QueueHub(FakeHub):
    """Keeps one queue of at most ``bound`` readings while nobody follows it, and counts what it drops."""

    def __init__(self, directory: Path) -> None:
        super().__init__("data-logger", directory)
        self.waiting: deque[tuple[str, Reading]] = deque()
        self.bound = 20_000
        self.acknowledged = 0
        self.dropped = 0
        self.told = 0
        self._first = 1
        self._arrived = asyncio.Event()

    def offer(self, name: str, value: Any, time: int | None = None, **more: Any) -> None:
        """A reading of somebody's point arrives in the queue, and is the newest."""
        reading = Reading(value, self.now() if time is None else time, **more)
        self.readings[name] = reading
        self.waiting.append((name, reading))
        if len(self.waiting) > self.bound:
            self._release(self._first)
            self.dropped += 1
        self._arrived.set()

    def _release(self, sequence: int) -> None:
        while self.waiting and self._first <= sequence:
            self.waiting.popleft()
            self._first += 1

    async def every(self, *names: str, queue: str = "default") -> AsyncIterator[Batch]:
        while True:
            while not self.waiting:
                self._arrived.clear()
                await self._arrived.wait()
            readings = list(self.waiting)[:AT_ONCE]
            missed, last = self.dropped - self.told, self._first + len(readings) - 1
            yield Batch(readings, missed, last)
            self.told += missed
            self.acknowledged = last
            self._release(last)

    async def until_empty(self) -> None:
        """Wait until everything was acknowledged."""
        async with asyncio.timeout(30):
            while self.waiting:
                await asyncio.sleep(0.005)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[QueueHub]:
    hub = QueueHub(tmp_path)
    yield hub
    hub.close()


@pytest.fixture
def logging(hub: QueueHub) -> Callable[..., Any]:
    """Runs a logger: ``async with logging(sources=[...]) as logger``."""

    @asynccontextmanager
    async def run(**settings: Any) -> AsyncIterator[DataLogger]:
        settings.setdefault("sources", [{"label": "all", "points": ["**"]}])
        config = DataLoggerConfig.model_validate({"commit_interval": 0.1, **settings})
        logger = DataLogger(hub, config)
        async with hub.running(logger):
            yield logger
        hub.store.conn.close()
        del hub.__dict__["store"]  # the core opens it anew at each start

    return run


@pytest.fixture
def archives(tmp_path: Path) -> Iterator[Callable[[int], Archive]]:
    """Opens the archive of the test's directory, as often as it is asked for."""
    opened = []

    def open_archive(limit: int) -> Archive:
        database = open_store(tmp_path / "store.db", MIGRATIONS)
        opened.append(database)
        return Archive(database.conn, limit)

    yield open_archive
    for database in opened:
        database.conn.close()
