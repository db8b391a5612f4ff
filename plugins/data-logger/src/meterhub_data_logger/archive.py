"""The writer of the log: whole batches of rows, each in one transaction that is on the disk when it returns.

One thread at a time calls it. Readers take :attr:`Archive.window` and connections of their own: with WAL nobody waits.
"""

from __future__ import annotations

import contextlib
import resource
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace

from meterhub_data_logger import schema
from meterhub_data_logger.rows import Row
from meterhub_data_logger.window import Partition, Window, read_window

_BLOCK = 512  # the unit of ru_oublock
_DAYS = 31
_SETTINGS = (
    "synchronous=FULL",  # whatever was acknowledged survives a power cut
    "cache_size=-8192",
    "wal_autocheckpoint=1000",
    "journal_size_limit=8388608",
    "secure_delete=OFF",  # on in Debian's SQLite: a dropped partition would be overwritten with zeros
)

SeriesRow = tuple[int, str, str, str, str]
"""Number, source, point, unit, scaling."""

DayRow = tuple[int, int, int]
"""Days since 1970, rows, bytes written."""


class Archive:
    """Rows in a migrated database; ``limit`` of them, the oldest make room for new ones."""

    def __init__(self, connection: sqlite3.Connection, limit: int) -> None:
        self._connection = connection
        self._partition_rows = schema.partition_rows(limit)
        for setting in _SETTINGS:
            connection.execute(f"PRAGMA {setting}")
        if not connection.execute("SELECT count(*) FROM part").fetchone()[0]:
            with self._transaction():
                schema.create(connection, 1, 1)
        self.window = read_window(connection, limit)
        query = f"SELECT series FROM log_{self.window.partitions[-1].id} ORDER BY seq"  # noqa: S608 - an integer
        self._active = [series for (series,) in connection.execute(query)]
        """The series of the rows of the newest partition, and behind them those of a commit that failed."""

    def append(self, rows: list[Row], series: Sequence[SeriesRow] = (), days: Sequence[DayRow] = ()) -> int:
        """Commit rows, the series among them that are new and the figures of days; answers the bytes written to disk.

        ``sqlite3.OperationalError`` when they cannot be written; then none of them is in the log.
        """
        before = _written()
        with self._transaction():
            if series:
                self._connection.executemany("INSERT INTO series VALUES (?,?,?,?,?)", series)
            if days:
                self._note(days)
            window, active = self._filled(rows)
            outdated = window.outdated()
            for part in outdated:
                schema.drop(self._connection, part.id)
        self.window = replace(window, partitions=window.partitions[len(outdated) :])
        self._active = active
        return _written() - before

    def _filled(self, rows: list[Row]) -> tuple[Window, list[int]]:
        """The window after these rows, which are inserted; full partitions are closed and followed by another.

        And the series of the rows of the newest partition.
        """
        *parts, active = self.window.partitions
        series, begin = self._active, 0
        del series[active.rows :]
        while begin < len(rows):
            if active.rows >= self._partition_rows:
                schema.close(self._connection, active.id, series, active.time0, active.time1)
                parts.append(replace(active, closed=True))
                active, series = Partition(active.id + 1, active.next), []
                schema.create(self._connection, active.id, active.first)
            piece = rows[begin : begin + self._partition_rows - active.rows]
            schema.insert(self._connection, active.id, None if active.rows else active.first, piece)
            active = active.extended(piece)
            series += [row[1] for row in piece]
            begin += len(piece)
        return replace(self.window, partitions=(*parts, active)), series

    def clear(self) -> int:
        """Remove every row, and overwrite it; how many there were. The numbers of rows go on."""
        window = self.window
        active = window.partitions[-1]
        self._connection.execute("PRAGMA secure_delete=ON")
        try:
            with self._transaction():
                for part in window.partitions:
                    schema.drop(self._connection, part.id)
                schema.create(self._connection, active.id + 1, active.next)
        finally:
            self._connection.execute("PRAGMA secure_delete=OFF")
        self.window = replace(window, partitions=(Partition(active.id + 1, active.next),))
        self._active = []
        return window.entries

    def oldest(self) -> int | None:
        """The time of the row that goes next, in nanoseconds UTC."""
        window = self.window
        number = window.floor + 1
        part = next((part for part in window.partitions if part.first <= number < part.next), None)
        if part is None:
            return None
        query = f"SELECT time FROM log_{part.id} WHERE seq=?"  # noqa: S608 - an integer
        return int(self._connection.execute(query, (number,)).fetchone()[0])

    def tail(self, count: int) -> list[Row]:
        """The newest rows, at most ``count``."""
        found: list[Row] = []
        floor = max(self.window.last - count, self.window.floor)
        for part in self.window.partitions:
            if part.next - 1 > floor:
                query = f"SELECT time, series, value, marks FROM log_{part.id} WHERE seq > ?"  # noqa: S608
                found += self._connection.execute(query, (floor,)).fetchall()
        return found

    def series(self) -> list[SeriesRow]:
        """Every series that was ever logged."""
        return self._connection.execute("SELECT id, source, point, unit, scaling FROM series").fetchall()

    def days(self) -> list[DayRow]:
        """What was written on the newest days."""
        return self._connection.execute("SELECT day, rows, bytes FROM written ORDER BY day").fetchall()[-_DAYS:]

    def _note(self, days: Sequence[DayRow]) -> None:
        self._connection.executemany("INSERT OR REPLACE INTO written VALUES (?,?,?)", days)
        self._connection.execute(
            "DELETE FROM written WHERE day NOT IN (SELECT day FROM written ORDER BY day DESC LIMIT ?)", (_DAYS,)
        )

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # SQLite ends it by itself when the disk is full
                self._connection.execute("ROLLBACK")
            raise


def _written() -> int:
    """Bytes that this thread has given to block devices so far, checkpoints included."""
    return resource.getrusage(resource.RUSAGE_THREAD).ru_oublock * _BLOCK
