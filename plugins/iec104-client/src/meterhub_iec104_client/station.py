# SPDX-License-Identifier: GPL-3.0-or-later
"""One station: connected again and again, interrogated, listened to and commanded."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal

from meterhub_sdk import Hub, Quality, Reading, Refused, Value

from meterhub_iec104_client.asdu import COMMANDS, INTERROGATION, Asdu, parse
from meterhub_iec104_client.commands import Commanding
from meterhub_iec104_client.errors import LinkLost
from meterhub_iec104_client.events import PROCEDURE_FAILED, STATION_CONNECTED, STATION_LOST
from meterhub_iec104_client.intake import Intake
from meterhub_iec104_client.link import Link
from meterhub_iec104_client.procedures import NAMES, Procedures
from meterhub_iec104_client.settings import CONNECTED, MappedPoint, Station

_FIRST_PAUSE = 1.0

State = Literal["connecting", "connected", "lost"]


@dataclass(slots=True)
class Counts:
    """Since the start."""

    frames: int = 0
    interrogations: int = 0
    commands: int = 0
    refused: int = 0


class StationReader:
    """Runs until cancelled."""

    def __init__(self, hub: Hub, station: Station, longest_pause: float) -> None:
        self.station = station
        self.intake = Intake(hub, station)
        self.counts = Counts()
        self.state: State = "connecting"
        self.connected_since: int | None = None
        self.last_error = ""
        self._hub = hub
        self._longest_pause = longest_pause
        self._pause = _FIRST_PAUSE
        self._commanding: Commanding | None = None
        self._failed: set[int] = set()

    async def run(self) -> None:
        """Connect, serve, and after a loss again with back-off."""
        while True:
            link = Link(self.station, self._hub.frames)
            try:
                await link.open()
                await self._connected(link)
                await self._serve(link)
            except LinkLost as error:
                await self._lost(str(error))
            finally:
                self._forget("the service stops")
                await link.close()
            await asyncio.sleep(self._pause)
            self._pause = min(2 * self._pause, self._longest_pause)

    async def _connected(self, link: Link) -> None:
        self._pause = min(_FIRST_PAUSE, self._longest_pause)
        self._failed.clear()
        self.state, self.connected_since = "connected", self._hub.time.now()
        self._commanding = Commanding(link)
        await self._publish_connected(True)
        await self._hub.events.record(STATION_CONNECTED, station=self.station.label, place=self.station.place)

    async def _lost(self, reason: str) -> None:
        """Said once for each loss, not for each further attempt."""
        self._forget(reason)
        self.last_error, self.connected_since = reason, None
        before, self.state = self.state, "lost"
        if before == "lost":
            return
        await self._publish_connected(False)
        await self.intake.lost()
        await self._hub.events.record(STATION_LOST, station=self.station.label, place=self.station.place, reason=reason)

    def _forget(self, reason: str) -> None:
        if self._commanding is not None:
            self._commanding.lost(reason)
            self._commanding = None

    async def _publish_connected(self, connected: bool) -> None:
        now, clock = self._hub.time.now(), self._hub.time.validity()
        reading = Reading(connected, now, Quality.GOOD, clock=int(clock))
        await self._hub.points.publish({f"{self.station.label}/{CONNECTED}": reading})

    async def _serve(self, link: Link) -> None:
        procedures = Procedures(link, self.station, _now())
        while True:
            for type_id, reason in await procedures.step(_now()):
                await self._failed_procedure(type_id, reason)
            try:
                async with asyncio.timeout_at(procedures.next_at()):
                    frames = await link.frames()
            except TimeoutError:
                continue
            for frame in frames:
                await self._take(frame, procedures)
            await self.intake.publish()

    async def _take(self, frame: bytes, procedures: Procedures) -> None:
        self.counts.frames += 1
        try:
            asdu = parse(frame)
        except ValueError as error:
            self.intake.unreadable += 1
            self.last_error = str(error)
            return
        if asdu is None or asdu.test:
            return
        if asdu.type_id in COMMANDS and self._commanding is not None:
            self._commanding.take(asdu)
        elif asdu.type_id in NAMES:
            await self._answered(asdu, procedures)
        else:
            procedures.take(asdu, _now())
            await self.intake.take(asdu)

    async def _answered(self, asdu: Asdu, procedures: Procedures) -> None:
        if asdu.type_id == INTERROGATION and asdu.cause == 10:
            self.counts.interrogations += 1
        if reason := procedures.take(asdu, _now()):
            await self._failed_procedure(asdu.type_id, reason)

    async def _failed_procedure(self, type_id: int, reason: str) -> None:
        """Each kind is logged once for each connection."""
        self.last_error = f"{NAMES[type_id]}: {reason}"
        if type_id not in self._failed:
            self._failed.add(type_id)
            await self._hub.events.record(
                PROCEDURE_FAILED, station=self.station.label, procedure=NAMES[type_id], reason=reason
            )

    async def command(self, point: MappedPoint, value: Value) -> None:
        """Write a point; returns when the station confirmed it."""
        if self._commanding is None:
            raise Refused(f"{self.station.label}/{point.label}: the station is not connected: {self.last_error}")
        self.counts.commands += 1
        try:
            await self._commanding.perform(point, value)
        except Refused as refusal:
            self.counts.refused += 1
            self.last_error = str(refusal)
            raise


def _now() -> float:
    return asyncio.get_running_loop().time()
