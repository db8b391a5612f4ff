"""Answers to queries: pages of entries, of aggregates and of series, read in threads."""

from __future__ import annotations

import asyncio
import itertools
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from meterhub_sdk import Refused

from meterhub_data_logger.aggregation import Bucket, aggregated
from meterhub_data_logger.archive import Archive
from meterhub_data_logger.asking import (
    MOST_ON_A_PAGE,
    AggregateArguments,
    AggregatePage,
    Page,
    QueryArguments,
    Selection,
    SeriesArguments,
    SeriesPage,
    SeriesRow,
    aggregate,
    entry,
)
from meterhub_data_logger.moments import EARLIEST, LATEST, parsed
from meterhub_data_logger.patterns import matching
from meterhub_data_logger.search import Found, Wanted, find, open_reader
from meterhub_data_logger.series import Catalogue

_PLACE = re.compile(r"(-?[0-9]{1,19}):([0-9]{1,19})")
_PAGE_BYTES = 256_000
_PATIENCE = 20.0

T = TypeVar("T")


class Reader:
    """Finds what is in the log; each of its threads has a connection of its own."""

    def __init__(self, path: Path, archive: Archive, catalogue: Catalogue) -> None:
        self.archive = archive
        self.catalogue = catalogue
        self._path = path
        self._closing = False
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._threads = ThreadPoolExecutor(2, "data-log-read")

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection of this thread."""
        if not hasattr(self._local, "connection"):
            self._local.connection = open_reader(self._path)
            self._connections.append(self._local.connection)
        connection: sqlite3.Connection = self._local.connection
        return connection

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Do something that reads, beside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """End what is being read, the threads and their connections."""
        self._closing = True
        self._threads.shutdown(wait=True)
        for connection in self._connections:
            connection.close()

    def wanted(self, selection: Selection, now: int, *, newest_first: bool = False) -> Wanted:
        """What a selection asks for; ``Refused`` when a time or the cursor cannot be read."""
        series = self.catalogue.matching(matching(selection.points), selection.source)
        since = parsed(selection.since, now, "since") if selection.since else EARLIEST
        until = parsed(selection.until, now, "until") if selection.until else LATEST
        return Wanted(series, since, until, place(selection.after), newest_first)

    def rows(self, wanted: Wanted, piece: int = 5_000) -> Iterator[Found]:
        """The rows wanted; to be used in one thread."""
        for row in find(self.connection, self.archive.window, wanted, piece):
            if self._closing:
                raise Refused("the data log was stopped meanwhile; ask again")
            yield row

    def page(self, arguments: QueryArguments, wanted: Wanted) -> Page:
        """A page of entries; it ends early where long texts would make it too large."""
        found: list[Found] = []
        size, more = 0, None
        for row in self.rows(wanted, arguments.limit + 1):
            if len(found) == arguments.limit or size > _PAGE_BYTES:
                more = cursor(*found[-1][:2])
                break
            found.append(row)
            size += 4 * len(str(row[3]))
        entries = [entry(row, self.catalogue.by_id[row[2]]) for row in found]
        return Page.model_construct(entries=entries, next=more)

    def aggregates(self, arguments: AggregateArguments, wanted: Wanted) -> AggregatePage:
        """A page of aggregates; ``Refused`` when that takes too long."""
        width = arguments.interval * 1_000_000_000
        begin = wanted.after  # start and series of the last bucket of the page before
        if begin is not None:
            wanted = replace(wanted, since=max(wanted.since, begin[0]), after=None)
        found: list[Bucket] = []
        more = None
        for bucket in aggregated(_within(self.rows(wanted), _PATIENCE), width):
            if begin is not None and (bucket.start, bucket.series) <= begin:
                continue
            if len(found) == arguments.limit:
                more = cursor(found[-1].start, found[-1].series)
                break
            found.append(bucket)
        rows = [aggregate(bucket, self.catalogue.by_id[bucket.series]) for bucket in found]
        return AggregatePage.model_construct(intervals=rows, next=more)

    def series(self, selection: SeriesArguments) -> SeriesPage:
        """A page of what was ever logged, by the number of the series."""
        names = matching(selection.points)
        _, after = place(selection.after) or (0, 0)
        known = sorted(self.catalogue.by_id.values(), key=lambda series: series.id)
        found = [series for series in known if series.id > after and names.fullmatch(series.point)]
        page = found[:MOST_ON_A_PAGE]
        rows = [
            SeriesRow(point=series.point, source=series.source, unit=series.unit, scaled=bool(series.scaling))
            for series in page
        ]
        return SeriesPage(series=rows, next=cursor(0, page[-1].id) if len(found) > len(page) else None)


def cursor(time: int, number: int) -> str:
    """A place among entries (or aggregates) as text, which no command line takes for a number."""
    return f"{time}:{number}"


def place(text: str) -> tuple[int, int] | None:
    """The place that a cursor names; ``Refused`` when it is none."""
    if not text:
        return None
    found = _PLACE.fullmatch(text)
    if found is None or not EARLIEST <= int(found[1]) <= LATEST or int(found[2]) > LATEST:
        raise Refused(f"after: {text[:40]!r} is no cursor; give what the answer before had as next")
    return int(found[1]), int(found[2])


def _within(rows: Iterator[Found], seconds: float) -> Iterator[Found]:
    deadline = time.monotonic() + seconds
    while piece := list(itertools.islice(rows, 10_000)):
        yield from piece
        if time.monotonic() > deadline:
            raise Refused(
                f"this takes more than {seconds:g} s; ask for a shorter time, fewer points, or shorter intervals"
            )
