"""Tariff zones: which tariff applies now, and what an energy register counted in each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from meterhub_sdk import ConfigError, Feature, Hub, Point, Reading, field

from meterhub_calculations.calendar_settings import CalendarConfig
from meterhub_calculations.course import SECOND
from meterhub_calculations.events import REGISTER_BACK, UNASSIGNED
from meterhub_calculations.follower import Follower
from meterhub_calculations.kept import Kept
from meterhub_calculations.settings import MENU, OfPoint, Unit
from meterhub_calculations.tariff_calendar import TariffCalendar
from meterhub_calculations.units import ratio
from meterhub_calculations.worth import Worth, usable

LONGEST = 31 * 86_400 * SECOND
"""Further apart than a month, two readings of a register are not looked at for tariffs between them."""

_TICK = 1.0


class TariffZonesConfig(CalendarConfig, OfPoint):
    """Which register to divide, and by which calendar."""

    unit: Unit = field(
        "Wh", title="Unit", description="What the tariffs count in; the register too, or in kWh.", min_length=1
    )
    gap: float = field(
        3600.0,
        title="Longest gap",
        description="Between readings that are further apart and have several tariffs between them, the energy is "
        "counted as unassigned; closer, it is divided evenly over the time.",
        unit="s",
        gt=0,
        le=86_400,
    )
    period: float = field(
        60.0,
        title="Saved every",
        description="The energies go to disk, and then to the points, this often; so power cuts never turn them back.",
        unit="s",
        ge=1,
        le=3600,
    )


class TariffState(msgspec.Struct):
    """What is kept: the energy of each tariff, what belongs to none, and the last reading that is in them."""

    source: str
    amounts: dict[str, float] = {}
    unassigned: float = 0.0
    last: Reading | None = None


class TariffZones(Follower[TariffZonesConfig]):
    """The active tariff of a calendar, and an energy register divided by it.

    The tariffs and what could not be assigned add up to what the register counted.
    """

    feature = Feature("synth.tariff-zones", "Tariff zones", built_in=True)
    menu = MENU

    def __init__(self, hub: Hub, config: TariffZonesConfig) -> None:
        super().__init__(hub, config)
        self._calendar = TariffCalendar(config)
        self._state = TariffState(config.point)
        self._shown = self._state
        self._active = ("", 0)
        self._worth = self._coming = Worth()
        self._kept = Kept(hub, f"tariffs {config.unit}", TariffState, config.period)

    def points(self) -> Iterable[Point]:
        """The active tariff by name and number, the energy of each, and the energy of none."""
        unit = self.config.unit
        return [
            Point(name="active", type="str", title="Active tariff"),
            Point(name="active-number", type="int", title="Number of the active tariff"),
            *(
                Point(name=f"energy/{tariff}", unit=unit, title=f"In the tariff {tariff}")
                for tariff in self.config.tariffs
            ),
            Point(name="unassigned", unit=unit, title="Counted while the tariff is unknown"),
        ]

    def patience(self) -> float:
        """The tariff changes by the wall clock, which may jump: it is looked at often."""
        return _TICK

    def begin(self) -> None:
        """Go on where it ended; another register than then begins with its first reading."""
        state = self._kept.load() or self._state
        if state.source != self.config.point:
            state = msgspec.structs.replace(state, source=self.config.point, last=None)
        self._state = state
        self._shown = _copy(state)

    def end(self) -> None:
        """Save what came since the last time."""
        self._kept.save(self._state)

    def follow(self, reading: Reading) -> Mapping[str, Reading]:
        """The active tariff, and the energies as they were last saved. ``ConfigError`` for another unit."""
        now = self.hub.time.now()
        tariff = self._calendar.tariff(now)
        changed = tariff != self._active[0]
        if changed:
            self._active = (tariff, now)
        if usable(reading) and reading != self._state.last:
            self._count(reading)
        if (changed or self._kept.due) and self._state != self._shown:
            self._kept.save(self._state)
            self._shown = _copy(self._state)
            self._worth, self._coming = self._coming, Worth()
        return {**self._active_tariff(), **self._energies(reading)}

    def _count(self, reading: Reading) -> None:
        factor = ratio(reading.unit, self.config.unit)
        if factor is None:
            raise ConfigError(
                f"{self.config.point} counts in {reading.unit or 'no unit'}; a register in {self.config.unit} is needed"
            )
        before, self._state.last = self._state.last, reading
        if before is None or before.unit != reading.unit:
            return
        amount = (reading.number - before.number) * factor
        self._coming = self._coming.and_of(Worth.of(before, reading))
        if amount < 0:
            self.note(REGISTER_BACK, before=before.number, after=reading.number, unit=reading.unit)
        elif amount > 0:
            self._assign(before.time, reading.time, amount)

    def _assign(self, start: int, end: int, amount: float) -> None:
        amounts = self._state.amounts
        if reason := self._unknown(start, end):
            self._state.unassigned += amount
            self.note(UNASSIGNED, amount=round(amount, 3), unit=self.config.unit, reason=reason)
            return
        rest = amount
        for since, until, tariff in self._calendar.spans(start, end):
            share = rest if until == end else amount * ((until - since) / (end - start))
            amounts[tariff] = amounts.get(tariff, 0.0) + share
            rest -= share
        if start >= end:
            tariff = self._calendar.tariff(end)
            amounts[tariff] = amounts.get(tariff, 0.0) + amount

    def _unknown(self, start: int, end: int) -> str | None:
        """Why nobody can tell in which tariffs the register counted between two readings; ``None``: one can."""
        seconds = abs(end - start) / SECOND
        if seconds > LONGEST / SECOND:
            return f"its readings are {seconds / 86_400:.0f} days apart"
        tariffs = {tariff for _, _, tariff in self._calendar.spans(min(start, end), max(start, end))}
        if len(tariffs) <= 1:
            return None
        if end < start:
            return "its clock went back"
        return f"its readings are {seconds:.0f} s apart" if seconds > self.config.gap else None

    def _active_tariff(self) -> Mapping[str, Reading]:
        tariff, since = self._active
        worth = Worth(clock=int(self.hub.time.validity()))
        number = 1 + self.config.tariffs.index(tariff)
        return {"active": worth.reading(tariff, since, ""), "active-number": worth.reading(number, since, "")}

    def _energies(self, reading: Reading) -> Mapping[str, Reading]:
        shown, worth = self._shown, self._worth.and_of(Worth.of(reading))
        time = shown.last.time if shown.last is not None else reading.time
        values = {f"energy/{tariff}": shown.amounts.get(tariff, 0.0) for tariff in self.config.tariffs}
        values["unassigned"] = shown.unassigned
        return {name: worth.reading(value, time, self.config.unit) for name, value in values.items()}


def _copy(state: TariffState) -> TariffState:
    return msgspec.structs.replace(state, amounts=dict(state.amounts))
