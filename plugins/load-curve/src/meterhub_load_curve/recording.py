"""The recording and its exact integrals."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from importlib.resources import files
from itertools import accumulate
from typing import NamedTuple

FILE = "household-power-2007-02.csv"
MINUTE = 60_000_000_000
"""Nanoseconds that one row stands for."""
BEGINNING = datetime(2007, 2, 1)  # noqa: DTZ001 -- the recording's own local time, without a zone
"""When the first row was recorded."""


class Minute(NamedTuple):
    """One row: means of the minute, and what the sub-meters counted in it."""

    active: int
    """W."""
    reactive: int
    """var."""
    voltage: float
    """V."""
    current: float
    """A."""
    kitchen: int
    """Wh in this minute, as are the two others."""
    laundry: int
    heating: int


def load() -> list[Minute]:
    """The recording that this distribution ships, from midnight on."""
    with (files("meterhub_load_curve") / FILE).open(encoding="utf-8") as source:
        return list(_minutes(source))


def _minutes(source: Iterable[str]) -> Iterator[Minute]:
    for row in csv.DictReader(source):
        yield Minute(
            active=int(Decimal(row["active_power_kw"]) * 1000),
            reactive=int(Decimal(row["reactive_power_kvar"]) * 1000),
            voltage=float(row["voltage_v"]),
            current=float(row["current_a"]),
            kitchen=int(Decimal(row["kitchen_wh"])),
            laundry=int(Decimal(row["laundry_wh"])),
            heating=int(Decimal(row["heating_wh"])),
        )


class Integral:
    """The exact integral of a curve that holds a whole number in each minute and repeats at its end."""

    def __init__(self, rates: Sequence[int]) -> None:
        self._rates = rates
        self._sums = [0, *accumulate(rate * MINUTE for rate in rates)]

    def at(self, position: int) -> int:
        """From the beginning to ``position`` (nanoseconds, any number of rounds), in rate x nanoseconds."""
        rounds, place = divmod(position, len(self._rates) * MINUTE)
        minute, rest = divmod(place, MINUTE)
        return rounds * self._sums[-1] + self._sums[minute] + self._rates[minute] * rest
