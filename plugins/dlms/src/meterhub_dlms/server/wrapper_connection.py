"""One TCP connection with the wrapper of IEC 62056-47, and the sessions of all clients on it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator

from meterhub_sdk import FrameChannel

from meterhub_dlms.link.wrapper import WrapperDeframer, WrapperFrame, wrap
from meterhub_dlms.server.reception import Reception
from meterhub_dlms.server.session import Session
from meterhub_dlms.server.site import Visitor
from meterhub_dlms.transport.tcp_listener import READ_SIZE

MAX_SESSIONS = 64
"""Pairs of client and logical device on one connection."""


class WrapperConnections:
    """Serves connections with the wrapper."""

    def __init__(self, reception: Reception) -> None:
        self._reception = reception

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str) -> None:
        """Answer until the end; ``LinkError`` when no frames come, ``TimeoutError`` when nothing does."""
        config = self._reception.config
        deframer = WrapperDeframer(config.max_pdu_size)
        sessions: dict[tuple[int, int], Session] = {}
        channel = self._reception.channel(writer, "dlms-tcp")
        try:
            while (frames := await self._frames(reader, deframer, channel)) is not None:
                for frame in frames:
                    response = await self._answer(frame, sessions, peer)
                    if response is None:
                        continue
                    answer = wrap(frame.destination, frame.source, response)
                    writer.write(answer)
                    if channel is not None:
                        channel.sent(answer)
                    async with asyncio.timeout(config.idle_timeout):
                        await writer.drain()
        finally:
            if channel is not None:
                channel.close()
            for session in sessions.values():
                self._reception.leave(session)

    async def _frames(
        self, reader: asyncio.StreamReader, deframer: WrapperDeframer, channel: FrameChannel | None
    ) -> Iterator[WrapperFrame] | None:
        """The next complete frames, ``None`` at the end; ``TimeoutError`` when there were none for too long."""
        async with asyncio.timeout(self._reception.config.idle_timeout):
            while data := await reader.read(READ_SIZE):
                if channel is not None:
                    channel.received(data)
                frames = deframer.feed(data)
                if (first := next(frames, None)) is not None:
                    return itertools.chain((first,), frames)
        return None

    async def _answer(self, frame: WrapperFrame, sessions: dict[tuple[int, int], Session], peer: str) -> bytes | None:
        key = frame.source, frame.destination
        session = sessions.get(key)
        if session is None:
            served = self._reception.find(frame.destination)
            if served is None or len(sessions) >= MAX_SESSIONS:
                self._reception.dropped += 1
                return None
            session = sessions[key] = self._reception.welcome(served, Visitor(frame.source, peer))
        return await session.handle(frame.apdu)
