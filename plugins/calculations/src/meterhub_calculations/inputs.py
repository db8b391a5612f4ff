"""Readings as inputs: all in one unit, and what a result made from several of them is worth."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from meterhub_sdk import ConfigError, Reading, Value

from meterhub_calculations.worth import Worth


def in_unit(now: Mapping[str, Reading], names: Iterable[str], unit: str) -> list[Reading]:
    """The readings of these points in their order, as numbers in ``unit``; text and not-a-number turn invalid.

    Before its first value a point need not know its unit. ``ConfigError`` when one counts in another.
    """
    names = list(names)
    units = {name: now[name].unit for name in names if now[name].value is not None}
    for name, its in units.items():
        if its != unit:
            right = next((f" and {other} in {unit or 'no unit'}" for other in units if units[other] == unit), "")
            raise ConfigError(
                f"{name} counts in {its or 'no unit'}{right}; all inputs must count in {unit or 'no unit'}"
            )
    return [now[name].with_unit(unit) + 0 for name in names]


def together(readings: Sequence[Reading], value: Value, unit: str) -> Reading:
    """A reading computed from others in a way that arithmetic does not know: it carries what a sum of them would.

    That is the oldest time, the worst quality and clock, and all flags. It is invalid, without a value, when
    ``value`` is ``None`` or no finite number, or an input has no number.
    """
    known = all(math.isfinite(reading.number) for reading in readings)
    return Worth.of(*readings).reading(value if known else None, min(reading.time for reading in readings), unit)
