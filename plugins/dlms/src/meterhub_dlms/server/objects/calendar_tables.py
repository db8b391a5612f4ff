"""The tables of an activity calendar (class 20): seasons, kinds of week, kinds of day; as data and as plain values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from meterhub_dlms.codec import axdr, obis
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.server.objects.date_patterns import (
    ANY,
    DATE_LENGTH,
    check_date,
    date_pattern,
    date_time_pattern,
    in_year,
)
from meterhub_dlms.server.time_settings import CalendarObject

SCRIPT_TABLE = obis.parse("0-0:10.0.100*255")
"""The tariffication script table, whose selectors are the numbers of the tariffs."""

MAX_ROWS, MAX_NAME = 64, 64
_DAYS_OF_WEEK = 7
_LONGEST_LOOK_BACK = 8
"""Days; a day table whose first switch is late leaves the tariff to the days before."""


class Season(NamedTuple):
    """It lasts from ``start`` (twelve bytes, the year usually open) until the next one begins."""

    name: bytes
    start: bytes
    week: bytes


class Week(NamedTuple):
    """Kinds of day from Monday on."""

    name: bytes
    day_ids: tuple[int, ...]


class Action(NamedTuple):
    """From ``start`` (four bytes of local time) the script with this selector holds: the tariff."""

    start: bytes
    script: bytes
    selector: int

    @property
    def time(self) -> time:
        """The start; open parts are at their least."""
        hour, minute, second = (0 if part == ANY else part for part in self.start[:3])
        return time(hour, minute, second)


class Tables(NamedTuple):
    """One calendar, active or passive."""

    name: bytes
    seasons: tuple[Season, ...] = ()
    weeks: tuple[Week, ...] = ()
    days: tuple[tuple[int, tuple[Action, ...]], ...] = ()

    def kind_of_day(self, local: datetime) -> int | None:
        """The kind of day by season and weekday; ``None`` when the tables do not say."""
        name = _week_at(self.seasons, local)
        week = next((week for week in self.weeks if week.name == name), None)
        return None if week is None else week.day_ids[local.weekday()]

    def actions(self, kind: int) -> tuple[Action, ...]:
        """What is switched on one kind of day, in the order of the time."""
        found = next((actions for number, actions in self.days if number == kind), ())
        return tuple(sorted(found, key=lambda action: action.time))

    @property
    def complete(self) -> bool:
        """Whether all that is named is there."""
        weeks, days = {week.name for week in self.weeks}, {number for number, _ in self.days}
        used = {number for week in self.weeks for number in week.day_ids}
        return bool(self.seasons) and {season.week for season in self.seasons} <= weeks and used <= days


def action_at(tables: Tables, special: Callable[[date], int | None], local: datetime) -> Action | None:
    """The action that holds at a local time: the last that began, today or on a day before.

    ``special`` gives the kind of a special day, ``None`` on others.
    """
    for back in range(_LONGEST_LOOK_BACK):
        day = local if back == 0 else datetime.combine(local.date() - timedelta(days=back), time.max)
        kind = special(day.date())
        kind = tables.kind_of_day(day) if kind is None else kind
        begun = [] if kind is None else [a for a in tables.actions(kind) if a.time <= day.time()]
        if begun:
            return begun[-1]
    return None


def _week_at(seasons: Sequence[Season], local: datetime) -> bytes | None:
    """The week of the season that began last; one that begins every year may have begun last year."""
    begun: list[tuple[datetime, bytes]] = []
    for season in seasons:
        starts = [in_year(season.start, year) for year in (local.year, local.year - 1)]
        if all(octet == ANY for octet in season.start[:DATE_LENGTH]):
            starts = [datetime.min]  # noqa: DTZ901  local times carry no zone here
        begun += [(start, season.week) for start in starts if start is not None and start <= local]
    return max(begun)[1] if begun else None


def tables_of(settings: CalendarObject) -> Tables:
    """The tables that the settings describe."""
    seasons = [
        Season(season.name.encode(), date_time_pattern(date_pattern(season.month, season.day)), season.week.encode())
        for season in settings.seasons
    ]
    weeks = [Week(week.name.encode(), tuple(week.day_ids)) for week in settings.weeks]
    days = [
        (day.day_id, tuple(Action(_start(switch.time), SCRIPT_TABLE, switch.tariff) for switch in day.switches))
        for day in settings.days
    ]
    return Tables(settings.name.encode(), tuple(seasons), tuple(weeks), tuple(days))


def _start(text: str) -> bytes:
    hour, minute = text.split(":")
    return bytes((int(hour), int(minute), 0, 0))


# -- as data --------------------------------------------------------------------------------------


def seasons_data(tables: Tables) -> Data:
    """The season profile."""
    return _array([[_octets(part) for part in season] for season in tables.seasons])


def weeks_data(tables: Tables) -> Data:
    """The week profile table."""
    return _array(
        [[_octets(week.name), *(Data(axdr.UINT8, number) for number in week.day_ids)] for week in tables.weeks]
    )


def days_data(tables: Tables) -> Data:
    """The day profile table."""
    return _array([[Data(axdr.UINT8, number), _array(_rows(actions))] for number, actions in tables.days])


def name_data(tables: Tables) -> Data:
    """The calendar's name."""
    return _octets(tables.name)


