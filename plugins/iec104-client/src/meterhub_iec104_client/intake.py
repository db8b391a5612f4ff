# SPDX-License-Identifier: GPL-3.0-or-later
"""Process information of one station: from ASDUs to readings in the hub."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from meterhub_sdk import Clock, Hub, Quality, QualityFlag, Reading

from meterhub_iec104_client import cp56
from meterhub_iec104_client.asdu import Asdu
from meterhub_iec104_client.elements import TYPES, Element, Raw, time_tag
from meterhub_iec104_client.events import TYPE_MISMATCH
from meterhub_iec104_client.settings import MappedPoint, Station

PROCESS_CAUSES = frozenset({1, 2, 3, 5, 11, 12, *range(20, 42)})
"""Periodic, background, spontaneous, requested, return information, interrogated, counters requested."""

_UNEXPECTED_LIMIT = 1000


class Intake:
    """Publishes what comes, and remembers it for the time when the station is lost."""

    def __init__(self, hub: Hub, station: Station) -> None:
        self.newest: dict[str, Reading] = {}
        self.unexpected: set[int] = set()
        """Addresses that are not mapped, up to a limit."""
        self.unreadable = 0
        self._hub = hub
        self._station = station
        self._zone = ZoneInfo(station.time_zone)
        self._by_ioa = {point.ioa: point for point in station.points}
        self._mismatched: set[int] = set()
        self._batch: dict[str, Reading] = {}

    async def take(self, asdu: Asdu) -> None:
        """Keep the readings of an ASDU for the next :meth:`publish`."""
        element = TYPES.get(asdu.type_id)
        if element is None or asdu.test or asdu.negative or asdu.cause not in PROCESS_CAUSES:
            return
        if asdu.common_address != self._station.common_address:
            self.unreadable += 1
            return
        for ioa, octets in asdu.objects:
            point = self._by_ioa.get(ioa)
            if point is None:
                if len(self.unexpected) < _UNEXPECTED_LIMIT:
                    self.unexpected.add(ioa)
            elif point.type != element.kind:
                await self._report_mismatch(point, element)
            else:
                await self._keep(point, element, octets)

    async def _keep(self, point: MappedPoint, element: Element, octets: bytes) -> None:
        name = f"{self._station.label}/{point.label}"
        if name in self._batch:
            await self.publish()
        time, clock = self._when(element, octets)
        self._batch[name] = reading = reading_of(point, element.take(octets), time, clock)
        if self._hub.trace.points:
            full = f"{self._hub.name}/{name}"
            self._hub.trace.step(full, "frame", f"IOA {point.ioa}: {octets.hex(' ')}")
            self._hub.trace.step(full, "decoded", str(reading))

    def _when(self, element: Element, octets: bytes) -> tuple[int, Clock]:
        """The station's own time where it sends one that is a time, else that of arrival."""
        tag = time_tag(element, octets)
        if tag is None:
            return self._hub.time.now(), self._hub.time.validity()
        when = cp56.decode(tag, self._zone)
        if when.time is None:
            return self._hub.time.now(), Clock.INVALID
        return when.time, Clock.VALID if when.valid else Clock.INVALID

    async def _report_mismatch(self, point: MappedPoint, element: Element) -> None:
        """Each point once."""
        if point.ioa not in self._mismatched:
            self._mismatched.add(point.ioa)
            label = self._station.label
            await self._hub.events.record(
                TYPE_MISMATCH, station=label, ioa=point.ioa, found=element.kind, point=point.label, mapped=point.type
            )

    async def publish(self) -> None:
        """Publish what was kept, as one batch."""
        if self._batch:
            batch, self._batch = self._batch, {}
            self.newest.update(batch)
            await self._hub.points.publish(batch)

    async def lost(self) -> None:
        """Nobody knows any more: the newest readings turn stale, with the times that they had."""
        await self.publish()
        self._batch = {name: reading.degraded(Quality.STALE) for name, reading in self.newest.items()}
        await self.publish()


def reading_of(point: MappedPoint, raw: Raw, time: int, clock: Clock) -> Reading:
    """The reading of a point; a value that its type cannot hold after scaling is none."""
    value, quality, flags = raw.value, raw.quality, raw.flags
    if value is not None and point.point_type == "float":
        value = float(value) * point.scaling
        if value in (float("inf"), float("-inf")):
            value, quality, flags = None, Quality.INVALID, flags | QualityFlag.OVERFLOW
    return Reading(value, time, int(quality), point.unit, int(flags), int(clock))
