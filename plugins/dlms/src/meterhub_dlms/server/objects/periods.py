"""Periods that follow a clock which may be set, and which each end exactly once."""

from __future__ import annotations

from typing import NamedTuple

from meterhub_dlms.server.objects.local_clock import SECOND, LocalClock

JUMP = 1.0
"""Seconds by which the clock may differ from the time that passed before it counts as set."""

MAX_LATENESS = 60.0
"""Seconds after the end of a period at which it is still reported by a service that just started."""


class PeriodEnd(NamedTuple):
    """The end of a period, as the clock shows it (nanoseconds UTC), and what happened in it."""

    time: int
    adjusted: bool = False
    """The clock was set."""
    interrupted: bool = False
    """The service was not running all the time."""


class Periods:
    """Periods of ``seconds``, aligned to a clock.

    A clock set forward over one or many ends ends the period once, at the newest. A clock set back by less than
    a period does not end the same period twice; set back by more, periods go on from the new time. ``last`` is the end
    that was reported last before the service started, ``None`` at the very first start.
    """

    def __init__(self, clock: LocalClock, seconds: int, last: int | None, monotonic: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._seen: tuple[int, float] | None = None
        self._adjusted = False
        self._interrupted = last is not None
        self._reported = {} if last is None else {last: monotonic}
        """Ends of less than a period ago in real time: none of them is reported again."""
        self._start = clock.period_start(clock.now(), seconds) if last is None else last

    def ended(self, monotonic: float) -> PeriodEnd | None:
        """The end of a period that came since this was asked last; ask at least every few seconds."""
        now = self._clock.now()
        first = self._seen is None
        self._adjusted |= self._jumped(now, monotonic)
        before, self._start = self._start, self._clock.period_start(now, self._seconds)
        if self._start <= before:
            self._adjusted |= self._start < before
            return None
        if first and self._interrupted and now - self._start > self._grace:
            return None
        self._reported = {end: at for end, at in self._reported.items() if monotonic - at < self._seconds}
        if self._start in self._reported:
            return None
        end = PeriodEnd(self._start, self._adjusted, self._interrupted)
        self._reported[self._start] = monotonic
        self._adjusted = self._interrupted = False
        return end

    @property
    def _grace(self) -> float:
        return min(self._seconds / 10, MAX_LATENESS) * SECOND

    def _jumped(self, now: int, monotonic: float) -> bool:
        seen, self._seen = self._seen, (now, monotonic)
        if seen is None:
            return False
        return abs((now - seen[0]) / SECOND - (monotonic - seen[1])) > JUMP
