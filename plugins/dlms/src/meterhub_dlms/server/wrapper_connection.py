"""One TCP connection with the wrapper of IEC 62056-47, and the sessions of all clients on it."""

from __future__ import annotations

import asyncio

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
        try:
            while frames := await self._frames(reader, deframer):
                for frame in frames:
                    response = await self._answer(frame, sessions, peer)
                    if response is None:
                        continue
                    writer.write(wrap(frame.destination, frame.source, response))
                    async with asyncio.timeout(config.idle_timeout):
                        await writer.drain()
        finally:
            for session in sessions.values():
                self._reception.leave(session)

    async def _frames(self, reader: asyncio.StreamReader, deframer: WrapperDeframer) -> list[WrapperFrame]:
        """The next complete frames, or none at the end; ``TimeoutError`` when there were none for too long."""
        async with asyncio.timeout(self._reception.config.idle_timeout):
            while data := await reader.read(READ_SIZE):
                if frames := deframer.feed(data):
                    return frames
        return []

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
