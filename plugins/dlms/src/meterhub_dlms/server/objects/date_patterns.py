"""Dates of which a part is left open: holidays, seasons, changes of the clocks (IEC 62056-6-2, clause 4.1.6.1)."""

from __future__ import annotations

import calendar
from datetime import MINYEAR, date, datetime, time
from functools import lru_cache

from meterhub_dlms.codec import cosem_time
from meterhub_dlms.codec.errors import CodecError

DATE_LENGTH = 5
ANY, ANY_YEAR = 0xFF, 0xFFFF
LAST, SECOND_LAST = 0xFE, 0xFD

NEVER = b"\xff" * 9 + b"\x80\x00\x00"
"""A date-time of which nothing is specified."""


def date_pattern(month: int, day: int, weekday: int = ANY, year: int = ANY_YEAR) -> bytes:
    """The five bytes of a date; ``weekday`` counts from 1, Monday. A day of month with a weekday is the first on or
    after it, ``LAST`` the last of the month.
    """
    return year.to_bytes(2, "big") + bytes((month, day, weekday))


def date_time_pattern(day: bytes, hour: int = 0) -> bytes:
    """The twelve bytes of a date-time at a full hour of local time."""
    return day + bytes((hour, 0, 0, 0)) + cosem_time.NO_DEVIATION.to_bytes(2, "big", signed=True) + b"\x00"


def check_date(octets: bytes) -> bytes:
    """The date itself; ``CodecError`` when it is none or uses the codes for the changes of the clocks."""
    if len(octets) != DATE_LENGTH:
        raise CodecError(f"a date has {DATE_LENGTH} bytes, not {len(octets)}")
    month, day, weekday = octets[2], octets[3], octets[4]
    if month not in range(1, 13) and month != ANY:
        raise CodecError(f"{month} is no month")
    if day not in range(1, 32) and day not in (ANY, LAST, SECOND_LAST):
        raise CodecError(f"{day} is no day of a month")
    if weekday not in range(1, 8) and weekday != ANY:
        raise CodecError(f"{weekday} is no weekday")
    return octets


def matches(pattern: bytes, day: date) -> bool:
    """Whether a day is one of those that a pattern stands for."""
    year, month, of_month, weekday = int.from_bytes(pattern[:2], "big"), pattern[2], pattern[3], pattern[4]
    if year not in (ANY_YEAR, day.year) or month not in (ANY, day.month):
        return False
    if weekday not in (ANY, day.isoweekday()):
        return False
    span = 1 if weekday == ANY else 7
    days = calendar.monthrange(day.year, day.month)[1]
    if of_month == ANY:
        return True
    if of_month in (LAST, SECOND_LAST):
        last = days - (span if of_month == SECOND_LAST else 0)
        return last - span < day.day <= last
    open_date = year == ANY_YEAR or month == ANY
    return of_month <= day.day < of_month + (span if open_date else 1)


@lru_cache(maxsize=256)
def in_year(pattern: bytes, year: int) -> datetime | None:
    """When a date-time pattern falls in a year, in the time it is written in; ``None`` when it never does.

    A time of which a part is open begins with that part at its least. The month must be given.
    """
    month = pattern[2]
    if not 1 <= month <= 12 or not MINYEAR <= year <= 9999:
        return None
    days = (date(year, month, day) for day in range(1, calendar.monthrange(year, month)[1] + 1))
    found = next((day for day in days if matches(pattern, day)), None)
    if found is None:
        return None
    hour, minute, second = (0 if part == ANY else part for part in pattern[5:8])
    try:
        return datetime.combine(found, time(hour, minute, second))
    except ValueError:
        return None
