"""A tariff calendar: which tariff applies at a moment, and where in a span of time it changes.

Local time decides: in spring a switch within the hour that does not exist happens when the clock is put forward, and in
autumn the hour that comes twice has its tariffs twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from dateutil.easter import easter  # type: ignore[import-untyped]  # dateutil carries no types
from meterhub_sdk import moment, nanoseconds

from meterhub_calculations.calendar_settings import WEEKDAYS, CalendarConfig, DayKind, DayTable

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


class TariffCalendar:
    """Answers for one calendar; times are nanoseconds UTC, as in readings."""

    def __init__(self, config: CalendarConfig) -> None:
        self._config = config
        self._zone = ZoneInfo(config.time_zone)
        self._seasons = sorted((season.begins, season.label) for season in config.seasons)
        self._table = lru_cache(maxsize=64)(self._table_of)
        self._changes = lru_cache(maxsize=64)(self._changes_of)

    def tariff(self, when: int) -> str:
        """The tariff that applies at a moment."""
        local = moment(when).astimezone(self._zone)
        clock = f"{local:%H:%M}"
        return [switch.tariff for switch in self._table(local.date()).switches if switch.at <= clock][-1]

    def spans(self, start: int, end: int) -> Iterator[tuple[int, int, str]]:
        """The time from ``start`` to ``end`` cut where the tariff may change: begin, end and tariff of each piece."""
        while start < end:
            day = moment(start).astimezone(self._zone).date()
            later = [change for d in (day, day + _DAY) for change in self._changes(d) if change > start]
            until = min([end, *later])
            yield start, until, self.tariff(start)
            start = until

    def _table_of(self, day: date) -> DayTable:
        season = self._season(day)
        tables = [table for table in self._config.tables if not table.seasons or season in table.seasons]
        kind: DayKind = WEEKDAYS[day.weekday()]
        if self.holiday(day) and any("holiday" in table.days for table in tables):
            kind = "holiday"
        return next(table for table in tables if kind in table.days)

    def _season(self, day: date) -> str:
        """The one that began last; early in the year, that is the last one of the year before."""
        if not self._seasons:
            return ""
        begun = [label for begins, label in self._seasons if begins <= f"{day:%m-%d}"]
        return begun[-1] if begun else self._seasons[-1][1]

    def holiday(self, day: date) -> bool:
        """True on a holiday."""
        sunday: date = easter(day.year)
        names = {f"{day:%m-%d}", day.isoformat(), f"easter{(day - sunday).days:+d}"}
        if day == sunday:
            names |= {"easter", "easter-0"}
        return any(name in names for name in self._config.holidays)

    def _changes_of(self, day: date) -> list[int]:
        """Every moment of a local day at which the tariff can change; some of them do not."""
        clocks = [time.fromisoformat(switch.at) for switch in self._table(day).switches]
        local = [datetime.combine(day, clock, self._zone).replace(fold=fold) for clock in clocks for fold in (0, 1)]
        shifts = self._shifts(
            datetime.combine(day, time(0), self._zone), datetime.combine(day + _DAY, time(0), self._zone)
        )
        return sorted({nanoseconds(when.astimezone(UTC)) for when in (*local, *shifts)})

    def _shifts(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """When, between two local midnights, the clock is put forward or back."""
        early, late = start.astimezone(UTC), end.astimezone(UTC)
        before = self._offset(early)
        if self._offset(late) == before:
            return
        while late - early > _SECOND:
            middle = early + (late - early) // _SECOND // 2 * _SECOND
            early, late = (middle, late) if self._offset(middle) == before else (early, middle)
        yield late

    def _offset(self, when: datetime) -> timedelta | None:
        return when.astimezone(self._zone).utcoffset()
