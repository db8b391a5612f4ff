"""Sending entries on: a queue and a task per receiver, so that none of them ever holds up the log."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from meterhub_sdk import EventType

from meterhub.events.entry import Entry
from meterhub.events.log import EventLog
from meterhub.events.settings import Receiver, severity
from meterhub.events.types import CORE, SINK_LOST, SINK_OVERFLOW, SINK_RECOVERED, SINK_STOPPED

_OWN = {SINK_LOST.number, SINK_OVERFLOW.number}


class Transport(Protocol):
    """One way to a receiver; any exception means that the batch must be sent again."""

    batch: int
    """Entries per :meth:`send`."""

    async def connect(self) -> None:
        """Reach the receiver; called before the first batch and after each failure."""

    async def send(self, entries: Sequence[Entry]) -> None:
        """Hand the entries over."""

    def check(self) -> None:
        """Raise when the connection is known to be broken."""

    async def close(self) -> None:
        """Let go of the connection, broken or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Sizes and seconds of a sink.

    ``settled``: how long a connection must hold before a lost receiver counts as recovered, so that
    one that comes and goes does not fill the log.
    """

    capacity: int = 1000
    timeout: float = 10.0
    first_pause: float = 1.0
    longest_pause: float = 60.0
    settled: float = 60.0


STEADY = Pace()


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkStatus:
    """How sending on to one receiver goes; ``dropped`` and ``sent`` count since the start."""

    name: str
    connected: bool
    sent: int
    dropped: int
    waiting: int
    error: str


class Sink:
    """Sends entries on to one receiver until it is stopped.

    A full queue drops its oldest entries and counts them. The log gets one entry when the receiver
    is lost, one when the queue overflows, and one when it has recovered for good.
    """

    def __init__(self, log: EventLog, receiver: Receiver, transport: Transport, pace: Pace = STEADY) -> None:
        self.name = receiver.name
        self._log = log
        self._logs = receiver.log.logs
        self._least = severity(receiver.least)
        self._transport = transport
        self._pace = pace
        self._queue: deque[Entry] = deque()
        self._sending: list[Entry] = []
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._connected = False
        self._lost = False
        self._overflowing = False
        self._healthy_since: float | None = None
        self._pause = pace.first_pause
        self._sent = 0
        self._dropped = 0
        self._reported = 0
        self._error = ""

    @property
    def status(self) -> SinkStatus:
        """How it goes now."""
        waiting = len(self._queue) + len(self._sending)
        return SinkStatus(
            name=self.name,
            connected=self._connected,
            sent=self._sent,
            dropped=self._dropped,
            waiting=waiting,
            error=self._error,
        )

    def offer(self, entry: Entry) -> None:
        """Queue an entry if the receiver wants it; returns at once."""
        if entry.log not in self._logs or entry.severity > self._least or self._about_itself(entry):
            return
        self._queue.append(entry)
        self._idle.clear()
        self._trim()
        self._wake.set()

    async def run(self) -> None:
        """Send until cancelled."""
        try:
            while True:
                await self._something_to_send()
                self._sending = list(islice(self._queue, self._transport.batch))
                for _ in self._sending:
                    self._queue.popleft()
                await self._try_once()
        finally:
            await self._disconnect()

    async def drained(self) -> None:
        """Return when nothing waits any more."""
        await self._idle.wait()

    def stopped(self) -> None:
        """Say in the log what was left when the sink ended."""
        if unsent := self.status.waiting:
            self._record(SINK_STOPPED, unsent=unsent)

    async def _try_once(self) -> None:
        try:
            async with asyncio.timeout(self._pace.timeout):
                if not self._connected:
                    await self._transport.connect()
                    self._connected = True
                await self._transport.send(self._sending)
        except Exception as error:
            self._put_back()
            await self._failed(error)
        except BaseException:
            self._put_back()
            raise
        else:
            self._succeeded()

    def _put_back(self) -> None:
        self._queue.extendleft(reversed(self._sending))
        self._sending = []
        self._trim()

    def _trim(self) -> None:
        # A batch under way does not count: it is older than the queue, which would lose its newest instead.
        while len(self._queue) > self._pace.capacity:
            self._queue.popleft()
            self._dropped += 1
            if self._healthy_since is not None:
                self._healthy_since = asyncio.get_running_loop().time()
            if not self._overflowing:
                self._overflowing = True
                self._record(SINK_OVERFLOW, capacity=self._pace.capacity)

    def _succeeded(self) -> None:
        self._sent += len(self._sending)
        self._sending = []
        if not self._queue:
            self._idle.set()
        if self._healthy_since is None:
            self._healthy_since = asyncio.get_running_loop().time()

    async def _failed(self, error: Exception) -> None:
        await self._disconnect()
        self._healthy_since = None
        self._error = self._reason(error)
        if not self._lost:
            self._lost = True
            self._record(SINK_LOST, reason=self._error)
        await asyncio.sleep(self._pause)
        self._pause = min(self._pause * 2, self._pace.longest_pause)

    def _reason(self, error: Exception) -> str:
        if isinstance(error, TimeoutError) and not str(error):
            return f"it took nothing for {self._pace.timeout:g} s"
        return str(error) or type(error).__name__

    async def _something_to_send(self) -> None:
        """Wait for an entry; meanwhile notice that a receiver in trouble has recovered for good."""
        while not self._queue:
            self._wake.clear()
            left = self._until_settled()
            if left is not None and left <= 0:
                await self._settle()
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._wake.wait()
        left = self._until_settled()
        if left is not None and left <= 0 and len(self._queue) < self._pace.capacity // 2:
            await self._settle()

    def _until_settled(self) -> float | None:
        """Seconds until the trouble counts as over; ``None`` when there is none, or no success yet."""
        if self._healthy_since is None or not (self._lost or self._overflowing):
            return None
        return self._healthy_since + self._pace.settled - asyncio.get_running_loop().time()

    async def _settle(self) -> None:
        try:
            self._transport.check()
        except Exception as error:
            await self._failed(error)
            return
        self._lost = self._overflowing = False
        self._pause, self._error = self._pace.first_pause, ""
        self._record(SINK_RECOVERED, dropped=self._dropped - self._reported)
        self._reported = self._dropped

    async def _disconnect(self) -> None:
        self._connected = False
        with contextlib.suppress(Exception):
            async with asyncio.timeout(self._pace.timeout):
                await self._transport.close()

    def _record(self, event: EventType, **parameters: Any) -> None:
        self._log.record_soon(event, source=self.name, sink=self.name, **parameters)

    def _about_itself(self, entry: Entry) -> bool:
        """Its own troubles would be sent to the receiver that causes them, and cause more."""
        return entry.distribution == CORE and entry.number in _OWN and entry.source == self.name
