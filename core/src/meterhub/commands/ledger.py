"""The command ledger: one entry for each command, on disk before its device hears of it."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any, Literal

import msgspec
import sqlite_utils
from meterhub_sdk import Config, Value, field, moment, nanoseconds

from meterhub.moments import Moment
from meterhub.store import Store, StoreError

Outcome = Literal["executing", "done", "refused", "cancelled", "expired", "unknown"]
"""``executing`` only while it runs; ``unknown`` when nobody can say whether the device did it."""

KEPT = 100_000
"""Entries kept; the oldest go first."""
_PRUNE_EVERY = 100
_TEXT = 500
_INTERRUPTED = "the instance ended before the device had answered"

_logger = logging.getLogger(__name__)


class PointCommand(msgspec.Struct, frozen=True, kw_only=True):
    """A value for a point, and who wants it there.

    ``requester`` is a service or a user, ``origin`` from where it reached that service, such as a master's address,
    ``selected`` the time of a select before it in nanoseconds since 1970 UTC.
    """

    point: str
    value: Value
    requester: str
    reason: str = ""
    origin: str = ""
    selected: int | None = None


class LedgerQuery(Config):
    """Which commands, newest first; every filter that is given must hold."""

    point: str | None = field(None, title="Point", max_length=600)
    outcome: Outcome | None = field(None, title="Outcome")
    since: Moment | None = field(None, title="From", description="This moment and later.")
    until: Moment | None = field(None, title="Until", description="Before this moment.")
    before: int | None = field(None, title="Cursor", description="What the page before gave as next.", ge=1, lt=2**63)
    limit: int = field(50, title="Commands per page", ge=1, le=500)


class Ledger:
    """See the module. ``now`` gives nanoseconds since 1970 UTC."""

    def __init__(self, store: Store, now: Callable[[], int]) -> None:
        self._store = store
        self._now = now

    async def recover(self) -> int:
        """Say of what was running when the instance ended that nobody knows; how many entries those were."""
        now = self._now()

        def work(database: sqlite_utils.Database) -> int:
            sql = "UPDATE command SET outcome = 'unknown', because = ?, ended = ? WHERE outcome = 'executing'"
            return database.execute(sql, [_INTERRUPTED, now]).rowcount

        return await self._store.write(work)

    async def begin(self, command: PointCommand) -> int:
        """The number of a new entry that is on disk; :class:`StoreError` when it cannot be."""
        return await self._insert(command, "executing", "", None)

    async def note(self, command: PointCommand, outcome: Outcome, because: str) -> int:
        """Enter a command that reached no device."""
        return await self._insert(command, outcome, because, self._now())

    async def end(self, number: int, outcome: Outcome, because: str = "") -> None:
        """What became of it. A disk that takes nothing leaves it to :meth:`recover`."""
        row = [outcome, because[:_TEXT], self._now(), number]
        sql = "UPDATE command SET outcome = ?, because = ?, ended = ? WHERE number = ?"
        try:
            await self._store.write(lambda database: database.execute(sql, row) and None)
        except StoreError as error:
            _logger.error("the outcome of command %d (%s) is not in the ledger: %s", number, outcome, error)

    async def read(self, query: LedgerQuery) -> dict[str, Any]:
        """A page of the ledger, and the cursor for the next one."""
        rows = await self._store.read(lambda database: _rows(database, query))
        page = [_shown(row) for row in rows[: query.limit]]
        return {"commands": page, "next": page[-1]["number"] if len(rows) > query.limit else None}

    async def _insert(self, command: PointCommand, outcome: Outcome, because: str, ended: int | None) -> int:
        row = {
            "point": command.point[:_TEXT],
            "value": json.dumps(command.value)[:_TEXT],
            "requester": command.requester[:_TEXT],
            "origin": command.origin[:_TEXT],
            "reason": command.reason[:_TEXT],
            "selected": command.selected,
            "came": self._now(),
            "ended": ended,
            "outcome": outcome,
            "because": because[:_TEXT],
        }

        def work(database: sqlite_utils.Database) -> int:
            sql = f"INSERT INTO command ({', '.join(row)}) VALUES ({', '.join(f':{name}' for name in row)})"  # noqa: S608
            number = int(database.execute(sql, row).lastrowid or 0)
            if number % _PRUNE_EVERY == 0:
                database.execute("DELETE FROM command WHERE number <= ?", [number - KEPT])
            return number

        return await self._store.write(work)


def _rows(database: sqlite_utils.Database, query: LedgerQuery) -> list[dict[str, Any]]:
    conditions, values = zip(*_conditions(query), strict=True)
    sql = f"SELECT * FROM command WHERE {' AND '.join(conditions)} ORDER BY number DESC LIMIT ?"  # noqa: S608 (bound)
    return list(database.query(sql, [*values, query.limit + 1]))


def _conditions(query: LedgerQuery) -> Iterator[tuple[str, Any]]:
    yield "number < ?", query.before or 2**63 - 1
    if query.point is not None:
        yield "point = ?", query.point
    if query.outcome is not None:
        yield "outcome = ?", query.outcome
    if query.since is not None:
        yield "came >= ?", nanoseconds(query.since)
    if query.until is not None:
        yield "came < ?", nanoseconds(query.until)


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    times = {name: row[name] and moment(row[name]).isoformat() for name in ("selected", "came", "ended")}
    try:
        value = json.loads(row["value"])
    except ValueError:
        value = row["value"]  # a text that was cut
    return {**row, **times, "value": value}
