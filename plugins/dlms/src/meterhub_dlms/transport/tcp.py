"""A TCP connection that tells at once when it is lost."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

from meterhub_sdk import FrameChannel, FrameLink, Frames, place_of

Receiver = Callable[[bytes], None]
Notice = Callable[[], None]


class TcpStream(asyncio.Protocol):
    """The client's end of a connection; bytes go to ``receive`` as they come.

    ``lost`` is set and ``closed`` called as soon as the connection is gone, also while nobody reads;
    ``reason`` says why.
    """

    def __init__(self, receive: Receiver, closed: Notice) -> None:
        self._receive = receive
        self._closed = closed
        self._transport: asyncio.Transport | None = None
        self._channel: FrameChannel | None = None
        self.lost = asyncio.Event()
        self.reason = "the connection was closed by the other side"

    @classmethod
    async def connect(cls, host: str, port: int, receive: Receiver, closed: Notice, timeout: float) -> TcpStream:
        """An open connection; ``OSError`` (``TimeoutError`` included) when there is none within ``timeout`` seconds."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(timeout):
            _, stream = await loop.create_connection(lambda: cls(receive, closed), host, port)
        return stream

    def show(self, frames: Frames, name: str, link: FrameLink) -> None:
        """Show the frame recorder all that goes over the connection from now on."""
        if self._transport is not None:
            local, remote = (place_of(self._transport.get_extra_info(end)) for end in ("sockname", "peername"))
            self._channel = frames.channel(name, link=link, local=local, remote=remote, redact=True)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self._transport = cast(asyncio.Transport, transport)
        connection: socket.socket | None = self._transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        if self._channel is not None:
            self._channel.received(data)
        self._receive(data)

    def connection_lost(self, error: Exception | None) -> None:
        """Called by asyncio."""
        if error is not None:
            self.reason = f"the connection broke: {error}"
        self.lost.set()
        if self._channel is not None:
            self._channel.close()
        self._closed()

    def write(self, data: bytes) -> None:
        """Send; requests are short and one at a time, so the send buffer never grows."""
        if self._transport is not None and not self.lost.is_set():
            self._transport.write(data)
            if self._channel is not None:
                self._channel.sent(data)

    def discard(self) -> None:
        """Nothing is held back here: what comes is handed on at once."""

    def close(self) -> None:
        """Close at once; what was not sent is dropped."""
        if self._transport is not None:
            self._transport.abort()
