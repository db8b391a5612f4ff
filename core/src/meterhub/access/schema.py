"""The tables of this room, as migrations in the order in which they came."""

from __future__ import annotations

SCHEMA: tuple[str, ...] = (
    """
    CREATE TABLE access_user (
        name TEXT PRIMARY KEY,
        roles TEXT NOT NULL,
        phc TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE access_right (
        path TEXT NOT NULL,
        verb TEXT NOT NULL,
        role TEXT NOT NULL,
        granted INTEGER NOT NULL,
        PRIMARY KEY (path, verb, role)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE access_token (
        id TEXT PRIMARY KEY,
        digest TEXT NOT NULL UNIQUE,
        label TEXT NOT NULL,
        user TEXT NOT NULL REFERENCES access_user (name) ON DELETE CASCADE,
        roles TEXT NOT NULL,
        created INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        last_used INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX access_token_user ON access_token (user);
    CREATE TABLE access_login_rules (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        rules TEXT NOT NULL
    ) STRICT
    """,
    "ALTER TABLE access_user ADD COLUMN initial INTEGER NOT NULL DEFAULT 0",
    """
    CREATE TABLE access_second_factor (
        user TEXT PRIMARY KEY REFERENCES access_user (name) ON DELETE CASCADE,
        secret BLOB NOT NULL,
        last_step INTEGER NOT NULL,
        recovery TEXT NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
)
