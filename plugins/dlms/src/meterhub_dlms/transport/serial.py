"""An open serial line as a stream."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from meterhub_sdk import FrameChannel, NotReady
from meterhub_sdk.serial import SerialLine

from meterhub_dlms.transport.tcp import Notice, Receiver


class SerialStream(asyncio.Protocol):
    """Hands what a leased line brings to ``receive`` as it comes; ``closed`` is called when the device is gone."""

    def __init__(self, line: SerialLine, receive: Receiver, closed: Notice, channel: FrameChannel) -> None:
        self._channel = channel
        self.line = line
        self.lost = asyncio.Event()
        self.reason = "the serial port was closed"
        self._receive = receive
        self._closed = closed
        line.attach(self)

    def data_received(self, data: bytes) -> None:
        """Called by the line."""
        self._channel.received(data)
        self._receive(data)

    def connection_lost(self, error: Exception | None) -> None:
        """Called by the line."""
        self.reason = self.line.reason or self.reason
        self.lost.set()
        self._closed()

    def write(self, data: bytes) -> None:
        """Send; requests are short and one at a time, so the send buffer never grows."""
        with suppress(NotReady):
            self.line.write(data)
            self._channel.sent(data)

    def discard(self) -> None:
        """Throw away what the system holds of late answers."""
        with suppress(NotReady):
            self.line.discard_input()

    def close(self) -> None:
        """Close at once; what was not sent is dropped."""
        self.line.close()
