"""Keeping each log within its limits of count and age.

Pruning removes the oldest entries of a log and keeps an anchor (sequence and digest of the last
one removed) in its signed head, so that the rest still verifies. It goes a hundredth below a limit that was
exceeded, so that a full log is not pruned, and that not reported, with every new entry.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace

import sqlite_utils
from meterhub_sdk import Clock, Log

from meterhub.events.chain import Chains, Head
from meterhub.events.entry import COLUMNS
from meterhub.events.log import EventLog
from meterhub.events.settings import LogBound, LogBounds
from meterhub.events.types import LOG_PRUNED, SOURCE
from meterhub.events.verify import link_fault
from meterhub.store import StoreError

INTERVAL = 60.0
"""Seconds between two looks at the limits."""
SLICE = 500
"""Entries removed in one write, so that nobody waits long behind it."""
SLICES = 20
"""Slices for one log at one look; what is left waits for the next."""
DAY = 86_400 * 1_000_000_000

_OLDEST = f"SELECT {', '.join(COLUMNS)}, previous, digest FROM event WHERE log = ? ORDER BY sequence LIMIT ?"  # noqa: S608
# An entry made with a wrong clock is as old as its neighbours say, not as its own time says.
_FIRST_YOUNG = "SELECT coalesce(min(sequence), ?) FROM event WHERE log = ? AND clock = 0 AND time >= ?"
_LAST_OLD = "SELECT coalesce(max(sequence), 0) FROM event WHERE log = ? AND clock = 0 AND time < ? AND sequence < ?"

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Removed:
    count: int
    fault: str
    more: bool


class Pruner:
    """Looks at the limits of every log once a minute; ``bounds`` may be set anew at any time."""

    def __init__(self, log: EventLog, bounds: LogBounds) -> None:
        self.bounds = bounds
        self._log = log

    async def run(self, interval: float = INTERVAL) -> None:
        """Prune until cancelled; a full disk is tried again at the next look."""
        while True:
            try:
                await self.prune()
            except StoreError as error:
                _logger.warning("the event log could not be pruned: %s", error)
            await asyncio.sleep(interval)

    async def prune(self) -> dict[Log, int]:
        """Bring every log within its limits (at most 10,000 entries of each at once); how many were removed."""
        removed: dict[Log, int] = {}
        for log in Log:
            bound = self.bounds.of(log)
            if count := await self._prune_log(log, bound):
                removed[log] = count
                self._log.record_soon(
                    LOG_PRUNED, source=SOURCE, log=log.value, count=count, entries=bound.entries, days=bound.days
                )
        return removed

    async def _prune_log(self, log: Log, bound: LogBound) -> int:
        target = await self._log.store.read(lambda database: self._last_to_go(database, log, bound))
        total = 0
        for _ in range(SLICES if target else 0):
            step = await self._log.store.write(lambda database: _remove(database, self._log.key, log, target))
            total += step.count
            if step.fault:
                self._log.report_fault(step.fault)
            if not step.more:
                break
        return total

    def _last_to_go(self, database: sqlite_utils.Database, log: Log, bound: LogBound) -> int:
        """The newest sequence to remove, 0 for none."""
        return max(_over_count(database, log, bound.entries), self._over_age(database, log, bound.days))

    def _over_age(self, database: sqlite_utils.Database, log: Log, days: int) -> int:
        now, clock = self._log.clock()
        if clock is not Clock.VALID:
            return 0
        if not _last_old(database, log, now - days * DAY):
            return 0
        return _last_old(database, log, now - days * DAY * 99 // 100)


def _last_old(database: sqlite_utils.Database, log: Log, cutoff: int) -> int:
    """The newest entry that, with all before it, is older than ``cutoff``."""
    (young,) = database.execute(_FIRST_YOUNG, (2**63 - 1, log.value, cutoff)).fetchone()
    (old,) = database.execute(_LAST_OLD, (log.value, cutoff, young)).fetchone()
    return int(old)


def _over_count(database: sqlite_utils.Database, log: Log, limit: int) -> int:
    (count,) = database.execute("SELECT count(*) FROM event WHERE log = ?", (log.value,)).fetchone()
    if count <= limit:
        return 0
    keep = limit - limit // 100
    row = database.execute(
        "SELECT sequence FROM event WHERE log = ? ORDER BY sequence LIMIT 1 OFFSET ?", (log.value, count - keep - 1)
    ).fetchone()
    return int(row[0])


def _remove(database: sqlite_utils.Database, key: bytes, log: Log, target: int) -> _Removed:
    """Remove one slice up to ``target`` and move the anchor; its links are checked first, as their evidence goes."""
    chains = Chains(database, key)
    head = chains.heads.get(log.value, Head(log.value))
    head = head if head.usable else Head(log.value)
    rows = [row for row in database.execute(_OLDEST, (log.value, SLICE)).fetchall() if row[0] <= target]
    if not rows:
        return _Removed(0, "", more=False)
    fault, digest = "", head.anchor_digest
    for row in rows:
        fault = fault or link_fault(log.value, row, digest)
        digest = row[-1]
    last = rows[-1][0]
    database.execute("DELETE FROM event WHERE log = ? AND sequence <= ?", (log.value, last))
    left = head.count - len(rows)
    if fault:
        (left,) = database.execute("SELECT count(*) FROM event WHERE log = ?", (log.value,)).fetchone()
    moved = replace(head, count=left, anchor_sequence=last, anchor_digest=digest)
    chains.pruned(chains.mark(moved) if fault else moved)
    if chains.newly_broken and not fault:
        fault = f"the head of the log {log} was not what this instance had signed"
    return _Removed(len(rows), fault, more=len(rows) == SLICE)
