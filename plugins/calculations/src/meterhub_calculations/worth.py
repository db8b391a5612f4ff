"""What a result is worth: quality, flags and clock of all that went into it, whatever was done with the values."""

from __future__ import annotations

import math

import msgspec
from meterhub_sdk import Quality, Reading, Value

LARGEST = 1e30
"""No meter counts so far; totals of what is below stay finite for ever."""


class Worth(msgspec.Struct, frozen=True):
    """The worst of what went into a result: quality and clock; and all flags. Nothing went into it yet: good."""

    quality: int = 0
    flags: int = 0
    clock: int = 0

    @classmethod
    def of(cls, *readings: Reading) -> Worth:
        """What a result of these readings is worth."""
        worth = cls()
        for reading in readings:
            worth = worth.and_of(cls(trust(reading), reading.flags, reading.clock))
        return worth

    def and_of(self, other: Worth) -> Worth:
        """The worth of a result that has also this in it."""
        return Worth(max(self.quality, other.quality), self.flags | other.flags, max(self.clock, other.clock))

    def reading(self, value: Value, time: int, unit: str) -> Reading:
        """A reading of this worth; no value, or none that is a finite number, is invalid."""
        sound = isinstance(value, str) or (value is not None and math.isfinite(value))
        quality = self.quality if sound else int(Quality.INVALID)
        return Reading(value if sound else None, time, quality, unit, self.flags, self.clock)


def trust(reading: Reading) -> int:
    """The quality of what is taken from this reading: what is no number, or beyond ``LARGEST``, is invalid."""
    return reading.quality if abs(reading.number) <= LARGEST else int(Quality.INVALID)


def usable(reading: Reading) -> bool:
    """True when the reading tells how things stand at its time: a number, not stale and not invalid."""
    return trust(reading) < Quality.STALE
