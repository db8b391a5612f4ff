"""A real store with the tables of the event log, and a log that writes to it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from meterhub_sdk import Clock, EventType, Log, Severity

from meterhub.events import SCHEMA, EventLog
from meterhub.store import Store

START = 1_700_000_000_000_000_000


class WallClock:
    """A wall clock that the test sets; each look is one millisecond later."""

    def __init__(self) -> None:
        self.time = START
        self.validity = Clock.VALID
        self._ticks = itertools.count(1)

    def __call__(self) -> tuple[int, Clock]:
        return self.time + next(self._ticks) * 1_000_000, self.validity


@pytest.fixture
def key() -> bytes:
    return b"k" * 32


@pytest.fixture
def make_store(tmp_path: Path) -> Iterator[Callable[[str], Store]]:
    """Opens databases that are closed after the test."""
    stores: list[Store] = []

    def make(name: str) -> Store:
        stores.append(Store(tmp_path / f"{name}.db", SCHEMA))
        return stores[-1]

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def store(make_store: Callable[[str], Store]) -> Store:
    return make_store("core")


@pytest.fixture
def clock() -> WallClock:
    return WallClock()


@pytest.fixture
async def log(store: Store, key: bytes, clock: WallClock) -> AsyncIterator[EventLog]:
    log = EventLog(store, key, clock)
    yield log
    await log.close()


@pytest.fixture
def door() -> EventType:
    """An event of the security log."""
    return EventType(
        number=101, name="door-opened", text="Door {door} was opened", log=Log.SECURITY, severity=Severity.WARNING
    )


@pytest.fixture
def link() -> EventType:
    """An event of the communication log."""
    return EventType(number=102, name="link-up", text="The link to {host} is up", log=Log.COMMUNICATION)
