"""The tables of the event log, as migrations that the store runs in its central order."""

from __future__ import annotations

SCHEMA: tuple[str, ...] = (
    """
    CREATE TABLE event (
        sequence INTEGER PRIMARY KEY,
        time INTEGER NOT NULL,
        distribution TEXT NOT NULL,
        number INTEGER NOT NULL,
        name TEXT NOT NULL,
        log TEXT NOT NULL,
        clock INTEGER NOT NULL,
        severity INTEGER NOT NULL,
        source TEXT NOT NULL,
        text TEXT NOT NULL,
        parameters TEXT NOT NULL,
        previous BLOB NOT NULL,
        digest BLOB NOT NULL
    );
    CREATE INDEX event_log ON event (log, sequence);
    CREATE TABLE event_chain (
        log TEXT PRIMARY KEY,
        sequence INTEGER NOT NULL,
        digest BLOB NOT NULL,
        count INTEGER NOT NULL,
        anchor_sequence INTEGER NOT NULL,
        anchor_digest BLOB NOT NULL,
        broken INTEGER NOT NULL,
        mac BLOB NOT NULL
    );
    CREATE TABLE event_seal (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        sequence INTEGER NOT NULL,
        mac BLOB NOT NULL
    );
    """,
)
"""``event`` holds the entries, ``event_chain`` the signed heads of the logs, ``event_seal`` what signs all heads."""
