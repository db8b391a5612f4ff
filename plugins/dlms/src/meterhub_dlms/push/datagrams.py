"""The UDP port: each datagram holds whole frames of the wrapper."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any, cast

from meterhub_sdk import FrameChannel, Frames, place_of

from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.link.errors import LinkError
from meterhub_dlms.link.wrapper import WrapperDeframer
from meterhub_dlms.push.framing import Assembler, Packet, WrapperFraming
from meterhub_dlms.push.pace import Pace
from meterhub_dlms.push.reception import Arrival, Reception
from meterhub_dlms.push.senders import plain_host
from meterhub_dlms.push.settings import DlmsPushConfig

_MAX_PEERS = 64
_LONGEST = 0xFFFF


class DatagramListener(asyncio.DatagramProtocol):
    """Takes datagrams; nobody can be slowed down here, so what is too much is dropped and counted."""

    def __init__(self, config: DlmsPushConfig, reception: Reception, pace: Pace, frames: Frames) -> None:
        self._frames = frames
        self._channels: OrderedDict[Any, FrameChannel] = OrderedDict()
        self._config = config
        self._reception = reception
        self._pace = pace
        self._transport: asyncio.DatagramTransport | None = None
        self._assemblers: OrderedDict[Any, Assembler] = OrderedDict()
        self._closed = asyncio.Event()
        self.too_many = 0

    async def open(self, port: int) -> None:
        """Begin to listen; ``OSError`` when the address or port is not to be had."""
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=(self._config.host, port))

    @property
    def port(self) -> int | None:
        """The port listened on."""
        return None if self._transport is None else int(self._transport.get_extra_info("sockname")[1])

    async def close(self) -> None:
        """Stop listening."""
        if self._transport is not None:
            self._transport.abort()
            await self._closed.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio."""
        for channel in self._channels.values():
            channel.close()
        self._closed.set()

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """Called by asyncio."""
        host = plain_host(str(addr[0]))
        if self._pace.take(host, asyncio.get_running_loop().time()) > 0:
            self.too_many += 1
            return
        self._channel(addr).received(data)
        try:
            deframer = WrapperDeframer(min(self._config.max_length, _LONGEST))
            frames = list(deframer.feed(data))
            if deframer.partial or not frames:
                raise LinkError("the datagram holds no whole frames of the wrapper")
            for frame in frames:
                self._take(Packet((frame.source, frame.destination), frame.apdu), host, addr)
        except (LinkError, CodecError) as error:
            self._offer(Arrival(host, fault=str(error)))

    def _channel(self, addr: Any) -> FrameChannel:
        """Where the frames of a sender are shown; that of the one unheard of for longest makes room for a new one."""
        channel = self._channels.pop(addr, None)
        if channel is None:
            local = place_of(self._transport.get_extra_info("sockname")) if self._transport is not None else ""
            remote = place_of(addr)
            channel = self._frames.channel(
                f"meter {remote}", link="dlms-udp", local=local, remote=remote, listening=True, redact=True
            )
        self._channels[addr] = channel
        if len(self._channels) > _MAX_PEERS:
            self._channels.popitem(last=False)[1].close()
        return channel

    def _take(self, packet: Packet, host: str, addr: tuple[Any, ...]) -> None:
        assembler = self._assemblers.pop(addr, None) or Assembler(self._config.max_length)
        apdu, acknowledgement = assembler.feed(packet)
        if assembler.partial:
            self._assemblers[addr] = assembler
            if len(self._assemblers) > _MAX_PEERS:
                self._assemblers.popitem(last=False)
        if acknowledgement is not None and self._transport is not None:
            answer = WrapperFraming(_LONGEST).answer(packet.address, acknowledgement)
            self._transport.sendto(answer, addr)
            self._channel(addr).sent(answer)
        if apdu is not None:
            self._offer(Arrival(host, apdu))

    def _offer(self, arrival: Arrival) -> None:
        if not self._reception.offer(arrival):
            self.too_many += 1
