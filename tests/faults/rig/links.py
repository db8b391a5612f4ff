"""A client of HDLC that does what a link demands, whatever is in its messages: one frame, one answer."""

from __future__ import annotations

import asyncio

from meterhub_dlms.link.hdlc_deframer import HdlcDeframer
from meterhub_dlms.link.hdlc_frame import HdlcFrame, Kind
from rig.mutation import Conversation
from rig.probes import ASSOCIATE, ENERGY_SHOWN, GET_ENERGY
from rig.stage import PATIENCE
from rig.wires import Hdlc

_AGAIN = 0.1
"""Seconds after which the client knocks again: on a line a broken frame may have taken the next one with it."""


class HdlcTalk:
    """One client on a TCP connection or a line. It opens its link anew when that was refused."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._deframer = HdlcDeframer()
        self._wire = Hdlc()

    async def say(self, conversation: Conversation) -> None:
        """All of it; nobody answers to broken frames."""
        await self.open()
        for message in (*conversation.beginning, *conversation.messages):
            if not self._wire.heard(await self._answer(self._wire.seal(message))):
                await self.open()
        self._writer.write(b"".join(conversation.broken))

    async def ask(self) -> None:
        """A valid conversation with a valid end."""
        await self.open()
        self._wire.heard(await self._answer(self._wire.seal(GET_ENERGY), ENERGY_SHOWN))

    async def open(self) -> None:
        """Open the link and associate on it."""
        async with asyncio.timeout(PATIENCE):
            while True:
                self._wire = Hdlc()
                self._writer.write(Hdlc.opening[0])
                try:
                    async with asyncio.timeout(_AGAIN):
                        while not any(frame.kind is Kind.UA for frame in await self._frames()):
                            pass
                except TimeoutError:
                    continue
                if not self._wire.heard(await self._answer(self._wire.seal(ASSOCIATE))):
                    continue  # a late answer to the opening before this one
                return

    async def _answer(self, frame: bytes, expected: bytes = b"") -> list[HdlcFrame]:
        self._writer.write(frame)
        async with asyncio.timeout(PATIENCE):
            frames = await self._frames()
        assert expected in frames[-1].information
        return frames

    async def _frames(self) -> list[HdlcFrame]:
        while not (frames := self._deframer.feed(await self._some())):
            pass
        return frames

    async def _some(self) -> bytes:
        if not (data := await self._reader.read(65536)):
            raise EOFError("the server closed the connection")
        return data
