"""What a meter would show at any place of the recording: a pure function, no clock."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction

from meterhub_load_curve.recording import MINUTE, Integral, Minute
from meterhub_load_curve.settings import LoadCurveConfig

_HOUR = 60 * MINUTE

ENERGIES: Mapping[str, tuple[str, str]] = {
    "energy-import": ("Wh", "Active energy import"),
    "energy-import-tariff-1": ("Wh", "Active energy import, tariff 1"),
    "energy-import-tariff-2": ("Wh", "Active energy import, tariff 2"),
    "energy-export": ("Wh", "Active energy export"),
    "reactive-energy-import": ("varh", "Reactive energy import"),
    "reactive-energy-export": ("varh", "Reactive energy export"),
    "kitchen-energy": ("Wh", "Kitchen"),
    "laundry-energy": ("Wh", "Laundry room"),
    "heating-energy": ("Wh", "Water heater and air conditioner"),
}
"""The registers: unit and title of each."""

POWERS: Mapping[str, tuple[str, str]] = {
    "active-power": ("W", "Active power"),
    "reactive-power": ("var", "Reactive power"),
    "apparent-power": ("VA", "Apparent power"),
    "voltage": ("V", "Voltage"),
    "current": ("A", "Current"),
    "power-factor": ("", "Power factor"),
}
"""The instantaneous values: unit and title of each."""


class Meter:
    """A meter at the household's supply, with the settings' scale, direction and tariffs."""

    def __init__(self, config: LoadCurveConfig, minutes: Sequence[Minute]) -> None:
        self.length = len(minutes) * MINUTE
        self._minutes = minutes
        self._scale = config.scale
        self._sign = -1 if config.reverse else 1
        factor = Fraction(str(config.scale))
        per_hour, per_minute = factor / _HOUR, factor / MINUTE
        self._integrals = {
            name: (Integral(rates), per_minute if name in _SUB_METERS else per_hour)
            for name, rates in _rates(config, minutes).items()
        }

    def powers(self, position: int) -> dict[str, float]:
        """The instantaneous values of the minute at ``position`` (nanoseconds from the beginning)."""
        minute = self._minutes[position % self.length // MINUTE]
        active = self._sign * minute.active * self._scale
        reactive = self._sign * minute.reactive * self._scale
        apparent = math.hypot(active, reactive)
        return {
            "active-power": active,
            "reactive-power": reactive,
            "apparent-power": apparent,
            "voltage": minute.voltage,
            "current": minute.current * self._scale,
            "power-factor": active / apparent,
        }

    def energies(self, start: int, end: int) -> dict[str, Fraction]:
        """What each register counts between two places, exactly, in its unit."""
        return {
            name: (integral.at(end) - integral.at(start)) * factor
            for name, (integral, factor) in self._integrals.items()
        }


_SUB_METERS = {"kitchen-energy", "laundry-energy", "heating-energy"}


def _rates(config: LoadCurveConfig, minutes: Sequence[Minute]) -> dict[str, list[int]]:
    """What drives each register in each minute: W, var, or Wh a minute."""
    sign = -1 if config.reverse else 1
    tariff_1 = [config.tariff_1_from <= at // 60 % 24 < config.tariff_1_until for at in range(len(minutes))]
    active = [sign * minute.active for minute in minutes]
    reactive = [sign * minute.reactive for minute in minutes]
    forward = [max(0, rate) for rate in active]
    return {
        "energy-import": forward,
        "energy-import-tariff-1": [rate * on for rate, on in zip(forward, tariff_1, strict=True)],
        "energy-import-tariff-2": [rate * (not on) for rate, on in zip(forward, tariff_1, strict=True)],
        "energy-export": [max(0, -rate) for rate in active],
        "reactive-energy-import": [max(0, rate) for rate in reactive],
        "reactive-energy-export": [max(0, -rate) for rate in reactive],
        "kitchen-energy": [minute.kitchen for minute in minutes],
        "laundry-energy": [minute.laundry for minute in minutes],
        "heating-energy": [minute.heating for minute in minutes],
    }
