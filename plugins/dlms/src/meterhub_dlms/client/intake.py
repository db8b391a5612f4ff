"""What an exchange brought becomes readings and, the first time something is wrong, events."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from meterhub_sdk import Clock, EventType, Hub, Quality, Reading

from meterhub_dlms.client.clock.form import ClockForm
from meterhub_dlms.client.clock.watch import ClockWatch
from meterhub_dlms.client.counting import Counting
from meterhub_dlms.client.kept_readings import KeptReadings
from meterhub_dlms.client.mapped import MappedPoint, Scaling
from meterhub_dlms.client.planner import Item, Kind
from meterhub_dlms.client.ratios import primary
from meterhub_dlms.client.settings import DlmsClientConfig, Meter
from meterhub_dlms.client.values import ValueMismatch, scaler_unit, to_value
from meterhub_dlms.codec import axdr, cosem_time, ln
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.xdlms import AccessResult
from meterhub_dlms.events import MAPPING_NOT_FOUND, VALUE_TYPE_WRONG

NOT_THERE = frozenset(
    {
        AccessResult.READ_WRITE_DENIED,
        AccessResult.OBJECT_UNDEFINED,
        AccessResult.OBJECT_CLASS_INCONSISTENT,
        AccessResult.OBJECT_UNAVAILABLE,
        AccessResult.SCOPE_OF_ACCESS_VIOLATED,
    }
)
"""Results that asking again will not change."""

_UNSURE = cosem_time.DOUBTFUL | cosem_time.INVALID_STATUS
_END = 2**63
"""Nanoseconds from 1970 to the year 2262, the most that a reading can hold: a clock may say 9999."""

Stamp = tuple[int, Clock]

Observer = Callable[[Mapping[str, Reading]], Awaitable[None]]
"""Is told what was published, by the names of the points."""


def clock_stamp(result: ln.GetResult) -> Stamp | None:
    """Time and validity of the meter's clock; ``None`` when it cannot be told in UTC, or no reading can hold it."""
    if not isinstance(result, Data) or result.tag not in (axdr.OCTET_STRING, axdr.DATE_TIME):
        return None
    try:
        time, status = cosem_time.decode(result.value)
    except CodecError:
        return None
    return None if time is None or not -_END <= time < _END else (time, clock_validity(status))


def clock_validity(status: int) -> Clock:
    """What the status byte of a date-time says of the clock."""
    if status == cosem_time.NO_STATUS:
        return Clock.UNKNOWN
    if status & cosem_time.INVALID:
        return Clock.INVALID
    return Clock.UNKNOWN if status & _UNSURE else Clock.VALID


