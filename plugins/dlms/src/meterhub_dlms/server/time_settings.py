"""Settings of what a logical device does by the time of day: its clock, its tariff calendars, its special days."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from meterhub_sdk import Config, Label, field
from pydantic import AfterValidator, Field, model_validator

from meterhub_dlms.codec import obis

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Week = Literal["first", "second", "third", "fourth", "last"]

TableName = Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[\x21-\x7e]+$")]
"""The name of a table, as it goes over the line."""


def canonical(text: str) -> str:
    """A logical name in its usual spelling; ``ValueError`` when it is none."""
    return obis.text(obis.parse(text))


LogicalName = Annotated[str, AfterValidator(canonical)]
"""The logical name of an object, spelled as ``1-1:1.8.0*255``."""


class DaylightRule(Config):
    """When the clocks are changed, in the local time that holds until then."""

    month: int = field(title="Month", description="1 to 12.", ge=1, le=12)
    week: Week = field("last", title="Week", description="Which of the month's days of that name.")
    weekday: Weekday = field("sunday", title="Day", description="Day of the week.")
    hour: int = field(2, title="Hour", description="The full hour.", unit="h", ge=0, le=23)


class ClockSettings(Config):
    """The local time of a logical device, and whether a client may set it."""

    offset: int = field(
        0,
        title="Offset from UTC",
        description="Of normal time; positive east of Greenwich: 60 in Central Europe.",
        unit="min",
        ge=-720,
        le=840,
    )
    daylight_saving: Literal["none", "European Union", "own rule"] = field(
        "none",
        title="Daylight saving",
        description="European Union: last Sunday of March to last Sunday of October, changed at 01:00 UTC.",
    )
    begin: DaylightRule | None = field(None, title="Begin", description="With an own rule only.")
    end: DaylightRule | None = field(None, title="End", description="With an own rule only.")
    shift: int = field(
        60, title="Daylight saving shift", description="Added to normal time.", unit="min", ge=-120, le=120
    )
    settable: bool = field(
        False,
        title="Settable",
        description="Clients with the right to write may set this clock. The machine's own time stays as it is: the "
        "difference is kept, and shown by this logical device alone.",
    )

    @model_validator(mode="after")
    def _check_rule(self) -> Self:
        own = self.daylight_saving == "own rule"
        if own and (self.begin is None or self.end is None):
            raise ValueError("the daylight saving has an own rule but no begin or no end; give both")
        if not own and (self.begin is not None or self.end is not None):
            raise ValueError("begin and end of daylight saving belong to an own rule; choose that, or leave them out")
        if self.daylight_saving == "European Union" and (self.offset % 60 or not -60 <= self.offset <= 180):
            raise ValueError(f"no member of the European Union has an offset of {self.offset} min; choose an own rule")
        return self


class Switch(Config):
    """From when on a tariff holds, on one kind of day."""

    time: str = field(title="Time", description="Local time, such as 06:00.", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    tariff: int = field(title="Tariff", description="Its number, the script selector on the line.", ge=0, le=65_535)


class DayTable(Config):
    """One kind of day."""

    day_id: int = field(title="Number", description="By which kinds of week name it.", ge=0, le=255)
    switches: list[Switch] = field(
        title="Switches",
        description="Before the first one the last one of the day before holds.",
        min_length=1,
        max_length=48,
    )


class WeekTable(Config):
    """One kind of week: which kind of day each day is."""

    name: TableName = field(title="Name", description="By which seasons name it.")
    monday: int = field(1, title="Monday", description="Number of a kind of day.", ge=0, le=255)
    tuesday: int = field(1, title="Tuesday", description="Likewise.", ge=0, le=255)
    wednesday: int = field(1, title="Wednesday", description="Likewise.", ge=0, le=255)
    thursday: int = field(1, title="Thursday", description="Likewise.", ge=0, le=255)
    friday: int = field(1, title="Friday", description="Likewise.", ge=0, le=255)
    saturday: int = field(1, title="Saturday", description="Likewise.", ge=0, le=255)
    sunday: int = field(1, title="Sunday", description="Likewise.", ge=0, le=255)

    @property
    def day_ids(self) -> list[int]:
        """Kinds of day from Monday on."""
        return [getattr(self, day) for day in WEEKDAYS]


class SeasonTable(Config):
    """A part of the year, which lasts until the next one begins."""

    name: TableName = field(title="Name", description="Up to 32 characters, as clients see it.")
    month: int = field(1, title="First month", description="1 to 12.", ge=1, le=12)
    day: int = field(1, title="First day", description="Of that month, each year.", ge=1, le=31)
    week: TableName = field(title="Week", description="Name of a kind of week.")


class SpecialDay(Config):
    """A day that is of another kind than its weekday."""

    index: int = field(title="Index", description="A number of its own; the lowest of a day counts.", ge=0, le=65_535)
    year: int | None = field(None, title="Year", description="Empty for every year.", ge=1, le=9999)
    month: int = field(title="Month", description="1 to 12.", ge=1, le=12)
    day: int = field(title="Day", description="Of the month.", ge=1, le=31)
    day_id: int = field(title="Kind of day", description="Its number.", ge=0, le=255)


class CalendarObject(Config):
    """A tariff calendar with its special days (classes 20 and 11).

    Clients that may write can set the passive calendar and the special days; what they set is kept until these
    settings change.
    """

    logical_name: LogicalName = field("0-0:13.0.0*255", title="Logical name", description="OBIS code of the calendar.")
    special_days_name: LogicalName = field(
        "0-0:11.0.0*255", title="Logical name of the special days", description="OBIS code of their table."
    )
    name: TableName = field("calendar", title="Name", description="Up to 32 characters, as clients see it.")
    seasons: list[SeasonTable] = field(
        title="Seasons", description="Each lasts until the next begins.", min_length=1, max_length=32
    )
    weeks: list[WeekTable] = field(
        title="Kinds of week", description="Which kind of day each weekday is.", min_length=1, max_length=32
    )
    days: list[DayTable] = field(
        title="Kinds of day", description="When which tariff begins.", min_length=1, max_length=64
    )
    special_days: list[SpecialDay] = field(
        default_factory=list, title="Special days", description="Holidays and the like.", max_length=256
    )
    tariff_point: Label | None = field(
        None, title="Point of the tariff", description="Publishes the number of the tariff that holds under this name."
    )

    @model_validator(mode="after")
    def _check_tables(self) -> Self:
        weeks, days = {week.name for week in self.weeks}, {day.day_id for day in self.days}
        if missing := {season.week for season in self.seasons} - weeks:
            raise ValueError(f"a season of calendar {self.logical_name} has week {min(missing)}, which is not there")
        wanted = {number for week in self.weeks for number in week.day_ids} | {d.day_id for d in self.special_days}
        if missing_days := wanted - days:
            raise ValueError(f"calendar {self.logical_name} uses day {min(missing_days)}, which is not there; add it")
        for what, names in (
            ("week", [week.name for week in self.weeks]),
            ("season", [season.name for season in self.seasons]),
            ("day", [day.day_id for day in self.days]),
            ("special day", [day.index for day in self.special_days]),
        ):
            if len(set(names)) < len(names):
                raise ValueError(f"calendar {self.logical_name} has a {what} twice; each name or number occurs once")
        return self
