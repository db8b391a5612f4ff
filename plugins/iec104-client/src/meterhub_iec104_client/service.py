# SPDX-License-Identifier: GPL-3.0-or-later
"""The service ``iec104-client``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from meterhub_sdk import Conversion, Driver, Feature, Peer, Point, Refused, Requester, Value, command

from meterhub_iec104_client.check import Check, CheckReport, check
from meterhub_iec104_client.events import COMMAND_FAILED
from meterhub_iec104_client.settings import CONNECTED, Iec104ClientConfig, MappedPoint
from meterhub_iec104_client.station import StationReader
from meterhub_iec104_client.status import Iec104ClientStatus, station_status


class Iec104Client(Driver[Iec104ClientConfig]):
    """Reads and commands controlled stations over IEC 60870-5-104, each in a task of its own."""

    name = "iec104-client"
    title = "IEC 60870-5-104 client"
    menu = "Protocol conversion/Clients"
    feature = Feature("iec104.client", "IEC 60870-5-104 client", built_in=True)
    status_type = Iec104ClientStatus

    _readers: dict[str, StationReader] | None = None

    def points(self) -> Iterator[Point]:
        """One point for each mapping, and one for each station that says whether it is connected."""
        for station in self.config.stations:
            label = station.label
            yield Point(name=f"{label}/{CONNECTED}", type="bool", title=f"{label} connected", source=station.place)
            for point in station.points:
                yield Point(
                    name=f"{label}/{point.label}",
                    type=point.point_type,
                    unit=point.unit,
                    writable=point.command is not None,
                    source=f"{point.type} IOA {point.ioa}",
                )

    async def run(self) -> None:
        """Serve all stations until cancelled."""
        pause = self.config.reconnect_delay
        self._readers = readers = {
            station.label: StationReader(self.hub, station, pause) for station in self.config.stations
        }
        async with asyncio.TaskGroup() as tasks:
            for label, reader in readers.items():
                tasks.create_task(reader.run(), name=f"iec104 {label}")
            await asyncio.Event().wait()

    async def write(self, name: str, value: Value, requester: Requester) -> None:
        """Command a station; returns when it confirmed the execution."""
        reader, point = self._find(name)
        full = f"{self.hub.name}/{name}"
        self.hub.trace.step(full, "write", str(value))
        try:
            await reader.command(point, value)
            self.hub.trace.step(full, "acknowledged", "the station confirmed the execution")
        except Refused as refusal:
            await self.hub.events.record(
                COMMAND_FAILED,
                station=reader.station.label,
                point=point.label,
                ioa=point.target,
                requester=requester.name,
                reason=str(refusal),
            )
            raise

    def _find(self, name: str) -> tuple[StationReader, MappedPoint]:
        label, _, point_label = name.partition("/")
        reader = (self._readers or {}).get(label)
        if reader is None:
            raise Refused(f"{name}: no station is called {label!r}")
        for point in reader.station.points:
            if point.label == point_label and point.command is not None:
                return reader, point
        raise Refused(f"{name} is read-only")

    @command(title="Check a server", timeout=90.0)
    async def check(self, arguments: Check) -> CheckReport:
        """Walk every mapped point of a server as an independent master, beside the connection that may be there."""
        if arguments.target is not None:
            return await check(arguments.target, arguments.seconds)
        for station in self.config.stations:
            if station.label == arguments.station:
                return await check(station, arguments.seconds)
        raise Refused(f"no station is called {arguments.station!r}")

    def conversion(self) -> Conversion:
        """One row for each station."""
        rows = self.status().stations
        errors = [row.last_error for row in rows if row.last_error]
        return Conversion(
            role="client",
            peers=[Peer(name=r.label, state=r.state, since=r.connected_since, detail=r.place) for r in rows],
            counters={
                "frames received": sum(row.frames for row in rows),
                "unreadable": sum(row.unreadable for row in rows),
                "commands": sum(row.commands for row in rows),
                "refused commands": sum(row.refused for row in rows),
            },
            last_error=errors[-1] if errors else "",
        )

    def status(self) -> Iec104ClientStatus:
        """One row for each station."""
        return Iec104ClientStatus(stations=[station_status(reader) for reader in (self._readers or {}).values()])