class Intake:
    """Takes the results of one meter's requests to the hub."""

    def __init__(self, hub: Hub, config: DlmsClientConfig, meter: Meter) -> None:
        self.watch = ClockWatch(hub, meter.label, config.time_offset)
        self.counting = Counting(hub, meter.label)
        self.kept = KeptReadings(hub.store, meter)
        self.observers: list[Observer] = []
        self._hub = hub
        self._meter = meter
        self._meter_time = config.meter_time
        self._form = ClockForm(meter)
        self._stamp: Stamp | None = None
        self._events: list[tuple[EventType, MappedPoint, str]] = []
        self.time_source = "meter" if config.meter_time else "arrival"
        self.errors = 0
        self.last_error = ""
        self.resized = False
        """True once a value took another number of bytes than was planned with."""
        self.noted: Callable[[MappedPoint, str], None] | None = None
        """Told when a mapping turns out to be in the meter, or why not."""

    def forget(self) -> None:
        """A new association: the clock that was read before no longer counts."""
        self._stamp = None

    async def take(self, items: Sequence[Item], results: Sequence[ln.GetResult]) -> None:
        """Publish what one exchange brought as one batch."""
        readings: dict[str, Reading] = {}
        now: Stamp | None = None
        for (kind, _, point, _), result in zip(items, results, strict=True):
            if point is None:
                self._stamp = self._stamp_of(result)
                self.time_source = "meter" if self._stamp is not None else "arrival (the meter's clock cannot be used)"
            elif kind is Kind.SCALER:
                self._take_scaler(point, result)
            else:
                now = now or self._now()
                readings[point.name] = self._reading(point, result, *now)
                self._mark(point, result)
        if readings:
            if self._hub.trace.points:
                self._trace(items, results, readings)
            await self._hub.points.publish(readings)
            for observer in self.observers:
                await observer(readings)
        await self.watch.report()
        await self.counting.report()
        while self._events:
            event, point, reason = self._events.pop()
            await self._record(event, point, reason)

    def _trace(self, items: Sequence[Item], results: Sequence[ln.GetResult], readings: Mapping[str, Reading]) -> None:
        """What the meter answered and what became of it, for whoever traces one of these points."""
        trace = self._hub.trace
        for item, result in zip(items, results, strict=True):
            point = item.point
            if point is not None and point.name in readings and item.kind is not Kind.SCALER:
                name = f"{self._hub.name}/{point.name}"
                answered = _encoded(result) if isinstance(result, Data) else result.phrase
                trace.step(name, "frame", f"{point.mapping.logical_name}: {answered}")
                exponent, unit = point.scaler_unit
                trace.step(name, "decoded", f"scaler {exponent}, unit {unit}: {readings[point.name]}")

    def _stamp_of(self, result: ln.GetResult) -> Stamp | None:
        """What the meter's clock tells; one that is known to be wrong is marked so."""
        stamp = clock_stamp(self._form.corrected(result, self._hub.time.now()))
        return (stamp[0], Clock.INVALID) if stamp is not None and self.watch.wrong(stamp[0]) else stamp

    def _now(self) -> Stamp:
        """The meter's time where there is one, otherwise that of the arrival."""
        if self._stamp is not None:
            return self._stamp
        validity = Clock.UNKNOWN if self._meter_time else self._hub.time.validity()
        return self._hub.time.now(), validity

    def _reading(self, point: MappedPoint, result: ln.GetResult, time: int, clock: Clock) -> Reading:
        exponent, unit = point.scaler_unit
        try:
            if isinstance(result, AccessResult):
                self._fail(point, result)
            elif point.scaling is not Scaling.KNOWN:
                self._note(f"{point.name}: the meter does not tell its scaler")
            else:
                self.resized |= point.learn(result)
                value = to_value(result, point.type, exponent)
                reading = Reading(primary(self._meter, value, unit), time, 0, unit, 0, int(clock))
                label = point.mapping.label
                self.counting.check(point, self.kept.newest.get(label), reading)
                self.kept.newest[label] = reading
                return reading
        except ValueMismatch as mismatch:
            self._mismatch(point, mismatch)
        return Reading(None, time, Quality.INVALID, unit, 0, int(clock))

    def _take_scaler(self, point: MappedPoint, result: ln.GetResult) -> None:
        if isinstance(result, AccessResult):
            point.scaling = Scaling.REFUSED if result in NOT_THERE else Scaling.UNKNOWN
            self._fail(point, result)
            return
        try:
            point.scaler_unit = scaler_unit(result)
            point.scaling = Scaling.KNOWN
        except ValueMismatch as mismatch:
            point.scaling = Scaling.REFUSED
            self._mismatch(point, mismatch)

    def _fail(self, point: MappedPoint, result: AccessResult) -> None:
        self._note(f"{point.name}: {result.phrase}")
        if result in NOT_THERE and not point.reported_missing:
            point.reported_missing = True
            self._events.append((MAPPING_NOT_FOUND, point, result.phrase))

    def _mark(self, point: MappedPoint, result: ln.GetResult) -> None:
        """Whether the meter has it, whatever its value is; other errors say nothing about that."""
        if self.noted is None:
            return
        if isinstance(result, AccessResult):
            if result in NOT_THERE:
                point.found = False
                self.noted(point, f"the meter answers {result.phrase}")
        elif not point.found:
            point.found = True
            self.noted(point, "")

    def _mismatch(self, point: MappedPoint, mismatch: ValueMismatch) -> None:
        self._note(f"{point.name}: {mismatch}")
        if not point.reported_type:
            point.reported_type = True
            self._events.append((VALUE_TYPE_WRONG, point, str(mismatch)))

    def _note(self, error: str) -> None:
        self.errors += 1
        self.last_error = error

    async def _record(self, event: EventType, point: MappedPoint, reason: str) -> None:
        await self._hub.events.record(
            event,
            meter=self._meter.label,
            mapping=point.mapping.label,
            source=point.mapping.logical_name,
            reason=reason,
        )


def _encoded(data: Data) -> str:
    """A value in the octets of its answer; what cannot be encoded again in words."""
    try:
        return axdr.encode(data).hex(" ")
    except CodecError as error:
        return f"{data!r:.200} ({error})"
