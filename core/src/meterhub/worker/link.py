"""The worker's end of the socket: points by number, subscriptions, and what arrives for them."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from meterhub_sdk import Batch, Clock, Latest, Reading, Refused
from meterhub_sdk.point import VALUE_TYPES
from meterhub_sdk.reading import TEXT_LENGTH

from meterhub.messages import Acknowledge, Names, Notice, Reply, Request
from meterhub.wire import Connection, Handler
from meterhub.worker.watching import Watching

_TYPES = {kind: (*types, type(None)) for kind, types in VALUE_TYPES.items()}


class PublishReadings(msgspec.Struct, frozen=True, array_like=True, tag=1, gc=False):
    """The worker's side of :class:`meterhub.messages.Publish`: it has readings, not their encoding."""

    history: bool
    batch: list[tuple[int, Reading]]


class ReadingUpdates(msgspec.Struct, frozen=True, array_like=True, tag=2, gc=False):
    """The worker's side of :class:`meterhub.messages.Updates`: it wants readings, not their encoding."""

    subscription: int
    sequence: int
    missed: int
    batch: list[tuple[int, Reading]]


_decode = msgspec.msgpack.Decoder(ReadingUpdates | Names | Request | Reply | Notice).decode


class OwnPoints:
    """The points of one service: relative name to number and the types of value it takes."""

    def __init__(self, service: str) -> None:
        self.service = service
        self._known: dict[str, tuple[int, tuple[type, ...]]] = {}

    def add(self, rows: list[tuple[int, str, str]]) -> None:
        """Take what the core answered to a declaration."""
        for number, name, kind in rows:
            self._known[name] = (number, _TYPES[kind])

    def encode(self, batch: Mapping[str, Reading]) -> list[tuple[int, Reading]]:
        """The batch by number; ``Refused`` when a point is unknown or a value of another type."""
        rows: list[tuple[int, Reading]] = []
        for name, reading in batch.items():
            known = self._known.get(name)
            if known is None:
                raise Refused(f"{self.service} never declared a point {name!r}")
            value = reading.value
            if type(value) not in known[1]:
                raise Refused(f"{self.service}/{name} takes {known[1][0].__name__}, not {value!r:.40}")
            if type(value) is str and len(value) > TEXT_LENGTH:
                raise Refused(f"{self.service}/{name} got {len(value)} characters; at most {TEXT_LENGTH} will do")
            rows.append((known[0], reading))
        return rows


class Following:
    """One subscription: what it knows of names, and what arrived since somebody looked."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.latest = Latest()
        self.pending: dict[str, Reading] = {}
        self.batches: deque[Batch] = deque()
        self.wake = asyncio.Event()
        self.every = False

    def receive(self, message: ReadingUpdates) -> None:
        """Take readings off the wire."""
        names = self.names
        if self.every:
            rows = [(names[number], reading) for number, reading in message.batch]
            self.batches.append(Batch(rows, message.missed, message.sequence))
        else:
            self.pending.update({names[number]: reading for number, reading in message.batch})
        self.wake.set()

    def take(self) -> Latest:
        """The newest state, with what changed since the last time."""
        self.wake.clear()
        self.latest.changed = self.pending
        self.latest.update(self.pending)
        self.pending = {}
        return self.latest


class Link:
    """The connection to the core, shared by all services of the worker."""

    def __init__(self, handlers: dict[str, Handler]) -> None:
        self.watching = Watching()
        handlers = {**handlers, "wanted": self.wanted, **self.watching.handlers}
        self.connection = Connection(handlers, "the core")
        self.watching.use(self.connection)
        self.connection.decode = _decode
        self.connection.on_message = self._receive
        self.clock = Clock.UNKNOWN
        self._followings: dict[int, Following] = {}
        self._wanted: dict[int, asyncio.Event] = {}
        self._numbers = itertools.count(1)

    @classmethod
    async def open(cls, sock: socket.socket, handlers: dict[str, Handler]) -> Link:
        """Speak to the core over an inherited socket."""
        link = cls(handlers)
        await asyncio.get_running_loop().create_unix_connection(lambda: link.connection, sock=sock)
        return link

    async def publish(self, rows: list[tuple[int, Reading]], history: bool) -> None:
        """Send a batch; waits only for the own socket."""
        self.connection.send(PublishReadings(history, rows))  # type: ignore[arg-type]  # the same frame, before encoding
        if self.connection.congested:
            await self.connection.drain()

    async def follow(self, service: str, names: tuple[str, ...], queue: str | None) -> tuple[int, Following]:
        """Subscribe; when this returns, the present state is there."""
        number = next(self._numbers)
        following = self._followings[number] = Following()
        following.every = queue is not None
        try:
            body = {"number": number, "service": service, "names": names, "queue": queue}
            await self.connection.request("follow", body)
        except BaseException:
            del self._followings[number]
            raise
        return number, following

    def unfollow(self, number: int) -> None:
        """End a subscription; a named queue goes on in the core."""
        self._followings.pop(number, None)
        self.connection.notify("unfollow", number)

    def acknowledge(self, number: int, sequence: int) -> None:
        """Tell the core that an ``every`` subscription is done with everything up to ``sequence``."""
        if self.connection.alive:
            self.connection.send(Acknowledge(number, sequence))

    @asynccontextmanager
    async def leased(
        self, service: str, kind: str, name: str, priority: int, seconds: float | None
    ) -> AsyncIterator[tuple[dict[str, Any], asyncio.Event]]:
        """Hold something: its definition, and the event that is set when it should be given back."""
        number = next(self._numbers)
        wanted = self._wanted[number] = asyncio.Event()
        body: dict[str, Any] = {"number": number, "service": service, "kind": kind, "name": name}
        try:
            body |= {"priority": priority, "seconds": seconds}
            yield await self.connection.request("lease", body, timeout=None), wanted
        finally:
            del self._wanted[number]
            self.connection.notify("release", number)

    async def wanted(self, number: int) -> None:
        """The core asks for a lease back."""
        if number in self._wanted:
            self._wanted[number].set()

    def _receive(self, message: ReadingUpdates | Names) -> None:
        following = self._followings.get(message.subscription)
        if following is None:
            return
        if isinstance(message, ReadingUpdates):
            following.receive(message)
        else:
            following.names.update(message.names)
