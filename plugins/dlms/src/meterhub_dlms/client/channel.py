"""Whole APDUs to and from one meter, whatever carries them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from meterhub_sdk import Frames

from meterhub_dlms.link.errors import Garbage, LinkError
from meterhub_dlms.link.wrapper import WrapperDeframer, wrap
from meterhub_dlms.transport.tcp import TcpStream

_MAX_WAITING = 64


class Channel(Protocol):
    """What an association needs of a link: the TCP wrapper here, :mod:`meterhub_dlms.client.hdlc_channel` alike."""

    heard: bool
    """Whether anything came since the last request."""

    notifications: Callable[[bytes], None] | None
    """Takes APDUs that nobody asked for, where the link can tell them from answers."""

    @property
    def dropped(self) -> int:
        """Frames that were not for this association, or that came unasked."""
        ...

    @property
    def lost(self) -> asyncio.Event:
        """Set when the link is gone."""
        ...

    @property
    def reason(self) -> str:
        """Why it is gone."""
        ...

    def send(self, apdu: bytes | bytearray) -> None:
        """Send one APDU; what came before and was not fetched is dropped and counted."""
        ...

    async def receive(self) -> bytes:
        """The next APDU from the meter; ``LinkError`` when the link is gone."""
        ...

    async def keep_alive(self) -> bool:
        """Keep the link open where it has a way to; false where only a request does."""
        ...

    def close(self) -> None:
        """Close the link at once."""
        ...

    async def disconnect(self) -> None:
        """Close the link and tell the meter, without waiting for long; never raises."""
        ...


class WrapperChannel:
    """APDUs over TCP in the wrapper of IEC 62056-47, addresses of every frame compared.

    ``closed`` is called as soon as the connection is gone, also while nobody reads.
    """

    def __init__(self, client_address: int, logical_device: int, closed: Callable[[], None] | None = None) -> None:
        self._client_address = client_address
        self._logical_device = logical_device
        self._closed = closed
        self._deframer = WrapperDeframer()
        self._waiting: deque[bytes] = deque()
        self._stream: TcpStream | None = None
        self._arrival = asyncio.Event()
        self._error: LinkError | None = None
        self.dropped = 0
        self.heard = False
        self.notifications: Callable[[bytes], None] | None = None

    @classmethod
    async def connect(
        cls,
        host: str,
        port: int,
        client_address: int,
        logical_device: int,
        timeout: float,
        closed: Callable[[], None] | None = None,
        frames: Frames | None = None,
    ) -> WrapperChannel:
        """A channel to a meter; ``OSError`` when it cannot be reached within ``timeout`` seconds."""
        channel = cls(client_address, logical_device, closed)
        channel._stream = await TcpStream.connect(host, port, channel._feed, channel._gone, timeout)
        if frames is not None:
            channel._stream.show(frames, f"{host}:{port}", "dlms-tcp")
        return channel

    @property
    def lost(self) -> asyncio.Event:
        """Set when the connection is gone."""
        return self._opened.lost

    @property
    def reason(self) -> str:
        """Why it is gone."""
        return str(self._error) if self._error is not None else self._opened.reason

    @property
    def _opened(self) -> TcpStream:
        if self._stream is None:
            raise LinkError("the channel was never opened")
        return self._stream

    def _gone(self) -> None:
        self._arrival.set()
        if self._closed is not None:
            self._closed()

    def _feed(self, data: bytes) -> None:
        self.heard = True
        if self._error is not None:
            return
        try:
            frames = list(self._deframer.feed(data))
        except LinkError as error:
            self._give_up(str(error))
            return
        for frame in frames:
            if frame.source != self._logical_device or frame.destination != self._client_address:
                self.dropped += 1
            elif len(self._waiting) >= _MAX_WAITING:
                self._give_up(f"the meter sent {_MAX_WAITING} frames unasked")
                return
            else:
                self._waiting.append(frame.apdu)
        self._arrival.set()

    def _give_up(self, reason: str) -> None:
        self._error = Garbage(reason)
        self.close()

    def send(self, apdu: bytes | bytearray) -> None:
        """Send one APDU; what came before and was not fetched is dropped and counted."""
        self.dropped += len(self._waiting)
        self._waiting.clear()
        self.heard = False
        self._opened.write(wrap(self._client_address, self._logical_device, bytes(apdu)))

    async def receive(self) -> bytes:
        """The next APDU from the meter; ``LinkError`` when the connection is gone."""
        while not self._waiting:
            if self._error is not None:
                raise self._error
            if self.lost.is_set():
                raise LinkError(self.reason)
            self._arrival.clear()
            await self._arrival.wait()
        return self._waiting.popleft()

    async def keep_alive(self) -> bool:
        """The wrapper has no way to; a request must do."""
        return False

    def close(self) -> None:
        """Close the connection at once."""
        if self._stream is not None:
            self._stream.close()

    async def disconnect(self) -> None:
        """Closing the connection says it all."""
        self.close()
