"""The schema of the log: partitions that are appended to without an index, and get one when they are full.

Every row has a number, ``seq``, and the numbers follow each other without a gap over all partitions. The number alone
decides what is in the log: the newest ``limit`` rows. A partition is dropped as a whole once all of its rows are older
than that, so making room writes next to nothing.

The index of a full partition is a row for each series: the places of its rows, counted from the partition's first, two
bytes each. An index of SQLite's own takes three times as long to make and four times the room.
"""

from __future__ import annotations

import functools
import itertools
import sqlite3
from array import array
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from meterhub_data_logger.rows import Row

MIGRATIONS = (
    """
    CREATE TABLE series(
        id INTEGER PRIMARY KEY, source TEXT NOT NULL, point TEXT NOT NULL, unit TEXT NOT NULL, scaling TEXT NOT NULL,
        UNIQUE(source, point, unit, scaling));
    CREATE TABLE part(id INTEGER PRIMARY KEY, first INTEGER NOT NULL, rows INTEGER, time0 INTEGER, time1 INTEGER);
    CREATE TABLE written(day INTEGER PRIMARY KEY, rows INTEGER NOT NULL, bytes INTEGER NOT NULL);
    """,
)

_PARTITIONS = 50
_SMALLEST, _LARGEST = 1_000, 50_000
_AT_ONCE = 200
_PLACE = "H"


def partition_rows(limit: int) -> int:
    """How many rows a partition takes.

    Few enough that little more than the limit is on the disk, and that the newest one is searched fast without its
    index.
    """
    return min(max(limit // _PARTITIONS, _SMALLEST), _LARGEST)


def create(connection: sqlite3.Connection, partition: int, first: int) -> None:
    """Make an empty partition whose first row will have the number ``first``."""
    connection.execute(
        f"CREATE TABLE log_{partition}(seq INTEGER PRIMARY KEY, time INTEGER, series INTEGER, value, marks INTEGER)"
    )
    connection.execute("INSERT INTO part(id, first) VALUES (?, ?)", (partition, first))


def insert(connection: sqlite3.Connection, partition: int, first: int | None, rows: Sequence[Row]) -> None:
    """Append rows; the first row of an empty partition gets the number ``first``, every other one the next.

    One statement for 200 rows: ``executemany`` gives the interpreter's lock back for each row, and a busy event loop
    would make the writer wait as often (measured: 2.6 s instead of 41 ms for a commit).
    """
    if first is not None:
        connection.execute(f"INSERT INTO log_{partition} VALUES (?,?,?,?,?)", (first, *rows[0]))  # noqa: S608
        rows = rows[1:]
    _insert(connection, f"log_{partition}(time, series, value, marks)", rows)


def close(connection: sqlite3.Connection, partition: int, series: Sequence[int], time0: int, time1: int) -> None:
    """Note what a full partition holds, and index it; ``series`` are those of its rows, in their order."""
    places: defaultdict[int, array[int]] = defaultdict(functools.partial(array, _PLACE))
    for place, number in enumerate(series):
        places[number].append(place)
    connection.execute(f"CREATE TABLE place_{partition}(series INTEGER PRIMARY KEY, rows BLOB)")
    _insert(connection, f"place_{partition}", [(number, places[number].tobytes()) for number in sorted(places)])
    connection.execute("UPDATE part SET rows=?, time0=?, time1=? WHERE id=?", (len(series), time0, time1, partition))


def places(connection: sqlite3.Connection, partition: int, series: str) -> list[int]:
    """Where in a closed partition the rows of some series (a JSON list) are, counted from its first row."""
    found = array(_PLACE)
    query = f"SELECT rows FROM place_{partition} WHERE series IN (SELECT value FROM json_each(?))"  # noqa: S608
    for (rows,) in connection.execute(query, (series,)):
        found.frombytes(rows)
    return found.tolist()


def _insert(connection: sqlite3.Connection, into: str, rows: Sequence[tuple[Any, ...]]) -> None:
    for begin in range(0, len(rows), _AT_ONCE):
        chunk = rows[begin : begin + _AT_ONCE]
        statement = _statement(into, len(chunk), len(chunk[0]))
        connection.execute(statement, tuple(itertools.chain.from_iterable(chunk)))


@functools.lru_cache(maxsize=8)  # SQLite finds a statement that it has prepared sooner by the same string
def _statement(into: str, rows: int, columns: int) -> str:
    row = f"({','.join('?' * columns)})"
    return f"INSERT INTO {into} VALUES {','.join([row] * rows)}"  # noqa: S608 - names of this module


def drop(connection: sqlite3.Connection, partition: int) -> None:
    """Remove a partition and its rows."""
    connection.execute(f"DROP TABLE log_{partition}")
    connection.execute(f"DROP TABLE IF EXISTS place_{partition}")
    connection.execute("DELETE FROM part WHERE id=?", (partition,))
