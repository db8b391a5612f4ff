"""The three ways to a serial port: a device of this machine, a raw TCP connection, and RFC 2217."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import struct
import termios
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from meterhub_sdk.errors import ConfigError, MeterhubError, NotReady
from meterhub_sdk.serial.settings import LineMode, PortSettings

CONNECT_TIMEOUT = 5.0
_TIOCGICOUNT = 0x545D
_ICOUNT = struct.Struct("=20i")
_PSEUDO_TERMINALS = range(136, 144)
"""Major device numbers."""
_PARITY = {"none": "N", "even": "E", "odd": "O"}


class Medium(Protocol):
    """What carries the bytes; ``transport`` is an ordinary asyncio transport."""

    transport: asyncio.Transport

    def send(self, data: bytes) -> None:
        """Send, now or as soon as there is room."""

    async def set_mode(self, mode: LineMode) -> None:
        """Change speed and frame; ``NotReady`` when the device is gone."""

    def unsent(self) -> int:
        """Bytes that the system holds and the device has not taken yet."""

    def discard(self, *, output: bool) -> None:
        """Throw away what the system holds of one direction."""

    def errors(self) -> int:
        """Errors of the line since it was opened, as far as they are known."""

    def close(self) -> None:
        """End it at once; unsent bytes are lost. The protocol's ``connection_lost`` follows."""


def wire_frame(settings: PortSettings, mode: LineMode) -> dict[str, Any]:
    """Pyserial's words for a mode: with parity in software the wire always has eight bits and no parity."""
    bits, parity = (8, "none") if settings.software_parity else (mode.data_bits, mode.parity)
    return {"baudrate": mode.baud, "bytesize": bits, "parity": _PARITY[parity], "stopbits": mode.stop_bits}


def _frame(settings: PortSettings, mode: LineMode) -> dict[str, Any]:
    """A pseudo-terminal has neither parity nor seven bits, and the C library reports an error when it is told to."""
    pseudo = os.major(Path(settings.device).stat().st_rdev) in _PSEUDO_TERMINALS
    return wire_frame(settings, mode) | ({"bytesize": 8, "parity": "N"} if pseudo else {})


class TtyMedium:
    """A device of this machine, by pyserial-asyncio; nobody else can open it meanwhile."""

    def __init__(self, settings: PortSettings, port: Any, transport: asyncio.Transport) -> None:
        self.transport = transport
        self._settings = settings
        self._port = port
        self._errors_before = _error_count(port)

    @classmethod
    async def open(cls, settings: PortSettings, protocol: Callable[[], asyncio.Protocol]) -> TtyMedium:
        """Open the device exclusively; ``NotReady`` when it is absent or taken."""
        import serial_asyncio

        port = _open_device(settings)
        try:
            transport, _ = await serial_asyncio.connection_for_serial(asyncio.get_running_loop(), protocol, port)
        except BaseException:
            port.close()
            raise
        return cls(settings, port, cast(asyncio.Transport, transport))

    def send(self, data: bytes) -> None:
        """Hand it to the driver at once: pyserial-asyncio would have the event loop watch for room each time."""
        taken = 0
        if not self.transport.get_write_buffer_size() and not self.transport.is_closing():
            with suppress(OSError):  # no room, or an error that the transport meets, too, and ends the line
                taken = os.write(self._port.fileno(), data)
        if taken < len(data):
            self.transport.write(data[taken:])

    async def set_mode(self, mode: LineMode) -> None:
        """Change the open device in place."""
        try:
            self._port.apply_settings(_frame(self._settings, mode))
        except (OSError, termios.error) as error:
            raise _failure(self._settings.device, error) from error

    def unsent(self) -> int:
        """Bytes in the driver."""
        try:
            return int(self._port.out_waiting)
        except (OSError, termios.error):
            return 0

    def discard(self, *, output: bool) -> None:
        """Flush the queues of one direction: the transport's and the driver's."""
        if output and not self.transport.is_closing():
            cast(Any, self.transport).flush()
        with suppress(OSError, termios.error):
            self._port.reset_output_buffer() if output else self._port.reset_input_buffer()

    def errors(self) -> int:
        """The driver's counts of framing, overrun, parity and buffer errors."""
        return _error_count(self._port) - self._errors_before

    def close(self) -> None:
        """Close; the driver's queue first, because pyserial-asyncio would wait for it and stop the event loop."""
        if self._port.is_open:
            self.discard(output=True)
            with suppress(OSError, termios.error):
                fcntl.ioctl(self._port.fileno(), termios.TIOCNXCL)
        # Once it is closing, a second abort would run connection_lost twice, and the second one fails.
        if not self.transport.is_closing():
            self.transport.abort()


