# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection to one station: c104 does APCI, timers and windows, in a thread of its own.

Every call of c104 for a station is made from one thread (it aborts the process when several
threads collide within it), and each connection has a client object of its own, as a c104 object that is
started again leaks memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import c104
from meterhub_sdk import FrameChannel, Frames

from meterhub_iec104_client.errors import LinkLost
from meterhub_iec104_client.inbox import Inbox
from meterhub_iec104_client.settings import MappedPoint, Station

T = TypeVar("T")

_TICK = 100
"""Milliseconds between the looks that c104 takes at its connection."""
_DIRECT_TIME = 100
_SELECTS = 3
"""How often an object is selected at most before its execute is sent, within the time that the station has."""
_STOP_TIME = 2.0
"""Seconds that closing waits for c104, which may still be in a connection attempt; it then ends by itself."""

_CLOSED = (c104.ConnectionState.CLOSED, c104.ConnectionState.CLOSED_AWAIT_RECONNECT)


class Link:
    """Opened once, used until :class:`LinkLost`, closed once."""

    def __init__(self, station: Station, frames: Frames | None = None) -> None:
        self.station = station
        self._frames = frames
        self._channel: FrameChannel | None = None
        self.inbox = Inbox()
        self._thread = ThreadPoolExecutor(1, f"c104 {station.label}")
        self._client: c104.Client | None = None
        self._connection: c104.Connection | None = None
        self._commands: dict[int, c104.Point] = {}
        self._fault = ""

    async def _call(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def open(self) -> None:
        """Connect and start data transfer within T0, or :class:`LinkLost`."""
        try:
            async with asyncio.timeout(self.station.t0):
                address = await self._resolve()
                self._record(address)
                await self._call(lambda: self._start(address))
                await self._until(c104.ConnectionState.OPEN_MUTED)
                # c104 2.2.1 forgets STARTDT in some runs when it is left to send it by itself
                await self._call(self._unmute)
                await self._until(c104.ConnectionState.OPEN)
        except TimeoutError:
            raise LinkLost(f"it did not start data transfer within T0 ({self.station.t0} s)") from None

    async def _resolve(self) -> str:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                self.station.host, self.station.port, family=socket.AF_INET, type=socket.SOCK_STREAM
            )
        except (OSError, UnicodeError) as error:
            raise LinkLost(f"{self.station.host} has no IPv4 address: {error}") from None
        return str(found[0][4][0])

    def _start(self, address: str) -> None:
        settings = self.station
        client = c104.Client(tick_rate_ms=_TICK, command_timeout_ms=self._command_time())
        client.originator_address = settings.originator
        connection = client.add_connection(ip=address, port=settings.port, init=c104.Init.MUTED)
        assert connection is not None  # a new client has no other
        parameters = connection.protocol_parameters
        parameters.connection_timeout, parameters.message_timeout = settings.t0, settings.t1
        parameters.confirm_interval, parameters.keep_alive_interval = settings.t2, settings.t3
        parameters.send_window_size, parameters.receive_window_size = settings.k, settings.w
        connection.on_receive_raw(callable=self.inbox.on_frame)
        connection.on_send_raw(callable=self.inbox.on_sent)
        connection.on_state_change(callable=self.inbox.on_state)
        self._add_commands(connection)
        self._client, self._connection = client, connection
        client.start()

    def _command_time(self) -> int:
        """Milliseconds that c104 waits for a confirmation: only between select and execute does it matter."""
        selecting = any(point.select for point in self.station.points)
        return round(self.station.answer_time * 1000 / _SELECTS) if selecting else _DIRECT_TIME

    def _add_commands(self, connection: c104.Connection) -> None:
        station = connection.add_station(common_address=self.station.common_address)
        assert station is not None
        for point in self.station.points:
            if point.command is not None:
                mode = c104.CommandMode.SELECT_AND_EXECUTE if point.select else c104.CommandMode.DIRECT
                kind = getattr(c104.Type, f"{point.command}_1" if "_SE_" in point.command else f"{point.command}_NA_1")
                added = station.add_point(io_address=point.target, type=kind, command_mode=mode)
                assert added is not None  # addresses of commands are unique within a station
                self._commands[point.target] = added

    def _unmute(self) -> None:
        if self._connection is not None:
            self._connection.unmute()

    async def _until(self, state: c104.ConnectionState) -> None:
        while self.inbox.state != state:
            self._check()
            await self.inbox.something()

    def _check(self) -> None:
        """Raise :class:`LinkLost` when the connection is gone or given up."""
        if self._fault:
            raise LinkLost(self._fault)
        if self.inbox.overrun:
            raise LinkLost("more came than could be taken in, and some of it is lost")
        if self.inbox.state in _CLOSED:
            raise LinkLost("the connection was refused or closed")

    def fail(self, reason: str) -> None:
        """Give the connection up: the next :meth:`frames` raises."""
        self._fault = self._fault or reason
        self.inbox.wake()

    async def frames(self) -> list[bytes]:
        """The frames that came, at least one; :class:`LinkLost` when there are none and never will be."""
        while not (taken := self.inbox.take()):
            self._check()
            await self.inbox.something()
        self._show()
        return taken

    def _record(self, address: str) -> None:
        if self._frames is not None:
            place = f"{address}:{self.station.port}"
            self._channel = self._frames.channel(f"station {self.station.label}", link="iec104", remote=place)

    def _show(self) -> None:
        """Hand what c104's thread noted to the frame recorder."""
        while self._channel is not None and self.inbox.passed:
            when, sent, frame = self.inbox.passed.popleft()
            (self._channel.sent if sent else self._channel.received)(frame, time=when)

    async def interrogate(self) -> None:
        """Send a general interrogation (C_IC_NA_1)."""
        address = self.station.common_address
        await self._ask(lambda c: c.interrogation(common_address=address, wait_for_response=False))

    async def interrogate_counters(self) -> None:
        """Send a general counter interrogation without freezing (C_CI_NA_1)."""
        address = self.station.common_address
        await self._ask(lambda c: c.counter_interrogation(common_address=address, wait_for_response=False))

    async def synchronize_clock(self) -> None:
        """Send the time of now (C_CS_NA_1)."""
        address = self.station.common_address
        await self._ask(lambda c: c.clock_sync(common_address=address, wait_for_response=False))

    async def _ask(self, work: Callable[[c104.Connection], bool]) -> None:
        connection = self._connection
        if connection is None or not await self._call(lambda: work(connection)):
            raise LinkLost("a request could not be sent")

    def transmit(self, point: MappedPoint, value: object) -> asyncio.Future[None]:
        """Send a command once, selecting first where the point says so; done when c104 has no more to do with it.

        The answer is among the :meth:`frames`: c104 does not tell a refusal apart, and when the answer is
        quick it misses it now and then and waits for its whole time. Where it missed that of a select, it sends no
        execute, and the object is selected once more.
        """
        command = self._commands[point.target]

        def send() -> None:
            command.value = value  # type: ignore[assignment]  # commands.encode gives each type its own
            inbox, executes = self.inbox, self.inbox.executes
            for _ in range(_SELECTS if point.select else 1):
                selects = inbox.selects
                command.transmit(cause=c104.Cot.ACTIVATION)
                if self._fault or inbox.executes != executes or inbox.selects == selects:
                    return

        return asyncio.get_running_loop().run_in_executor(self._thread, send)

    async def close(self) -> None:
        """Stop c104 and let go of it."""
        self._show()
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        client, self._client, self._connection = self._client, None, None
        self._commands = {}
        if client is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STOP_TIME):
                    await self._call(client.stop)
        self._thread.shutdown(wait=False)
