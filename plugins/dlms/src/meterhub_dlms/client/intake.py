"""What an exchange brought becomes readings and, the first time something is wrong, events."""

from __future__ import annotations

from collections.abc import Sequence

from meterhub_sdk import Clock, EventType, Hub, Quality, Reading

from meterhub_dlms.client.mapped import MappedPoint, Scaling
from meterhub_dlms.client.planner import Batch, Kind
from meterhub_dlms.client.settings import Meter
from meterhub_dlms.client.values import ValueMismatch, scaler_unit, to_value
from meterhub_dlms.codec import axdr, cosem_time, ln
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.xdlms import AccessResult
from meterhub_dlms.events import MAPPING_NOT_FOUND, VALUE_TYPE_WRONG

_NOT_THERE = frozenset(
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

Stamp = tuple[int, Clock]


def clock_stamp(result: ln.GetResult) -> Stamp | None:
    """Time and validity of the meter's clock; ``None`` when it cannot be told in UTC."""
    if not isinstance(result, Data) or result.tag not in (axdr.OCTET_STRING, axdr.DATE_TIME):
        return None
    try:
        time, status = cosem_time.decode(result.value)
    except CodecError:
        return None
    if time is None:
        return None
    if status == cosem_time.NO_STATUS:
        return time, Clock.UNKNOWN
    if status & cosem_time.INVALID:
        return time, Clock.INVALID
    return time, Clock.UNKNOWN if status & _UNSURE else Clock.VALID


class Intake:
    """Takes the results of one meter's requests to the hub."""

    def __init__(self, hub: Hub, meter: Meter, *, meter_time: bool) -> None:
        self._hub = hub
        self._meter = meter
        self._meter_time = meter_time
        self._stamp: Stamp | None = None
        self._events: list[tuple[EventType, MappedPoint, str]] = []
        self.time_source = "meter" if meter_time else "arrival"
        self.errors = 0
        self.last_error = ""

    def forget(self) -> None:
        """A new association: the clock that was read before no longer counts."""
        self._stamp = None

    async def take(self, batch: Batch, results: Sequence[ln.GetResult]) -> None:
        """Publish what one exchange brought as one batch."""
        readings: dict[str, Reading] = {}
        now: Stamp | None = None
        for (kind, _, point, _), result in zip(batch.items, results, strict=True):
            if point is None:
                self._stamp = clock_stamp(result)
                self.time_source = "meter" if self._stamp is not None else "arrival (the meter's clock cannot be used)"
            elif kind is Kind.SCALER:
                self._take_scaler(point, result)
            else:
                now = now or self._now()
                readings[point.name] = self._reading(point, result, *now)
        if readings:
            await self._hub.points.publish(readings)
        while self._events:
            event, point, reason = self._events.pop()
            await self._record(event, point, reason)

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
                point.tag = result.tag
                return Reading(to_value(result, point.type, exponent), time, 0, unit, 0, int(clock))
        except ValueMismatch as mismatch:
            self._mismatch(point, mismatch)
        return Reading(None, time, Quality.INVALID, unit, 0, int(clock))

    def _take_scaler(self, point: MappedPoint, result: ln.GetResult) -> None:
        if isinstance(result, AccessResult):
            point.scaling = Scaling.REFUSED if result in _NOT_THERE else Scaling.UNKNOWN
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
        if result in _NOT_THERE and not point.reported_missing:
            point.reported_missing = True
            self._events.append((MAPPING_NOT_FOUND, point, result.phrase))

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
