"""One meter: what its pushes become, and how it is doing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from meterhub_sdk import Clock, Hub, Point, Quality, Reading, moment, zone_of

from meterhub_dlms.client.intake import Stamp
from meterhub_dlms.client.values import ValueMismatch, to_value
from meterhub_dlms.codec import units
from meterhub_dlms.codec.ciphering import Ciphering
from meterhub_dlms.push.content import Content, Element
from meterhub_dlms.push.events import PUSH_UNFIT
from meterhub_dlms.push.pace import Pace
from meterhub_dlms.push.reports import Reports
from meterhub_dlms.push.settings import PushMapping, PushMeter
from meterhub_dlms.push.stamp import stamp
from meterhub_dlms.push.status import PushMeterStatus, State

_EVENTS_PER_SECOND = 1.0
_LONGEST_TEXT = 4096


def points_of(meter: PushMeter) -> Iterator[Point]:
    """The points of a meter as they exist before it sent anything."""
    for mapping in meter.mappings:
        yield Point(
            name=f"{meter.label}/{mapping.label}",
            type=mapping.type,
            unit=mapping.unit,
            title=f"{meter.label} {mapping.label}",
            source=mapping.source,
            stale_after=meter.stale_after,
        )


class Pushed(NamedTuple):
    """One push that was taken: when the meter says it sent it, and its values."""

    time: bytes
    content: Content
    peer: str


class MeterIntake:
    """Takes the pushes of one meter to the hub, and remembers what became of them."""

    def __init__(self, hub: Hub, reports: Reports, meter: PushMeter, ciphering: Ciphering | None) -> None:
        self.meter = meter
        self.ciphering = ciphering
        self.pace = Pace(_EVENTS_PER_SECOND)
        """Of its event notifications."""
        self.state: State = "waiting"
        self.last: Pushed | None = None
        self.last_time: int | None = None
        self.pushes = self.refused = self.errors = self.events_left_out = 0
        self.last_error = ""
        self._hub = hub
        self._reports = reports
        self._zone = zone_of(meter.zone) if meter.zone else None
        self._unseen = {mapping.label for mapping in meter.mappings}
        self._time_source = "meter" if meter.meter_time else "arrival"

    async def take(self, pushed: Pushed) -> None:
        """Publish what one push brought, as one batch. What it does not hold stays as it was."""
        self.last, self.last_time = pushed, self._hub.time.now()
        time, validity = self._stamp(pushed)
        batch: dict[str, Reading] = {}
        unfit: list[tuple[PushMapping, str]] = []
        finder = _Finder(pushed.content)
        for mapping in self.meter.mappings:
            name = f"{self.meter.label}/{mapping.label}"
            try:
                element = finder.find(mapping)
                if element is not None:
                    self._unseen.discard(mapping.label)
                    batch[name] = _reading(element, mapping, time, validity)
            except ValueMismatch as mismatch:
                batch[name] = Reading(None, time, Quality.INVALID, mapping.unit, 0, int(validity))
                unfit.append((mapping, str(mismatch)))
        if batch:
            if self._hub.trace.points:
                for name, reading in batch.items():
                    self._hub.trace.step(f"{self._hub.name}/{name}", "decoded", str(reading))
            await self._hub.points.publish(batch)
        for mapping, reason in unfit:
            await self._tell_unfit(mapping, reason)

    def note(self, error: str) -> None:
        """Something failed."""
        self.errors += 1
        self.last_error = error

    def _stamp(self, pushed: Pushed) -> Stamp:
        """The meter's time where it is wanted and told, otherwise that of the arrival."""
        if self.meter.meter_time:
            told = stamp(pushed.time, pushed.content.elements, self.meter, self._zone)
            self._time_source = "meter" if told is not None else "arrival (no time of the push can be told in UTC)"
            if told is not None:
                return told
        return self._hub.time.now(), self._hub.time.validity()

    async def _tell_unfit(self, mapping: PushMapping, reason: str) -> None:
        self.note(f"{mapping.label} ({mapping.source}): {reason}")
        await self._reports.tell(
            PUSH_UNFIT,
            f"{self.meter.label}/{mapping.label}",
            meter=self.meter.label,
            mapping=mapping.label,
            source=mapping.source,
            reason=reason,
        )

    def status(self) -> PushMeterStatus:
        """How this meter is doing."""
        return PushMeterStatus(
            label=self.meter.label,
            state=self.state,
            peer=self.last.peer if self.last is not None else "",
            last_push=None if self.last_time is None else moment(self.last_time),
            pushes=self.pushes,
            refused=self.refused,
            errors=self.errors,
            events_left_out=self.events_left_out,
            never_seen=", ".join(sorted(self._unseen)),
            time=self._time_source,
            last_error=self.last_error,
        )


class _Finder:
    """The values of one push by place and by name."""

    def __init__(self, content: Content) -> None:
        self._count = content.length
        self._places = {element.place: element for element in content.elements}
        self._names: dict[bytes, list[Element]] = defaultdict(list)
        for element in content.elements:
            if element.name is not None:
                self._names[element.name.logical_name].append(element)

    def find(self, mapping: PushMapping) -> Element | None:
        """What a mapping takes, if this push holds it; :class:`ValueMismatch` when it holds it more than once."""
        if mapping.count is not None and mapping.count != self._count:
            return None
        if mapping.place is not None:
            return self._places.get(mapping.place)
        fitting = [
            element
            for element in self._names.get(mapping.logical_name, ())
            if element.name is not None and element.name.number in (0, mapping.attribute)
        ]
        if len(fitting) > 1:
            places = ", ".join(f"#{element.place}" for element in fitting[:4])
            raise ValueMismatch(f"the push holds it {len(fitting)} times, at {places}; take it by its place")
        return fitting[0] if fitting else None


def _reading(element: Element, mapping: PushMapping, time: int, validity: Clock) -> Reading:
    exponent, unit = element.scaler or (mapping.scaler, mapping.unit)
    if mapping.unit and unit != mapping.unit:
        between = units.exponent_between(unit, mapping.unit) if unit else 0
        if between is None:
            raise ValueMismatch(f"it sends {unit}, the mapping says {mapping.unit}; choose a unit of the same kind")
        exponent, unit = exponent + between, mapping.unit
    value = to_value(element.data, mapping.type, exponent)
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        raise ValueMismatch(f"it sends a text of {len(value)} characters; a point holds {_LONGEST_TEXT}")
    return Reading(value, time, 0, unit, 0, int(validity))
