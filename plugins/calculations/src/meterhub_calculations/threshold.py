"""A threshold with hysteresis and delays."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec
from meterhub_sdk import ConfigError, Feature, Hub, Point, Reading, field

from meterhub_calculations.events import CLEARED, TRIPPED
from meterhub_calculations.follower import Follower
from meterhub_calculations.kept import Kept
from meterhub_calculations.settings import MENU, OfPoint, Unit
from meterhub_calculations.worth import Worth, usable

_SHORTEST = 0.001
"""A timer of the loop may end a clock tick early: then it is asked once more, and not at once."""


class ThresholdConfig(OfPoint):
    """When to trip and when to clear."""

    unit: Unit = field("", title="Unit", description="What the point counts in; empty: a plain number.")
    direction: Literal["above", "below"] = field(
        "above", title="Trips", description="When the value is so of the limit."
    )
    limit: float = field(title="Limit", description="The value itself does not trip yet.", allow_inf_nan=False)
    hysteresis: float = field(
        0.0, title="Hysteresis", description="How far back it must go to clear.", ge=0, allow_inf_nan=False
    )
    trip_delay: float = field(
        0.0, title="Delay before it trips", description="So long the value must stay beyond.", unit="s", ge=0, le=86_400
    )
    clear_delay: float = field(
        0.0, title="Delay before it clears", description="So long it must stay back.", unit="s", ge=0, le=86_400
    )


class ThresholdState(msgspec.Struct):
    """What is kept: between limit and hysteresis, only what was before says how it stands."""

    tripped: bool = False


class Threshold(Follower[ThresholdConfig]):
    """True while a point is beyond a limit; an event when it trips and when it clears.

    While the point is stale or invalid it stays as it is, with that quality, and delays begin anew.
    """

    feature = Feature("synth.threshold", "Threshold", built_in=True)
    menu = MENU

    def __init__(self, hub: Hub, config: ThresholdConfig) -> None:
        super().__init__(hub, config)
        self._state = ThresholdState()
        self._since: float | None = None
        self._kept = Kept(hub, f"{config.point} {config.direction} {config.limit}", ThresholdState)

    def points(self) -> Iterable[Point]:
        """Whether it has tripped."""
        return [Point(name="tripped", type="bool")]

    def begin(self) -> None:
        """As it stood, for this point and limit."""
        self._state = self._kept.load() or self._state

    def patience(self) -> float | None:
        """Until the delay that runs is over."""
        if self._since is None:
            return None
        return max(_SHORTEST, self._over() - asyncio.get_running_loop().time())

    def _over(self) -> float:
        """When, by monotonic time, the delay that runs is over."""
        delay = self.config.clear_delay if self._state.tripped else self.config.trip_delay
        return (self._since or 0.0) + delay

    def follow(self, reading: Reading) -> Mapping[str, Reading]:
        """Whether it has tripped, at the time of the reading. ``ConfigError`` when that counts in another unit."""
        now = asyncio.get_running_loop().time()
        if not usable(reading) or not self._to_change(reading):
            self._since = None
        else:
            self._since = now if self._since is None else self._since
            if now >= self._over():
                self._change(reading)
        return {"tripped": Worth.of(reading).reading(self._state.tripped, reading.time, "")}

    def _to_change(self, reading: Reading) -> bool:
        config = self.config
        if reading.unit != config.unit:
            raise ConfigError(
                f"{config.point} counts in {reading.unit or 'no unit'}; the limit is in {config.unit or 'no unit'}"
            )
        above = reading.number - config.limit if config.direction == "above" else config.limit - reading.number
        return above <= -config.hysteresis if self._state.tripped else above > 0

    def _change(self, reading: Reading) -> None:
        self._since = None
        self._state.tripped = not self._state.tripped
        self._kept.save(self._state)
        self.note(
            TRIPPED if self._state.tripped else CLEARED,
            direction=self.config.direction,
            limit=self.config.limit,
            value=reading.number,
            unit=reading.unit,
        )
