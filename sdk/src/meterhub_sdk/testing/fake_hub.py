"""A hub for one service under test, without a core."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import sqlite_utils
from meterhub_sdk.errors import ConfigError, Refused
from meterhub_sdk.event import EventType
from meterhub_sdk.frames import Frames, Recorder
from meterhub_sdk.hub import Batch, Borrowers, Latest, Outcome
from meterhub_sdk.point import VALUE_TYPES, PatternSet, Point, is_pattern
from meterhub_sdk.reading import Clock, Quality, Reading, Value
from meterhub_sdk.service import Service
from meterhub_sdk.store import open_store
from meterhub_sdk.trace import Step, Trace


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event that the service under test recorded."""

    type: EventType
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RecordedCommand:
    """An entry of the command ledger that the service under test made."""

    name: str
    value: Value
    outcome: Outcome | Literal["done"]
    because: str
    reason: str
    origin: str
    selected: int | None
    read_back: bool = False


@dataclass(slots=True)
class _Subscription:
    names: tuple[str, ...]
    patterns: PatternSet
    pending: list[tuple[str, Reading, bool]] = field(default_factory=list)
    wake: asyncio.Event = field(default_factory=asyncio.Event)


class FakeLease:
    """A lease that was granted at once; :meth:`want` plays somebody with more right."""

    def __init__(self, definition: Mapping[str, Any]) -> None:
        self.definition = definition
        self._wanted = asyncio.Event()

    def want(self) -> None:
        """Somebody with more right waits."""
        self._wanted.set()

    @property
    def wanted(self) -> bool:
        return self._wanted.is_set()

    async def until_wanted(self) -> None:
        await self._wanted.wait()


