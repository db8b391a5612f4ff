"""Logging by interval: the newest readings at each whole interval of the UTC clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import cast

from meterhub_sdk import Hub, Latest

from meterhub_data_logger.committing import Committer
from meterhub_data_logger.events import SAMPLES_MISSED
from meterhub_data_logger.intake import Intake, SourceIntake
from meterhub_data_logger.rows import Row

_NANOSECONDS = 1_000_000_000


def seconds_left(now: int, interval: float) -> float:
    """Seconds until the next whole interval, at least half of one: a clock that was set never makes two samples of one.

    ``now`` in nanoseconds UTC. Waiting is done by the monotonic clock, so a clock that was put back or forward
    makes at most one interval longer or shorter by half, and the next ones are aligned again.
    """
    left = interval - now / _NANOSECONDS % interval
    return left if left >= interval / 2 else left + interval


class Sampler:
    """All sources of one interval."""

    def __init__(
        self, hub: Hub, interval: float, sources: Sequence[SourceIntake], intake: Intake, committer: Committer
    ) -> None:
        self.missed = 0
        self._hub = hub
        self._interval = interval
        self._sources = sources
        self._intake = intake
        self._committer = committer
        self._patterns = list(dict.fromkeys(pattern for source in sources for pattern in source.settings.points))

    async def run(self) -> None:
        """Sample until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(seconds_left(self._hub.time.now(), self._interval))
            began = loop.time()
            await self._committer.commit(await self._samples())
            missed = int((loop.time() - began) // self._interval)
            if missed:
                self.missed += missed
                await self._committer.tell(SAMPLES_MISSED, count=missed, interval=self._interval)

    async def _samples(self) -> list[Row]:
        follow = self._hub.points.latest(*self._patterns)
        async with aclosing(cast(AsyncGenerator[Latest, None], follow)) as states:
            newest = await anext(states)
        return [row for source in self._sources for row in self._intake.samples(source, newest)]
