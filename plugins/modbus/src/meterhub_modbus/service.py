"""The service that shows points of the hub to Modbus clients."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from importlib.metadata import version

from meterhub_sdk import (
    Conversion,
    Feature,
    MeterhubError,
    NotDone,
    Peer,
    Point,
    Quality,
    Reading,
    Service,
    together,
)
from meterhub_sdk.serial import LineStatistics
from meterhub_sdk.tls import Handshakes, TlsStatus
from pydantic import BaseModel, Field

from meterhub_modbus.banks import Mapping
from meterhub_modbus.events import TLS_EVENTS, WRITE_FAILED
from meterhub_modbus.faults import Fault
from meterhub_modbus.identification import DeviceIdentification
from meterhub_modbus.notices import Notices
from meterhub_modbus.pdu import PduHandler, Write
from meterhub_modbus.rtu import RtuStation
from meterhub_modbus.serial_end import SerialEnd
from meterhub_modbus.settings import ModbusServerConfig
from meterhub_modbus.tcp import TcpServer

CONNECTED = "clients/connected"
"""The point that says whether a client is connected over TCP."""
_LEAST = 0.1
"""Seconds: the shortest time that the hub gives a write."""


class ModbusServerStatus(BaseModel):
    """How a Modbus server is doing; counts are since its start."""

    clients: list[str] = Field(title="Connected clients")
    accepted: int = Field(title="Connections accepted")
    refused: int = Field(title="Connections refused")
    protocol_errors: int = Field(title="Connections closed for a malformed frame")
    requests: int = Field(title="Requests")
    exceptions: dict[str, int] = Field(title="Exceptions by code")
    bytes_in: int = Field(title="Bytes received")
    bytes_out: int = Field(title="Bytes sent")
    mapped: int = Field(title="Rows mapped")
    withheld: int = Field(title="Rows stale or invalid")
    events_left_out: int = Field(title="Event log entries left out as repetitions")
    serial_state: str = Field(title="Serial port", description="open, or why it is not; empty without one.")
    serial_requests: int = Field(title="Requests on the serial port", description="To these units.")
    line: LineStatistics | None = Field(title="Line", description="What went over the serial port; empty without one.")
    tls: TlsStatus | None = Field(title="TLS", description="Empty without TLS.")


class ModbusServer(Service[ModbusServerConfig]):
    """Shows points as coils and registers, and turns writes into writes of points."""

    feature = Feature("modbus.server", "Modbus server", built_in=True)
    title = "Modbus server"
    menu = "Protocol conversion/Servers"
    status_type = ModbusServerStatus

    _server: TcpServer | None = None
    _mapping: Mapping | None = None
    _station: RtuStation | None = None
    _serial: SerialEnd | None = None

    def points(self) -> Iterator[Point]:
        """Whether somebody is connected, where anybody can be."""
        if self.config.port is not None:
            yield Point(name=CONNECTED, type="bool", title="A client is connected")

    async def run(self) -> None:
        """Serve until cancelled."""
        self._mapping = mapping = Mapping(self.config)
        identification = DeviceIdentification(self.config.identification, version("meterhub-modbus"))
        notices = Notices(self.hub)
        handler = PduHandler(mapping.units, self._write, identification)
        self._server = server = TcpServer(self.config, handler, notices, self.hub.frames)
        self._serial = serial = self._serial_end(handler)
        try:
            if self.config.port is not None:
                handshakes = await Handshakes.of(self.hub, self.config, TLS_EVENTS, server.refuse)
                await server.start(self.config.port, handshakes)
            ends = [] if serial is None else [serial.run()]
            if self.config.port is not None:
                ends.append(self._tell(server))
            await together(notices.run(), self._follow(mapping), *ends)
        finally:
            await server.close()

    def _serial_end(self, handler: PduHandler) -> SerialEnd | None:
        """The end on a serial port, where the settings name one."""
        port = self.config.serial_port
        if port is None:
            return None
        self._station = station = RtuStation(handler, f"serial port {port}")
        return SerialEnd(self.hub, port, station, self.config.turnaround / 1000, self.config.priority)

    async def _tell(self, server: TcpServer) -> None:
        """Publish whether a client is connected, now and at each change."""
        told: bool | None = None
        while True:
            server.changed.clear()
            if (connected := bool(server.connections)) is not told:
                told = connected
                reading = Reading(connected, self.hub.time.now(), clock=self.hub.time.validity())
                await self.hub.points.publish({CONNECTED: reading})
            await server.changed.wait()

    async def _follow(self, mapping: Mapping) -> None:
        """Put into the banks what the hub brings."""
        if not mapping.cells:
            await asyncio.Event().wait()
        async for state in self.hub.points.latest(*mapping.cells):
            for name, reading in state.changed.items():
                for cell in mapping.cells.get(name, ()):
                    cell.show(reading)
                    if self.hub.trace.points:
                        self.hub.trace.step(name, "shown", f"{cell.place}, quality {cell.quality.name.lower()}")

    async def _write(self, writes: Sequence[Write], source: str) -> None:
        """Carry out the writes of one request in their order, all within its time; stop at the first that fails."""
        loop = asyncio.get_running_loop()
        limit = self.config.write_timeout
        deadline = loop.time() + limit
        for name, value in writes:
            try:
                left = deadline - loop.time()
                if left <= 0:
                    raise NotDone(f"the time for the request ({limit:g} s) ran out before its turn")
                await self.hub.points.write(
                    name, value, reason=f"Modbus client {source}", timeout=max(min(left, limit), _LEAST)
                )
            except MeterhubError as error:
                code = Fault.TARGET if isinstance(error, NotDone) else Fault.DEVICE
                if self._server is not None:
                    self._server.notices.note(WRITE_FAILED, source, point=name, why=str(error), code=int(code))
                raise

    def conversion(self) -> Conversion | None:
        """One row for each client; ``None`` before the first start."""
        if self._server is None:
            return None
        traffic, serial = self._server.traffic, self._serial
        peers = [Peer(name=peer, state="connected") for peer in sorted(c.peer for c in self._server.connections)]
        if serial is not None:
            peers.append(Peer(name=f"port {self.config.serial_port}", state=serial.state))
        return Conversion(
            role="server",
            peers=peers,
            counters={
                "requests": traffic.requests,
                "exceptions": traffic.exceptions.total(),
                "refused connections": traffic.refused,
                "protocol errors": traffic.protocol_errors,
            },
            last_error=self._server.notices.last_error,
        )

    def status(self) -> ModbusServerStatus | None:
        """Counts; ``None`` before the first start."""
        if self._server is None or self._mapping is None:
            return None
        traffic = self._server.traffic
        return ModbusServerStatus(
            clients=sorted(connection.peer for connection in self._server.connections),
            accepted=traffic.accepted,
            refused=traffic.refused,
            protocol_errors=traffic.protocol_errors,
            requests=traffic.requests,
            exceptions={str(code): count for code, count in sorted(traffic.exceptions.items())},
            bytes_in=traffic.bytes_in,
            bytes_out=traffic.bytes_out,
            mapped=sum(1 for _ in self._mapping),
            withheld=sum(cell.quality >= Quality.STALE for cell in self._mapping),
            events_left_out=self._server.notices.left_out,
            serial_state=self._serial.state if self._serial is not None else "",
            serial_requests=self._station.requests if self._station is not None else 0,
            line=self._serial.statistics() if self._serial is not None else None,
            tls=self._server.tls_status(),
        )
