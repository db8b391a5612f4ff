"""Our own system title: eight bytes that nobody else with the same keys has."""

from __future__ import annotations

import secrets

import sqlite_utils

from meterhub_dlms.codec.ciphering import TITLE_LENGTH

MIGRATIONS = ("CREATE TABLE identity (title BLOB NOT NULL) STRICT",)
"""The schema of :func:`own_title`, for ``Service.migrations``."""

_MAKER = b"MHB"
"""The first three bytes of our system titles."""


def own_title(database: sqlite_utils.Database, given: str) -> bytes:
    """The title in the settings (16 hexadecimal digits) or else one drawn at the first call and kept.

    It is drawn at random because two machines with one title and one key would use the same numbers in AES-GCM, and
    lies beside the counters: whoever loses them gets another title, under which no counter was ever used.
    """
    if given:
        return bytes.fromhex(given)
    row = database.execute("SELECT title FROM identity").fetchone()
    if row is not None:
        return bytes(row[0])
    title = _MAKER + secrets.token_bytes(TITLE_LENGTH - len(_MAKER))
    database.execute("INSERT INTO identity (title) VALUES (?)", (title,))
    return title
