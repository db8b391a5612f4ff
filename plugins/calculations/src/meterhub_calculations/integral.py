"""The integral of a rate over time: energy from power, litres from a flow, hours from a switch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from meterhub_sdk import Config, ConfigError, Feature, Hub, Point, Reading, command, field

from meterhub_calculations.course import Course, Gap, Segment, power
from meterhub_calculations.events import GAP, INTEGRAL_SET
from meterhub_calculations.follower import Follower
from meterhub_calculations.kept import Kept
from meterhub_calculations.settings import MENU, OfPoint, Unit
from meterhub_calculations.units import seconds_for_one
from meterhub_calculations.worth import Worth, usable


class IntegralConfig(OfPoint):
    """What to integrate."""

    unit: Unit = field(
        "Wh",
        title="Unit of the totals",
        description="The point must count in a rate of it: W or kW for Wh or kWh, l/min for l, a plain number for h.",
    )
    gap: float = field(
        300.0,
        title="Longest gap",
        description="Between readings further apart nothing is counted; the time left out is a point of its own.",
        unit="s",
        gt=0,
        le=86_400,
    )
    period: float = field(
        60.0,
        title="Saved every",
        description="The totals go to disk, and then to the point, this often; so power cuts never turn them back.",
        unit="s",
        ge=1,
        le=3600,
    )


class Totals(Config):
    """Totals to count on from."""

    positive: float = field(title="Positive", description="Such as what the meter before showed.", ge=0)
    negative: float = field(0.0, title="Negative", ge=0)


class IntegralState(msgspec.Struct):
    """What is kept: the totals in the unit of the settings, and the last reading that is in them."""

    source: str
    positive: float = 0.0
    negative: float = 0.0
    left_out: float = 0.0
    last: Reading | None = None


class Integral(Follower[IntegralConfig]):
    """A rate over time, by the trapezoids between its readings at their own times.

    What is positive and what is negative have totals of their own, as the two directions of a
    meter; neither ever goes down. They stay over restarts.
    """

    feature = Feature("synth.integral", "Integral", built_in=True)
    menu = MENU

    def __init__(self, hub: Hub, config: IntegralConfig) -> None:
        super().__init__(hub, config)
        self._state = IntegralState(config.point)
        self._shown = self._state
        self._course = Course(config.gap)
        self._worth = self._coming = Worth()
        # the totals of another unit stay where they are, in case somebody sets the unit back
        self._kept = Kept(hub, f"totals {config.unit}", IntegralState, config.period)

    def points(self) -> Iterable[Point]:
        """Both totals, and the time that they leave out."""
        return [
            Point(name="positive", unit=self.config.unit, title="Total of what was positive"),
            Point(name="negative", unit=self.config.unit, title="Total of what was negative"),
            Point(name="left-out", unit="s", title="Time that is not in the totals"),
        ]

    def begin(self) -> None:
        """Go on where it ended; another point than then begins with its first reading."""
        state = self._kept.load() or self._state
        if state.source != self.config.point:
            state = msgspec.structs.replace(state, source=self.config.point, last=None)
        self._state = state
        self._shown = msgspec.structs.replace(state)
        self._course.last = state.last

    def end(self) -> None:
        """Save what came since the last time."""
        self._kept.save(self._state)

    def follow(self, reading: Reading) -> Mapping[str, Reading]:
        """The totals as they were last saved. ``ConfigError`` when the point is no rate of the unit."""
        if usable(reading):
            self._count(reading)
        if self._kept.due and self._state != self._shown:
            self._save()
        return self._outputs(reading)

    def _count(self, reading: Reading) -> None:
        seconds = seconds_for_one(reading.unit, self.config.unit)
        if seconds is None:
            raise ConfigError(
                f"{self.config.point} counts in {reading.unit or 'no unit'}, which over time does not give "
                f"{self.config.unit or 'a plain number'}; W gives Wh, l/min gives l, and no unit gives h"
            )
        state = self._state
        match self._course.take(reading, power(1 / seconds)):
            case Segment() as segment:
                positive, negative = segment.parts()
                state.positive += positive
                state.negative += negative
                self._coming = self._coming.and_of(segment.worth)
            case Gap(reason=reason, seconds=left_out):
                state.left_out += left_out
                self.note(GAP, seconds=round(left_out, 3), reason=reason.value)
        state.last = self._course.last

    def _save(self) -> None:
        self._kept.save(self._state)
        self._shown = msgspec.structs.replace(self._state)
        self._worth, self._coming = self._coming, Worth()

    def _outputs(self, reading: Reading) -> Mapping[str, Reading]:
        shown, worth = self._shown, self._worth.and_of(Worth.of(reading))
        time = shown.last.time if shown.last is not None else reading.time
        values = {"positive": shown.positive, "negative": shown.negative, "left-out": shown.left_out}
        return {
            name: worth.reading(value, time, "s" if name == "left-out" else self.config.unit)
            for name, value in values.items()
        }

    @command(title="Set the totals", rights="R3 R5")
    async def set(self, totals: Totals) -> None:
        """Count on from other totals, such as those of a meter that this one takes the place of."""
        before = self._shown
        self._state.positive, self._state.negative = totals.positive, totals.negative
        self._save()
        self.note(
            INTEGRAL_SET,
            before_positive=before.positive,
            before_negative=before.negative,
            positive=totals.positive,
            negative=totals.negative,
            unit=self.config.unit,
        )
        await self.refresh()
