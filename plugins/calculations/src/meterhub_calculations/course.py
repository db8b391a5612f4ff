"""The course of a rate: what lies between two readings of a point, and what cannot be known."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import msgspec
from meterhub_sdk import Reading

from meterhub_calculations.worth import Worth, usable

SECOND = 1_000_000_000


class Segment(msgspec.Struct, frozen=True):
    """A rate that goes in a straight line from ``first`` at ``start`` to ``last`` at ``end`` (nanoseconds UTC).

    ``worth`` is that of both readings.
    """

    start: int
    end: int
    first: float
    last: float
    worth: Worth = Worth()

    def between(self, since: int, until: int) -> float:
        """The integral over a part of the segment, in the rate's unit times seconds."""
        rates = (self.first * (self.end - time) + self.last * (time - self.start) for time in (since, until))
        return sum(rates) / (self.end - self.start) / 2 * (until - since) / SECOND

    def parts(self) -> tuple[float, float]:
        """What was positive and what was negative of the whole integral, both counted from 0 up."""
        length = (self.end - self.start) / SECOND
        high, low = max(self.first, self.last), min(self.first, self.last)
        if low >= 0 or high <= 0:
            total = (self.first + self.last) / 2 * length
            return max(total, 0.0), max(-total, 0.0)
        span = high - low
        return high / span * high / 2 * length, low / span * low / 2 * length


class Break(StrEnum):
    """Why nothing is known of the time between two readings."""

    SILENCE = "it was silent"
    CLOCK = "its clock went back"
    REGISTER = "its register went back"


class Gap(msgspec.Struct, frozen=True):
    """A time of which nothing is known, in ``seconds``; 0 where the clock went back."""

    reason: Break
    seconds: float


Rates = Callable[[Reading, Reading], tuple[float, float] | None]
"""The rates at two readings; ``None`` when they do not follow from each other."""


def power(factor: float) -> Rates:
    """The readings themselves, times ``factor``."""
    return lambda a, b: (a.number * factor, b.number * factor)


def register(seconds: float) -> Rates:
    """What a register counted between the readings, evenly; ``seconds`` that a rate of one takes for one of it."""

    def rates(a: Reading, b: Reading) -> tuple[float, float] | None:
        rate = (b.number - a.number) * seconds * SECOND / (b.time - a.time)
        return (rate, rate) if rate >= 0 else None

    return rates


class Course:
    """Joins the readings of a point to segments; ``last`` is the newest usable one.

    Readings further apart than ``gap`` seconds are not joined: nobody knows what was between them.
    """

    def __init__(self, gap: float, last: Reading | None = None) -> None:
        self._gap = round(gap * SECOND)
        self.last = last

    def take(self, reading: Reading, rates: Rates) -> Segment | Gap | None:
        """What lies between the last usable reading and this one; ``None`` when it brings nothing new."""
        before = self.last
        if not usable(reading) or (before is not None and reading.time == before.time):
            return None
        self.last = reading
        if before is None or before.unit != reading.unit:
            return None
        if reading.time < before.time:
            return Gap(Break.CLOCK, 0.0)
        seconds = (reading.time - before.time) / SECOND
        if reading.time - before.time > self._gap:
            return Gap(Break.SILENCE, seconds)
        found = rates(before, reading)
        if found is None:
            return Gap(Break.REGISTER, seconds)
        return Segment(before.time, reading.time, *found, Worth.of(before, reading))
