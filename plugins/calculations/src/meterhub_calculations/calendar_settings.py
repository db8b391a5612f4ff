"""Settings of a tariff calendar: seasons, kinds of day, and when which tariff begins."""

from __future__ import annotations

import itertools
import re
from datetime import date
from typing import Annotated, Literal

from meterhub_sdk import Config, Label, ZoneName, field
from pydantic import AfterValidator, model_validator

DayKind = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun", "holiday"]
WEEKDAYS: tuple[DayKind, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_EASTER = re.compile(r"easter([+-][0-9]{1,3})?")


def _month_day(text: str) -> str:
    if not re.fullmatch(r"[0-9]{2}-[0-9]{2}", text) or not _is_date(f"2001-{text}"):
        raise ValueError(f"{text[:20]!r} is no month and day; give them such as 04-01")
    return text


def _holiday(text: str) -> str:
    whole = f"2000-{text}" if len(text) == 5 else text
    if not _EASTER.fullmatch(text) and not (re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", whole) and _is_date(whole)):
        raise ValueError(f"{text[:20]!r} is no holiday; give one such as 12-25, 2026-11-12 or easter+1")
    return text


def _time_of_day(text: str) -> str:
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", text):
        raise ValueError(f"{text[:20]!r} is no time of a day; give one from 00:00 to 23:59")
    return text


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


class Season(Config):
    """A part of the year, which lasts until the next one begins."""

    label: Label = field(title="Name")
    begins: Annotated[str, AfterValidator(_month_day)] = field(
        title="Begins", description="Month and day, such as 04-01."
    )


class Switch(Config):
    """From when on which tariff applies."""

    at: Annotated[str, AfterValidator(_time_of_day)] = field(
        title="At", description="Local time as clocks on the wall show it, such as 07:00."
    )
    tariff: Label = field(title="Tariff")


class DayTable(Config):
    """How tariffs follow each other on some kinds of day."""

    seasons: list[Label] = field([], title="Seasons", description="In which it applies; none: in all.", max_length=16)
    days: list[DayKind] = field(
        title="Days",
        description="On which it applies. A holiday is its weekday too where no table names holidays.",
        min_length=1,
        max_length=8,
    )
    switches: list[Switch] = field(
        title="Switches", description="In the order of the day; the first at 00:00.", min_length=1, max_length=48
    )

    @model_validator(mode="after")
    def _order_of_the_day(self) -> DayTable:
        times = [switch.at for switch in self.switches]
        if times[0] != "00:00":
            raise ValueError(
                f"the first switch is at {times[0]}; the day begins at 00:00, and needs a tariff from then"
            )
        if late := next((b for a, b in itertools.pairwise(times) if b <= a), None):
            raise ValueError(f"the switch at {late} is not after the one before it; put them in the order of the day")
        return self


class CalendarConfig(Config):
    """Which tariff applies when."""

    time_zone: ZoneName = field(title="Time zone", description="Whose local time counts, such as Europe/Warsaw.")
    tariffs: list[Label] = field(
        title="Tariffs", description="Their names; the first is number 1.", min_length=1, max_length=16
    )
    seasons: list[Season] = field([], title="Seasons", description="None: the year is all one.", max_length=16)
    holidays: list[Annotated[str, AfterValidator(_holiday)]] = field(
        [],
        title="Holidays",
        description="Of every year (12-25), of one (2026-11-12), or by Easter Sunday (easter+1, easter+60).",
        max_length=200,
    )
    tables: list[DayTable] = field(
        title="Tables",
        description="The first that fits season and day applies. Every weekday of every season needs one.",
        min_length=1,
        max_length=100,
    )

    @model_validator(mode="after")
    def _nothing_is_left_open(self) -> CalendarConfig:
        seasons = [season.label for season in self.seasons]
        for what, names in (("tariffs", self.tariffs), ("seasons", seasons)):
            if len(set(names)) < len(names):
                raise ValueError(f"{what}: a name stands there twice; give each one once")
        for table in self.tables:
            _known("tariffs", [switch.tariff for switch in table.switches], self.tariffs)
            _known("seasons", table.seasons, seasons)
        for season in seasons or [""]:
            fitting = [
                day for table in self.tables if not table.seasons or season in table.seasons for day in table.days
            ]
            if absent := [day for day in WEEKDAYS if day not in fitting]:
                where = f" of the season {season}" if season else ""
                raise ValueError(f"tables: no table says which tariffs apply on {absent[0]}{where}; add one")
        return self


def _known(what: str, used: list[str], known: list[str]) -> None:
    if strange := next((name for name in used if name not in known), None):
        raise ValueError(f"tables: {strange} is none of the {what}; they are {', '.join(known) or 'none'}")
