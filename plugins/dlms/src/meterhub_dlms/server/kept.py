"""What objects keep on disk, in the service's own database."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from collections.abc import Awaitable, Callable

from meterhub_sdk import Config, Hub

from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.ln_action import ActionOutcome
from meterhub_dlms.codec.xdlms import AccessResult
from meterhub_dlms.server.cosem import Caller, CosemObject, Method, outcome

Set = Callable[[Data, Caller], Awaitable[AccessResult]]

_log = logging.getLogger(__name__)

MIGRATIONS = (
    """
    CREATE TABLE kept (
        device INTEGER NOT NULL, object BLOB NOT NULL, item TEXT NOT NULL, origin BLOB NOT NULL, value BLOB NOT NULL,
        PRIMARY KEY (device, object, item)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE profile (
        id INTEGER PRIMARY KEY, device INTEGER NOT NULL, object BLOB NOT NULL, layout BLOB NOT NULL,
        next INTEGER NOT NULL, ended INTEGER, UNIQUE (device, object)
    ) STRICT;
    CREATE TABLE profile_entry (
        profile INTEGER NOT NULL, sequence INTEGER NOT NULL, time INTEGER NOT NULL, content BLOB NOT NULL,
        PRIMARY KEY (profile, sequence)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX profile_entry_time ON profile_entry (profile, time);
    """,
)
"""The schema of all objects: small values by name, and the entries of profiles."""


class Kept:
    """Small values that one object keeps; what stems from other settings than today's counts as never kept."""

    def __init__(self, hub: Hub, device: int, logical_name: bytes, settings: Config | None = None) -> None:
        self._hub = hub
        self._key = (device, logical_name)
        self._origin = b"" if settings is None else hashlib.sha256(settings.model_dump_json().encode()).digest()

    def load(self, item: str) -> bytes | None:
        """What was saved last, ``None`` when nothing was."""
        row = self._hub.store.execute(
            "SELECT value FROM kept WHERE device = ? AND object = ? AND item = ? AND origin = ?",
            (*self._key, item, self._origin),
        ).fetchone()
        return None if row is None else bytes(row[0])

    def save(self, item: str, value: bytes) -> None:
        """Keep a value; it is on disk when this returns."""
        self._hub.store.execute(
            "INSERT OR REPLACE INTO kept (device, object, item, origin, value) VALUES (?, ?, ?, ?, ?)",
            (*self._key, item, self._origin, value),
        )


def disk_safe(shown: CosemObject) -> None:
    """Answer ``hardware-fault`` where setting an attribute or calling a method fails for the disk."""
    shown.attributes = {
        number: attribute if attribute.set is None else attribute._replace(set=_safe_set(attribute.set))
        for number, attribute in shown.attributes.items()
    }
    shown.methods = {number: _safe_call(method) for number, method in shown.methods.items()}


def _safe_set(set_attribute: Set) -> Set:
    async def guarded(data: Data, caller: Caller) -> AccessResult:
        try:
            return await set_attribute(data, caller)
        except sqlite3.Error:
            _log.exception("what client %d set could not be kept", caller.client)
            return AccessResult.HARDWARE_FAULT

    return guarded


def _safe_call(method: Method) -> Method:
    async def guarded(data: Data, caller: Caller) -> ActionOutcome:
        try:
            return await method(data, caller)
        except sqlite3.Error:
            _log.exception("what client %d called for could not be kept", caller.client)
            return outcome(AccessResult.HARDWARE_FAULT)

    return guarded
