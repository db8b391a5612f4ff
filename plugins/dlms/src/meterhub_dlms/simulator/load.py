"""A believable three-phase load: what a meter on it shows at any time, energy being the integral of power."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from typing import NamedTuple

HOUR = 3600.0

_INSTALLED = 1_704_067_200.0
"""2024-01-01 UTC, when the counters stood at zero, in seconds since 1970."""

_DAY = 86_400.0
_SWINGS = ((0.35, _DAY), (0.20, 900.0), (0.05, 97.0))
"""Part of the mean power, and period in seconds."""


class Wave(NamedTuple):
    """A quantity that swings around a mean; ``offsets`` are the phases of the swings in radians."""

    mean: float
    offsets: tuple[float, ...]

    def at(self, time: float) -> float:
        """Its value at a time in seconds."""
        return self.mean * (1.0 + sum(part * math.cos(angle) for part, _, angle in self._swings(time)))

    def sum(self, time: float) -> float:
        """Its integral from 1970 on, but for a constant."""
        return self.mean * (time + sum(part * turn * math.sin(angle) for part, turn, angle in self._swings(time)))

    def _swings(self, time: float) -> list[tuple[float, float, float]]:
        """Part, period over 2 pi, and angle of each swing."""
        return [
            (part, period / math.tau, math.tau * time / period + offset)
            for (part, period), offset in zip(_SWINGS, self.offsets, strict=True)
        ]


class Phase(NamedTuple):
    """One phase: its active power in watts, its constant power factor, the angle of its voltage's swing."""

    power: Wave
    factor: float
    offset: float

    @property
    def reactive(self) -> float:
        """Reactive by active power."""
        return math.tan(math.acos(self.factor))

    def energy(self, time: float) -> float:
        """Watt-hours since the meter was installed."""
        return (self.power.sum(time) - self.power.sum(_INSTALLED)) / HOUR

    def voltage(self, time: float) -> float:
        """Volts to neutral."""
        return 230.0 + 3.0 * math.sin(time / 50.0 + self.offset)

    def current(self, time: float) -> float:
        """Amperes."""
        return self.power.at(time) / self.factor / self.voltage(time)


class Load:
    """The load of one meter; the same ``name`` has the same load at the same time, whenever it is asked."""

    def __init__(self, name: str) -> None:
        chance = random.Random(name)  # noqa: S311 -- a load, not a secret
        self.phases = [_phase(chance) for _ in range(3)]

    def total(self, of: Callable[[Phase], float]) -> float:
        """Of all phases together."""
        return sum(map(of, self.phases))

    def power_factor(self, time: float) -> float:
        """Active by apparent power of all phases together."""
        return QUANTITIES["power"](self, time) / QUANTITIES["apparent-power"](self, time)


def _phase(chance: random.Random) -> Phase:
    offsets = tuple(chance.uniform(0, math.tau) for _ in _SWINGS)
    return Phase(Wave(chance.uniform(500, 8000), offsets), chance.uniform(0.85, 0.99), chance.uniform(0, math.tau))


Quantity = Callable[[Load, float], float]
"""What a load shows at a time in seconds since 1970, in base units."""


def _of_phase(number: int) -> dict[str, Quantity]:
    def phase(load: Load) -> Phase:
        return load.phases[number - 1]

    return {
        f"voltage-l{number}": lambda load, time: phase(load).voltage(time),
        f"current-l{number}": lambda load, time: phase(load).current(time),
        f"power-l{number}": lambda load, time: phase(load).power.at(time),
    }


QUANTITIES: Mapping[str, Quantity] = {
    "energy-import": lambda load, time: load.total(lambda phase: phase.energy(time)),
    "energy-export": lambda load, time: 0.0,
    "reactive-energy-import": lambda load, time: load.total(lambda phase: phase.energy(time) * phase.reactive),
    "reactive-energy-export": lambda load, time: 0.0,
    "power": lambda load, time: load.total(lambda phase: phase.power.at(time)),
    "reactive-power": lambda load, time: load.total(lambda phase: phase.power.at(time) * phase.reactive),
    "apparent-power": lambda load, time: load.total(lambda phase: phase.power.at(time) / phase.factor),
    "power-factor": Load.power_factor,
    "frequency": lambda load, time: 50.0 + 0.02 * math.sin(time / 10.0),
    **_of_phase(1),
    **_of_phase(2),
    **_of_phase(3),
}
"""By the names that settings call them."""
