"""Tables of the command ledger and of substitutions."""

from __future__ import annotations

SCHEMA = (
    """
    CREATE TABLE command (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        point TEXT NOT NULL,
        value TEXT NOT NULL,
        requester TEXT NOT NULL,
        origin TEXT NOT NULL,
        reason TEXT NOT NULL,
        selected INTEGER,
        came INTEGER NOT NULL,
        ended INTEGER,
        outcome TEXT NOT NULL,
        because TEXT NOT NULL
    );
    CREATE INDEX command_by_point ON command (point, number);
    CREATE TABLE substitution (
        point TEXT PRIMARY KEY,
        value TEXT NOT NULL,
        began INTEGER NOT NULL,
        until INTEGER NOT NULL,
        user TEXT NOT NULL,
        reason TEXT NOT NULL
    ) WITHOUT ROWID;
    """,
)
