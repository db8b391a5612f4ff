"""Which mappings were found in their meter: known over restarts, and never in the way of anything."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal, NamedTuple

import sqlite_utils

from meterhub_dlms.client.mapping_settings import Mapping
from meterhub_dlms.client.meter_settings import Meter
from meterhub_dlms.codec.object_list import ObjectList, ObjectRow

MIGRATIONS = (
    "CREATE TABLE found_marks (place BLOB NOT NULL, target BLOB NOT NULL, found INTEGER NOT NULL, why TEXT NOT NULL,"
    " source TEXT NOT NULL, device TEXT NOT NULL, PRIMARY KEY (place, target)) STRICT",
)
"""The schema of :class:`Marks`, for ``Service.migrations``."""

Source = Literal["poll", "list", "test"]

_MOST = 100_000
"""Marks that are kept; the oldest make room."""


class Mark(NamedTuple):
    """Whether an attribute or method is in a meter; ``why`` not, and what told so."""

    found: bool
    why: str
    source: Source


class Summary(NamedTuple):
    """How many mappings of a meter were found, and those that were not."""

    found: int
    missing: Sequence[tuple[Mapping, Mark]]


class Marks:
    """The marks of one meter.

    A mark belongs to a place (how the meter is reached, and as which client) and a target in it, so another address or
    another logical name begins without one; another meter at the same place does too, by its logical device name.
    """

    def __init__(self, database: sqlite_utils.Database, meter: Meter) -> None:
        self.mappings = meter.mappings
        self._database = database
        self._targets = [_target(mapping) for mapping in meter.mappings]
        self._summary: Summary | None = None
        self._place = _place(meter)
        self._device = ""
        self._marks: dict[bytes, Mark] = {}
        for target, found, why, source, device in database.execute(
            "SELECT target, found, why, source, device FROM found_marks WHERE place = ?", (self._place,)
        ):
            self._marks[target] = Mark(bool(found), why, source)
            self._device = device or self._device

    def of(self, mapping: Mapping) -> Mark | None:
        """What is known of a mapping, ``None`` when nothing is."""
        return self._marks.get(_target(mapping))

    def summary(self) -> Summary:
        """How many of the mappings were found, and which were not."""
        if self._summary is None:
            marks = [self._marks.get(target) for target in self._targets]
            missing = [(each, mark) for each, mark in zip(self.mappings, marks, strict=True) if mark and not mark.found]
            found = sum(mark is not None and mark.found for mark in marks)
            self._summary = Summary(found, missing)
        return self._summary

    def met(self, device: str) -> None:
        """The meter told its logical device name: what was found in another one counts no more."""
        if not device or device == self._device:
            return
        if self._device:
            self._marks.clear()
            self._summary = None
            self._database.execute("DELETE FROM found_marks WHERE place = ?", (self._place,))
        self._device = device

    def note(self, mapping: Mapping, *, found: bool, why: str = "", source: Source) -> None:
        """Keep what a poll, a test or the object list showed; the disk is touched when that is news."""
        target, mark = _target(mapping), Mark(found, why[:200], source)
        before = self._marks.get(target)
        if before is not None and before[:2] == mark[:2]:
            return
        self._marks[target], self._summary = mark, None
        self._database.execute(
            "INSERT OR REPLACE INTO found_marks VALUES (?, ?, ?, ?, ?, ?)", (self._place, target, *mark, self._device)
        )

    def take_list(self, objects: ObjectList) -> None:
        """What the object list says, where nothing was read yet: some meters have more than they list."""
        rows = {(row.class_id, row.logical_name): row for row in objects.rows}
        for mapping in self.mappings:
            before = self.of(mapping)
            if before is None or before.source == "list":
                why = _missing(mapping, rows.get(mapping.target[:2]))
                self.note(mapping, found=not why, why=why, source="list")


def prune(database: sqlite_utils.Database) -> None:
    """Leave the newest marks only; for the start of the service."""
    database.execute(
        "DELETE FROM found_marks WHERE rowid NOT IN (SELECT rowid FROM found_marks ORDER BY rowid DESC LIMIT ?)",
        (_MOST,),
    )


def _missing(mapping: Mapping, row: ObjectRow | None) -> str:
    """Why a mapping is not in the object list, empty when it is."""
    if row is None:
        return "the object list of the meter has no such object"
    if row.rights is None:
        return ""
    if mapping.kind == "method":
        allowed = mapping.attribute in row.rights.methods
        return "" if allowed else f"the meter does not let this client call method {mapping.attribute}"
    rights = row.rights.of(mapping.attribute)
    if rights.read or (mapping.writable and rights.write):
        return ""
    return f"the meter does not let this client read attribute {mapping.attribute}"


def _place(meter: Meter) -> bytes:
    """How a meter is reached, and as which client."""
    parts = (
        meter.transport, meter.host, meter.port, meter.serial_port, meter.physical_address, meter.logical_device,
        meter.client_address, meter.referencing,
    )  # fmt: skip
    return hashlib.sha256(repr(parts).encode()).digest()[:16]


def _target(mapping: Mapping) -> bytes:
    class_id, name, number = mapping.target
    return class_id.to_bytes(2, "big") + name + bytes((number, mapping.kind == "method"))
