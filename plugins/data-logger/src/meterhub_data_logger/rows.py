"""A row of the log: time, series, value and marks, and what they say.

SQLite keeps the kind of a value; what it cannot tell apart stands in the marks. Their bits: 0 and 1 the quality, 2 and
3 its flags, 4 and 5 the clock, 6 to 8 the type.
"""

from __future__ import annotations

import math
from enum import IntEnum

from meterhub_sdk import Value

Stored = int | float | str | None
Row = tuple[int, int, Stored, int]
"""Time in nanoseconds UTC, number of the series, value, marks."""

_INT64 = 2**63


class Kind(IntEnum):
    """The type of a value, as the marks hold it."""

    NONE = 0
    BOOL = 1
    INT = 2
    FLOAT = 3
    TEXT = 4


_KINDS: dict[type, int] = {
    type(None): Kind.NONE << 6,
    bool: Kind.BOOL << 6,
    int: Kind.INT << 6,
    float: Kind.FLOAT << 6,
    str: Kind.TEXT << 6,
}


def encoded(value: Value, quality: int, flags: int, clock: int) -> tuple[Stored, int]:
    """A value as SQLite keeps it, and the marks."""
    marks = quality | flags << 2 | clock << 4 | _KINDS[type(value)]
    if type(value) is int and not -_INT64 <= value < _INT64:
        return str(value), marks
    return value, marks


def value_of(stored: Stored, marks: int) -> Value:
    """The value that was encoded."""
    kind = marks >> 6
    if kind == Kind.BOOL:
        return bool(stored)
    if kind == Kind.INT:
        return int(stored or 0)
    if kind == Kind.FLOAT:
        return math.nan if stored is None else float(stored)  # SQLite has NULL for not-a-number
    return stored


def kind_of(marks: int) -> Kind:
    """The type of the value."""
    return Kind(marks >> 6)


def quality_of(marks: int) -> int:
    """The quality."""
    return marks & 3


def flags_of(marks: int) -> int:
    """The quality's flags."""
    return marks >> 2 & 3


def clock_of(marks: int) -> int:
    """The validity of the clock that made the time."""
    return marks >> 4 & 3
