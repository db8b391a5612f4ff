"""Demand: the mean of a rate over periods aligned to the clock, and the largest of them by day and month.

A window of ``count`` steps moves on by one step; with one step it is a block (IEC 62056-6-2, demand register).
Only a window that was measured without a gap gives a demand.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from zoneinfo import ZoneInfo

import msgspec
from meterhub_sdk import Quality, Reading, moment

from meterhub_calculations.course import SECOND, Segment
from meterhub_calculations.worth import Worth


class Step(msgspec.Struct):
    """One step: when it began, how much of it was measured (nanoseconds), the integral over that; is it over?"""

    start: int
    covered: int = 0
    amount: float = 0.0
    worth: Worth = Worth()
    over: bool = False


class Demand(msgspec.Struct, frozen=True):
    """A window that is over; ``complete`` when every moment of it was measured, else the mean is of what was."""

    end: int
    mean: float
    complete: bool
    worth: Worth


class Periods:
    """Cuts segments into steps that begin at full periods of the zone's standard time.

    ``step`` in nanoseconds must divide the hour, so summer time moves no boundary.
    """

    def __init__(self, step: int, count: int, zone: ZoneInfo) -> None:
        self._step = step
        self._count = count
        self._zone = zone
        self.steps: list[Step] = []

    def add(self, segment: Segment) -> Iterator[Demand]:
        """Count a segment in; the windows that end in it, and those that a gap before it has torn."""
        time = segment.start
        while time < segment.end:
            if not self.steps or not self._inside(time):
                yield from self._torn()
                self.steps.append(Step(self._begin(time)))
            step = self.steps[-1]
            until = min(segment.end, step.start + self._step)
            step.amount += segment.between(time, until)
            step.covered += until - time
            step.worth = step.worth.and_of(segment.worth)
            if until == step.start + self._step:
                yield self._ended()
            time = until
            del self.steps[: -self._count]

    def running(self) -> float | None:
        """What the newest window would be if nothing more came; ``None`` before the first segment."""
        length = self._count * self._step / SECOND
        return sum(step.amount for step in self._window()) / length if self.steps else None

    def _inside(self, time: int) -> bool:
        return 0 <= time - self.steps[-1].start < self._step

    def _begin(self, time: int) -> int:
        local = moment(time).astimezone(self._zone)
        standard = (local.utcoffset() or timedelta()) - (local.dst() or timedelta())
        return time - (time + standard // timedelta(seconds=1) * SECOND) % self._step

    def _torn(self) -> Iterator[Demand]:
        """The newest window, when a gap came before its end."""
        if self.steps and not self.steps[-1].over:
            yield self._ended()

    def _ended(self) -> Demand:
        window, newest = self._window(), self.steps[-1]
        newest.over = True
        covered = sum(step.covered for step in window)
        worth = Worth()
        for step in window:
            worth = worth.and_of(step.worth)
        mean = sum(step.amount for step in window) / (covered / SECOND)
        return Demand(newest.start + self._step, mean, covered == self._count * self._step, worth)

    def _window(self) -> list[Step]:
        """The steps of the newest window that are there."""
        oldest = self.steps[-1].start - (self._count - 1) * self._step
        return [step for step in self.steps if oldest <= step.start <= self.steps[-1].start]


class Maximum(msgspec.Struct):
    """The largest demand of one day or month, and that of the one before; their times are when the windows ended."""

    label: str = ""
    value: Reading | None = None
    previous: Reading | None = None

    def take(self, label: str, reading: Reading) -> None:
        """Compare a demand that belongs to the day or month ``label``."""
        if label != self.label:
            self.previous = self.value or self.previous
            self.label, self.value = label, None
        if self.value is None or reading.number > self.value.number:
            self.value = reading


def reading_of(demand: Demand, unit: str) -> Reading:
    """A demand as a reading at the end of its window; one that is not complete is invalid."""
    worth = demand.worth if demand.complete else demand.worth.and_of(Worth(int(Quality.INVALID)))
    return worth.reading(demand.mean, demand.end, unit)
