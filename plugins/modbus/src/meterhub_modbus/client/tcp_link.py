"""Modbus TCP (MODBUS Messaging on TCP/IP Implementation Guide 1.0b): answers are told apart by their transaction."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from meterhub_sdk import Frames, place_of

from meterhub_modbus.client.adapter import Request
from meterhub_modbus.client.link import Link
from meterhub_modbus.client.planner import Cost

HEADER = struct.Struct(">HHHB")
_LONGEST = 254
"""Unit identifier and PDU (253 bytes)."""
_FIRST_ROUND_TRIP = 0.005
_REGISTER_TIME = 2e-6
_BIT_TIME = _REGISTER_TIME / 16
_MOST_UNANSWERED = 3
_SHORTEST_CONNECT = 3.0


class TcpAccess:
    """The way to one host and port."""

    kind = "Modbus TCP"
    used_as = ""

    def __init__(self, frames: Frames, host: str, port: int, timeout: float) -> None:
        self._frames = frames
        self._host = host
        self._port = port
        self._timeout = max(timeout, _SHORTEST_CONNECT)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[TcpLink]:
        """A connection; ``OSError`` when there is none within the time-out."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._timeout):
            transport, link = await loop.create_connection(TcpLink, self._host, self._port)
        link.channel = self._frames.channel(
            f"{self._host}:{self._port}",
            link="modbus-tcp",
            local=place_of(transport.get_extra_info("sockname")),
            remote=place_of(transport.get_extra_info("peername")),
        )
        with suppress(OSError):
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        try:
            yield link
        finally:
            link.close()

    def statistics(self) -> None:
        """The system counts what goes over its networks."""

    def cost(self, turnaround: float | None) -> Cost:
        """A round trip for each request, whatever it reads; the rest is that of a 10 Mbit/s line."""
        return Cost(turnaround if turnaround is not None else _FIRST_ROUND_TRIP, _REGISTER_TIME, _BIT_TIME)


class TcpLink(Link):
    """One connection to a device, or to a gateway with several units behind it."""

    def __init__(self) -> None:
        super().__init__(rtu=False)
        self._buffer = bytearray()

    async def quiet(self) -> None:
        """TCP needs no pause."""

    def wire_time(self, request: Request) -> float:
        """The line is not ours to know; the measured round trip contains it."""
        return 0.0

    def hold_off(self, timeout: float) -> float:
        """None: a late answer has another transaction identifier."""
        return 0.0

    def silent(self) -> None:
        """A connection that only swallows requests may be half open: a new one is made."""
        if self.unanswered >= _MOST_UNANSWERED:
            self.fail(f"no answer to {self.unanswered} requests")

    def data_received(self, data: bytes) -> None:
        """Take the frames apart; a header that is none ends the connection, because nothing after it makes sense."""
        self._buffer += data
        while len(self._buffer) >= HEADER.size:
            transaction, protocol, length, unit = HEADER.unpack_from(self._buffer)
            if protocol != 0 or not 2 < length <= _LONGEST:
                self.fail(f"what came is not Modbus TCP (protocol {protocol}, length {length})")
                return
            end = HEADER.size - 1 + length
            if len(self._buffer) < end:
                return
            frame = bytes(self._buffer[:end])
            del self._buffer[:end]
            if self.channel is not None:
                self.channel.received(frame)
            waiting = self._waiting
            if waiting is None or (transaction, unit) != (waiting.transaction, waiting.request.unit):
                self.dropped += 1
            else:
                self.settle(waiting, frame, frame[HEADER.size :])
