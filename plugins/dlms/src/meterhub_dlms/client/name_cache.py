"""Object lists of meters with short names, on disk: reading one takes seconds on a slow line."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import NamedTuple

import sqlite_utils

from meterhub_dlms.codec.axdr import decode, encode
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.short_names import ListedObject, decode_list, encode_list

MIGRATIONS = (
    "CREATE TABLE short_names (meter TEXT PRIMARY KEY, device BLOB NOT NULL, objects BLOB NOT NULL,"
    " absent BLOB NOT NULL) STRICT",
)
"""The schema of :class:`NameCache`, for ``Service.migrations``."""

ObjectKey = tuple[int, bytes]
"""Class and logical name of an object."""

_KEY_LENGTH = 8


class KeptNames(NamedTuple):
    """What is kept of one meter: its objects, and those that were looked for in vain."""

    objects: Sequence[ListedObject]
    absent: frozenset[ObjectKey]


class NameCache:
    """The object list of one meter, called ``meter`` in the settings.

    It counts for the meter with one logical device name only: another meter in its place has a list of its own.
    """

    def __init__(self, database: sqlite_utils.Database, meter: str) -> None:
        self._database = database
        self._meter = meter

    def load(self, device: bytes) -> KeptNames | None:
        """What was kept of the meter with the logical device name ``device``."""
        row = self._database.execute(
            "SELECT objects, absent FROM short_names WHERE meter = ? AND device = ?", (self._meter, device)
        ).fetchone()
        if row is None:
            return None
        try:
            return KeptNames(decode_list(decode(row[0])), frozenset(_keys(row[1])))
        except CodecError:
            return None

    def save(self, device: bytes, kept: KeptNames) -> None:
        """Keep a list in the place of what was there; where the disk takes nothing, it is read again next time."""
        absent = b"".join(class_id.to_bytes(2, "big") + name for class_id, name in sorted(kept.absent))
        objects = encode(encode_list(kept.objects))
        with suppress(sqlite3.Error):
            self._database.execute(
                "INSERT OR REPLACE INTO short_names (meter, device, objects, absent) VALUES (?, ?, ?, ?)",
                (self._meter, device, objects, absent),
            )

    def forget(self) -> None:
        """Read it from the meter next time."""
        with suppress(sqlite3.Error):
            self._database.execute("DELETE FROM short_names WHERE meter = ?", (self._meter,))


def _keys(octets: bytes) -> Iterable[ObjectKey]:
    for start in range(0, len(octets), _KEY_LENGTH):
        yield int.from_bytes(octets[start : start + 2], "big"), octets[start + 2 : start + _KEY_LENGTH]
