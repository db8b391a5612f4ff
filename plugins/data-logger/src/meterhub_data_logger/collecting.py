"""From the hub's queue to the disk: nothing is acknowledged before it is there.

The hub keeps the queue while nobody follows it, and asking for a batch acknowledges the one before. So that readings
that trickle in share one commit, the collector stays away for the time between two commits, follows the queue, takes
the batch in which the hub then delivers all that waited, commits it, acknowledges it, and leaves again. A batch that
was fetched only to acknowledge the one before is not acknowledged itself, and comes again the next time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

from meterhub_sdk import Batch, Hub

from meterhub_data_logger.committing import Committer
from meterhub_data_logger.events import READINGS_LOST
from meterhub_data_logger.intake import Intake
from meterhub_data_logger.rows import Row

QUEUE = "log"
_ENOUGH = 500  # readings that are worth a commit of their own
_BUSY = 5_000  # as many in one turn: the next one comes soon, before the hub's queue is full
_AT_HAND = 0.05
_LAST = 0.2
_TELL_EVERY = 60.0
_TAIL = 5_000


class Collector:
    """Logs what changes, and every reading where a source wants that."""

    def __init__(self, hub: Hub, intake: Intake, committer: Committer, pause: float) -> None:
        self.lost = 0
        self._hub = hub
        self._intake = intake
        self._committer = committer
        self._pause = pause
        self._untold = 0
        self._told_at: float | None = None
        self._again: set[Row] = set()
        self._taken = 0
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Take what waits in the hub once more, and end."""
        self._stopping.set()

    async def run(self) -> None:
        """Collect until stopped."""
        if not self._intake.patterns:
            await self._stopping.wait()
            return
        # What was committed and not acknowledged before a sudden end comes again, among the first readings.
        self._again = set(self._committer.archive.tail(_TAIL))
        while not self._stopping.is_set():
            taken = await self._drain(None)
            await self._tell_lost()
            await self._wait(self._pause if taken < _BUSY else min(self._pause, _AT_HAND))
        await self._drain(_LAST)
        await self._tell_lost()

    async def _drain(self, patience: float | None) -> int:
        """Commit what waits in the queue; how many readings that were."""
        taken = 0
        follow = self._hub.points.every(*self._intake.patterns, queue=QUEUE)
        async with aclosing(cast(AsyncGenerator[Batch, None], follow)) as batches:
            batch = await self._next(batches, patience)
            while batch is not None:
                await self._take(batch)
                taken += len(batch.readings)
                more = len(batch.readings) >= _ENOUGH
                batch = await self._next(batches, _AT_HAND if more else 0.0)  # acknowledges the one before
                if batch is not None and len(batch.readings) < _ENOUGH:
                    batch = None
        return taken

    async def _take(self, batch: Batch) -> None:
        self.lost += batch.missed
        self._untold += batch.missed
        rows = self._intake.rows(batch.readings)
        if self._again:
            rows = [row for row in rows if row not in self._again]
            self._taken += len(batch.readings)
            if self._taken >= _TAIL:
                self._again = set()
        await self._committer.commit(rows)

    async def _next(self, batches: AsyncGenerator[Batch, None], patience: float | None) -> Batch | None:
        """The next batch; ``None`` when it is not there in time, or (without a limit) when this is to stop."""
        fetch = asyncio.ensure_future(anext(batches))
        waiting = {fetch}
        if patience is None:
            waiting.add(asyncio.ensure_future(self._stopping.wait()))  # type: ignore[arg-type]  # its result is not used
        try:
            await asyncio.wait(waiting, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            return fetch.result() if fetch.done() else None
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass

    async def _tell_lost(self) -> None:
        now = asyncio.get_running_loop().time()
        told = self._told_at
        if self._untold and (told is None or now - told >= _TELL_EVERY or self._stopping.is_set()):
            count, self._untold, self._told_at = self._untold, 0, now
            await self._committer.tell(READINGS_LOST, count=count)
