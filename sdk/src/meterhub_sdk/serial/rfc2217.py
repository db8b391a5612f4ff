"""A serial port of another machine by RFC 2217, through pyserial's client.

That client blocks and has threads of its own; two more threads carry its bytes to and from a socket
pair, so the event loop sees an ordinary transport and its back-pressure works.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from meterhub_sdk.errors import NotReady
from meterhub_sdk.serial.medium import wire_frame
from meterhub_sdk.serial.settings import LineMode, PortSettings

_PIECE = 4096


class Rfc2217Medium:
    """A port of another machine whose speed and frame can be changed."""

    def __init__(self, settings: PortSettings, port: Any, transport: asyncio.Transport) -> None:
        self.transport = transport
        self._settings = settings
        self._port = port

    @classmethod
    async def open(cls, settings: PortSettings, protocol: Callable[[], asyncio.Protocol]) -> Rfc2217Medium:
        """Connect and negotiate; ``NotReady`` when that fails."""
        port = await asyncio.to_thread(_connect, settings)
        ours, theirs = socket.socketpair()
        for work in (_carry_in, _carry_out):
            threading.Thread(target=work, args=(port, theirs), name=work.__name__, daemon=True).start()
        transport, _ = await asyncio.get_running_loop().create_connection(protocol, sock=ours)
        return cls(settings, port, transport)

    def send(self, data: bytes) -> None:
        """Hand it to the connection."""
        self.transport.write(data)

    async def set_mode(self, mode: LineMode) -> None:
        """Have the far side change its port; it takes a round trip or two."""
        try:
            await asyncio.to_thread(self._port.apply_settings, wire_frame(self._settings, mode))
        except (OSError, ValueError) as error:
            raise NotReady(f"{self._settings.device} cannot change to {mode.baud} Bd: {error}") from error

    def unsent(self) -> int:
        """Unknown: the far side tells nothing."""
        return 0

    def discard(self, *, output: bool) -> None:
        """The far side cannot be waited for here; its bytes come and are dropped by the caller."""

    def errors(self) -> int:
        """Unknown: this client passes the far side's line states over."""
        return 0

    def close(self) -> None:
        """Close our end of the pair; the threads see that and close the connection."""
        self.transport.abort()


def _connect(settings: PortSettings) -> Any:
    import serial

    try:
        return serial.serial_for_url(
            settings.device,
            **wire_frame(settings, settings.mode),
            rtscts=settings.flow_control == "rts-cts",
            xonxoff=settings.flow_control == "xon-xoff",
            timeout=0.2,
        )
    except (OSError, ValueError) as error:
        raise NotReady(f"{settings.device} does not answer as RFC 2217 wants it: {error}") from error


def _carry_in(port: Any, pair: socket.socket) -> None:
    """From the far side to the event loop, until either ends."""
    with suppress(OSError, TypeError):  # pyserial's TypeError: closed while it was read
        while True:
            data = port.read(1)
            if data:
                data += port.read(min(port.in_waiting, _PIECE))
                pair.sendall(data)
            elif not port.is_open:
                break
    _end(port, pair)


def _carry_out(port: Any, pair: socket.socket) -> None:
    """From the event loop to the far side, until either ends."""
    with suppress(OSError, AttributeError):  # pyserial's AttributeError: closed while it was written
        while data := pair.recv(_PIECE):
            port.write(data)
    _end(port, pair)


def _end(port: Any, pair: socket.socket) -> None:
    with suppress(OSError):
        pair.shutdown(socket.SHUT_RDWR)
    port.close()
    pair.close()
