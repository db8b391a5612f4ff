"""What queries and exports are asked for, and what they answer."""

from __future__ import annotations

import functools
import math
from typing import Annotated, Any, Literal

from meterhub_sdk import Clock, Config, Label, Quality, QualityFlag, Value, field
from pydantic import BaseModel, Field

from meterhub_data_logger.aggregation import Bucket
from meterhub_data_logger.moments import shown
from meterhub_data_logger.patterns import PointPattern
from meterhub_data_logger.rows import clock_of, flags_of, kind_of, quality_of, value_of
from meterhub_data_logger.search import Found
from meterhub_data_logger.series import Series

MOST_ON_A_PAGE = 1_000

Patterns = Annotated[list[PointPattern], Field(min_length=1, max_length=200)]
_TIME = "With its zone, such as 2026-11-21T12:00:00Z, or how long ago, such as 24h."


class Selection(Config):
    """Which entries."""

    points: Patterns = field(["**"], title="Points", description="Full names, or patterns with * and **.")
    source: Label | None = field(None, title="Source", description="The label of one source; empty for all.")
    since: str = field("", title="From", description=f"{_TIME} Empty: the beginning.", max_length=64)
    until: str = field("", title="Before", description=f"{_TIME} Empty: the end.", max_length=64)
    after: str = field("", title="Cursor", description="What the answer before gave as next.", max_length=64)


class QueryArguments(Selection):
    """Which entries, and how many at once."""

    newest_first: bool = field(False, title="Newest first")
    limit: int = field(200, title="Entries a page", ge=1, le=MOST_ON_A_PAGE)


class AggregateArguments(Selection):
    """Which entries, and the length of the intervals."""

    interval: int = field(
        900, title="Interval", description="Intervals begin at whole multiples since 1970 UTC.", unit="s", ge=1,
        le=366 * 86400,
    )  # fmt: skip
    limit: int = field(200, title="Rows a page", ge=1, le=MOST_ON_A_PAGE)


class SeriesArguments(Config):
    """Which points."""

    points: Patterns = field(["**"], title="Points", description="Full names, or patterns with * and **.")
    after: str = field("", title="Cursor", description="What the answer before gave as next.", max_length=64)


class ExportArguments(Selection):
    """Which entries, and the form of the file."""

    format: Literal["csv", "jsonl", "parquet"] = field(
        "csv",
        title="Format",
        description="csv: RFC 4180 with a line of titles. jsonl: a JSON object a line. parquet: Apache Parquet, where "
        "pyarrow is installed.",
    )


class ReadArguments(Config):
    """A piece of an export."""

    name: str = field(title="Export", max_length=100)
    offset: int = field(0, title="From byte", ge=0)


class NameArguments(Config):
    """An export."""

    name: str = field(title="Export", max_length=100)


COLUMNS = ("time", "point", "value", "unit", "type", "quality", "flags", "clock", "source")


class Entry(BaseModel):
    """An entry of the log."""

    time: str
    point: str
    value: Value
    unit: str
    type: str
    quality: str
    flags: list[str]
    clock: str
    source: str


class Page(BaseModel):
    """Entries, and the cursor of the next page (none: that was all)."""

    entries: list[Entry]
    next: str | None


class Aggregate(BaseModel):
    """One series in one interval; minimum, maximum, mean and last are of the values that are not invalid."""

    start: str
    point: str
    unit: str
    source: str
    count: int
    minimum: float | None
    maximum: float | None
    mean: float | None
    last: Value
    last_time: str | None
    quality: str


class AggregatePage(BaseModel):
    """Intervals that hold entries, and the cursor of the next page (none: that was all)."""

    intervals: list[Aggregate]
    next: str | None


class SeriesRow(BaseModel):
    """A point that was logged by a source, in one unit and with one chain of scalers."""

    point: str
    source: str
    unit: str
    scaled: bool


class SeriesPage(BaseModel):
    """Series, and the cursor of the next page (none: that was all)."""

    series: list[SeriesRow]
    next: str | None


class Cleared(BaseModel):
    """What clearing removed."""

    entries: int


class Export(BaseModel):
    """A file in the directory ``exports`` of the service; ``next`` is the cursor to go on with where it was cut off."""

    name: str
    bytes: int
    entries: int | None = None
    next: str | None = None


class ExportList(BaseModel):
    """The exports that are there."""

    exports: list[Export]


class Piece(BaseModel):
    """Whole lines of an export, or Base64 of one without lines, and the byte at which the next piece begins.

    None: that was all.
    """

    text: str
    base64: bool = False
    next: int | None


def fields(row: Found, series: Series) -> tuple[Any, ...]:
    """What an entry says, in the order of :data:`COLUMNS`."""
    time, _, _, stored, marks = row
    kind, quality, flags, clock = _described(marks)
    return (
        shown(time),
        series.point,
        _plain(value_of(stored, marks)),
        series.unit,
        kind,
        quality,
        flags,
        clock,
        series.source,
    )


def entry(row: Found, series: Series) -> Entry:
    """A row of the log for people."""
    return Entry.model_construct(**dict(zip(COLUMNS, fields(row, series), strict=True)))


@functools.lru_cache(maxsize=512)
def _described(marks: int) -> tuple[str, str, list[str], str]:
    flags = [flag.name.lower() for flag in QualityFlag(flags_of(marks)) if flag.name]
    return (
        kind_of(marks).name.lower(),
        Quality(quality_of(marks)).name.lower(),
        flags,
        Clock(clock_of(marks)).name.lower(),
    )


def _plain(value: Value) -> Value:
    """JSON has no word for infinity or not-a-number."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def aggregate(bucket: Bucket, series: Series) -> Aggregate:
    """A bucket for people."""
    return Aggregate.model_construct(
        start=shown(bucket.start),
        point=series.point,
        unit=series.unit,
        source=series.source,
        count=bucket.count,
        minimum=bucket.minimum if bucket.numbers else None,
        maximum=bucket.maximum if bucket.numbers else None,
        mean=bucket.mean,
        last=_plain(bucket.last),
        last_time=shown(bucket.last_time) if bucket.last is not None else None,
        quality=Quality(bucket.worst).name.lower(),
    )
