"""Reading the event log: filters, newest first, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import sqlite_utils
from meterhub_sdk import Config, field, nanoseconds
from pydantic import model_validator

from meterhub.events.entry import ROW, Entry, from_row, iso
from meterhub.events.settings import Level, View, severity
from meterhub.moments import Moment
from meterhub.store import Store

Format = Literal["brief", "full"]
PAGE = 1000


class EventQuery(Config):
    """Which entries; every filter that is given must hold."""

    log: View = field(View.ALL, title="Log")
    since: Moment | None = field(None, title="From", description="This moment and later.")
    until: Moment | None = field(None, title="Until", description="Before this moment.")
    least: Level = field("debug", title="Least severity", description="This severity and worse.")
    source: str | None = field(
        None, title="Source", description="A service or component, with or without its version.", max_length=200
    )
    distribution: str | None = field(None, title="Distribution", max_length=64)
    number: int | None = field(None, title="Event number", ge=1, le=9999)
    text: str | None = field(None, title="Text", description="Somewhere in the text of the entry.", max_length=200)
    before: int | None = field(None, title="Cursor", description="What the page before gave as next.", ge=1, lt=2**63)
    limit: int = field(10, title="Entries per page", ge=1, le=PAGE)
    format: Format = field("brief", title="Format", description="Brief: time, severity and text. Full: everything.")

    @model_validator(mode="after")
    def _in_order(self) -> EventQuery:
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise ValueError("the time range ends before it begins; give an earlier since or a later until")
        return self


@dataclass(frozen=True, slots=True)
class Page:
    """Entries, newest first, and the cursor for the page after this one (``None``: there is none)."""

    entries: list[Entry]
    next: int | None


async def read_page(store: Store, query: EventQuery) -> Page:
    """The entries that the query asks for; entries that come meanwhile do not move later pages."""
    return await store.read(lambda database: _page(database, query))


def _page(database: sqlite_utils.Database, query: EventQuery) -> Page:
    conditions, values = zip(*_conditions(query), strict=True)
    sql = (
        f"SELECT {', '.join(ROW)} FROM event WHERE {' AND '.join(conditions)} "  # noqa: S608 (values are bound)
        "ORDER BY sequence DESC LIMIT ?"
    )
    bound = [value for group in values for value in group]
    rows = database.execute(sql, [*bound, query.limit + 1]).fetchall()
    entries = [from_row(row) for row in rows[: query.limit]]
    return Page(entries, entries[-1].sequence if len(rows) > query.limit else None)


def _conditions(query: EventQuery) -> Iterator[tuple[str, list[Any]]]:
    logs = sorted(log.value for log in query.log.logs)
    # The plus keeps SQLite from fetching all of several logs by their index and sorting them for each page.
    yield f"{'+' if len(logs) > 1 else ''}log IN ({', '.join('?' * len(logs))})", list(logs)
    yield "severity <= ?", [int(severity(query.least))]
    if query.before is not None:
        yield "sequence < ?", [query.before]
    if query.since is not None:
        yield "time >= ?", [_time(query.since)]
    if query.until is not None:
        yield "time < ?", [_time(query.until)]
    if query.source is not None:
        yield "(source = ? OR substr(source, 1, ?) = ?)", [query.source, len(query.source) + 1, f"{query.source} "]
    if query.distribution is not None:
        yield "distribution = ?", [query.distribution]
    if query.number is not None:
        yield "number = ?", [query.number]
    if query.text is not None:
        escaped = query.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        yield "text LIKE ? ESCAPE '\\'", [f"%{escaped}%"]


def _time(when: Moment) -> int:
    """Nanoseconds within what the database can hold (the years 1678 to 2262)."""
    return max(-(2**63), min(2**63 - 1, nanoseconds(when)))


def render(entry: Entry, format: Format) -> dict[str, Any]:
    """The entry for people (``brief``) or with everything that its digest covers (``full``)."""
    brief = {"time": iso(entry.time), "severity": entry.severity.name.lower(), "text": entry.text}
    if format == "brief":
        return brief
    return {
        "sequence": entry.sequence,
        **brief,
        "log": entry.log.value,
        "distribution": entry.distribution,
        "number": entry.number,
        "name": entry.name,
        "source": entry.source,
        "clock": entry.clock.name.lower(),
        "parameters": entry.arguments,
        "previous": entry.previous.hex(),
        "digest": entry.digest.hex(),
    }
