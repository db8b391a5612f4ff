"""Finding out whether the event log is what was recorded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlite_utils
from meterhub_sdk import Log

from meterhub.events.chain import Chains, Head, check_key
from meterhub.events.entry import COLUMNS, digest_of
from meterhub.store import Store

FAULTS = 100
"""Faults named per log; a log with more of them is beyond counting."""

_ROWS = f"SELECT {', '.join(COLUMNS)}, previous, digest FROM event WHERE log = ? ORDER BY sequence"  # noqa: S608
_LOGS = ", ".join(f"'{log}'" for log in Log)
_STRAYS = (
    "SELECT sequence, log FROM event "  # noqa: S608 (own names)
    f"WHERE log NOT IN ({_LOGS}) ORDER BY sequence LIMIT {FAULTS}"
)


_CHANGED = "the log had been changed from outside; older entries may be missing or forged"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that was not recorded like this: the log, the sequence it was seen at, and one sentence."""

    log: str
    sequence: int
    text: str

    def __str__(self) -> str:
        return self.text


def verify(store: Store, key: bytes) -> list[Fault]:
    """Every fault found in the log; an empty list when all is as recorded.

    Reads one snapshot and streams it, some ten thousand entries a second; run it in a thread
    (``asyncio.to_thread``). At most 100 faults are named per log.
    """
    check_key(key)
    return store.read_now(lambda database: _verify(database, key))


def _verify(database: sqlite_utils.Database, key: bytes) -> list[Fault]:
    database.execute("BEGIN")
    try:
        chains = Chains(database, key)
        faults: list[Fault] = []
        for log in Log:
            for fault in _log_faults(database, chains, log):
                faults.append(fault)
                if sum(known.log == log for known in faults) >= FAULTS:
                    break
        faults.extend(_stray_faults(database))
        return [*faults, *_seal_faults(chains)]
    finally:
        database.execute("ROLLBACK")


def _log_faults(database: sqlite_utils.Database, chains: Chains, log: Log) -> Iterator[Fault]:
    head = chains.heads.get(log.value, Head(log.value))
    if log.value in chains.heads and not chains.signed(head):
        text = f"Log {log}: the head at sequence {str(head.sequence)[:20]} is not signed by this instance"
        yield Fault(log.value, head.sequence if head.usable else 0, text)
    if not head.usable:
        head = Head(log.value)
    if head.broken:
        yield Fault(log.value, head.broken, f"Log {log}: when sequence {head.broken} was next, {_CHANGED}")
    sequence, digest, count = head.anchor_sequence, head.anchor_digest, 0
    for row in database.execute(_ROWS, (log.value,)):
        if fault := link_fault(log.value, row, digest):
            yield Fault(log.value, row[0], fault)
        sequence, digest, count = row[0], row[-1], count + 1
    yield from _end_faults(head, sequence, digest, count)


def link_fault(log: str, row: tuple[Any, ...], before: Any) -> str:
    """What is wrong with one row that should follow the digest ``before``; empty when nothing is."""
    *fields, previous, digest = row
    sequence = fields[0]
    if not isinstance(previous, bytes) or digest_of(tuple(fields), previous) != digest:
        return f"Log {log}: the entry with sequence {sequence} was changed after it was recorded"
    if previous != before:
        how = "entries before it were removed, inserted or moved"
        return f"Log {log}: the entry with sequence {sequence} does not follow the one before it; {how}"
    return ""


def _end_faults(head: Head, sequence: int, digest: Any, count: int) -> Iterator[Fault]:
    if (sequence, digest) != (head.sequence, head.digest):
        how = "entries after it were removed" if sequence < head.sequence else "it was not recorded by this instance"
        text = f"Log {head.log}: the newest entry has sequence {sequence} but {head.sequence} was recorded last; {how}"
        yield Fault(head.log, sequence, text)
    elif count != head.count:
        text = f"Log {head.log}: {count} entries up to sequence {sequence} are there but {head.count} were recorded"
        yield Fault(head.log, sequence, text)


def _stray_faults(database: sqlite_utils.Database) -> Iterator[Fault]:
    for sequence, log in database.execute(_STRAYS):
        shown = str(log)[:40]
        yield Fault(
            shown, sequence, f"Log {shown!r}: no such log is kept; the entry with sequence {sequence} was moved"
        )


def _seal_faults(chains: Chains) -> Iterator[Fault]:
    """The seal says which heads belong together, so an older head with its own good signature does not fit."""
    if not chains.sealed:
        text = (
            f"Log all-events-and-diagnostics: the seal at sequence {chains.last} does not fit the heads of the logs; "
            "a head was put back to an older state or removed"
        )
        yield Fault("all-events-and-diagnostics", chains.last, text)
