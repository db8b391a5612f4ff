"""Periodic transmission and background scan: groups that are sent at intervals, changed or not (causes 1 and 2)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from meterhub_iec104.asdu import Cause
from meterhub_iec104.objects import InformationObject
from meterhub_iec104.plan import asdus, plan


@dataclass(frozen=True, slots=True)
class Transmission:
    """Objects of one common address that are sent every ``period`` seconds."""

    cause: Cause
    common_address: int
    period: float
    objects: tuple[InformationObject, ...]


class Cyclic:
    """Says when transmissions are due and what they consist of; the first come one period after ``now``.

    Times are monotonic seconds. What fell due several times is sent once, with the newest values.
    """

    def __init__(self, transmissions: Iterable[Transmission], now: float) -> None:
        self._entries = [_Entry(each, now + each.period) for each in transmissions if each.objects]

    def deadline(self) -> float | None:
        """When the next transmission is due; ``None`` when there is none at all."""
        return min((entry.due for entry in self._entries), default=None)

    def take(self, now: float) -> list[bytes]:
        """The ASDUs of everything that is due, types without time."""
        ready: list[bytes] = []
        for entry in self._entries:
            if entry.due <= now:
                entry.next(now)
                ready += asdus(entry.parts, entry.transmission.cause, entry.transmission.common_address)
        return ready


class _Entry:
    def __init__(self, transmission: Transmission, due: float) -> None:
        self.transmission = transmission
        self.due = due
        self.parts = plan(transmission.objects)

    def next(self, now: float) -> None:
        """Keep the rhythm, and skip what was missed."""
        period = self.transmission.period
        self.due += period * (1 + (now - self.due) // period)
        if self.due <= now:  # rounding
            self.due = now + period
