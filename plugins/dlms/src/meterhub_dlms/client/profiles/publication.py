"""Entries of a profile become readings of points, with the entries' own times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from meterhub_sdk import Clock, EventType, Hub, Point, PointType, Quality, Reading

from meterhub_dlms.client.intake import clock_validity
from meterhub_dlms.client.meter_settings import Meter
from meterhub_dlms.client.profiles.layout import Layout, column_name, is_clock
from meterhub_dlms.client.profiles.meter_time import Told
from meterhub_dlms.client.profiles.rows import Row
from meterhub_dlms.client.profiles.settings import Profile, ProfileColumn
from meterhub_dlms.client.ratios import primary
from meterhub_dlms.client.values import ScalerUnit, ValueMismatch, to_value
from meterhub_dlms.codec import axdr, obis
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.selection import CaptureObject
from meterhub_dlms.events import MAPPING_NOT_FOUND, VALUE_TYPE_WRONG

_INTERVALS_UNTIL_STALE = 3
_NUMERIC = frozenset({*axdr.INTEGER_RANGES, axdr.FLOAT32, axdr.FLOAT64, axdr.BCD})


def stale_after(meter: Meter, profile: Profile, period: int | None) -> float | None:
    """Seconds until a point of a profile is stale; ``None`` while nobody knows how often entries come."""
    interval = max(profile.interval or 0.0, period or 0.0)
    return meter.stale_after or _INTERVALS_UNTIL_STALE * interval or None


def declarations(meter: Meter, profile: Profile, period: int | None = None) -> Iterator[Point]:
    """The points of the columns in the settings; ``period`` in seconds is known when the meter has told it."""
    for column in profile.columns:
        yield Point(
            name=f"{meter.label}/{profile.label}/{column.label}",
            type=column.type,
            unit=column.unit,
            title=f"{meter.label} {profile.label} {column.label}",
            source=f"{profile.logical_name} {column.logical_name}",
            stale_after=stale_after(meter, profile, period),
        )


class _Published:
    """A column that is published; without a scaler nothing of it is."""

    def __init__(self, name: str, place: int, kind: PointType, scaler: ScalerUnit | None) -> None:
        self.name = name
        self.place = place
        self.kind = kind
        self.scaler = scaler
        self.declared = False
        self.trouble = ""


class Publication:
    """Publishes the entries of one profile; :meth:`begin` comes first, and again when the layout is another."""

    def __init__(self, hub: Hub, meter: Meter, profile: Profile) -> None:
        self.last_error = ""
        self.not_found: list[str] = []
        self._hub = hub
        self._meter = meter
        self._profile = profile
        self._prefix = f"{meter.label}/{profile.label}"
        self._layout: Layout | None = None
        self._columns: list[_Published] = []
        self._status: int | None = None
        self._reported: set[str] = set()

    async def begin(self, layout: Layout) -> None:
        """Find the columns; those that are not there are invalid, and an event says so once."""
        if layout == self._layout:
            return
        self._layout = layout
        self.not_found = []
        self._status = await self._status_column(layout)
        if self._profile.columns:
            self._columns = [found for column in self._profile.columns if (found := await self._find(layout, column))]
            await self._hub.points.declare(*declarations(self._meter, self._profile, layout.period))
        else:
            self._columns = list(self._numeric(layout))

    @property
    def width(self) -> int:
        """Readings of one entry."""
        return len(self._columns)

    async def publish(self, rows: Sequence[Row], *, history: bool) -> None:
        """Publish entries whose times can be told, each as a batch of its own."""
        for told, values, _ in rows:
            if told is not None:
                await self._declare(values)
                await self._hub.points.publish(self._readings(told, values), history=history)
        for column in self._columns:
            if column.trouble and column.name not in self._reported:
                self._reported.add(column.name)
                await self._record(VALUE_TYPE_WRONG, column.name, self._source(column), column.trouble)

    # -- columns ----------------------------------------------------------------------------------

    async def _find(self, layout: Layout, column: ProfileColumn) -> _Published | None:
        name = f"{self._prefix}/{column.label}"
        if column.captured not in layout.columns:
            self.not_found.append(column.label)
            await self._missing(column.label, column.logical_name)
            invalid = Reading(None, self._hub.time.now(), Quality.INVALID, column.unit, 0, int(Clock.UNKNOWN))
            await self._hub.points.publish({name: invalid})
            return None
        place = layout.columns.index(column.captured)
        found = _Published(name, place, column.type, layout.scalers[place])
        found.declared = True
        return found

    async def _status_column(self, layout: Layout) -> int | None:
        name = self._profile.status_name
        if name is None:
            return None
        places = [place for place, column in enumerate(layout.columns) if column.logical_name == obis.parse(name)]
        if not places:
            self.not_found.append("status")
            await self._missing("status", name)
            return None
        return places[0]

    def _numeric(self, layout: Layout) -> Iterator[_Published]:
        """Columns that may be numbers; what they are is known when the first value comes."""
        for place, column in enumerate(layout.columns):
            if place != self._status and not is_clock(column):
                name = f"{self._prefix}/{column_name(column)}"
                yield _Published(name, place, "float", layout.scalers[place])

    async def _declare(self, values: Sequence[Data]) -> None:
        """Columns without settings become points with their first number."""
        layout = self._layout
        for column in self._columns:
            if column.declared or layout is None or values[column.place].tag not in _NUMERIC:
                continue
            captured: CaptureObject = layout.columns[column.place]
            column.declared = True
            await self._hub.points.declare(
                Point(
                    name=column.name,
                    unit=column.scaler.unit if column.scaler is not None else "",
                    title=column.name.replace("/", " "),
                    source=f"{self._profile.logical_name} {obis.text(captured.logical_name)}",
                    stale_after=stale_after(self._meter, self._profile, layout.period),
                )
            )

    # -- values -----------------------------------------------------------------------------------

    def _readings(self, told: Told, values: Sequence[Data]) -> dict[str, Reading]:
        status = 0 if self._status is None else _bits(values[self._status])
        quality = Quality.INVALID if status & self._profile.invalid_bits else Quality.GOOD
        clock = Clock.INVALID if status & self._profile.clock_bits else clock_validity(told.status)
        return {
            column.name: self._reading(column, values[column.place], Reading(None, told.time, quality, clock=clock))
            for column in self._columns
            if column.declared
        }

    def _reading(self, column: _Published, data: Data, entry: Reading) -> Reading:
        """The value of a column in an ``entry``, whose time and quality it has; null-data is a missing value."""
        scaler = column.scaler
        unit = "" if scaler is None else scaler.unit
        try:
            if scaler is None:
                column.trouble = "the meter does not tell its scaler"
            elif data.tag != axdr.NULL:
                value = primary(self._meter, to_value(data, column.kind, scaler.exponent), unit)
                return Reading(value, entry.time, int(entry.quality), unit, 0, int(entry.clock))
        except ValueMismatch as mismatch:
            column.trouble = str(mismatch)
        self.last_error = f"{column.name}: {column.trouble}" if column.trouble else self.last_error
        return Reading(None, entry.time, int(Quality.INVALID), unit, 0, int(entry.clock))

    # -- what is wrong ----------------------------------------------------------------------------

    async def _missing(self, label: str, logical_name: str) -> None:
        self.last_error = f"{self._prefix}/{label}: the profile has no such column"
        if label not in self._reported:
            self._reported.add(label)
            name = f"{self._prefix}/{label}"
            await self._record(MAPPING_NOT_FOUND, name, logical_name, "the profile has no such column")

    async def _record(self, event: EventType, name: str, source: str, reason: str) -> None:
        _, _, mapping = name.partition("/")
        await self._hub.events.record(event, meter=self._meter.label, mapping=mapping, source=source, reason=reason)

    def _source(self, column: _Published) -> str:
        return "" if self._layout is None else obis.text(self._layout.columns[column.place].logical_name)


def _bits(status: Data) -> int:
    """The status of an entry as a number; 0 where it is none."""
    if status.tag in axdr.INTEGER_RANGES:
        return int(status.value) & 0xFFFF_FFFF
    if status.tag == axdr.OCTET_STRING:
        return int.from_bytes(status.value, "big")
    return int(status.value, 2) if status.tag == axdr.BIT_STRING and status.value else 0
