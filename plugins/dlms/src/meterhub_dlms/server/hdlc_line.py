"""HDLC on one line, a serial one or a TCP connection: the links of all clients to all devices on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from meterhub_sdk import FrameChannel

from meterhub_dlms.link.errors import LinkError
from meterhub_dlms.link.hdlc_secondary import Closed, HdlcBus, HdlcLink, Request
from meterhub_dlms.server.reception import Reception
from meterhub_dlms.server.session import Session
from meterhub_dlms.server.site import Served, Visitor
from meterhub_dlms.transport.tcp_listener import READ_SIZE

MAX_NOISE = 4096
"""Bytes that belong to no frame, after which a TCP connection is closed; a line may be as noisy as it is."""

PAUSE = 0.5
"""Seconds without a byte after which the beginning of a frame is given up."""


class HdlcLine:
    """Answers what comes on one line, in order: a line carries one exchange at a time."""

    def __init__(
        self, reception: Reception, peer: str, send: Callable[[bytes], None], channel: FrameChannel | None = None
    ) -> None:
        config = reception.config
        stations = reception.stations
        clock = asyncio.get_running_loop().time
        self.bus = HdlcBus(stations, clock, max_apdu=config.max_pdu_size)
        self.opened = False
        """Whether a link was ever open."""
        self._reception = reception
        self._peer = peer
        self._write = send
        self._channel = channel
        self._alone = next(iter(stations)) if len(stations) == 1 else None
        self._sessions: dict[HdlcLink, Session] = {}
        self._faults = 0
        self._frames = self._noise = 0

    @property
    def active(self) -> bool:
        """Whether a link is open."""
        return bool(self.bus.links)

    async def feed(self, data: bytes) -> None:
        """Answer what the bytes ask for."""
        if self._channel is not None:
            self._channel.received(data)
        for output in self.bus.feed(data):
            if isinstance(output, Request):
                await self._answer(output)
            elif isinstance(output, Closed):
                self._ended(output.link)
            else:
                self._send(output)
        self.opened = self.opened or self.active
        self._count()

    @property
    def noise(self) -> int:
        """Bytes since the last frame that belong to none."""
        bus = self.bus
        if bus.counters.frames > self._frames:
            self._frames, self._noise = bus.counters.frames, bus.deframer.noise
        return bus.deframer.noise - self._noise

    def pause(self) -> None:
        """Nothing came for a while: forget half a frame, and close links on which nobody speaks any more."""
        self.bus.deframer.reset()
        for output in self.bus.expire():
            if isinstance(output, Closed):
                self._ended(output.link)

    def close(self) -> None:
        """The line is over."""
        if self._channel is not None:
            self._channel.close()
        for link in list(self._sessions):
            self._ended(link)

    def _send(self, frame: bytes) -> None:
        self._write(frame)
        if self._channel is not None:
            self._channel.sent(frame)

    def _count(self) -> None:
        faults = self.bus.deframer.damaged + self.bus.counters.rejected
        self._reception.site.counters.errors += faults - self._faults
        self._faults = faults

    async def _answer(self, request: Request) -> None:
        link = request.link
        session = self._sessions.get(link) or self._welcome(link)
        if session is None:
            return
        response = await session.handle(request.apdu)
        try:
            self._send(link.acknowledge() if response is None else link.respond(response))
        except LinkError:
            # The client closed the link or opened it anew while its request was carried out.
            self._reception.dropped += 1

    def _welcome(self, link: HdlcLink) -> Session | None:
        served: Served | None = self._reception.find(link.address.upper, link.address.lower or self._alone)
        if served is None:
            return None
        session = self._sessions[link] = self._reception.welcome(served, Visitor(link.client.upper, self._peer))
        return session

    def _ended(self, link: HdlcLink) -> None:
        session = self._sessions.pop(link, None)
        if session is not None:
            self._reception.leave(session)


class HdlcConnections:
    """Serves TCP connections that carry HDLC."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str) -> None:
        """Answer until the end; ``TimeoutError`` when nothing comes for too long, ``LinkError`` at mere noise."""
        channel = self._reception.channel(writer, "tcp")
        line = HdlcLine(self._reception, peer, writer.write, channel)
        try:
            while data := await self._read(reader, line):
                await line.feed(data)
                if line.noise > MAX_NOISE:
                    raise LinkError(f"{line.noise} bytes came that are no HDLC")
                async with asyncio.timeout(self._reception.config.idle_timeout):
                    await writer.drain()
        finally:
            line.close()

    async def _read(self, reader: asyncio.StreamReader, line: HdlcLine) -> bytes:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._reception.config.idle_timeout
        while (left := deadline - loop.time()) > 0:
            try:
                async with asyncio.timeout(min(left, PAUSE)):
                    return await reader.read(READ_SIZE)
            except TimeoutError:
                line.pause()
        raise TimeoutError
