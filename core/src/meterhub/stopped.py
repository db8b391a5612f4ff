"""A home whose instance does not run: its lock, and its database and event log for the command line.

What changes a home from outside takes the lock first, so that no instance starts meanwhile; it is the lock that the
instance itself holds.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from meterhub_sdk import Clock, ConfigError, EventType, Refused

from meterhub.access.gate import Access
from meterhub.control import NAME
from meterhub.events.log import EventLog
from meterhub.events.types import CORE
from meterhub.events.verify import verify
from meterhub.files import read_limited
from meterhub.identity import KEY_BYTES
from meterhub.schema import MIGRATIONS
from meterhub.sealing import SealingKey
from meterhub.store import Store

DATABASE = "core.db"
LOCK = "core.lock"
_CONNECT_WITHIN = 2.0


class Runs(Refused):
    """An instance runs in the home, and what was asked for needs it stopped."""


def answers(home: Path) -> bool:
    """Whether an instance listens on the control socket of ``home``. Takes no lock: it must not hinder a start."""
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
        probe.settimeout(_CONNECT_WITHIN)
        try:
            probe.connect(str(home / NAME))
        except OSError:
            return False
    return True


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Keep instances out of ``home``; :class:`Runs` when one is in it."""
    descriptor = os.open(home / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Runs(f"an instance runs in {home}; stop it first, then do this again") from error
        if os.geteuid() == 0:  # a lock that root made must not shut the owner out; SQLite sees to its own files
            owner = home.stat()
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
        yield
    finally:
        os.close(descriptor)


def require_home(home: Path) -> None:
    """``Refused`` unless an instance ran in ``home`` before and this user owns it (or is root)."""
    if not (home / DATABASE).is_file():
        raise Refused(f"{home} is no home of an instance: it has no {DATABASE}; give the right --home")
    owner = home.stat().st_uid
    if os.geteuid() not in (0, owner):
        raise Refused(f"{home} belongs to the user with the number {owner}; do this as that user or as root")


def event_key(home: Path) -> bytes:
    """The key of the event chain; ``Refused`` when it is missing or damaged. Unlike an instance it makes none."""
    path = home / "event.key"
    try:
        key = read_limited(path, 2 * KEY_BYTES)
    except OSError as error:
        raise Refused(f"{path} cannot be read ({error.strerror or error}): restore it from a backup") from error
    if len(key) != KEY_BYTES:
        raise Refused(f"{path} has {len(key)} bytes instead of {KEY_BYTES}: restore it from a backup")
    return key


@contextmanager
def opened_store(home: Path) -> Iterator[Store]:
    """The core's database; ``Refused`` when it is damaged or a newer version wrote it."""
    try:
        store = Store(home / DATABASE, MIGRATIONS)
    except (sqlite3.Error, ConfigError) as error:
        raise Refused(f"{home / DATABASE} cannot be opened: {error}") from error
    try:
        yield store
    finally:
        store.close()


@asynccontextmanager
async def opened_log(home: Path) -> AsyncIterator[EventLog]:
    """The event log, to record what was done to the home while it was stopped."""
    key = event_key(home)
    with opened_store(home) as store:
        events = EventLog(store, key, lambda: (time.time_ns(), Clock.UNKNOWN))
        try:
            yield events
        finally:
            await events.close()


def schema_of(database: Path) -> int:
    """How many migrations a database has behind it; ``Refused`` when it cannot be read. Changes nothing."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{quote(str(database))}?mode=ro", uri=True)) as connection:
            return int(connection.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.Error as error:
        raise Refused(f"{database} cannot be read: {error}; restore it from a backup") from error


def verify_stopped(home: Path) -> list[str]:
    """What is wrong with the event log of a stopped home, a sentence each; ``Refused`` when it cannot be told."""
    key = event_key(home)
    if (schema := schema_of(home / DATABASE)) != len(MIGRATIONS):
        raise Refused(f"{DATABASE} has schema {schema}, this version has {len(MIGRATIONS)}; start the instance once")
    try:
        with opened_store(home) as store:
            return [str(fault) for fault in verify(store, key)]
    except sqlite3.Error as error:
        raise Refused(f"{home / DATABASE} cannot be read: {error}; restore it from a backup") from error


async def recover_admin(home: Path) -> str:
    """A new password for access_admin of a stopped home, whose API tokens end; recorded in its event log."""
    with locked(home):
        async with opened_log(home) as events:

            async def report(event: EventType, /, **parameters: Any) -> None:
                await events.append(events.draft(event, "access", CORE, parameters))

            access = Access(events.store, report, SealingKey(home / "secrets.key"))
            return await access.administration.recover_admin()
