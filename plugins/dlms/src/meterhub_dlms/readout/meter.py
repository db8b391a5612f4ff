"""One meter: what its readouts become, and how it is doing."""

from __future__ import annotations

from collections.abc import Iterator

from meterhub_sdk import Clock, EventType, Hub, Point, Quality, Reading, moment, zone_of

from meterhub_dlms.client.mapping_settings import CONNECTED, GroupName
from meterhub_dlms.client.values import ValueMismatch
from meterhub_dlms.readout import addresses, clock, values
from meterhub_dlms.readout.due import Due
from meterhub_dlms.readout.events import READOUT_LOST, READOUT_OF_ANOTHER, READOUT_STARTED, READOUT_WITHOUT
from meterhub_dlms.readout.exchange import Readout
from meterhub_dlms.readout.settings import ReadoutClientConfig, ReadoutMapping, ReadoutMeter
from meterhub_dlms.readout.status import ReadoutMeterStatus, State

_FIRST_DELAY = 1.0


def points_of(config: ReadoutClientConfig, meter: ReadoutMeter) -> Iterator[Point]:
    """The points of a meter as they exist before it answered."""
    yield Point(
        name=f"{meter.label}/{CONNECTED}", type="bool", title=f"{meter.label} connected", source=str(meter.medium)
    )
    for mapping in meter.mappings:
        yield Point(
            name=f"{meter.label}/{mapping.label}",
            type=mapping.type,
            unit=mapping.unit,
            title=f"{meter.label} {mapping.label}",
            source=mapping.address,
            stale_after=meter.stale_after or 3 * config.interval(mapping.group),
        )


class MeterIntake:
    """Takes the readouts of one meter to the hub, and remembers what became of them."""

    def __init__(self, hub: Hub, config: ReadoutClientConfig, meter: ReadoutMeter, now: float) -> None:
        self.meter = meter
        self.due = Due({group: config.interval(group) for group in meter.groups}, now)
        self.not_before = now
        self.state: State = "waiting"
        self.retries = 0
        self._hub = hub
        self._zone = zone_of(meter.zone) if meter.meter_time else None
        self._longest_delay = config.retry_delay
        self._delay = _FIRST_DELAY
        self._connected: bool | None = None
        self._last: Readout | None = None
        self._last_time: int | None = None
        self._readouts = self._errors = self._foreign = 0
        self._told: set[str] = set()
        self._time_source = "meter" if meter.meter_time else "arrival"
        self._last_error = ""

    @property
    def lost(self) -> bool:
        """Whether the last tries failed, so that a short probe has to do."""
        return self._connected is False and self.state == "lost"

    async def begin(self) -> None:
        """Nothing is known of the meter yet."""
        await self._connect(False)

    async def take(self, readout: Readout, began: float) -> None:
        """Publish what a whole readout brought, as one batch."""
        if self.lost:
            self.due.restart(began)
        groups = self.due.take(began)
        self.state, self._delay = "good", _FIRST_DELAY
        self._last, self._last_time = readout, self._hub.time.now()
        self._readouts += 1
        self.not_before = began
        if not self._connected:
            await self._connect(True)
            await self._record(READOUT_STARTED, device=readout.device or "without a name")
        await self._publish(readout, groups)

    async def fail(self, reason: str, now: float) -> None:
        """All tries failed: say so once, and try again later. The points turn stale by themselves."""
        self.state = "lost"
        self.not_before = now + min(self._delay, self._longest_delay)
        self._delay = min(2 * self._delay, self._longest_delay)
        self.note(reason)
        if self._connected or "lost" not in self._told:
            self._told.add("lost")
            await self._connect(False)
            await self._record(READOUT_LOST, reason=reason)

    async def refuse(self, reason: str) -> None:
        """The readout is another meter's."""
        self._foreign += 1
        if "foreign" not in self._told:
            self._told.add("foreign")
            await self._record(READOUT_OF_ANOTHER, reason=reason)

    def note(self, error: str) -> None:
        """Something failed."""
        self._errors += 1
        self._last_error = error

    async def _connect(self, connected: bool) -> None:
        self._connected = connected
        reading = Reading(connected, self._hub.time.now(), clock=int(self._hub.time.validity()))
        await self._hub.points.publish({f"{self.meter.label}/{CONNECTED}": reading})

    async def _publish(self, readout: Readout, groups: list[GroupName]) -> None:
        time, validity = self._stamp(readout)
        batch: dict[str, Reading] = {}
        unfit: list[tuple[ReadoutMapping, str]] = []
        for mapping in self.meter.mappings:
            if mapping.group not in groups:
                continue
            name = f"{self.meter.label}/{mapping.label}"
            try:
                batch[name] = _reading(readout, mapping, time, validity)
            except ValueMismatch as mismatch:
                batch[name] = Reading(None, time, Quality.INVALID, mapping.unit, 0, int(validity))
                unfit.append((mapping, str(mismatch)))
        if self._hub.trace.points:
            for name, reading in batch.items():
                self._hub.trace.step(f"{self._hub.name}/{name}", "decoded", str(reading))
        if batch:
            await self._hub.points.publish(batch)
        for mapping, reason in unfit:
            await self._tell_unfit(mapping, reason)

    def _stamp(self, readout: Readout) -> tuple[int, Clock]:
        """The meter's time where it is wanted and told, otherwise that of the arrival."""
        if self._zone is not None:
            told = clock.meter_time(readout.values, self._zone)
            self._time_source = "meter" if told is not None else "arrival (the meter does not tell 0.9.1 and 0.9.2)"
            if told is not None:
                return told, Clock.UNKNOWN
        return self._hub.time.now(), self._hub.time.validity()

    async def _tell_unfit(self, mapping: ReadoutMapping, reason: str) -> None:
        self.note(f"{mapping.label} ({mapping.address}): {reason}")
        subject = f"mapping {mapping.label}"
        if subject not in self._told:
            self._told.add(subject)
            await self._record(READOUT_WITHOUT, mapping=mapping.label, source=mapping.address, reason=reason)

    async def _record(self, event: EventType, **parameters: str) -> None:
        if event is READOUT_STARTED:
            self._told -= {"lost", "foreign"}
        await self._hub.events.record(event, meter=self.meter.label, **parameters)

    def status(self) -> ReadoutMeterStatus:
        """How this meter is doing."""
        last = self._last
        return ReadoutMeterStatus(
            label=self.meter.label,
            device=last.device if last is not None else "",
            state=self.state,
            last_readout=None if self._last_time is None else moment(self._last_time),
            duration=None if last is None else round(last.duration, 3),
            speed=None if last is None else last.speed,
            readouts=self._readouts,
            values=0 if last is None else len(last.values),
            retries=self.retries,
            errors=self._errors,
            foreign=self._foreign,
            overruns=self.due.overruns,
            time=self._time_source,
            last_error=self._last_error,
        )


def _reading(readout: Readout, mapping: ReadoutMapping, time: int, validity: Clock) -> Reading:
    told = values.look_up(readout.values, addresses.parse(mapping.address), mapping.place - 1)
    value = values.to_value(told, mapping.type, mapping.unit, mapping.factor)
    return Reading(value, time, 0, mapping.unit or told.unit, 0, int(validity))
