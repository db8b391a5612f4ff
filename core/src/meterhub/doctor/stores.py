"""Databases: whole, of the right schema, writable; and the event log's chain."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from meterhub.backup import is_database
from meterhub.doctor.finding import Finding, bad, good, look
from meterhub.schema import MIGRATIONS
from meterhub.stopped import DATABASE, schema_of, verify_stopped

_WAIT = 5.0
_RESTORE = "restore a backup: meterhub restore FILE"


def check_database(home: Path, *, runs: bool) -> Iterator[Finding]:
    """The core's database."""
    path = home / DATABASE
    if fault := integrity(path):
        yield bad("database", f"{DATABASE} is damaged: {fault}", _RESTORE)
        return
    have, know = schema_of(path), len(MIGRATIONS)
    if have > know:
        text = f"{DATABASE} has schema {have}, this version knows {know}: a newer version wrote it"
        yield bad("database", text, "install the newer version again")
    elif have < know:
        text = f"{DATABASE} has schema {have} of {know}; the next start brings it up to date"
        yield look("database", text, "make a backup before that start: there is no way back but it")
    elif fault := _unwritable(path):
        yield bad("database", f"{DATABASE} cannot be written: {fault}", "free space, mend the disk or its mount")
    else:
        yield good("database", f"{DATABASE} is whole, of schema {have}, and writable")


def check_events(home: Path, *, runs: bool) -> Iterator[Finding]:
    """The chain of the event log; that of a running instance is asked of it."""
    if runs:
        return
    faults = verify_stopped(home)
    for fault in faults[:5]:
        yield bad("event log", fault, "keep a copy of core.db and find out who had access to it")
    if not faults:
        yield good("event log", "the event log is what was recorded")


def check_services(home: Path, *, runs: bool) -> Iterator[Finding]:
    """The databases that services keep."""
    databases = [path for path in sorted((home / "data").glob("*/*/*")) if is_database(path)]
    damaged = 0
    for path in databases:
        if fault := integrity(path):
            damaged += 1
            name = path.relative_to(home)
            yield bad(
                "service stores", f"{name} is damaged: {fault}", f"{_RESTORE}, or remove the file and lose its data"
            )
    if databases and not damaged:
        yield good("service stores", f"{len(databases)} databases of services are whole")


def integrity(path: Path) -> str:
    """What SQLite finds wrong with a database; empty when nothing is. Reads the whole file."""
    uri = f"file:{quote(str(path))}?mode=ro"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=_WAIT)) as database:
            database.execute("PRAGMA trusted_schema=OFF")  # a plugin wrote it
            (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        return str(error)
    return "" if found == "ok" else str(found)


def _unwritable(path: Path) -> str:
    """Why a database cannot be written; it is tried with a transaction that changes nothing."""
    try:
        with closing(sqlite3.connect(path, timeout=_WAIT, isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute("ROLLBACK")
    except sqlite3.Error as error:
        return str(error)
    return ""
