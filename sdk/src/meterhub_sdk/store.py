"""A service's private SQLite database and the order of its migrations."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from meterhub_sdk.errors import ConfigError
from meterhub_sdk.service import Migration

if TYPE_CHECKING:
    import sqlite_utils


def open_store(path: Path, migrations: Sequence[Migration]) -> sqlite_utils.Database:
    """Open (or make) the database and bring it to the newest schema, one migration a transaction.

    ``ConfigError`` when a newer version wrote it: going back would lose what that version kept.
    """
    import sqlite_utils  # its licence does not go with every plugin's: only a plugin that keeps a store has it

    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    database = sqlite_utils.Database(connection)
    try:
        migrate(database, path, migrations)
    except BaseException:
        connection.close()
        raise
    return database


def migrate(database: sqlite_utils.Database, path: Path, migrations: Sequence[Migration]) -> None:
    """Apply the migrations that ``PRAGMA user_version`` says are still to come."""
    (have,) = database.execute("PRAGMA user_version").fetchone()
    if have > len(migrations):
        raise ConfigError(
            f"{path.name} has schema {have}, this version knows {len(migrations)}: "
            "install the newer version again, or restore the copy made before it ran"
        )
    for number, step in enumerate(migrations[have:], start=have + 1):
        database.execute("BEGIN IMMEDIATE")
        try:
            if isinstance(step, str):
                for statement in _statements(step):
                    database.execute(statement)
            else:
                step(database)
            database.execute(f"PRAGMA user_version = {number}")
            database.execute("COMMIT")
        except BaseException:
            database.execute("ROLLBACK")
            raise


def _statements(script: str) -> Iterator[str]:
    """The statements of an SQL script; a semicolon in a text or in a trigger ends none."""
    statement = ""
    for piece in script.split(";"):
        statement += piece
        if sqlite3.complete_statement(statement + ";"):
            if statement.strip():
                yield statement
            statement = ""
        else:
            statement += ";"
    if statement.strip(" \t\r\n;"):
        yield statement
