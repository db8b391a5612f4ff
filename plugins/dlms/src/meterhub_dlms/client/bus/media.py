"""The ways to the meters of one bus: a connection to each, one converter, or a serial port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from typing import Protocol

from meterhub_sdk import Frames, Hub
from meterhub_sdk.serial import LineTotals, SerialLine, open_line

from meterhub_dlms.client.bus.line import HdlcLine
from meterhub_dlms.client.bus.sign_on import set_speed, sign_on
from meterhub_dlms.client.bus.turnaround import Turnaround
from meterhub_dlms.client.bus.waiting import Patience
from meterhub_dlms.client.channel import Channel, WrapperChannel
from meterhub_dlms.client.hdlc_channel import HdlcChannel
from meterhub_dlms.client.settings import DlmsClientConfig, Meter
from meterhub_dlms.link.errors import LinkError
from meterhub_dlms.link.hdlc_frame import HdlcAddress
from meterhub_dlms.link.hdlc_parameters import HdlcParameters
from meterhub_dlms.link.hdlc_primary import HdlcPrimary
from meterhub_dlms.transport.serial import SerialStream
from meterhub_dlms.transport.tcp import TcpStream

Wake = Callable[[], None]
BITS = 10
"""Bits of a character with eight data bits and no parity."""


class Access(Protocol):
    """An open medium; ``character`` is the time of one character on it in seconds, 0 where it does not count."""

    character: float

    pause: Callable[[], Awaitable[None]] | None
    """Awaited between the frames of what goes on now, where the line may be used for something else meanwhile."""

    @property
    def lost(self) -> str | None:
        """Why it is gone, ``None`` while it is not."""
        ...

    @property
    def wanted(self) -> bool:
        """Whether somebody else waits for it."""
        ...

    @property
    def dropped(self) -> int:
        """Frames that belonged to no exchange."""
        ...

    async def connect(self, meter: Meter, turnaround: Turnaround) -> Channel:
        """A link to a meter, without its association; ``LinkError`` or ``OSError`` after one short try."""
        ...


class Medium(Protocol):
    """Where a bus is; ``opened`` calls ``wake`` when the medium or a channel over it is gone or wanted."""

    @property
    def totals(self) -> LineTotals | None:
        """What went over it, where it is a serial port of ours."""
        ...

    def opened(self, wake: Wake) -> AbstractAsyncContextManager[Access]:
        """Open it for the length of the block; ``OSError`` or ``NotReady`` when that cannot be."""
        ...


def medium_of(hub: Hub, config: DlmsClientConfig, meter: Meter) -> Medium:
    """The medium of the bus that a meter is on."""
    if meter.transport == "serial":
        return SerialMedium(hub, config, meter)
    return ConverterMedium(hub.frames, meter) if meter.hdlc else WrapperMedium(hub.frames)


class WrapperMedium:
    """TCP with the wrapper: each meter has a connection of its own, so that nothing is open in between."""

    def __init__(self, frames: Frames) -> None:
        self._frames = frames
        self.totals: LineTotals | None = None
        self.character = 0.0
        self.pause: Callable[[], Awaitable[None]] | None = None
        self.lost = None
        self.wanted = False
        self.dropped = 0
        self._wake: Wake | None = None

    @asynccontextmanager
    async def opened(self, wake: Wake) -> AsyncIterator[Access]:
        """Nothing is opened before a meter is."""
        self._wake = wake
        yield self

    async def connect(self, meter: Meter, turnaround: Turnaround) -> Channel:
        """A TCP connection."""
        return await WrapperChannel.connect(
            meter.host,
            meter.port,
            meter.client_address,
            meter.logical_device,
            meter.patience,
            self._wake,
            self._frames,
        )


class HdlcAccess:
    """An open line, behind a converter or at a serial port of ours (``serial``)."""

    def __init__(self, line: HdlcLine, serial: SerialLine | None = None) -> None:
        self.line = line
        self.character = line.character
        self._serial = serial
        self._speeds: dict[str, int] = {}
        self._direct: set[str] = set()

    @property
    def pause(self) -> Callable[[], Awaitable[None]] | None:
        """That of the line."""
        return self.line.pause

    @pause.setter
    def pause(self, pause: Callable[[], Awaitable[None]] | None) -> None:
        self.line.pause = pause

    @property
    def lost(self) -> str | None:
        """Why the line is gone."""
        stream = self.line.stream
        return stream.reason if stream.lost.is_set() else None

    @property
    def wanted(self) -> bool:
        """Whether somebody with more right waits for the port."""
        return self._serial is not None and self._serial.wanted

    @property
    def dropped(self) -> int:
        """Frames that belonged to no exchange, and damaged ones."""
        return self.line.dropped

    async def connect(self, meter: Meter, turnaround: Turnaround) -> Channel:
        """The sign-on where the meter wants it, and one SNRM."""
        sizes = HdlcParameters(meter.max_info, meter.max_info)
        primary = HdlcPrimary(HdlcAddress.client(meter.client_address), meter.server_address, sizes)
        await self._sign_on(meter)
        tune = partial(self._tune, meter.label) if self._serial is not None else None
        channel = HdlcChannel(self.line, primary, Patience(meter.patience, meter.retries, turnaround, tune=tune))
        try:
            await channel.open()
        except LinkError:
            self._direct.discard(meter.label)
            raise
        return channel

    async def _sign_on(self, meter: Meter) -> None:
        """Sign on; after a failure the next try goes without, as the meter may still be in HDLC from before."""
        if self._serial is None or meter.sign_on == "none":
            return
        if meter.label in self._direct:
            self._direct.discard(meter.label)
            return
        try:
            self._speeds[meter.label] = await sign_on(self.line, self._serial, meter.sign_on_address)
        except LinkError:
            self._direct.add(meter.label)
            raise

    async def _tune(self, label: str) -> None:
        """Bring the line to the speed that a meter signed on with."""
        if self._serial is not None:
            await set_speed(self._serial, self._speeds.get(label, self._serial.settings.baud))
            self.line.character = self._serial.mode.character


class ConverterMedium:
    """HDLC over one TCP connection that all meters behind it share."""

    def __init__(self, frames: Frames, meter: Meter) -> None:
        self._frames = frames
        self.totals: LineTotals | None = None
        self._meter = meter

    @asynccontextmanager
    async def opened(self, wake: Wake) -> AsyncIterator[Access]:
        """One connection; ``OSError`` when there is none."""
        meter = self._meter
        character = BITS / meter.line_speed if meter.line_speed else 0.0
        line = HdlcLine(character, meter.turnaround_gap / 1000)

        def closed() -> None:
            line.closed()
            wake()

        stream = await TcpStream.connect(meter.host, meter.port, line.received, closed, meter.patience)
        stream.show(self._frames, f"{meter.host}:{meter.port}", "tcp")
        line.use(stream)
        try:
            yield HdlcAccess(line)
        finally:
            stream.close()


class SerialMedium:
    """HDLC on a serial port that is leased for as long as nobody with more right wants it."""

    def __init__(self, hub: Hub, config: DlmsClientConfig, meter: Meter) -> None:
        self.totals = self._totals = LineTotals()
        self._hub = hub
        self._config = config
        self._meter = meter

    @asynccontextmanager
    async def opened(self, wake: Wake) -> AsyncIterator[Access]:
        """Lease and open the port; ``NotReady`` when it is absent."""
        config, port = self._config, self._meter.serial_port or ""
        async with open_line(self._hub, port, priority=config.port_priority, seconds=config.port_window) as serial:
            line = HdlcLine(serial.mode.character, self._meter.turnaround_gap / 1000)

            def closed() -> None:
                line.closed()
                wake()

            channel = self._hub.frames.channel(f"port {port}", link="dlms-hdlc", local=port, redact=True)
            line.use(SerialStream(serial, line.received, closed, channel))
            watch = asyncio.create_task(_until_wanted(serial, wake), name=f"dlms port {port}")
            try:
                with self._totals.counting(serial):
                    yield HdlcAccess(line, serial)
            finally:
                channel.close()
                watch.cancel()
                with suppress(asyncio.CancelledError):
                    await watch


async def _until_wanted(serial: SerialLine, wake: Wake) -> None:
    await serial.until_wanted()
    wake()
