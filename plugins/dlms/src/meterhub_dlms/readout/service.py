"""The service ``readout-client``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from meterhub_sdk import Conversion, Feature, Peer, Point, Refused, Service, command

from meterhub_dlms.readout import addresses
from meterhub_dlms.readout.exchange import Readout
from meterhub_dlms.readout.meter import MeterIntake, points_of
from meterhub_dlms.readout.port import Port, read_out_alone
from meterhub_dlms.readout.settings import Connection, MediumKey, ReadoutClientConfig, ReadoutMeter
from meterhub_dlms.readout.status import ReadoutClientStatus, ReadoutLine, ReadOutRequest, ReadoutTable
from meterhub_dlms.readout.values import Located


class ReadoutClient(Service[ReadoutClientConfig]):
    """Reads out meters without DLMS (IEC 62056-21, mode C), on serial ports and behind converters."""

    name = "readout-client"
    title = "IEC 62056-21 readout"
    menu = "Protocol conversion/Clients"
    feature = Feature("readout.client", "IEC 62056-21 readout", built_in=True)
    status_type = ReadoutClientStatus

    _intakes: list[MeterIntake] = []
    _ports: dict[MediumKey, Port] = {}

    def points(self) -> Iterator[Point]:
        """One point for each mapping, and one for each meter that says whether it answers."""
        for meter in self.config.meters:
            yield from points_of(self.config, meter)

    async def run(self) -> None:
        """Read out all meters until cancelled, each line in a task of its own."""
        now = asyncio.get_running_loop().time()
        self._intakes = [MeterIntake(self.hub, self.config, meter, now) for meter in self.config.meters]
        by_medium: dict[MediumKey, list[MeterIntake]] = {}
        for intake in self._intakes:
            by_medium.setdefault(intake.meter.medium, []).append(intake)
        self._ports = {medium: Port(self.hub, self.config.priority, intakes) for medium, intakes in by_medium.items()}
        async with asyncio.TaskGroup() as tasks:
            for medium, port in self._ports.items():
                tasks.create_task(port.run(), name=f"readout on {medium}")
            await asyncio.Event().wait()

    def conversion(self) -> Conversion:
        """One row for each meter."""
        rows = self.status().meters
        errors = [row.last_error for row in rows if row.last_error]
        return Conversion(
            role="client",
            peers=[Peer(name=row.label, state=row.state, since=row.last_readout, detail=row.device) for row in rows],
            counters={
                "readouts": sum(row.readouts for row in rows),
                "errors": sum(row.errors for row in rows),
                "retries": sum(row.retries for row in rows),
            },
            last_error=errors[-1] if errors else "",
        )

    def status(self) -> ReadoutClientStatus:
        """One row for each meter."""
        return ReadoutClientStatus(meters=[intake.status() for intake in self._intakes])

    @command(title="Read out", timeout=300)
    async def read_out(self, request: ReadOutRequest) -> ReadoutTable:
        """Show the whole readout of a meter as a table, for building mappings.

        Give the label of a meter, or the connection of one that is not in the settings yet.
        """
        meter = self._meter(request.meter) if request.meter else None
        connection: Connection = meter or request
        port = self._ports.get(connection.medium)
        if port is not None:
            readout = await port.read_out(connection)
        else:
            readout = await read_out_alone(self.hub, connection, self.config.priority)
        return _table(readout, meter)

    def _meter(self, label: str) -> ReadoutMeter:
        for meter in self.config.meters:
            if meter.label == label:
                return meter
        raise Refused(f"no meter is called {label!r}; leave it empty to give a connection")


def _table(readout: Readout, meter: ReadoutMeter | None) -> ReadoutTable:
    return ReadoutTable(
        manufacturer=readout.identification.manufacturer,
        device=readout.identification.text,
        speed=readout.speed,
        duration=round(readout.duration, 3),
        lines=[_line(located, meter) for located in readout.values],
    )


def _line(located: Located, meter: ReadoutMeter | None) -> ReadoutLine:
    where, told = located
    taken = [
        mapping.label
        for mapping in (meter.mappings if meter is not None else ())
        if where is not None and mapping.place == told.place + 1 and addresses.parse(mapping.address).fits(where)
    ]
    return ReadoutLine(
        address=told.address, place=told.place + 1, value=told.value, unit=told.unit, mapping=", ".join(taken)
    )
