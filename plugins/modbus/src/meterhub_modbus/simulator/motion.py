"""A believable three-phase load: what a meter on it would show at any time."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Mapping, Sequence

PHASES = ("l1", "l2", "l3")
VOLTAGE = 230.0
FREQUENCY = 50.0

_SINCE = 1_704_067_200.0
"""2024-01-01 UTC: when the counters stood at zero, in seconds since 1970."""
_HOUR = 3600.0
_SWINGS = ((0.30, 900.0), (0.08, 97.0))
"""Share of the mean power, and period in seconds."""
_LABEL = re.compile(r"(?P<quantity>.+?)(?:-(?P<phase>l[123]|n|sum|average|l[123]-l[123]))?")


class Phase:
    """One phase: active power swings around a mean, voltage around 230 V, the power factor stays."""

    def __init__(self, chance: random.Random) -> None:
        self.mean = chance.uniform(400.0, 3000.0)
        self.factor = chance.uniform(0.88, 0.99)
        self._offsets = [chance.uniform(0, math.tau) for _ in _SWINGS]
        self._voltage_offset = chance.uniform(0, math.tau)

    def power(self, time: float) -> float:
        """Watts."""
        swings = zip(_SWINGS, self._offsets, strict=True)
        return self.mean * (1 + sum(a * math.sin(math.tau * time / period + at) for (a, period), at in swings))

    def energy(self, time: float) -> float:
        """Watt-hours since the counters stood at zero: the integral of the power, so that the two always agree."""
        total = time - _SINCE
        for (share, period), offset in zip(_SWINGS, self._offsets, strict=True):
            turn = math.tau / period
            total += share / turn * (math.cos(turn * _SINCE + offset) - math.cos(turn * time + offset))
        return self.mean * total / _HOUR

    def voltage(self, time: float) -> float:
        """Volts to neutral."""
        return VOLTAGE * (1 + 0.01 * math.sin(math.tau * time / 313.0 + self._voltage_offset))

    @property
    def reactive_share(self) -> float:
        """Reactive by active power."""
        return math.sqrt(1 / self.factor**2 - 1)

    def current(self, time: float) -> float:
        """Amperes."""
        return self.power(time) / self.factor / self.voltage(time)


Quantity = Callable[[Sequence[Phase], float], float]


def _total(of: Callable[[Phase, float], float]) -> Quantity:
    return lambda phases, time: sum(of(phase, time) for phase in phases)


def _mean(of: Callable[[Phase, float], float]) -> Quantity:
    return lambda phases, time: sum(of(phase, time) for phase in phases) / len(phases)


def _phase_to_phase(phases: Sequence[Phase], time: float) -> float:
    """120 degrees between the two; of one phase or all three, the mean times the root of three."""
    if len(phases) != 2:
        return math.sqrt(3) * _mean(Phase.voltage)(phases, time)
    one, other = (phase.voltage(time) for phase in phases)
    return math.sqrt(one**2 + other**2 + one * other)


def _neutral(phases: Sequence[Phase], time: float) -> float:
    """The magnitude of the sum of three currents 120 degrees apart."""
    a, b, c = (phase.current(time) for phase in phases)
    return math.sqrt(max(0.0, a**2 + b**2 + c**2 - a * b - b * c - c * a))


def _power_factor(phases: Sequence[Phase], time: float) -> float:
    return QUANTITIES["power"](phases, time) / QUANTITIES["apparent-power"](phases, time)


QUANTITIES: Mapping[str, Quantity] = {
    "voltage": _mean(Phase.voltage),
    "current": _total(Phase.current),
    "power": _total(Phase.power),
    "reactive-power": _total(lambda phase, time: phase.power(time) * phase.reactive_share),
    "apparent-power": _total(lambda phase, time: phase.power(time) / phase.factor),
    "power-factor": _power_factor,
    "frequency": lambda phases, time: FREQUENCY + 0.02 * math.sin(math.tau * time / 61.0),
    "energy-import": _total(Phase.energy),
    "energy-total": _total(Phase.energy),
    "energy-net": _total(Phase.energy),
    "reactive-energy-import": _total(lambda phase, time: phase.energy(time) * phase.reactive_share),
    "reactive-energy-total": _total(lambda phase, time: phase.energy(time) * phase.reactive_share),
    "reactive-energy-net": _total(lambda phase, time: phase.energy(time) * phase.reactive_share),
    "apparent-energy-import": _total(lambda phase, time: phase.energy(time) / phase.factor),
}
"""By what the templates call them."""


class Load:
    """The load of one simulated device; the same ``name`` gives the same load at the same time, after a restart too."""

    def __init__(self, name: str, phases: int) -> None:
        chance = random.Random(name)  # noqa: S311 -- a load, not a secret
        self._phases = [Phase(chance) for _ in range(phases)]

    def value(self, label: str) -> Callable[[float], float] | None:
        """What a row of that label shows at a time in seconds since 1970; ``None`` when the load has no such thing."""
        match = _LABEL.fullmatch(label)
        if match is None or match["quantity"] not in QUANTITIES:
            return None
        quantity, phase = QUANTITIES[match["quantity"]], match["phase"]
        phases: Sequence[Phase] = self._phases
        if phase == "n":
            quantity = _neutral
            if match["quantity"] != "current" or len(phases) != len(PHASES):
                return None
        elif phase == "average":
            return lambda time: sum(quantity([one], time) for one in phases) / len(phases)
        elif phase not in (None, "sum"):
            names = phase.split("-")
            phases = [self._phases[PHASES.index(name) % len(self._phases)] for name in names]
            quantity = _phase_to_phase if len(names) == 2 else quantity
        return lambda time: quantity(phases, time)
