"""A station on a serial port of the settings: leased, opened, lent, and opened again when it is back."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from meterhub_sdk import Hub, MeterhubError, NotReady, together
from meterhub_sdk.serial import LineStatistics, LineTotals, SerialLine, open_line

from meterhub_modbus.client.breaker import Backoff
from meterhub_modbus.client.serial_access import timing_of
from meterhub_modbus.rtu import RtuStation
from meterhub_modbus.rtu_port import RtuPort

_LONGEST_PAUSE = 10.0
_LAST_EXCHANGE = 5.0
"""Seconds that an exchange may still take when somebody with more right wants the port."""


class SerialEnd:
    """Has a station answer on a port. ``turnaround`` is the least time to an answer, in seconds."""

    def __init__(self, hub: Hub, port: str, station: RtuStation, turnaround: float, priority: int = 0) -> None:
        self.state = ""
        """``open``, or why it is not."""
        self._hub = hub
        self._port = port
        self._station = station
        self._turnaround = turnaround
        self._priority = priority
        self._totals = LineTotals()
        self._writes: set[asyncio.Task[bytes]] = set()

    def statistics(self) -> LineStatistics:
        """What went over the port."""
        return self._totals.statistics()

    async def run(self) -> None:
        """Answer until cancelled, whenever nobody with more right wants the port and the device is there."""
        backoff = Backoff(_LONGEST_PAUSE)
        try:
            while True:
                self.state = "waiting for the port"
                try:
                    async with open_line(self._hub, self._port, priority=self._priority) as line:
                        with self._totals.counting(line):
                            await self._serve(line, backoff)
                except MeterhubError as error:
                    self.state = str(error)
                    await asyncio.sleep(backoff.next())
        finally:
            for write in self._writes:
                write.cancel()
            await asyncio.gather(*self._writes, return_exceptions=True)

    async def _serve(self, line: SerialLine, backoff: Backoff) -> None:
        """Until somebody wants the line; ``NotReady`` when it is lost."""
        silence = timing_of(self._port, line.mode).silence
        line.discard_input()
        channel = self._hub.frames.channel(f"port {self._port}", link="modbus-rtu", local=self._port, listening=True)
        end = RtuPort(self._station.answer, silence, self._turnaround, self._writes, channel)
        line.attach(end)
        self.state = "open"
        backoff.reset()
        try:
            await together(line.until_wanted(), line.until_lost())
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_EXCHANGE):
                    await end.between_exchanges()
                    await line.drained()
        finally:
            end.close()
            channel.close()
        if line.reason:
            raise NotReady(line.reason)
