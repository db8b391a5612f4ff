"""The way to a serial port: leased, opened, given back when somebody with more right wants it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from meterhub_sdk import ConfigError, Hub
from meterhub_sdk.serial import LineMode, LineStatistics, LineTotals, PortSettings, SerialLine, open_line

from meterhub_modbus.client.planner import Cost
from meterhub_modbus.client.rtu_link import LineTiming, RtuLink
from meterhub_modbus.line import USES, frame

_UNKNOWN = LineTiming(9600)
"""What plans are made with until the port was opened for the first time."""


class SerialLink(RtuLink):
    """Modbus RTU on a leased port."""

    def __init__(self, line: SerialLine, timing: LineTiming, held: dict[int, float]) -> None:
        super().__init__(timing, held)
        self._line = line

    @property
    def wanted(self) -> bool:
        """Whether somebody with more right waits for the port."""
        return self._line.wanted

    def connection_lost(self, exc: Exception | None) -> None:
        """The device is gone; the line knows why."""
        self.fail(self._line.reason)


class SerialAccess:
    """One serial port of the settings; its speed and frame are known once it was opened."""

    kind = "Modbus RTU"

    def __init__(self, hub: Hub, port: str, priority: int, window: float | None, device_pause: float) -> None:
        self._totals = LineTotals()
        self._hub = hub
        self._port = port
        self._priority = priority
        self._window = window
        self._pause = device_pause
        self._timing = _UNKNOWN
        self._settings: PortSettings | None = None
        self._held: dict[int, float] = {}

    @property
    def used_as(self) -> str:
        """Kind and frame of the port, such as RS-485, 9600 Bd 8E1."""
        return "" if self._settings is None else f"{USES[self._settings.kind]}, {frame(self._settings.mode)}"

    def statistics(self) -> LineStatistics:
        """What went over the port."""
        return self._totals.statistics()

    def cost(self, turnaround: float | None) -> Cost:
        """What a read costs at the port's speed."""
        return self._timing.cost(turnaround)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[SerialLink]:
        """Wait for the port and open it; what :func:`open_line` raises, and ``ConfigError`` for 7 data bits."""
        async with open_line(self._hub, self._port, priority=self._priority, seconds=self._window) as line:
            self._settings = line.settings
            self._timing = timing_of(self._port, line.mode, self._pause)
            line.discard_input()
            link = SerialLink(line, self._timing, self._held)
            link.channel = self._hub.frames.channel(f"port {self._port}", link="modbus-rtu", local=self._port)
            line.attach(link)
            watch = asyncio.create_task(_wake_when_wanted(line, link))
            try:
                with self._totals.counting(line):
                    yield link
            finally:
                watch.cancel()
                link.close()


async def _wake_when_wanted(line: SerialLine, link: SerialLink) -> None:
    await line.until_wanted()
    link.wake.set()


def timing_of(port: str, mode: LineMode, device_pause: float = 0.0) -> LineTiming:
    """The timing of a line; ``ConfigError`` when it cannot carry RTU, whose characters have 8 bits (1.02, 2.5.1)."""
    if mode.data_bits != 8:
        raise ConfigError(f"the serial port {port!r} has {mode.data_bits} data bits; Modbus RTU needs 8")
    return LineTiming(mode.baud, round(mode.character * mode.baud), device_pause)
