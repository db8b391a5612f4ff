"""A bus: what one of its ports receives goes to all others, in order and unchanged, at the pace of the slowest."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable

from meterhub_sdk import FrameChannel

STALL = 3.0
"""Seconds that a port may take nothing before the bus goes on without it."""
_COLLECT_LIMIT = 4096


class Port(ABC):
    """One attached stream: a TCP connection, a serial line, a UDP socket.

    Ports with the same ``group`` do not hear each other. ``demands``: somebody is connected here.
    """

    def __init__(self, bus: Bus, group: object = None, *, demands: bool = True) -> None:
        self.bus = bus
        self.group = group
        self.demands = demands
        self.channel: FrameChannel | None = None
        """The frame recorder's, while the stream is open."""
        self.bytes_in = 0
        self.bytes_out = 0

    def written(self, data: bytes) -> None:
        """It went out."""
        self.bytes_out += len(data)
        if self.channel is not None:
            self.channel.sent(data)

    @abstractmethod
    def send(self, data: bytes) -> None:
        """Take data without waiting; say :meth:`Bus.block` when that is more than is good."""

    @abstractmethod
    def hold(self, held: bool) -> None:
        """Stop reading, or go on."""

    @abstractmethod
    def pending(self) -> int:
        """Bytes taken and not yet passed on."""

    @abstractmethod
    def stalled(self) -> None:
        """Nothing went out for :data:`STALL` seconds: make the bus free."""


class Bus:
    """Joins ports. While one is full, nothing is read that would have to go to it."""

    def __init__(self, *, gap: float | None = None, stall: float = STALL) -> None:
        self.undelivered = 0
        """Bytes that came while there was nobody to hear them."""
        self.stall = stall
        self._gap = gap
        self._loop = asyncio.get_running_loop()
        self._ports: dict[Port, bool] = {}
        self._full: dict[Port, tuple[asyncio.TimerHandle, int]] = {}
        self._collected: dict[Port, tuple[bytearray, asyncio.TimerHandle]] = {}
        self._changed = asyncio.Event()

    # -- who is there -------------------------------------------------------------------------

    def attach(self, port: Port) -> None:
        """From now on the port hears the others."""
        self._ports[port] = False
        self._hold_as_needed()
        self._notify()

    def detach(self, port: Port) -> None:
        """The port is gone; what it still had collected is passed on."""
        if port in self._ports:
            self._flush(port)
            del self._ports[port]
            self.unblock(port)
            self._notify()

    @property
    def demanded(self) -> bool:
        """Whether somebody is connected."""
        return any(port.demands for port in self._ports)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition about the ports holds."""
        while not condition():
            await self._changed.wait()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    # -- bytes --------------------------------------------------------------------------------

    def received(self, source: Port, data: bytes) -> None:
        """A port received data."""
        source.bytes_in += len(data)
        if source.channel is not None:
            source.channel.received(data)
        if self._gap is None:
            self._deliver(source, data)
            return
        collected, timer = self._collected.pop(source, (bytearray(), None))
        if timer is not None:
            timer.cancel()
        collected += data
        if len(collected) >= _COLLECT_LIMIT:
            self._deliver(source, bytes(collected))
        else:
            self._collected[source] = collected, self._loop.call_later(self._gap, self._flush, source)

    def _flush(self, source: Port) -> None:
        if source in self._collected:
            collected, timer = self._collected.pop(source)
            timer.cancel()
            self._deliver(source, bytes(collected))

    def _deliver(self, source: Port, data: bytes) -> None:
        heard = False
        for port in tuple(self._ports):
            if port is not source and (port.group is None or port.group is not source.group):
                port.send(data)
                heard = True
        if not heard:
            self.undelivered += len(data)

    # -- pace ---------------------------------------------------------------------------------

    def block(self, port: Port) -> None:
        """The port is full: nobody else is read until :meth:`unblock`, or until it stalls."""
        if port in self._ports and port not in self._full:
            self._watch(port)
            self._hold_as_needed()

    def unblock(self, port: Port) -> None:
        """The port takes data again."""
        if port in self._full:
            self._full.pop(port)[0].cancel()
            self._hold_as_needed()

    def _watch(self, port: Port) -> None:
        self._full[port] = self._loop.call_later(self.stall, self._check, port), port.pending()

    def _check(self, port: Port) -> None:
        """A slow port makes progress and may go on; a stalled one does not."""
        if port.pending() < self._full[port][1]:
            self._watch(port)
        else:
            self.unblock(port)
            port.stalled()

    def _hold_as_needed(self) -> None:
        for port, held in tuple(self._ports.items()):
            wanted = len(self._full) > (port in self._full)
            if wanted != held:
                self._ports[port] = wanted
                port.hold(wanted)
