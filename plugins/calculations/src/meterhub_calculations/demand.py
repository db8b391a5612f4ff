"""Demand: the mean power over block or sliding periods, and its maxima."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from zoneinfo import ZoneInfo

import msgspec
from meterhub_sdk import ConfigError, Feature, Hub, Point, Quality, Reading, ZoneName, command, field, moment
from pydantic import model_validator

from meterhub_calculations.course import SECOND, Course, Gap, Rates, Segment, power, register
from meterhub_calculations.demand_periods import Demand as Ended
from meterhub_calculations.demand_periods import Maximum, Periods, Step, reading_of
from meterhub_calculations.events import DEMAND_RESET, GAP
from meterhub_calculations.follower import Follower
from meterhub_calculations.kept import Kept
from meterhub_calculations.settings import MENU, OfPoint, Unit
from meterhub_calculations.units import ratio, seconds_for_one
from meterhub_calculations.worth import Worth, usable

_HOUR = 3600


class DemandConfig(OfPoint):
    """What to average over which period."""

    unit: Unit = field(
        "W",
        title="Unit of the demand",
        description="The point counts in it (W, kW) or is a register of it (Wh, kWh).",
        min_length=1,
    )
    period: int = field(
        15, title="Period", description="A divisor of 60, aligned to the clock.", unit="min", ge=1, le=60
    )
    slides: int = field(
        1,
        title="Steps of the window",
        description="1: blocks. 3 with a period of 15 min: a window of 15 min that moves on every 5 min.",
        ge=1,
        le=15,
    )
    time_zone: ZoneName = field(title="Time zone", description="Where days and months begin, such as Europe/Warsaw.")
    gap: float = field(
        300.0,
        title="Longest gap",
        description="Readings further apart are not joined; a period with such a gap gives no demand.",
        unit="s",
        gt=0,
        le=_HOUR,
    )

    @model_validator(mode="after")
    def _steps_fit(self) -> DemandConfig:
        if 60 % self.period:
            raise ValueError(f"a period of {self.period} min was given; a divisor of 60, such as 15, will do")
        if self.period * 60 % self.slides:
            raise ValueError(
                f"{self.slides} steps do not divide {self.period} min into whole seconds; 1, 3 or 5 will do"
            )
        return self


class DemandState(msgspec.Struct):
    """What is kept: the steps of the newest window, the last demand and the maxima, in the unit of the settings."""

    source: str
    last: Reading | None = None
    steps: list[Step] = []
    ended: Reading | None = None
    day: Maximum = msgspec.field(default_factory=Maximum)
    month: Maximum = msgspec.field(default_factory=Maximum)


class Demand(Follower[DemandConfig]):
    """The mean power over periods of the clock, and the largest of each day and month.

    The time of a maximum is that of its reading: the end of its period.
    """

    feature = Feature("synth.demand", "Demand", built_in=True)
    menu = MENU

    def __init__(self, hub: Hub, config: DemandConfig) -> None:
        super().__init__(hub, config)
        self._zone = ZoneInfo(config.time_zone)
        self._periods = Periods(config.period * 60 * SECOND // config.slides, config.slides, self._zone)
        self._course = Course(config.gap)
        self._state = DemandState(config.point)
        shape = f"demand {config.unit} {config.period} {config.slides}"
        self._kept = Kept(hub, shape, DemandState)

    def points(self) -> Iterable[Point]:
        """The running and the last demand, and the maxima."""
        titles = {
            "current": "Of the period that is running",
            "last": "Of the last period",
            "maximum/day": "Largest of the day",
            "maximum/month": "Largest of the month",
            "maximum/previous-day": "Largest of the day before",
            "maximum/previous-month": "Largest of the month before",
        }
        return [Point(name=name, unit=self.config.unit, title=title) for name, title in titles.items()]

    def begin(self) -> None:
        """Go on where it ended; another point than then begins with its first reading."""
        state = self._kept.load() or self._state
        if state.source != self.config.point:
            state = msgspec.structs.replace(state, source=self.config.point, last=None, steps=[], ended=None)
        self._state = state
        self._course.last = state.last
        self._periods.steps = state.steps

    def end(self) -> None:
        """Save what came since the last time."""
        self._kept.save(self._state)

    def follow(self, reading: Reading) -> Mapping[str, Reading]:
        """All demands. ``ConfigError`` when the point counts in a unit that makes none of the unit."""
        if usable(reading):
            self._count(reading)
        return self._outputs(reading)

    def _count(self, reading: Reading) -> None:
        ended: list[Ended] = []
        match self._course.take(reading, self._rates(reading.unit)):
            case Segment() as segment:
                ended = list(self._periods.add(segment))
            case Gap(reason=reason, seconds=seconds):
                self.note(GAP, seconds=round(seconds, 3), reason=reason.value)
        for demand in ended:
            self._close(demand)
        self._state.last = self._course.last
        self._state.steps = self._periods.steps
        if ended or self._kept.due:
            self._kept.save(self._state)

    def _rates(self, unit: str) -> Rates:
        own = self.config.unit
        if (factor := ratio(unit, own)) is not None:
            return power(factor)
        if (seconds := seconds_for_one(own, unit)) is not None:
            return register(seconds)
        raise ConfigError(
            f"{self.config.point} counts in {unit or 'no unit'}, which gives no demand in {own}; "
            "points in W, kW, Wh or kWh give one in W or kW"
        )

    def _close(self, demand: Ended) -> None:
        """A window is over: it is the last one, and perhaps a maximum of the day in which it lay."""
        self._state.ended = reading = reading_of(demand, self.config.unit)
        if usable(reading):
            day = (moment(demand.end) - timedelta(microseconds=1)).astimezone(self._zone).date().isoformat()
            self._state.day.take(day, reading)
            self._state.month.take(day[:7], reading)

    def _outputs(self, reading: Reading) -> Mapping[str, Reading]:
        state, now = self._state, Worth.of(reading)
        running = self._periods.running()
        steps = self._periods.steps
        worth = steps[-1].worth if steps else Worth(int(Quality.INVALID))
        time = state.last.time if state.last is not None else reading.time
        found = {
            "current": worth.reading(running, time, self.config.unit),
            "last": state.ended,
            "maximum/day": state.day.value,
            "maximum/month": state.month.value,
            "maximum/previous-day": state.day.previous,
            "maximum/previous-month": state.month.previous,
        }
        none = Reading.missing(self.config.unit)
        demands = {name: its or none for name, its in found.items()}
        return {name: now.and_of(Worth.of(its)).reading(its.value, its.time, its.unit) for name, its in demands.items()}

    @command(title="Reset the maxima", rights="R3 R5")
    async def reset(self) -> None:
        """Forget the maxima of this day and month, such as at the end of a billing period; they begin anew."""
        day, month = self._state.day, self._state.month
        shown = {"day": day.value, "month": month.value}
        day.value = month.value = None
        self._kept.save(self._state)
        values = {name: None if its is None else its.number for name, its in shown.items()}
        self.note(DEMAND_RESET, unit=self.config.unit, **values)
        await self.refresh()
