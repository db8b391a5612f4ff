"""Finding rows in the order of their times, over all partitions, a piece at a time.

Readers have a connection of their own. Each piece is one short statement: however long an export takes, it keeps no
snapshot that would hold up the checkpoints of the writer. Partitions that are dropped meanwhile end as if empty.
"""

from __future__ import annotations

import heapq
import json
import sqlite3
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from meterhub_data_logger import schema
from meterhub_data_logger.rows import Stored
from meterhub_data_logger.window import Partition, Window

Found = tuple[int, int, int, Stored, int]
"""Time, number of the row, series, value, marks."""

_PIECES = 20_000  # rows in memory over all partitions that overlap
_SMALLEST_PIECE = 100


@dataclass(frozen=True, slots=True)
class Wanted:
    """Rows of these series (``None``: all) with ``since <= time < until``, after the place ``(time, number)``."""

    series: Sequence[int] | None
    since: int
    until: int
    after: tuple[int, int] | None = None
    newest_first: bool = False


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that only reads."""
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA cache_size=-4096")
    return connection


def find(connection: sqlite3.Connection, window: Window, wanted: Wanted, piece: int = 5_000) -> Iterator[Found]:
    """The rows wanted, ordered by time and number; ``piece`` is how many are read at once."""
    parts = window.between(wanted.since, wanted.until)
    sign = -1 if wanted.newest_first else 1
    waiting = deque(sorted(((_begin(part, sign), part) for part in parts), key=lambda item: item[0]))
    piece = max(_SMALLEST_PIECE, min(piece, _PIECES // max(1, len(parts))))
    heap: list[tuple[tuple[int, int], int, Found, Iterator[Found]]] = []
    while heap or waiting:
        while waiting and (not heap or waiting[0][0] <= heap[0][0][0]):
            _, part = waiting.popleft()
            _push(heap, part.id, sign, _rows(connection, part, window.floor, wanted, piece))
        if heap:
            _, number, row, rows = heapq.heappop(heap)
            yield row
            _push(heap, number, sign, rows)


def _begin(part: Partition, sign: int) -> int:
    return part.time0 if sign > 0 else -part.time1


def _push(
    heap: list[tuple[tuple[int, int], int, Found, Iterator[Found]]], number: int, sign: int, rows: Iterator[Found]
) -> None:
    row = next(rows, None)
    if row is not None:
        heapq.heappush(heap, ((sign * row[0], sign * row[1]), number, row, rows))


def _rows(connection: sqlite3.Connection, part: Partition, floor: int, wanted: Wanted, piece: int) -> Iterator[Found]:
    order, compare = ("DESC", "<") if wanted.newest_first else ("ASC", ">")
    place = f"AND (time, seq) {compare} (:time, :seq)"
    given: dict[str, Any] = {"since": wanted.since, "until": wanted.until, "floor": floor, "piece": piece}
    after = wanted.after
    try:
        chosen = _choice(connection, part, wanted, given)
        while True:
            query = (
                f"SELECT time, seq, series, value, marks FROM log_{part.id} "  # noqa: S608
                f"WHERE time >= :since AND time < :until AND seq > :floor {place if after else ''} {chosen} "
                f"ORDER BY time {order}, seq {order} LIMIT :piece"
            )
            if after:
                given |= {"time": after[0], "seq": after[1]}
            found: list[Found] = connection.execute(query, given).fetchall()
            yield from found
            if len(found) < piece:
                return
            after = found[-1][:2]
    except sqlite3.OperationalError as error:
        if "no such table" not in str(error):
            raise
        # it was the oldest, and made room


def _choice(connection: sqlite3.Connection, part: Partition, wanted: Wanted, given: dict[str, Any]) -> str:
    """The condition that picks the series; where a partition has an index, the numbers of their rows."""
    if wanted.series is None:
        return ""
    given["chosen"] = json.dumps(wanted.series)
    if not part.closed:
        return "AND series IN (SELECT value FROM json_each(:chosen))"
    places = schema.places(connection, part.id, given["chosen"])
    given["chosen"] = json.dumps(places)
    given["first"] = part.first
    return "AND seq IN (SELECT value + :first FROM json_each(:chosen))"
