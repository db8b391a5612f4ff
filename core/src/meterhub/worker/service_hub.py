"""The SDK's ``Hub``, spoken over the worker's link to the core."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from meterhub_sdk import Batch, Borrowers, Clock, EventType, Latest, Outcome, Point, Reading, Refused, Value
from meterhub_sdk.service import Migration
from meterhub_sdk.store import open_store

from meterhub.worker.link import Link, OwnPoints

if TYPE_CHECKING:
    import sqlite_utils


_TOGETHER = 1_000
"""Readings that one batch has at most, where several have come that are smaller."""


class ServicePoints:
    """Reading, publishing and writing points for one service."""

    def __init__(self, link: Link, service: str, own: OwnPoints) -> None:
        self._link = link
        self._service = service
        self._own = own
        self._published = 0

    async def latest(self, *names: str, every: float | None = None) -> AsyncIterator[Latest]:
        number, following = await self._link.follow(self._service, names, None)
        try:
            while True:
                yield following.take()
                if every is not None:
                    await asyncio.sleep(every)
                else:
                    await following.wake.wait()
        finally:
            self._link.unfollow(number)

    async def every(self, *names: str, queue: str = "default") -> AsyncIterator[Batch]:
        number, following = await self._link.follow(self._service, names, queue)
        try:
            while True:
                while not following.batches:
                    following.wake.clear()
                    await following.wake.wait()
                batch = together(following.batches)
                yield batch
                self._link.acknowledge(number, batch.sequence)
        finally:
            self._link.unfollow(number)

    async def declare(self, *points: Point) -> None:
        body = {"service": self._service, "points": points}
        self._own.add(await self._link.connection.request("declare", body, type=list[tuple[int, str, str]]))

    async def publish(self, batch: Mapping[str, Reading], *, history: bool = False) -> None:
        await self._link.publish(self._own.encode(batch), history)
        self._published += 1
        if not self._published % 100:
            await asyncio.sleep(0)  # a service that only publishes must not starve its neighbours

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
        if not 0.1 <= timeout <= 300:
            raise Refused(f"timeout: {timeout:g} s was given; 0.1 to 300 will do")
        body = self._command(name, value, reason, origin, selected)
        await self._link.connection.request("write", {**body, "timeout": timeout, "read_back": read_back}, timeout + 1)

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
        body = self._command(name, value, reason, origin, selected)
        await self._link.connection.request("refuse", {**body, "because": because, "outcome": outcome})

    def _command(self, name: str, value: Value, reason: str, origin: str, selected: int | None) -> dict[str, Any]:
        given = {"name": name, "value": value, "reason": reason, "origin": origin, "selected": selected}
        return {"service": self._service, **given}


def together(batches: deque[Batch]) -> Batch:
    """What came since somebody looked, as one batch, as far as nothing is missing within it."""
    first = last = batches.popleft()
    if not batches:
        return first
    readings = list(first.readings)
    while batches and not batches[0].missed and len(readings) + len(batches[0].readings) <= _TOGETHER:
        last = batches.popleft()
        readings += last.readings
    return Batch(readings, first.missed, last.sequence)


class ServiceEvents:
    """The event log, as one service writes to it."""

    def __init__(self, link: Link, service: str) -> None:
        self._link = link
        self._service = service

    async def record(self, event: EventType, /, **parameters: str | int | float | bool | None) -> None:
        body = {"service": self._service, "event": event.name, "parameters": parameters}
        await self._link.connection.request("event", body)


class ServiceTime:
    """Wall clock; its validity comes from the core."""

    def __init__(self, link: Link, service: str) -> None:
        self._link = link
        self._service = service

    def now(self) -> int:
        return time.time_ns()

    def validity(self) -> Clock:
        return self._link.clock

    async def vouch(self, validity: Clock) -> None:
        await self._link.connection.request("vouch", {"service": self._service, "validity": int(validity)})


class ServiceInterface:
    """Requests to the tree of paths."""

    def __init__(self, link: Link, service: str) -> None:
        self._link = link
        self._service = service

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
        message = {"verb": verb, "path": path, "body": body, "credential": credential, "source": source}
        message |= {"background": background, "language": language}
        return await self._link.connection.request("tree", {"service": self._service, **message}, 310.0)


class ServiceLease:
    """A lease that this service holds."""

    def __init__(self, definition: Mapping[str, Any], wanted: asyncio.Event) -> None:
        self.definition = definition
        self._wanted = wanted

    @property
    def wanted(self) -> bool:
        return self._wanted.is_set()

    async def until_wanted(self) -> None:
        await self._wanted.wait()


class ServiceHub:
    """All that one service has of the core."""

    def __init__(
        self, link: Link, name: str, own: OwnPoints, directory: Path, migrations: tuple[Migration, ...]
    ) -> None:
        self._link = link
        self._migrations = migrations
        self.name = name
        self.directory = directory
        self.points = ServicePoints(link, name, own)
        self.events = ServiceEvents(link, name)
        self.time = ServiceTime(link, name)
        self.interface = ServiceInterface(link, name)
        self.frames = link.watching.recorder.of(name)
        self.trace = link.watching.trace()

    @cached_property
    def store(self) -> sqlite_utils.Database:
        return open_store(self.directory / "store.db", self._migrations)

    @asynccontextmanager
    async def lease(
        self, kind: str, name: str, *, priority: int = 0, seconds: float | None = None
    ) -> AsyncIterator[ServiceLease]:
        async with self._link.leased(self.name, kind, name, priority, seconds) as (definition, wanted):
            yield ServiceLease(definition, wanted)

    async def borrowers(self, kind: str) -> dict[str, Borrowers]:
        body = {"service": self.name, "kind": kind}
        answer: dict[str, Borrowers] = await self._link.connection.request("borrowers", body, type=dict[str, Borrowers])
        return answer

    async def secret(self, name: str) -> str:
        answer: str = await self._link.connection.request("secret", {"service": self.name, "name": name}, type=str)
        return answer

    def close(self) -> None:
        """Close the store, if it was opened."""
        if "store" in self.__dict__:
            self.store.conn.close()
