"""Minimum, maximum, mean, last and count of each series in intervals of equal length."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from meterhub_sdk import Quality, Value

from meterhub_data_logger.rows import quality_of, value_of
from meterhub_data_logger.search import Found


@dataclass(slots=True)
class Bucket:
    """One series in the interval that begins at ``start``; numbers are of the entries that are not invalid."""

    start: int
    series: int
    count: int = 0
    numbers: int = 0
    total: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf
    last: Value = None
    last_time: int = 0
    worst: int = 0

    def add(self, time: int, value: Value, quality: int) -> None:
        """Take the next entry; they come in the order of their times."""
        self.count += 1
        self.worst = max(self.worst, quality)
        if quality >= Quality.INVALID or value is None:
            return
        self.last, self.last_time = value, time
        if not isinstance(value, str) and math.isfinite(value):
            self.numbers += 1
            self.total += value
            self.minimum = min(self.minimum, value)
            self.maximum = max(self.maximum, value)

    @property
    def mean(self) -> float | None:
        """The arithmetic mean of the numbers."""
        return self.total / self.numbers if self.numbers else None


def aggregated(rows: Iterable[Found], width: int) -> Iterator[Bucket]:
    """The buckets that hold something, by time and series; ``width`` in nanoseconds, aligned to 1970 UTC."""
    start: int | None = None
    buckets: dict[int, Bucket] = {}
    for time, _, series, stored, marks in rows:
        begin = time // width * width
        if begin != start:
            yield from (buckets[key] for key in sorted(buckets))
            start, buckets = begin, {}
        bucket = buckets.get(series)
        if bucket is None:
            bucket = buckets[series] = Bucket(begin, series)
        bucket.add(time, value_of(stored, marks), quality_of(marks))
    yield from (buckets[key] for key in sorted(buckets))
