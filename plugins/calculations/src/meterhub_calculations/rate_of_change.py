"""How fast a point changes."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping

from meterhub_sdk import ConfigError, Feature, Hub, Point, Reading, field

from meterhub_calculations.course import SECOND, Course, Gap, power
from meterhub_calculations.follower import Follower
from meterhub_calculations.settings import MENU, OfPoint, Unit
from meterhub_calculations.units import seconds_for_one
from meterhub_calculations.worth import Worth, usable

_SAMPLES = 10_000


class RateConfig(OfPoint):
    """What to measure the change of, and over how long."""

    unit: Unit = field(
        title="Unit of the rate",
        description="The point's unit per s, min or h, such as °C/h or W/min; W for a register in Wh.",
        min_length=1,
    )
    window: float = field(
        0.0,
        title="Window",
        description="Over how long the change is measured; 0: from one reading to the next.",
        unit="s",
        ge=0,
        le=86_400,
    )
    gap: float = field(
        300.0, title="Longest gap", description="After a longer one it begins anew.", unit="s", gt=0, le=86_400
    )


class RateOfChange(Follower[RateConfig]):
    """The change of a point over time, such as a gradient of temperature, or the power behind a register."""

    feature = Feature("synth.rate-of-change", "Rate of change", built_in=True)
    menu = MENU
    migrations = ()

    def __init__(self, hub: Hub, config: RateConfig) -> None:
        super().__init__(hub, config)
        self._course = Course(config.gap)
        self._samples: deque[Reading] = deque(maxlen=_SAMPLES)

    def points(self) -> Iterable[Point]:
        """The rate."""
        return [Point(name="value", unit=self.config.unit)]

    def follow(self, reading: Reading) -> Mapping[str, Reading]:
        """The rate up to the newest reading, at its time; invalid before the second one. ``ConfigError`` for units."""
        if usable(reading):
            self._sample(reading)
        return {"value": self._rate(reading)}

    def _sample(self, reading: Reading) -> None:
        samples = self._samples
        outcome = self._course.take(reading, power(1.0))
        if self._course.last is not reading:
            return
        if isinstance(outcome, Gap) or (samples and samples[-1].unit != reading.unit):
            samples.clear()
        samples.append(reading)
        while len(samples) > 2 and reading.time - samples[1].time >= self.config.window * SECOND:
            samples.popleft()

    def _rate(self, reading: Reading) -> Reading:
        if len(self._samples) < 2:
            return Worth.of(reading).reading(None, reading.time, self.config.unit)
        first, last = self._samples[0], self._samples[-1]
        seconds = seconds_for_one(self.config.unit, last.unit)
        if seconds is None:
            raise ConfigError(
                f"{self.config.point} counts in {last.unit or 'no unit'}; {self.config.unit} is no rate of that"
            )
        value = (last.number - first.number) * seconds * SECOND / (last.time - first.time)
        worth = Worth.of(first, last, reading)
        return worth.reading(value if math.isfinite(value) else None, last.time, self.config.unit)
