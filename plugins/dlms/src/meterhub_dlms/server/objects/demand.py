"""Demand register (class 5): the average of a power over periods that follow the clock, sliding where wanted."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple

from meterhub_sdk import Quality, Reading

from meterhub_dlms.codec import axdr, obis
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.ln_action import ActionOutcome
from meterhub_dlms.codec.xdlms import AccessResult
from meterhub_dlms.server.cosem import Answer, Caller, CosemAttribute, CosemObject, Method, computed, fixed, outcome
from meterhub_dlms.server.kept import Kept
from meterhub_dlms.server.object_settings import DATA_TYPES, DemandObject
from meterhub_dlms.server.objects.accumulation import Accumulation, EnergyAccumulation
from meterhub_dlms.server.objects.local_clock import LocalClock
from meterhub_dlms.server.objects.periods import Periods
from meterhub_dlms.server.served import Scaling, usable

SUBSTITUTED, INCOMPLETE, CLOCK_SET = 0x01, 0x40, 0x80
"""Bits of the status of the last average: a substituted reading took part, some of the time is missing, the clock
was set.
"""

_ENOUGH = 0.99
"""Share of the time that must have been watched for an average to count as complete."""


class Average(NamedTuple):
    """A finished average: its value in the register's unit, its status, when it was finished (nanoseconds UTC)."""

    value: float
    status: int
    time: int


class SubPeriod(NamedTuple):
    """What one period brought: power times seconds, the seconds watched, when it began, and its status."""

    product: float
    watched: float
    start: int
    status: int


class Demand:
    """One demand register, fed with the readings of its point; the last average survives a restart."""

    def __init__(
        self,
        settings: DemandObject,
        readings: Mapping[str, Reading],
        clock: LocalClock,
        kept: Kept,
        monotonic: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._readings = readings
        self._clock = clock
        self._kept = kept
        self._monotonic = monotonic
        self._scaling = Scaling(DATA_TYPES[settings.data_type], settings.scaler, settings.unit)
        self._source = Scaling(axdr.FLOAT64, 0, source_unit(settings))
        is_energy = settings.source == "energy"
        self._sum = EnergyAccumulation(monotonic()) if is_energy else Accumulation(monotonic())
        self._finished: deque[SubPeriod] = deque(maxlen=settings.number_of_periods)
        self._periods = Periods(clock, settings.period, None, monotonic())
        self._start = clock.now()
        self._status = 0
        self._last = _restored(kept.load("last"))
        self._active = True
        methods: dict[int, Method] = {1: self._reset, 2: self._next_period}
        self.object = CosemObject(5, 0, obis.parse(settings.logical_name), self._attributes(), methods)

    def _attributes(self) -> dict[int, CosemAttribute]:
        return {
            2: CosemAttribute(read=self._current),
            3: CosemAttribute(read=self._last_average),
            4: fixed(self._scaling.scaler_unit),
            5: computed(lambda: _missing() if self._last is None else Data(axdr.UINT8, self._last.status)),
            6: computed(lambda: _missing() if self._last is None else self._time(self._last.time)),
            7: computed(lambda: self._time(self._window[0].start if self._window else self._start)),
            8: fixed(Data(axdr.UINT32, self._settings.period)),
            9: fixed(Data(axdr.UINT16, self._settings.number_of_periods)),
        }

    @property
    def _window(self) -> list[SubPeriod]:
        """The finished periods that the running average takes in beside the one that is not finished."""
        periods = self._settings.number_of_periods
        return list(self._finished)[-(periods - 1) :] if periods > 1 else []

    def _current(self) -> Answer:
        reading = self._readings.get(self._settings.point)
        if self._active and (reading is None or not usable(reading)):
            return AccessResult.TEMPORARY_FAILURE
        product = sum(part.product for part in self._window) + self._sum.so_far(self._monotonic()).product
        whole = self._settings.number_of_periods * self._settings.period
        return self._scaling.encode(product / whole, self._settings.unit)

    def _last_average(self) -> Answer:
        return _missing() if self._last is None else self._scaling.encode(self._last.value, self._settings.unit)

    def _time(self, time: int) -> Data:
        return self._clock.date_time(time, self._clock.validity)

    # -- what happens -----------------------------------------------------------------------------

    def changed(self, changed: Mapping[str, Reading], monotonic: float) -> None:
        """Take in a new reading of the point."""
        reading = changed.get(self._settings.point)
        if reading is not None and self._active:
            self._feed(reading, monotonic)

    def _feed(self, reading: Reading, monotonic: float) -> None:
        exponent = self._source.exponent_from(reading.unit)
        value = None
        if usable(reading) and exponent is not None and not isinstance(reading.value, str):
            value = reading.number * 10.0**exponent
            self._status |= SUBSTITUTED * (reading.quality == Quality.SUBSTITUTED)
        self._sum.feed(value if value is None or math.isfinite(value) else None, monotonic)

    def tick(self, monotonic: float) -> None:
        """Finish the period when it ended; ask every second or so."""
        end = self._periods.ended(monotonic)
        if end is not None and self._active:
            self._finish(end.time, CLOCK_SET * end.adjusted, monotonic)

    def activate(self, active: bool) -> None:
        """Count or do not count, as a register activation says; the last average stays."""
        if active is not self._active:
            self._active = active
            self._begin_anew(self._clock.now())

    def _finish(self, time: int, status: int, monotonic: float) -> None:
        product, watched = self._sum.take(monotonic)
        self._finished.append(SubPeriod(product, watched, self._start, self._status | status))
        self._start, self._status = time, self._substituted()
        seconds = sum(part.watched for part in self._finished)
        enough = seconds >= _ENOUGH * self._settings.number_of_periods * self._settings.period
        told = INCOMPLETE * (not enough)
        for part in self._finished:
            told |= part.status
        self._last = Average(sum(p.product for p in self._finished) / seconds, told, time) if seconds else None
        self._kept.save("last", json.dumps(self._last).encode())

    def _begin_anew(self, time: int) -> None:
        """Forget the periods that were not finished, or not long ago."""
        monotonic = self._monotonic()
        self._sum.feed(None, monotonic)
        self._sum.take(monotonic)
        self._finished.clear()
        self._start, self._status = time, 0
        reading = self._readings.get(self._settings.point)
        if self._active and reading is not None:
            self._feed(reading, monotonic)

    def _substituted(self) -> int:
        reading = self._readings.get(self._settings.point)
        return SUBSTITUTED * (reading is not None and reading.quality == Quality.SUBSTITUTED)

    # -- methods ----------------------------------------------------------------------------------

    async def _reset(self, data: Data, caller: Caller) -> ActionOutcome:
        now = self._clock.now()
        last = Average(0.0, 0, now)
        self._kept.save("last", json.dumps(last).encode())
        self._last = last
        self._begin_anew(now)
        return outcome(AccessResult.SUCCESS)

    async def _next_period(self, data: Data, caller: Caller) -> ActionOutcome:
        if not self._active:
            return outcome(AccessResult.TEMPORARY_FAILURE)
        self._finish(self._clock.now(), 0, self._monotonic())
        return outcome(AccessResult.SUCCESS)


def source_unit(settings: DemandObject) -> str:
    """The unit that readings are converted to: the register's, or that of its energy."""
    return settings.unit + "h" if settings.source == "energy" and settings.unit else settings.unit


def _restored(saved: bytes | None) -> Average | None:
    told = None if saved is None else json.loads(saved)
    return None if told is None else Average(*told)


def _missing() -> AccessResult:
    return AccessResult.TEMPORARY_FAILURE
