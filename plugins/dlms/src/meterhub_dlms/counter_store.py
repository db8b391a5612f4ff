"""Invocation counters on disk: those we send, and the highest that each meter sent us."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import sqlite_utils

from meterhub_dlms.codec.counters import CounterStore, InvocationCounter

MIGRATIONS = (
    "CREATE TABLE invocation_counters (name TEXT PRIMARY KEY, number INTEGER NOT NULL, restored TEXT NOT NULL) STRICT",
)
"""The schema of :class:`SqliteCounters`, for ``Service.migrations``."""

RECEIVED_BLOCK = 1000
"""Received numbers after which the highest is written to disk within one association."""

_RESTORED = "restored"
_MAX_MARK = 4096


class SqliteCounters:
    """A :class:`CounterStore` in the service's database, which notices that it was restored from a backup.

    A restore leaves a mark in the service's ``directory``; each counter keeps the mark it was saved under.
    """

    def __init__(self, database: sqlite_utils.Database, directory: Path) -> None:
        self._database = database
        try:
            with (directory / _RESTORED).open("rb") as mark:
                self._mark = hashlib.sha256(mark.read(_MAX_MARK)).hexdigest()
        except FileNotFoundError:
            self._mark = ""

    def load(self, name: str) -> int | None:
        """What was saved last under this name, ``None`` before the first time."""
        row = self._row(name)
        return None if row is None else int(row[0])

    def save(self, name: str, number: int) -> None:
        """Keep ``number``; on disk when this returns, ``OSError`` when it cannot be."""
        self.save_all({name: number})

    def save_all(self, numbers: dict[str, int]) -> None:
        """Keep the numbers of several names, all or none; otherwise as :meth:`save`."""
        try:
            self._database.execute(
                "INSERT OR REPLACE INTO invocation_counters (name, number, restored)"
                " SELECT key, value, ? FROM json_each(?)",
                (self._mark, json.dumps(numbers)),
            )
        except sqlite3.Error as error:
            raise OSError(f"invocation counters cannot be kept on disk: {error}") from None

    def delete(self, name: str) -> None:
        """Keep nothing under this name any more."""
        self._database.execute("DELETE FROM invocation_counters WHERE name = ?", (name,))

    def restored(self, name: str) -> bool:
        """Whether a restore may have put this counter back since it was saved, or taken it away."""
        row = self._row(name)
        return (str(row[1]) if row is not None else "") != self._mark

    def _row(self, name: str) -> tuple[int, str] | None:
        found = self._database.execute("SELECT number, restored FROM invocation_counters WHERE name = ?", (name,))
        row: tuple[int, str] | None = found.fetchone()
        return row


class ReceivedCounter:
    """The highest invocation counter that one meter used under one global key: none up to it is taken again.

    The first APDU of an association is written to disk at once, so that nothing of an earlier association can stand
    at the beginning of a later one, whatever happens to the machine; after it every :data:`RECEIVED_BLOCK` numbers.
    """

    def __init__(self, store: CounterStore, name: str) -> None:
        self._store = store
        self._name = name
        saved = store.load(name)
        self.highest = -1 if saved is None else saved
        """What is on disk; -1 before the first APDU of this meter."""

    def keep(self, counter: int, *, again: bool = False) -> None:
        """Write ``counter`` to disk when it is higher than what is there, or when the meter begins ``again``."""
        if counter > self.highest or again:
            self._store.save(self._name, counter)
            self.highest = counter

    def follow(self, counter: int) -> None:
        """The same, but only when a block is full."""
        if counter - self.highest >= RECEIVED_BLOCK:
            self.keep(counter)


class Sender(NamedTuple):
    """Who sends under which key."""

    key: bytes
    title: bytes


class KeyCounters:
    """One counter for each key and system title, however many meters and associations share them.

    AES-GCM must never see a number twice under one key and title, so there is one of these for each store.
    """

    def __init__(self, store: SqliteCounters) -> None:
        self._store = store
        self._sent: dict[str, InvocationCounter] = {}
        self._received: dict[str, ReceivedCounter] = {}

    def sent(self, key: bytes, title: bytes) -> InvocationCounter:
        """The counter of what is sent under ``key`` by the holder of ``title``; far ahead after a restore."""
        name = _name("sent", key, title)
        if name not in self._sent:
            restored = self._store.restored(name)
            counter = self._sent[name] = InvocationCounter(self._store, name)
            if restored:
                counter.skip_after_restore()
        return self._sent[name]

    def received(self, key: bytes, title: bytes) -> ReceivedCounter:
        """The counter of what the meter with ``title`` sends under ``key``."""
        name = _name("received", key, title)
        if name not in self._received:
            self._received[name] = ReceivedCounter(self._store, name)
        return self._received[name]

    def keep_received(self, numbers: Mapping[Sender, int]) -> None:
        """Write the highest counters of several senders to disk, all or none."""
        counters = {_name("received", *sender): number for sender, number in numbers.items()}
        self._store.save_all(counters)
        for name, number in counters.items():
            if name in self._received:
                self._received[name].highest = number

    def forget_received(self, key: bytes, title: bytes) -> None:
        """The meter with ``title`` is gone for good."""
        name = _name("received", key, title)
        self._received.pop(name, None)
        self._store.delete(name)


def _name(what: str, key: bytes, title: bytes) -> str:
    """A name that changes with the key and does not tell it."""
    return f"{what}:{hashlib.sha256(what.encode() + key + title).hexdigest()[:32]}"
