"""What is in the log at one moment: its partitions, and which row numbers count."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from meterhub_data_logger.rows import Row


@dataclass(frozen=True, slots=True)
class Partition:
    """Rows ``first`` to ``first + rows - 1``, with times from ``time0`` to ``time1``."""

    id: int
    first: int
    rows: int = 0
    time0: int = 0
    time1: int = 0
    closed: bool = False
    """It is full, and indexed."""

    @property
    def next(self) -> int:
        """The number of the row that comes next."""
        return self.first + self.rows

    def extended(self, rows: list[Row]) -> Partition:
        """The partition with these rows appended."""
        times = [row[0] for row in rows]
        time0, time1 = min(times), max(times)
        if self.rows:
            time0, time1 = min(time0, self.time0), max(time1, self.time1)
        return Partition(self.id, self.first, self.rows + len(rows), time0, time1)


@dataclass(frozen=True, slots=True)
class Window:
    """The newest ``limit`` rows of all partitions; the last partition is the one that is appended to."""

    partitions: tuple[Partition, ...]
    limit: int

    @property
    def last(self) -> int:
        """The number of the newest row."""
        return self.partitions[-1].next - 1

    @property
    def floor(self) -> int:
        """Rows with a number up to here are not in the log any more."""
        return max(self.partitions[0].first - 1, self.last - self.limit)

    @property
    def entries(self) -> int:
        """How many rows are in the log."""
        return self.last - self.floor

    @property
    def newest(self) -> int | None:
        """The latest time in the log, in nanoseconds UTC."""
        return max((part.time1 for part in self.partitions if part.rows), default=None)

    def outdated(self) -> list[Partition]:
        """Partitions of which no row is in the log any more."""
        return [part for part in self.partitions[:-1] if part.next - 1 <= self.floor]

    def between(self, since: int, until: int) -> list[Partition]:
        """Partitions that may hold rows with ``since <= time < until``."""
        floor = self.floor
        return [
            part
            for part in self.partitions
            if part.rows and part.next - 1 > floor and part.time0 < until and part.time1 >= since
        ]


def read_window(connection: sqlite3.Connection, limit: int) -> Window:
    """The window of a database; what the last partition holds is counted, as it is not noted before it is full."""
    parts = []
    for number, first, *held in connection.execute("SELECT id, first, rows, time0, time1 FROM part ORDER BY id"):
        if held[0] is None:
            query = f"SELECT count(*), coalesce(min(time), 0), coalesce(max(time), 0) FROM log_{number}"  # noqa: S608
            parts.append(Partition(number, first, *connection.execute(query).fetchone()))
        else:
            rows, time0, time1 = held
            parts.append(Partition(number, first, rows, time0, time1, closed=True))
    return Window(tuple(parts), limit)
