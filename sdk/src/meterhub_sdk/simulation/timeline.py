"""Things to do at their time; knows no clock itself, so that a test can let it run in a time of its own."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from typing import NamedTuple

Action = Callable[[float], None]
"""Called with the time for which it was planned, even when that is past."""


class Planned(NamedTuple):
    """Something to do at ``time``, exactly then or, without ``exact``, a little later."""

    time: float
    order: int
    exact: bool
    action: Action


class Timeline:
    """What is to come, in order; times in seconds of any clock."""

    def __init__(self) -> None:
        self._planned: list[Planned] = []
        self._order = count()

    def at(self, time: float, action: Action, *, exact: bool = False) -> None:
        """Plan something, after all that was planned for the same time before."""
        heapq.heappush(self._planned, Planned(time, next(self._order), exact, action))

    @property
    def next(self) -> Planned | None:
        """What comes next."""
        return self._planned[0] if self._planned else None

    def due(self, now: float) -> Planned | None:
        """Take out the next thing if its time has come."""
        return heapq.heappop(self._planned) if self._planned and self._planned[0].time <= now else None

    def run(self, until: float) -> None:
        """Do all that is planned up to a time, and what is planned meanwhile."""
        while planned := self.due(until):
            planned.action(planned.time)
