"""Lines that a readout comes over: a serial port, or a converter on the network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from meterhub_sdk import FrameChannel, Hub, NotReady, place_of
from meterhub_sdk.serial import SerialLine, open_line

from meterhub_dlms.link import parity
from meterhub_dlms.link.errors import LinkError
from meterhub_dlms.readout.settings import Connection

WINDOW = 5.0
"""Seconds after which a port is given, between two readouts, to whoever waits for it."""

_CONNECT_TIMEOUT = 5.0
_READ_SIZE = 4096


class Line(Protocol):
    """Seven bits and even parity; what is written and read carries the parity bit as bit 7 all the same.

    Whatever uses it raises ``NotReady`` when the line is lost.
    """

    @property
    def errors(self) -> int:
        """Characters that the line itself found damaged, since it was opened."""
        ...

    @property
    def wanted(self) -> bool:
        """Whether somebody else waits for it."""
        ...

    def write(self, octets: bytes) -> None:
        """Send; returns at once."""
        ...

    async def read(self) -> bytes:
        """All that has come, at least one character."""
        ...

    def discard(self) -> None:
        """Throw away what came and was not read."""
        ...

    async def set_speed(self, baud: int) -> None:
        """Wait until all is sent, then change the speed; ``LinkError`` where it cannot be changed."""
        ...


class PortLine:
    """A leased serial port; it makes the parity itself, in software where its settings ask for that."""

    def __init__(self, line: SerialLine, channel: FrameChannel) -> None:
        self._channel = channel
        self._line = line

    @property
    def errors(self) -> int:
        """As the driver, or the parity in software, tells."""
        return self._line.errors

    @property
    def wanted(self) -> bool:
        """Whether somebody with more right waits for the port."""
        return self._line.wanted

    def write(self, octets: bytes) -> None:
        """Send without the parity bit: the port adds it."""
        octets = parity.remove(octets)
        self._line.write(octets)
        self._channel.sent(octets)

    async def read(self) -> bytes:
        """Characters whose parity the port has checked."""
        octets = parity.remove(await self._line.read())
        self._channel.received(octets)
        return parity.add(octets)

    def discard(self) -> None:
        """Throw away what came and was not read."""
        self._line.discard_input()

    async def set_speed(self, baud: int) -> None:
        """Change the speed; the frame is that of IEC 62056-21."""
        await self._line.set_mode(baud=baud, data_bits=7, parity="even", stop_bits=1)


class ConverterLine:
    """A raw TCP connection to a converter, whose speed is fixed."""

    errors = 0
    wanted = False

    def __init__(
        self,
        connection: Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        channel: FrameChannel,
    ) -> None:
        self._channel = channel
        self._connection = connection
        self._reader = reader
        self._writer = writer

    def write(self, octets: bytes) -> None:
        """Send, with the parity bit where the converter does not add it."""
        octets = parity.remove(octets) if self._connection.converter_parity else octets
        self._writer.write(octets)
        self._channel.sent(octets)

    async def read(self) -> bytes:
        """What the converter passed on."""
        try:
            data = await self._reader.read(_READ_SIZE)
        except OSError as error:
            raise NotReady(f"the connection to {self._connection.medium} broke: {error}") from error
        if not data:
            raise NotReady(f"{self._connection.medium} closed the connection")
        self._channel.received(data)
        return parity.add(parity.remove(data)) if self._connection.converter_parity else data

    def discard(self) -> None:
        """Nothing is kept but what the next read brings, which is listened to before each sign-on."""

    async def set_speed(self, baud: int) -> None:
        """``LinkError`` when it is not the converter's."""
        if baud != self._connection.max_speed:
            raise LinkError(
                f"the meter goes on at {baud} Bd and the converter stays at {self._connection.max_speed} Bd; "
                "set the converter, start speed and highest speed to what the meter offers"
            )


@asynccontextmanager
async def opened(hub: Hub, connection: Connection, priority: int) -> AsyncIterator[Line]:
    """The line of a connection, for the length of the block.

    ``NotReady`` when it cannot be had now, ``ConfigError`` or ``Refused`` when the settings are wrong.
    """
    if connection.serial_port is not None:
        async with open_line(hub, connection.serial_port, priority=priority, seconds=WINDOW) as line:
            port = connection.serial_port
            channel = hub.frames.channel(f"port {port}", link="serial", local=port, redact=True)
            try:
                yield PortLine(line, channel)
            finally:
                channel.close()
        return
    try:
        async with asyncio.timeout(_CONNECT_TIMEOUT):
            reader, writer = await asyncio.open_connection(connection.host, connection.port)
    except (OSError, UnicodeError) as error:
        raise NotReady(f"{connection.medium} does not answer: {error or 'no connection within 5 s'}") from error
    local, remote = (place_of(writer.get_extra_info(end)) for end in ("sockname", "peername"))
    channel = hub.frames.channel(str(connection.medium), link="tcp", local=local, remote=remote, redact=True)
    try:
        yield ConverterLine(connection, reader, writer, channel)
    finally:
        channel.close()
        writer.transport.abort()