def with_name(tables: Tables, data: Data) -> Tables:
    """The tables with the name that a client set; ``CodecError`` when it is none. So do the next three."""
    return tables._replace(name=_name(data))


def with_seasons(tables: Tables, data: Data) -> Tables:
    """The tables with the season profile that a client set."""
    seasons = []
    for row in _elements(data, axdr.ARRAY, None):
        name, start, week = _elements(row, axdr.STRUCTURE, 3)
        octets = _bytes(start, 12)
        if any(octet != ANY for octet in octets[:DATE_LENGTH]):
            check_date(octets[:DATE_LENGTH])
        seasons.append(Season(_name(name), octets, _name(week)))
    return tables._replace(seasons=tuple(seasons))


def with_weeks(tables: Tables, data: Data) -> Tables:
    """The tables with the week profile table that a client set."""
    weeks = []
    for row in _elements(data, axdr.ARRAY, None):
        name, *numbers = _elements(row, axdr.STRUCTURE, 1 + _DAYS_OF_WEEK)
        weeks.append(Week(_name(name), tuple(_number(number, axdr.UINT8) for number in numbers)))
    return tables._replace(weeks=tuple(weeks))


def with_days(tables: Tables, data: Data) -> Tables:
    """The tables with the day profile table that a client set."""
    days = []
    for row in _elements(data, axdr.ARRAY, None):
        number, schedule = _elements(row, axdr.STRUCTURE, 2)
        actions = tuple(_action(action) for action in _elements(schedule, axdr.ARRAY, None))
        days.append((_number(number, axdr.UINT8), actions))
    return tables._replace(days=tuple(days))


def encode_tables(tables: Tables) -> bytes:
    """All four attributes, to be kept on disk."""
    parts = [name_data(tables), seasons_data(tables), weeks_data(tables), days_data(tables)]
    return axdr.encode(Data(axdr.STRUCTURE, parts))


def decode_tables(octets: bytes) -> Tables:
    """What :func:`encode_tables` made."""
    name, seasons, weeks, days = axdr.decode(octets).value
    return with_days(with_weeks(with_seasons(with_name(Tables(b""), name), seasons), weeks), days)


def _rows(actions: Sequence[Action]) -> list[list[Data]]:
    return [[_octets(a.start), _octets(a.script), Data(axdr.UINT16, a.selector)] for a in actions]


def _action(row: Data) -> Action:
    start, script, selector = _elements(row, axdr.STRUCTURE, 3)
    action = Action(_bytes(start, 4), _bytes(script, 6), _number(selector, axdr.UINT16))
    try:
        action.time  # noqa: B018  a start that is no time is refused here and not at midnight
    except ValueError as error:
        raise CodecError(f"{action.start.hex()} is no time of day: {error}") from None
    return action


def _octets(octets: bytes) -> Data:
    return Data(axdr.OCTET_STRING, octets)


def _array(rows: Sequence[Sequence[Data]]) -> Data:
    return Data(axdr.ARRAY, [Data(axdr.STRUCTURE, list(row)) for row in rows])


def _elements(data: Data, tag: int, count: int | None) -> list[Data]:
    if data.tag != tag or (len(data.value) > MAX_ROWS if count is None else len(data.value) != count):
        raise CodecError("the table of a calendar is malformed or too long")
    return list(data.value)


def _bytes(data: Data, length: int) -> bytes:
    if data.tag != axdr.OCTET_STRING or len(data.value) != length:
        raise CodecError(f"an octet string of {length} bytes was expected")
    return bytes(data.value)


def _name(data: Data) -> bytes:
    if data.tag != axdr.OCTET_STRING or len(data.value) > MAX_NAME:
        raise CodecError(f"a name of at most {MAX_NAME} bytes was expected")
    return bytes(data.value)


def _number(data: Data, tag: int) -> int:
    if data.tag != tag:
        raise CodecError(f"a number of data type {tag} was expected")
    return int(data.value)
