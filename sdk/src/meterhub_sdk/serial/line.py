"""One open serial line."""

from __future__ import annotations

import asyncio
from typing import Literal

from meterhub_sdk.errors import NotReady
from meterhub_sdk.hub import Lease
from meterhub_sdk.serial.coding import Echo, SoftwareParity
from meterhub_sdk.serial.counters import LineCounters
from meterhub_sdk.serial.medium import Medium
from meterhub_sdk.serial.settings import LineMode, Parity, PortSettings

_BUFFER = 1 << 16
_SHORTEST_WAIT = 0.0005


class SerialLine(asyncio.Transport):
    """A leased and open port, from :func:`open_line`.

    Read with :meth:`read`, or :meth:`attach` a protocol, which then gets the bytes without a task in between; for it
    the line is its transport. Check :attr:`wanted` between exchanges. When the device vanishes, whatever uses it
    raises :class:`NotReady`: leave the block, and open again with back-off.
    """

    def __init__(self, settings: PortSettings, lease: Lease | None = None) -> None:
        super().__init__()
        self.settings = settings
        self.mode = settings.mode
        self.counters = LineCounters()
        self.reason = ""
        """Why the line is lost; empty while it is open."""
        self._lease = lease
        self._loop = asyncio.get_running_loop()
        self._medium: Medium | None = None
        self._protocol: asyncio.Protocol | None = None
        self._made = asyncio.Event()
        self._lost = asyncio.Event()
        self._arrived = asyncio.Event()
        self._buffer = bytearray()
        self._parity = _software_parity(settings, settings.mode)
        self._echo = Echo() if settings.suppress_echo else None
        self._free_at = 0.0

    @property
    def errors(self) -> int:
        """Characters that came with wrong parity, without their stop bit, or too fast, since the line was opened.

        As far as the driver tells; a lost line tells nothing more than its software parity.
        """
        told = self._medium.errors() if self._medium is not None and not self._lost.is_set() else 0
        return self.counters.parity_errors + told

    # -- the lease ----------------------------------------------------------------------------

    @property
    def wanted(self) -> bool:
        """True once somebody with more right waits for the port: finish the exchange and leave the block."""
        return self._lease is not None and self._lease.wanted

    async def until_wanted(self) -> None:
        """Wait until :attr:`wanted`."""
        if self._lease is None:
            await asyncio.Event().wait()
        else:
            await self._lease.until_wanted()

    async def until_lost(self) -> None:
        """Wait until the device is gone or the line was closed; :attr:`reason` says why."""
        await self._lost.wait()

    # -- sending ------------------------------------------------------------------------------

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send; returns at once. ``NotReady`` when the line is lost."""
        medium = self._open()
        raw = bytes(data)
        if self._parity is not None:
            raw = self._parity.encode(raw)
        if self._echo is not None:
            self._echo.sent(raw)
        now = self._loop.time()
        self._free_at = max(now, self._free_at) + len(raw) * self.mode.character
        self.counters.bytes_out += len(raw)
        self.counters.writes += 1
        self.counters.active_at = now
        medium.send(raw)

    async def drained(self) -> None:
        """Wait until the last bit has left, by the speed of the line; flow control may hold it for ever.

        The system tells when its own queue is empty, an adapter's or another machine's queue is reckoned with. Give it
        a time-out where the far side may stop us.
        """
        while size := self.get_write_buffer_size():  # noqa: ASYNC110 -- nobody tells when a queue is empty
            await asyncio.sleep(max(size * self.mode.character, _SHORTEST_WAIT))
        while (left := self._free_at - self._loop.time()) > 0:
            await self._unless_lost(left)
        while unsent := self._open().unsent():  # noqa: ASYNC110 -- nor does the system
            await asyncio.sleep(max(unsent * self.mode.character, _SHORTEST_WAIT))
        self._open()

    def get_write_buffer_size(self) -> int:
        """Bytes that the system has not taken yet."""
        return self._open().transport.get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """When the protocol's ``pause_writing`` and ``resume_writing`` are called, in bytes."""
        self._open().transport.set_write_buffer_limits(high, low)

    def can_write_eof(self) -> bool:
        """A serial line has no end of file."""
        return False

    # -- receiving ----------------------------------------------------------------------------

    def attach(self, protocol: asyncio.Protocol | None) -> None:
        """Hand the line to a protocol, from one to the next, or back to :meth:`read` with ``None``.

        ``connection_made`` comes at once and gets the line; ``connection_lost`` when the line is lost.
        """
        self._open()
        self._protocol = protocol
        if protocol is not None:
            protocol.connection_made(self)
            if self._buffer:
                data = bytes(self._buffer)
                self._buffer.clear()
                protocol.data_received(data)

    async def read(self) -> bytes:
        """All that has come, at least one byte; use ``asyncio.timeout``. ``NotReady`` when the line is lost."""
        while not self._buffer:
            self._open()
            self._arrived.clear()
            await self._arrived.wait()
        data = bytes(self._buffer)
        self._buffer.clear()
        return data

    def discard_input(self) -> None:
        """Throw away what came and was not read, in the system too: before a request, against late answers."""
        self._buffer.clear()
        if self._echo is not None:
            self._echo.forget()
        self._open().discard(output=False)

    def discard_output(self) -> None:
        """Throw away what the system holds and has not sent."""
        self._open().discard(output=True)
        self._free_at = self._loop.time()

    def pause_reading(self) -> None:
        """Leave what comes in the system, which stops the far side where there is flow control."""
        self._open().transport.pause_reading()

    def resume_reading(self) -> None:
        """Go on after :meth:`pause_reading`."""
        self._open().transport.resume_reading()

    # -- the line -----------------------------------------------------------------------------

    async def set_mode(
        self,
        *,
        baud: int | None = None,
        data_bits: Literal[7, 8] | None = None,
        parity: Parity | None = None,
        stop_bits: Literal[1, 2] | None = None,
    ) -> None:
        """Change speed and frame in place once all is sent, as mode E of IEC 62056-21 does; the rest stays."""
        await self.drained()
        old = self.mode
        mode = LineMode(
            old.baud if baud is None else baud,
            old.data_bits if data_bits is None else data_bits,
            old.parity if parity is None else parity,
            old.stop_bits if stop_bits is None else stop_bits,
        )
        await self._open().set_mode(mode)
        self.mode = mode
        self._parity = _software_parity(self.settings, mode)

    def is_closing(self) -> bool:
        """Whether the line is lost or closed."""
        return self._lost.is_set() or self._medium is None or self._medium.transport.is_closing()

    def close(self) -> None:
        """End it at once; wait for :meth:`drained` before, where unsent bytes matter."""
        if self._medium is not None:
            self.reason = self.reason or f"{self.settings.device} was closed"
            self._medium.close()

    def abort(self) -> None:
        """The same as :meth:`close`."""
        self.close()

    async def opened(self, medium: Medium) -> None:
        """Wait until the medium can be used: writing before that would fail; :func:`open_line` calls it."""
        self._medium = medium
        await self._made.wait()
        self.counters.active_at = self._loop.time()

    async def closed(self) -> None:
        """Close and wait for it; :func:`open_line` calls it."""
        self.close()
        if self._made.is_set():
            await self._lost.wait()

    def _open(self) -> Medium:
        if self._medium is None or self._lost.is_set():
            raise NotReady(self.reason or f"{self.settings.device} is not open")
        return self._medium

    async def _unless_lost(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._lost.wait()
        except TimeoutError:
            return
        self._open()

    # -- what the wire calls ------------------------------------------------------------------

    def _received(self, data: bytes) -> None:
        counters = self.counters
        counters.bytes_in += len(data)
        counters.active_at = self._loop.time()
        if self._echo is not None:
            data, sound = self._echo.take(data)
            counters.echo_missing += not sound
        if self._parity is not None:
            data, wrong = self._parity.decode(data)
            counters.parity_errors += wrong
        if not data:
            return
        if self._protocol is not None:
            self._protocol.data_received(data)
            return
        self._buffer += data
        if (over := len(self._buffer) - _BUFFER) > 0:
            counters.dropped += over
            del self._buffer[:over]
        self._arrived.set()

    def _wire_full(self, full: bool) -> None:
        if self._protocol is not None:
            self._protocol.pause_writing() if full else self._protocol.resume_writing()

    def _wire_lost(self, error: Exception | None) -> None:
        self.reason = self.reason or f"{self.settings.device} is gone{f': {error}' if error else ''}"
        self._made.set()
        self._lost.set()
        self._arrived.set()
        if self._protocol is not None:
            self._protocol.connection_lost(error)


class Wire(asyncio.Protocol):
    """Between a medium's transport and the line."""

    def __init__(self, line: SerialLine) -> None:
        self._line = line

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._line._made.set()

    def data_received(self, data: bytes) -> None:
        self._line._received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._line._wire_lost(exc)

    def pause_writing(self) -> None:
        self._line._wire_full(True)

    def resume_writing(self) -> None:
        self._line._wire_full(False)


def _software_parity(settings: PortSettings, mode: LineMode) -> SoftwareParity | None:
    if not settings.software_parity or mode.parity == "none":
        return None
    return SoftwareParity(mode.parity)