class FakeHub:
    """Plays the core for one service.

    ``give`` feeds points of others, ``published`` holds the newest reading of each own point, ``history`` everything
    published in order, ``events`` what was recorded, ``writes`` what the service wrote to others, ``commands`` what it
    put into the command ledger, ``secrets`` what :meth:`secret` answers, ``things`` the definitions of what it can
    lease, ``leases`` what it holds, ``borrowed`` who uses what it lends, ``recorder`` the frames that the service
    showed, and ``steps`` what it told of the points in ``trace.points``.
    """

    def __init__(self, name: str = "under-test", directory: Path | None = None) -> None:
        self._name = name
        self._directory = directory
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self.readings: dict[str, Reading] = {}
        self.published: dict[str, Reading] = {}
        self.history: list[tuple[str, Reading]] = []
        self.declared: dict[str, Point] = {}
        self.recorded: list[RecordedEvent] = []
        self.writes: list[tuple[str, Value, str]] = []
        self.commands: list[RecordedCommand] = []
        self.refusals: dict[str, str] = {}
        self.secrets: dict[str, str] = {}
        self.things: dict[tuple[str, str], Mapping[str, Any]] = {}
        self.leases: dict[tuple[str, str], FakeLease] = {}
        self.borrowed: dict[tuple[str, str], Borrowers] = {}
        self.recorder = Recorder()
        self.steps: list[Step] = []
        self.trace = Trace(self.steps.append)
        self.clock = Clock.VALID
        self.fixed_time: int | None = None
        self._service: Service[Any] | None = None
        self._subscriptions: list[_Subscription] = []
        self._publications = asyncio.Event()

    # -- what a test does -------------------------------------------------------------------

    def give(self, name: str, value: Value | Reading, *, unit: str = "", quality: Quality = Quality.GOOD) -> None:
        """Publish a reading of somebody else's point to the service under test."""
        reading = value if isinstance(value, Reading) else Reading(value, self.now(), quality, unit)
        self.give_all({name: reading})

    def give_all(self, batch: Mapping[str, Reading], *, history: bool = False) -> None:
        """Publish several readings of others as one batch."""
        if not history:
            self.readings.update(batch)
        for subscription in self._subscriptions:
            wanted = [(n, r, history) for n, r in batch.items() if n in subscription.patterns]
            if wanted:
                subscription.pending.extend(wanted)
                subscription.wake.set()

    @contextlib.asynccontextmanager
    async def running(self, service: Service[Any]) -> AsyncIterator[asyncio.Task[None]]:
        """Run a service for the length of the block; what its ``run`` raised comes out at the end."""
        self._service = service
        self.declared.update({point.name: point for point in service.points()})
        task = asyncio.create_task(service.run(), name=f"service {self._name}")
        await self.settle()
        try:
            yield task
        finally:
            if not task.done():
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def settle(self, turns: int = 20) -> None:
        """Let everything run that can run without waiting for a timer or a socket."""
        for _ in range(turns):
            await asyncio.sleep(0)

    async def until_published(self, *names: str, timeout: float = 5.0) -> dict[str, Reading]:
        """Wait until all these own points hold a reading; answers ``published``."""
        async with asyncio.timeout(timeout):
            while any(name not in self.published for name in names):
                self._publications.clear()
                await self._publications.wait()
        return self.published

    def close(self) -> None:
        """Close the store and delete the temporary directory."""
        if "store" in self.__dict__:
            self.store.conn.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    # -- what the service sees --------------------------------------------------------------

    @property
    def name(self) -> str:
        return self._name

    @property
    def points(self) -> FakeHub:
        return self

    @property
    def events(self) -> FakeHub:
        return self

    @property
    def time(self) -> FakeHub:
        return self

    @property
    def interface(self) -> FakeHub:
        return self

    @property
    def frames(self) -> Frames:
        return self.recorder.of(self._name)

    @property
    def directory(self) -> Path:
        if self._directory is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="meterhub-test-")
            self._directory = Path(self._temporary.name)
        return self._directory

    @cached_property
    def store(self) -> sqlite_utils.Database:
        migrations = self._service.migrations if self._service else ()
        return open_store(self.directory / "store.db", migrations)

    @contextlib.asynccontextmanager
    async def lease(
        self, kind: str, name: str, *, priority: int = 0, seconds: float | None = None
    ) -> AsyncIterator[FakeLease]:
        lease = self.leases[kind, name] = FakeLease(self.things.get((kind, name), {}))
        try:
            yield lease
        finally:
            self.leases.pop((kind, name), None)

    async def borrowers(self, kind: str) -> Mapping[str, Borrowers]:
        return {name: who for (of, name), who in self.borrowed.items() if of == kind}

    async def secret(self, name: str) -> str:
        if name not in self.secrets:
            raise ConfigError(f"the secret {name!r} was never set")
        return self.secrets[name]

    def now(self) -> int:
        return time.time_ns() if self.fixed_time is None else self.fixed_time

    def validity(self) -> Clock:
        return self.clock

    async def vouch(self, validity: Clock) -> None:
        self.clock = validity

    async def record(self, event: EventType, /, **parameters: str | int | float | bool | None) -> None:
        self.recorded.append(RecordedEvent(event, parameters))

    async def declare(self, *points: Point) -> None:
        self.declared.update({point.name: point for point in points})

    async def publish(self, batch: Mapping[str, Reading], *, history: bool = False) -> None:
        for name, reading in batch.items():
            if name not in self.declared:
                raise Refused(f"{self._name} never declared a point {name!r}")
            taken = VALUE_TYPES[self.declared[name].type]
            if reading.value is not None and type(reading.value) not in taken:
                raise Refused(f"{self._name}/{name} takes {taken[0].__name__}, not {reading.value!r:.40}")
        self.history.extend(batch.items())
        if not history:
            self.published.update(batch)
        self._publications.set()
        self.give_all({f"{self._name}/{name}": reading for name, reading in batch.items()}, history=history)

    async def write(
        self,
        name: str,
        value: Value,
        *,
        reason: str,
        timeout: float = 10.0,
        origin: str = "",
        selected: int | None = None,
        read_back: bool = False,
    ) -> None:
        because = self.refusals.get(name, "")
        outcome: Outcome | Literal["done"] = "refused" if because else "done"
        self.commands.append(RecordedCommand(name, value, outcome, because, reason, origin, selected, read_back))
        if because:
            raise Refused(because)
        self.writes.append((name, value, reason))

    async def refuse(
        self,
        name: str,
        value: Value,
        *,
        reason: str,
        because: str,
        outcome: Outcome = "refused",
        origin: str = "",
        selected: int | None = None,
    ) -> None:
        self.commands.append(RecordedCommand(name, value, outcome, because, reason, origin, selected))

    async def latest(self, *names: str, every: float | None = None) -> AsyncIterator[Latest]:
        subscription = self._subscribe(names)
        state = Latest()
        for name in names:
            if not is_pattern(name):
                state[name] = self.readings.get(name, Reading.missing())
        state.update({n: r for n, r in self.readings.items() if n in subscription.patterns})
        state.changed = dict(state)
        try:
            while True:
                yield state
                if every is not None:
                    await asyncio.sleep(every)
                else:
                    await subscription.wake.wait()
                subscription.wake.clear()
                fresh = {n: r for n, r, history in subscription.pending if not history}
                subscription.pending.clear()
                state.update(fresh)
                state.changed = fresh
        finally:
            self._subscriptions.remove(subscription)

    async def every(self, *names: str, queue: str = "default") -> AsyncIterator[Batch]:
        subscription = self._subscribe(names)
        sequence = 0
        try:
            while True:
                await subscription.wake.wait()
                subscription.wake.clear()
                readings = [(n, r) for n, r, _ in subscription.pending]
                subscription.pending.clear()
                sequence += len(readings)
                yield Batch(readings, 0, sequence)
        finally:
            self._subscriptions.remove(subscription)

    async def request(
        self,
        verb: str,
        path: str,
        body: Any = None,
        *,
        credential: str | None = None,
        source: str = "",
        background: bool = False,
        language: str = "en",
    ) -> Any:
        raise Refused(f"{path} is not there: a fake hub has no tree of paths")

    def _subscribe(self, names: tuple[str, ...]) -> _Subscription:
        subscription = _Subscription(names, PatternSet(names))
        self._subscriptions.append(subscription)
        return subscription
