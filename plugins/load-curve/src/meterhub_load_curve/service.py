"""The service that publishes the load curve."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Annotated

from meterhub_sdk import Feature, Point, Quality, Reading, Service
from pydantic import BaseModel, Field, WithJsonSchema

from meterhub_load_curve import recording, registers
from meterhub_load_curve.meter import ENERGIES, POWERS, Meter
from meterhub_load_curve.registers import State
from meterhub_load_curve.settings import LoadCurveConfig

KEEP_EVERY = 10.0
"""Seconds between two writes to the store."""
SOURCE = "recorded household, 1 and 2 February 2007"


class LoadCurveStatus(BaseModel):
    """Where a load curve stands."""

    # It has no time zone, and JSON Schema's date-time (RFC 3339) has one.
    recorded_time: Annotated[datetime, WithJsonSchema({"type": "string"})] = Field(
        title="Place in the recording", description="Local time of the recording."
    )
    rounds: int = Field(title="Times repeated since the start")
    speed: float = Field(title="Speed")
    energies: dict[str, int] = Field(title="Registers (Wh, varh)")


class LoadCurve(Service[LoadCurveConfig]):
    """A recorded load curve as measuring points, at real speed or faster."""

    feature = Feature("demo.load-curve", "Recorded load curve", built_in=True)
    title = "Recorded load curve"
    menu = "Protocol conversion/Clients"
    migrations = registers.MIGRATIONS
    status_type = LoadCurveStatus

    _status: LoadCurveStatus | None = None

    def points(self) -> Iterable[Point]:
        """Instantaneous values and registers."""
        stale = 3 * self.config.interval + 2
        for name, (unit, title) in POWERS.items():
            yield Point(name=name, unit=unit, title=title, source=f"{SOURCE}: mean of the minute", stale_after=stale)
        for name, (unit, title) in ENERGIES.items():
            source = f"{SOURCE}: integral"
            yield Point(name=name, type="int", unit=unit, title=title, source=source, stale_after=stale)

    async def run(self) -> None:
        """Publish until cancelled, and keep the registers."""
        meter = Meter(self.config, recording.load())
        begin = registers.load(self.hub.store) or self._first_state()
        if begin.offset != self.config.offset:
            begin = State(self.config.offset, self.config.offset * recording.MINUTE, begin.registers)
        loop = asyncio.get_running_loop()
        started, tick = loop.time(), 0
        position = kept = begin.position
        try:
            while True:
                position = begin.position + round((loop.time() - started) * self.config.speed * 1e9)
                if position >= kept:  # written ahead: after a power failure nothing shown was higher
                    kept = position + round(KEEP_EVERY * self.config.speed * 1e9)
                    registers.save(self.hub.store, _advanced(meter, begin, kept))
                await self._publish(meter, _advanced(meter, begin, position), position)
                tick = max(tick, int((loop.time() - started) / self.config.interval)) + 1
                await asyncio.sleep(started + tick * self.config.interval - loop.time())
        finally:
            registers.save(self.hub.store, _advanced(meter, begin, position))

    def _first_state(self) -> State:
        first = dict.fromkeys(ENERGIES, Fraction(0))
        first["energy-import-tariff-1"] += self.config.initial_tariff_1
        first["energy-import-tariff-2"] += self.config.initial_tariff_2
        first["energy-import"] += self.config.initial_tariff_1 + self.config.initial_tariff_2
        first["energy-export"] += self.config.initial_export
        return State(self.config.offset, self.config.offset * recording.MINUTE, first)

    async def _publish(self, meter: Meter, state: State, position: int) -> None:
        time, clock = self.hub.time.now(), int(self.hub.time.validity())
        shown = {name: int(amount) for name, amount in state.registers.items()}
        units = {**POWERS, **ENERGIES}
        values: dict[str, float] = {**meter.powers(position), **shown}
        await self.hub.points.publish(
            {name: Reading(value, time, Quality.GOOD, units[name][0], 0, clock) for name, value in values.items()}
        )
        self._status = LoadCurveStatus(
            recorded_time=recording.BEGINNING + timedelta(microseconds=state.position // 1000),
            rounds=position // meter.length,
            speed=self.config.speed,
            energies=shown,
        )

    def status(self) -> LoadCurveStatus | None:
        """The place in the recording and the registers; ``None`` before the first publication."""
        return self._status


def _advanced(meter: Meter, begin: State, position: int) -> State:
    """The registers at ``position``, in the same round or any later one."""
    counted = meter.energies(begin.position, position)
    amounts = {name: begin.registers[name] + amount for name, amount in counted.items()}
    return State(begin.offset, position % meter.length, amounts)
