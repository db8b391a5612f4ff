"""Pushes over TCP: connections of meters, and of modems and converters that speak for them."""

from __future__ import annotations

import asyncio

from meterhub_sdk import FrameChannel, Frames, place_of

from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.link.errors import LinkError
from meterhub_dlms.push.framing import Assembler, Framing, Packet, framing_of
from meterhub_dlms.push.pace import Pace
from meterhub_dlms.push.reception import Arrival, Reception
from meterhub_dlms.push.senders import plain_host
from meterhub_dlms.push.settings import DlmsPushConfig

READ_SIZE = 16_384


class PushConnections:
    """Takes the pushes of each connection in order, no faster than its sender may send."""

    def __init__(self, config: DlmsPushConfig, reception: Reception, pace: Pace, frames: Frames) -> None:
        self._frames = frames
        self._config = config
        self._reception = reception
        self._pace = pace

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str) -> None:
        """Take pushes until the end of the connection; ``TimeoutError`` when nothing came for too long."""
        host = plain_host(peer)
        framing: Framing | None = None
        assembler = Assembler(self._config.max_length)
        local, remote = (place_of(writer.get_extra_info(end)) for end in ("sockname", "peername"))
        channel = self._frames.channel(
            f"meter {remote}", link="dlms-tcp", local=local, remote=remote, listening=True, redact=True
        )
        try:
            while data := await self._read(reader):
                channel.received(data)
                framing = framing or framing_of(data[0], self._config.max_length)
                for packet in framing.feed(data):
                    await asyncio.sleep(self._pace.take(host, asyncio.get_running_loop().time()))
                    await self._take(packet, assembler, framing, writer, host, channel)
        except LinkError as error:
            await self._reception.put(Arrival(host, fault=str(error)))
        finally:
            channel.close()

    async def _read(self, reader: asyncio.StreamReader) -> bytes:
        async with asyncio.timeout(self._config.idle_timeout):
            return await reader.read(READ_SIZE)

    async def _take(
        self,
        packet: Packet,
        assembler: Assembler,
        framing: Framing,
        writer: asyncio.StreamWriter,
        host: str,
        channel: FrameChannel,
    ) -> None:
        try:
            apdu, acknowledgement = assembler.feed(packet)
        except CodecError as error:
            await self._reception.put(Arrival(host, fault=str(error)))
            return
        if acknowledgement is not None:
            answer = framing.answer(packet.address, acknowledgement)
            writer.write(answer)
            channel.sent(answer)
            async with asyncio.timeout(self._config.idle_timeout):
                await writer.drain()
        if apdu is not None:
            await self._reception.put(Arrival(host, apdu))
