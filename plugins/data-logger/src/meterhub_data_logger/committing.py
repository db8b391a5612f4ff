"""Commits in a thread, one at a time; a disk that is full makes them wait and loses nothing by itself."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from meterhub_sdk import EventType, Hub

from meterhub_data_logger.archive import Archive
from meterhub_data_logger.events import OVER_BUDGET, PAUSED, RESUMED
from meterhub_data_logger.rows import Row
from meterhub_data_logger.series import Catalogue
from meterhub_data_logger.wear import Wear

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
_TELLING = 10.0

T = TypeVar("T")

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Progress:
    """What became of rows since the service started; ``waiting`` ones are on their way to the disk."""

    committed: int = 0
    commits: int = 0
    waiting: int = 0
    last_commit: float = 0.0
    oldest: int | None = None
    paused: str = ""


class Committer:
    """The one who writes, for the collector and the samplers: one transaction after the other."""

    def __init__(self, hub: Hub, archive: Archive, catalogue: Catalogue, wear: Wear) -> None:
        self.archive = archive
        self.wear = wear
        self.progress = Progress(oldest=archive.oldest())
        self._hub = hub
        self._catalogue = catalogue
        self._lock = asyncio.Lock()
        self._thread = ThreadPoolExecutor(1, "data-log")

    async def commit(self, rows: list[Row]) -> None:
        """Return when the rows are on the disk; while it cannot be written, try again without end."""
        if not rows:
            return
        self.progress.waiting += len(rows)
        try:
            async with self._lock:
                now = asyncio.get_running_loop().time()
                days = self.wear.due(now)
                series = self._catalogue.take_unsaved()
                written = await self._written(lambda: self.archive.append(rows, series, days))
                self._count(len(rows), written, now)
        finally:
            self.progress.waiting -= len(rows)
        megabytes = self.wear.overrun(self._hub.time.now())
        if megabytes is not None:
            await self.tell(OVER_BUDGET, megabytes=round(megabytes), budget=round(self.wear.budget))

    async def clear(self) -> int:
        """Remove every row; how many there were. ``sqlite3.OperationalError`` when the disk cannot be written."""
        async with self._lock:
            return await self._in_thread(self.archive.clear)

    async def finish(self) -> None:
        """Keep the figures of the last days, if the disk can be written."""
        async with self._lock:
            days = self.wear.unsaved()
            try:
                await self._in_thread(lambda: self.archive.append([], (), days))
            except sqlite3.OperationalError as error:
                _log.warning("the figures of the last days could not be kept: %s", error)

    def close(self) -> None:
        """End the thread, once it has done what it was given."""
        self._thread.shutdown(wait=True)

    async def tell(self, event: EventType, **parameters: str | int | float) -> None:
        """Write to the event log; what is wrong with that never stops the data log (both may have one full disk)."""
        try:
            async with asyncio.timeout(_TELLING):
                await self._hub.events.record(event, **parameters)
        except Exception as error:
            _log.warning("%s was not recorded: %r", event.name, error)

    async def _written(self, work: Callable[[], int]) -> int:
        pause, loop = FIRST_PAUSE, asyncio.get_running_loop()
        began = loop.time()
        while True:
            try:
                written = await self._in_thread(work)
            except sqlite3.OperationalError as error:
                if not self.progress.paused:
                    self.progress.paused = str(error)
                    await self.tell(PAUSED, why=str(error))
            else:
                if self.progress.paused:
                    self.progress.paused = ""
                    await self.tell(RESUMED, seconds=round(loop.time() - began))
                return written
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _count(self, rows: int, written: int, began: float) -> None:
        monotonic = asyncio.get_running_loop().time()
        progress = self.progress
        progress.committed += rows
        progress.commits += 1
        progress.last_commit = monotonic - began
        self.wear.add(rows, written, self._hub.time.now(), monotonic)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        def both() -> tuple[T, int | None]:
            return work(), self.archive.oldest()

        result, self.progress.oldest = await asyncio.get_running_loop().run_in_executor(self._thread, both)
        return result
