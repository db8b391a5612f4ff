"""Whole APDUs to and from one meter, whatever carries them."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from meterhub_dlms.link.errors import LinkError
from meterhub_dlms.link.wrapper import WrapperDeframer, wrap
from meterhub_dlms.transport.tcp import TcpStream

_MAX_WAITING = 64


class Channel(Protocol):
    """What an association needs of a link: TCP wrapper here, HDLC alike."""

    dropped: int
    """Frames that were not for this association, or that came unasked."""

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

    def close(self) -> None:
        """Close the link at once."""
        ...


class WrapperChannel:
    """APDUs over TCP in the wrapper of IEC 62056-47, addresses of every frame compared."""

    def __init__(self, client_address: int, logical_device: int) -> None:
        self._client_address = client_address
        self._logical_device = logical_device
        self._deframer = WrapperDeframer()
        self._waiting: deque[bytes] = deque()
        self._stream: TcpStream | None = None
        self._arrival = asyncio.Event()
        self._error: LinkError | None = None
        self.dropped = 0

    @classmethod
    async def connect(
        cls, host: str, port: int, client_address: int, logical_device: int, timeout: float
    ) -> WrapperChannel:
        """A channel to a meter; ``OSError`` when it cannot be reached within ``timeout`` seconds."""
        channel = cls(client_address, logical_device)
        channel._stream = await TcpStream.connect(host, port, channel._feed, channel._arrival.set, timeout)
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

    def _feed(self, data: bytes) -> None:
        if self._error is not None:
            return
        try:
            frames = self._deframer.feed(data)
        except LinkError as error:
            self._error = error
            self.close()
            return
        for frame in frames:
            if frame.source != self._logical_device or frame.destination != self._client_address:
                self.dropped += 1
            elif len(self._waiting) >= _MAX_WAITING:
                self._error = LinkError(f"the meter sent {_MAX_WAITING} frames unasked")
                self.close()
                return
            else:
                self._waiting.append(frame.apdu)
        self._arrival.set()

    def send(self, apdu: bytes | bytearray) -> None:
        """Send one APDU; what came before and was not fetched is dropped and counted."""
        self.dropped += len(self._waiting)
        self._waiting.clear()
        self._opened.write(wrap(self._client_address, self._logical_device, bytes(apdu)))

    async def receive(self) -> bytes:
        """The next APDU from the meter; ``LinkError`` when the connection is gone."""
        while not self._waiting:
            if self.lost.is_set() or self._error is not None:
                raise LinkError(self.reason)
            self._arrival.clear()
            await self._arrival.wait()
        return self._waiting.popleft()

    def close(self) -> None:
        """Close the connection at once."""
        if self._stream is not None:
            self._stream.close()
