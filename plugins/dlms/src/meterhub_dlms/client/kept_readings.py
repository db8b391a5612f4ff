"""The newest good reading of each mapping, kept on disk: what a meter showed last when it is there no more."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlite_utils
from meterhub_sdk import Reading

from meterhub_dlms.client import mapping_settings
from meterhub_dlms.client.settings import Meter

MIGRATIONS = ("CREATE TABLE last_readings (meter TEXT PRIMARY KEY, readings TEXT NOT NULL) STRICT",)
"""The schema of :class:`KeptReadings`, for ``Service.migrations``."""

SAVE_INTERVAL = 300.0
"""Seconds between two savings; a power cut loses as much."""

_AT_ONCE = 50
"""Meters that are saved without letting anything else run."""


class KeptReadings:
    """The newest good readings of one meter, by the labels of its mappings."""

    def __init__(self, database: sqlite_utils.Database, meter: Meter) -> None:
        self._database = database
        self._meter = meter.label
        self._sources = {mapping.label: _source(meter, mapping) for mapping in meter.mappings}
        found = database.execute("SELECT readings FROM last_readings WHERE meter = ?", (meter.label,)).fetchone()
        kept: dict[str, list[Any]] = {} if found is None else json.loads(found[0])
        self.newest = {
            label: unpacked(fields) for label, (source, *fields) in kept.items() if self._sources.get(label) == source
        }
        self._saved = dict(self.newest)

    def forget(self) -> None:
        """Another meter begins anew."""
        self.newest.clear()
        self.save()

    @property
    def changed(self) -> bool:
        """Whether there is something to save."""
        return self._saved != self.newest

    def save(self) -> None:
        """Write all of them to disk."""
        rows = {label: [self._sources[label], *packed(reading)] for label, reading in self.newest.items()}
        self._database.execute(
            "INSERT OR REPLACE INTO last_readings (meter, readings) VALUES (?, ?)", (self._meter, json.dumps(rows))
        )
        self._saved = dict(self.newest)


def packed(reading: Reading) -> list[Any]:
    """A reading as JSON can hold it."""
    return [reading.value, reading.time, reading.quality, reading.unit, reading.flags, reading.clock]


def unpacked(fields: Sequence[Any]) -> Reading:
    """The reading that :func:`packed` took apart."""
    return Reading(*fields)


def pack_all(readings: Mapping[str, Reading]) -> str:
    """Readings by their labels as text."""
    return json.dumps({label: packed(reading) for label, reading in readings.items()})


def unpack_all(text: str) -> dict[str, Reading]:
    """What :func:`pack_all` made."""
    return {label: unpacked(fields) for label, fields in json.loads(text).items()}


async def keep_saving(database: sqlite_utils.Database, kept: Sequence[KeptReadings]) -> None:
    """Save what changed again and again, and once more when cancelled."""
    try:
        while True:
            await asyncio.sleep(SAVE_INTERVAL)
            for start in range(0, len(kept), _AT_ONCE):
                _save_changed(database, kept[start : start + _AT_ONCE])
                await asyncio.sleep(0)
    finally:
        _save_changed(database, kept)


def _save_changed(database: sqlite_utils.Database, kept: Iterable[KeptReadings]) -> None:
    changed = [each for each in kept if each.changed]
    if not changed:
        return
    database.execute("BEGIN IMMEDIATE")
    try:
        for each in changed:
            each.save()
    finally:
        database.execute("COMMIT")


def _source(meter: Meter, mapping: mapping_settings.Mapping) -> str:
    """What a value depends on: with another of these it cannot be compared with the one before."""
    where = f"{mapping.class_id}/{mapping.logical_name}/{mapping.attribute}"
    return f"{where}/{meter.values}/{meter.ct_ratio}/{meter.vt_ratio}"
