"""Object lists and access rights on disk: reading them takes half a minute on a slow line."""

from __future__ import annotations

from typing import NamedTuple

import sqlite_utils

MIGRATIONS = (
    "CREATE TABLE object_lists (device BLOB NOT NULL, client INTEGER NOT NULL, kind TEXT NOT NULL,"
    " listed BLOB NOT NULL, PRIMARY KEY (device, client, kind)) STRICT",
)
"""The schema of :class:`ListCache`, for ``Service.migrations``."""

_MOST = 2000
"""Lists that are kept; the oldest make room."""


class ListKey(NamedTuple):
    """Whose list: by the logical device name of the meter, and the client that sees it."""

    device: bytes
    client: int
    kind: str


class ListCache:
    """What meters answered, still encoded; a meter without a logical device name is not kept."""

    def __init__(self, database: sqlite_utils.Database) -> None:
        self._database = database

    def load(self, key: ListKey) -> bytes | None:
        """What was kept."""
        row = self._database.execute(
            "SELECT listed FROM object_lists WHERE device = ? AND client = ? AND kind = ?", key
        ).fetchone()
        return None if row is None else bytes(row[0])

    def save(self, key: ListKey, listed: bytes) -> None:
        """Keep it in the place of what was there."""
        if not key.device:
            return
        self._database.execute("INSERT OR REPLACE INTO object_lists VALUES (?, ?, ?, ?)", (*key, listed))
        self._database.execute(
            "DELETE FROM object_lists WHERE rowid NOT IN (SELECT rowid FROM object_lists ORDER BY rowid DESC LIMIT ?)",
            (_MOST,),
        )
