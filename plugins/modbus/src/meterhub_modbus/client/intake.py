"""What an exchange brought becomes readings."""

from __future__ import annotations

from collections.abc import Iterable

from meterhub_sdk import Hub, Quality, Reading

from meterhub_modbus.client.mapped import MappedRow
from meterhub_modbus.client.planner import Block
from meterhub_modbus.client.rows import BIT_BANKS
from meterhub_modbus.client.values import ValueMismatch


class Intake:
    """Takes what one device answers to the hub, with the time of its arrival."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.problem = ""
        """The newest value that could not be used, and why."""

    async def take(self, block: Block[MappedRow], content: bytes) -> None:
        """Publish what one request brought as one batch; unchanged values too, so that they stay fresh."""
        time, clock = self._hub.time.now(), int(self._hub.time.validity())
        readings: dict[str, Reading] = {}
        for row in block.values:
            try:
                value = extract(row, block, content)
            except ValueMismatch as mismatch:
                row.valid = False
                self.problem = f"{row.name}: {mismatch}"
                readings[row.name] = Reading(None, time, Quality.INVALID, row.row.unit, 0, clock)
            else:
                row.valid = True
                readings[row.name] = Reading(value, time, 0, row.row.unit, 0, clock)
        if self._hub.trace.points:
            for name, reading in readings.items():
                self._hub.trace.step(f"{self._hub.name}/{name}", "decoded", str(reading))
        await self._hub.points.publish(readings)

    def trace(self, block: Block[MappedRow], frame: bytes) -> None:
        """Show the frame that a block came in to whoever traces one of its points."""
        if self._hub.trace.points:
            for row in block.values:
                self._hub.trace.step(
                    f"{self._hub.name}/{row.name}", "frame", f"{row.bank} {row.address} in {frame.hex(' ')}"
                )

    async def withhold(self, rows: Iterable[MappedRow]) -> None:
        """Publish rows that the device refuses as invalid."""
        time, clock = self._hub.time.now(), int(self._hub.time.validity())
        readings: dict[str, Reading] = {}
        for row in rows:
            row.valid = False
            readings[row.name] = Reading(None, time, Quality.INVALID, row.row.unit, 0, clock)
        if readings:
            await self._hub.points.publish(readings)


def extract(row: MappedRow, block: Block[MappedRow], content: bytes) -> bool | int | float | str:
    """The value of one row in what a block brought; :class:`ValueMismatch` when there is none."""
    first, end = row.address - block.first, row.end - block.first
    if row.bank in BIT_BANKS:
        return bool(content[first])
    return row.decode(content[2 * first : 2 * end])
