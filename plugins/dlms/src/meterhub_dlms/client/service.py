"""The service ``dlms-client``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from meterhub_sdk import Conversion, Driver, Feature, Peer, Point, Refused, Requester, Value, command

from meterhub_dlms import counter_store, identity
from meterhub_dlms.client import kept_readings, name_cache, writing
from meterhub_dlms.client.associating import Associating
from meterhub_dlms.client.association import Association
from meterhub_dlms.client.browse import list_cache, marks
from meterhub_dlms.client.browse.commands import BrowseCommands
from meterhub_dlms.client.browse.workbench import Workbench
from meterhub_dlms.client.bus.bus import Bus
from meterhub_dlms.client.bus.jobs import Priority
from meterhub_dlms.client.bus.media import medium_of
from meterhub_dlms.client.bus.report import BusReport
from meterhub_dlms.client.care import MeterCare
from meterhub_dlms.client.care_commands import CareCommands
from meterhub_dlms.client.counter_commands import CounterCommands
from meterhub_dlms.client.forecast import Forecast, ForecastRequest, forecast
from meterhub_dlms.client.mapped import declaration
from meterhub_dlms.client.mapping_settings import CLOCK_DEVIATION
from meterhub_dlms.client.meter_exchange import records
from meterhub_dlms.client.poller import MeterPoller
from meterhub_dlms.client.profiles import progress
from meterhub_dlms.client.profiles.command import ProfileCommands
from meterhub_dlms.client.profiles.readers import ProfileReaders, profile_points
from meterhub_dlms.client.settings import CONNECTED, DlmsClientConfig, Meter
from meterhub_dlms.client.status import DlmsClientStatus
from meterhub_dlms.counter_store import KeyCounters, SqliteCounters

_BETWEEN_CHECKS = 60.0


class DlmsClient(BrowseCommands, CareCommands, CounterCommands, ProfileCommands, Driver[DlmsClientConfig]):
    """Reads DLMS/COSEM meters over TCP and on serial buses, with one task for each bus."""

    name = "dlms-client"
    title = "DLMS/COSEM client"
    menu = "Protocol conversion/Clients"
    feature = Feature("dlms.client", "DLMS/COSEM client", built_in=True)
    status_type = DlmsClientStatus
    migrations = (
        *counter_store.MIGRATIONS,
        *name_cache.MIGRATIONS,
        *identity.MIGRATIONS,
        *list_cache.MIGRATIONS,
        *marks.MIGRATIONS,
        *kept_readings.MIGRATIONS,
        *records.MIGRATIONS,
        *progress.MIGRATIONS,
    )

    _buses: dict[str, Bus] | None = None
    """The bus of each meter, by its label."""
    _reports: tuple[BusReport, ...] = ()
    _profiles: ProfileReaders | None = None

    def points(self) -> Iterator[Point]:
        """One point for each mapping, and one for each meter that says whether it is connected."""
        for meter in self.config.meters:
            yield Point(
                name=f"{meter.label}/{CONNECTED}",
                type="bool",
                title=f"{meter.label} connected",
                source=meter.place,
            )
            if self.config.compares_clock(meter):
                title = f"{meter.label} clock deviation"
                yield Point(name=f"{meter.label}/{CLOCK_DEVIATION}", unit="s", title=title, source="0-0:1.0.0*255")
            for mapping in meter.mappings:
                yield declaration(self.config, meter, mapping)
        yield from profile_points(self.config)

    async def run(self) -> None:
        """Serve all buses until cancelled; ``ConfigError`` when a secret was never set."""
        counters = KeyCounters(SqliteCounters(self.hub.store, self.hub.directory))
        associating = Associating(self.hub, self.config, counters)
        buses = [await self._bus(name, meters, associating) for name, meters in self.config.buses().items()]
        self._buses = {label: bus for bus in buses for label in bus.pollers}
        self._reports = tuple(BusReport(self.hub, self.config, bus) for bus in buses)
        self._care = care = MeterCare(self.hub, self.config, buses, associating)
        self._workbench = Workbench(self.hub, self.config, self._buses, associating)
        self._profiles = ProfileReaders(self.hub, self.config, self._buses)
        async with self._workbench, asyncio.TaskGroup() as tasks:
            care.start(tasks)
            for bus in buses:
                tasks.create_task(bus.run(), name=f"dlms bus {bus.name}")
            tasks.create_task(self._warn(), name="dlms prediction")
            tasks.create_task(self._profiles.run(), name="dlms profiles")

    async def write(self, name: str, value: Value, requester: Requester) -> None:
        """Set an attribute of a meter, or call its method; returns when the meter confirmed it."""
        label, _, mapping = name.partition("/")
        bus = (self._buses or {}).get(label)
        if bus is None:
            raise Refused(f"{name}: no meter is called {label!r}")
        poller = bus.pollers[label]
        point = poller.polling.points.get(mapping)
        if point is None or not point.mapping.writable:
            raise Refused(f"{name} is read-only")

        async def work(association: Association) -> None:
            await writing.write(association, poller.polling.read_now, poller.meter, point, value)

        full = f"{self.hub.name}/{name}"
        self.hub.trace.step(full, "write", str(value))
        await bus.perform(label, Priority.COMMAND, work)
        self.hub.trace.step(full, "acknowledged", "the meter confirmed the write")

    @command(title="Predict the load of the buses", rights="R2 R3 R5")
    async def predict(self, request: ForecastRequest) -> Forecast:
        """How long the polls of each group take on each bus, and whether the intervals can be kept, for settings
        that need not be in force.
        """
        return forecast(request)

    def status(self) -> DlmsClientStatus:
        """One row for each meter, and one for each bus."""
        pollers = [bus.pollers[label] for label, bus in (self._buses or {}).items()]
        order = {meter.label: place for place, meter in enumerate(self.config.meters)}
        pollers.sort(key=lambda poller: order[poller.label])
        rows = [poller.status() for poller in pollers]
        if self._workbench is not None:
            rows = [self._workbench.status(row) for row in rows]
        if self._care is not None:
            rows = [self._care.status(row) for row in rows]
        return DlmsClientStatus(
            meters=rows,
            buses=[report.status() for report in self._reports],
            profiles=self._profiles.status() if self._profiles is not None else [],
        )

    def conversion(self) -> Conversion:
        """One row for each meter."""
        rows = [poller.status() for bus in set((self._buses or {}).values()) for poller in bus.pollers.values()]
        rows.sort(key=lambda row: row.label)
        errors = [row.last_error for row in rows if row.last_error]
        return Conversion(
            role="client",
            peers=[Peer(name=row.label, state=row.state, since=row.connected_since, detail=row.bus) for row in rows],
            counters={
                "errors": sum(row.errors for row in rows),
                "dropped frames": sum(row.dropped_frames for row in rows),
                "overruns": sum(row.overruns for row in rows),
            },
            last_error=errors[-1] if errors else "",
        )

    async def _bus(self, name: str, meters: list[Meter], associating: Associating) -> Bus:
        pollers = []
        for meter in meters:
            introduction = await associating.associate(meter, self.hub.secret)
            pollers.append(MeterPoller(self.hub, self.config, meter, introduction))
        medium = medium_of(self.hub, self.config, meters[0])
        return Bus(self.hub, name, medium, pollers, self.config.reconnect_delay)

    async def _warn(self) -> None:
        """Tell which intervals cannot be kept, once the meters had the time to show how fast they answer."""
        while True:
            await asyncio.sleep(_BETWEEN_CHECKS)
            for report in self._reports:
                await report.warn()
