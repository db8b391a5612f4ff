"""The data logger's disk: rows a second beside a bare append, bytes written at the limit, and the last day of a point.

``python benchmarks/logger.py``; ``--quick`` does fewer rounds, ``--json`` prints one line for a program. The data are
100 points with a value each 5 minutes, so a million rows are 34.7 days and the last day of a point is 288 rows.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sqlite3
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from meterhub_data_logger.archive import Archive
from meterhub_data_logger.rows import Row, encoded
from meterhub_data_logger.schema import MIGRATIONS, partition_rows
from meterhub_data_logger.search import Wanted, find, open_reader
from meterhub_sdk.store import open_store

LIMIT = 1_000_000
POINTS = 100
INTERVAL = 300 * 1_000_000_000
DAY = 86_400 * 1_000_000_000
BEGIN = 1_700_000_000 * 1_000_000_000 // INTERVAL * INTERVAL
COMMITS = partition_rows(LIMIT) // 1000  # one partition is filled, closed and dropped in each round
LEAST_RATE = 0.7
MOST_BYTES = 900
MOST_TIMES_PLAIN = 10.0
RECORD = struct.Struct("<qidH")  # 22 bytes: time, series, value, marks
_MARKS = encoded(0.0, 0, 0, 0)[1]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    parser.add_argument("--directory", type=Path, help="where to write (the directory for temporary files)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as directory:
        figures = measure(Path(directory), rounds=20 if options.quick else 40)
    if options.json:
        print(json.dumps(figures))
    else:
        for name, one in figures.items():
            print(name, *(f"{key}={value}" for key, value in one.items()))
    sys.exit(not all(one["holds"] for one in figures.values()))


def measure(directory: Path, rounds: int) -> dict[str, dict[str, Any]]:
    """All figures, from one log that is at its limit."""
    database = open_store(directory / "store.db", MIGRATIONS)
    archive = Archive(database.conn, LIMIT)
    archive.append([], [(number, "all", f"meter/p{number}", "W", "") for number in range(1, POINTS + 1)])
    written = 0
    while written < LIMIT + partition_rows(LIMIT):
        archive.append(batch(written, 10_000))
        written += 10_000
    assert archive.window.entries == LIMIT
    rate, written = append_rate(archive, directory / "raw", written, rounds)
    small, written = bytes_per_row(archive, written)
    written = to_the_worst_moment(archive, written)
    day = last_day(archive, directory, written, 5 * rounds)
    assert archive.window.entries == LIMIT
    database.conn.close()
    return {"append_rows_per_s": rate, "bytes_per_row_at_20": small, "last_day_ms": day}


def batch(first: int, count: int) -> list[Row]:
    """The rows from number ``first`` on: every point in turn, then the next interval."""
    return [
        (BEGIN + number // POINTS * INTERVAL, number % POINTS + 1, random.random() * 1e6, _MARKS)
        for number in range(first, first + count)
    ]


def append_rate(archive: Archive, path: Path, written: int, rounds: int) -> tuple[dict[str, Any], int]:
    """Rows a second in commits of 1,000, against a file to which the same records are appended and flushed."""
    ours, bare = [], []
    with path.open("wb", buffering=0) as file:
        for _ in range(rounds):
            spent, spent_bare = 0.0, 0.0
            for number in range(COMMITS):  # ours and theirs take turns: what else the machine has to do meets both
                rows = batch(written, 1000)
                written += 1000
                if number % 2:
                    spent += timed(lambda rows=rows: archive.append(rows))
                    spent_bare += timed(lambda rows=rows: append_bare(file.fileno(), rows))
                else:
                    spent_bare += timed(lambda rows=rows: append_bare(file.fileno(), rows))
                    spent += timed(lambda rows=rows: archive.append(rows))
            ours.append(spent)
            bare.append(spent_bare)
    # the middle half of the rounds, as the disk may be many times slower in one moment than in the next
    pairs = sorted(zip(ours, bare, strict=True), key=lambda pair: pair[1] / pair[0])
    middle = pairs[rounds // 4 : rounds - rounds // 4]
    spent, spent_bare = map(sum, zip(*middle, strict=True))
    ratio = spent_bare / spent
    value = round(1000 * COMMITS * len(middle) / spent)
    return figure(value, round(value / ratio), LEAST_RATE, at_least=True), written


def append_bare(descriptor: int, rows: list[Row]) -> None:
    """What no log can do without: the bytes of the rows, and that they are on the disk."""
    os.write(descriptor, b"".join([RECORD.pack(*row) for row in rows]))
    os.fdatasync(descriptor)


def bytes_per_row(archive: Archive, written: int) -> tuple[dict[str, Any], int]:
    """Bytes that reach the block device for a row, in commits of 20, over one partition from begin to end."""
    count = partition_rows(LIMIT)
    before = device_bytes()
    for number in range(written, written + count, 20):
        archive.append(batch(number, 20))
    return figure(round((device_bytes() - before) / count), MOST_BYTES, 1.0), written + count


def device_bytes() -> int:
    """What this process has caused to be written to block devices."""
    lines = Path("/proc/self/io").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


def to_the_worst_moment(archive: Archive, written: int) -> int:
    """Fill the newest partition, which has no index yet, until nearly nothing more fits."""
    room = partition_rows(LIMIT) - archive.window.partitions[-1].rows
    if room > 1000:
        archive.append(batch(written, room - 1000))
        written += room - 1000
    return written


def last_day(archive: Archive, directory: Path, written: int, times: int) -> dict[str, Any]:
    """Milliseconds to read the last day of one point, against one plain table of the same rows with an index."""
    plain = plain_table(archive, directory)
    reader = open_reader(directory / "store.db")
    until = BEGIN + written // POINTS * INTERVAL
    query = "SELECT time, seq, series, value, marks FROM plain WHERE series=? AND time>=? AND time<? ORDER BY time"
    ours, theirs = [], []
    for number in range(times):
        series = number % POINTS + 1
        wanted = Wanted([series], until - DAY, until)
        results: list[Any] = [None, None]
        ours.append(timed(lambda wanted=wanted, into=results: put(into, 0, list(find(reader, archive.window, wanted)))))
        given = (series, until - DAY, until)
        theirs.append(timed(lambda given=given, into=results: put(into, 1, plain.execute(query, given).fetchall())))
        assert results[0] == results[1]
        assert len(results[0]) == DAY // INTERVAL
    plain.close()
    reader.close()
    value, reference = (round(1000 * min(times), 2) for times in (ours, theirs))  # the rest is the machine's other work
    return figure(value, reference, MOST_TIMES_PLAIN)


def put(into: list[Any], place: int, result: Any) -> None:
    """Keep a result of a timed call."""
    into[place] = result


def plain_table(archive: Archive, directory: Path) -> sqlite3.Connection:
    """The rows of the log in one table with an index of series and time."""
    connection = sqlite3.connect(directory / "plain.db")
    connection.execute("PRAGMA cache_size=-4096")
    connection.execute("ATTACH ? AS log", (str(directory / "store.db"),))
    connection.execute(
        "CREATE TABLE plain(seq INTEGER PRIMARY KEY, time INTEGER, series INTEGER, value, marks INTEGER)"
    )
    for part in archive.window.partitions:
        query = f"INSERT INTO plain SELECT seq, time, series, value, marks FROM log.log_{part.id} WHERE seq > ?"
        connection.execute(query, (archive.window.floor,))
    connection.execute("CREATE INDEX place ON plain(series, time)")
    connection.commit()
    return connection


def timed(work: Callable[[], Any]) -> float:
    """Seconds that it took."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def figure(value: float, reference: float, goal: float, *, at_least: bool = False) -> dict[str, Any]:
    """Value, reference, their ratio, and whether that holds the goal."""
    ratio = round(value / reference, 2)
    return {
        "value": value,
        "reference": reference,
        "ratio": ratio,
        "goal": goal,
        "holds": ratio >= goal if at_least else ratio <= goal,
    }


if __name__ == "__main__":
    main()