def _error_count(port: Any) -> int:
    """Of TIOCGICOUNT, struct serial_icounter_struct: cts dsr rng dcd rx tx frame overrun parity brk buf_overrun."""
    counts = bytearray(_ICOUNT.size)
    try:
        fcntl.ioctl(port.fileno(), _TIOCGICOUNT, counts)
    except (OSError, ValueError):  # a pseudo-terminal has none, a closed port no descriptor
        return 0
    _, _, _, _, _, _, frame, overrun, parity, _, buffer, *_ = _ICOUNT.unpack(counts)
    return int(frame + overrun + parity + buffer)


def _open_device(settings: PortSettings) -> Any:
    import serial
    import serial.rs485

    try:
        port = serial.Serial(
            settings.device,
            **_frame(settings, settings.mode),
            rtscts=settings.flow_control == "rts-cts",
            xonxoff=settings.flow_control == "xon-xoff",
            exclusive=True,
        )
    except (OSError, termios.error) as error:
        raise _failure(settings.device, error) from error
    try:
        fcntl.ioctl(port.fileno(), termios.TIOCEXCL)
        if settings.kernel_direction:
            port.rs485_mode = serial.rs485.RS485Settings(
                delay_before_tx=settings.delay_before / 1000, delay_before_rx=settings.delay_after / 1000
            )
    except ValueError as error:
        port.close()
        raise ConfigError(
            f"the driver of {settings.device} has no RS-485 mode; switch direction by the kernel off"
        ) from error
    except BaseException:
        port.close()
        raise
    return port


def _failure(device: str, error: Exception) -> MeterhubError:
    """What to raise for an error of the system; termios.error has its number as first argument, and no errno."""
    match getattr(error, "errno", None) or (error.args or (None,))[0]:
        case errno.ENOENT | errno.ENXIO | errno.ENODEV:
            return NotReady(f"{device} is absent: plug the adapter in, or correct the device")
        case errno.EBUSY | errno.EAGAIN:
            return NotReady(f"{device} is in use by another program")
        case errno.EACCES | errno.EPERM:
            return NotReady(f"{device} may not be opened: its rights, or it was plugged in after this worker started")
        case errno.EINVAL:
            return ConfigError(f"{device} cannot have this speed or frame; for 7 bits try parity in software")
        case _:
            return NotReady(f"{device} does not work: {error}")


class TcpMedium:
    """A raw TCP connection: the far side has line settings of its own, and a mode change does nothing.

    Not by pyserial, whose handler for ``socket://`` stops the event loop for 0.3 s at each end.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport

    @classmethod
    async def open(cls, settings: PortSettings, protocol: Callable[[], asyncio.Protocol]) -> TcpMedium:
        """Connect; ``NotReady`` when nobody answers within five seconds."""
        url = urlsplit(settings.device)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                transport, _ = await loop.create_connection(protocol, url.hostname or "", url.port or 0)
        except (OSError, TimeoutError) as error:
            raise NotReady(f"{settings.device} does not answer: {error or 'no connection within 5 s'}") from error
        return cls(transport)

    def send(self, data: bytes) -> None:
        """Hand it to the connection."""
        self.transport.write(data)

    async def set_mode(self, mode: LineMode) -> None:
        """Nothing that one could tell the far side."""

    def unsent(self) -> int:
        """Unknown: the far side tells nothing."""
        return 0

    def discard(self, *, output: bool) -> None:
        """Nothing of it is within reach."""

    def errors(self) -> int:
        """Unknown: the far side tells nothing."""
        return 0

    def close(self) -> None:
        """End the connection."""
        self.transport.abort()
