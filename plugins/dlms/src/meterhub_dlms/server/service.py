"""The service ``dlms-server``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from meterhub_sdk import ConfigError, Conversion, Feature, NotReady, Peer, Point, Reading, Service, together

from meterhub_dlms import counter_store, identity
from meterhub_dlms.counter_store import KeyCounters, SqliteCounters
from meterhub_dlms.server import kept
from meterhub_dlms.server.background import Background
from meterhub_dlms.server.counters import Counters
from meterhub_dlms.server.credentials import load_credentials
from meterhub_dlms.server.device import LogicalDevice, build_devices, derived_name, offered_points
from meterhub_dlms.server.hdlc_line import HdlcConnections
from meterhub_dlms.server.keyring import Keyring
from meterhub_dlms.server.names import DeviceNames
from meterhub_dlms.server.reception import Reception
from meterhub_dlms.server.reporter import Reporter
from meterhub_dlms.server.serial_server import SerialServer
from meterhub_dlms.server.settings import DlmsServerConfig
from meterhub_dlms.server.site import Served, Site
from meterhub_dlms.server.status import DlmsServerStatus
from meterhub_dlms.server.throttle import Throttle
from meterhub_dlms.server.wrapper_connection import WrapperConnections
from meterhub_dlms.transport.tcp_listener import Serve, TcpListener

CONNECTED = "clients/connected"
"""The point that says whether a client is connected over TCP."""
_LOOK = 1.0


class DlmsServer(Service[DlmsServerConfig]):
    """Shows points of the hub as COSEM objects over TCP and serial ports, as one or many meters would."""

    name = "dlms-server"
    title = "DLMS/COSEM server"
    menu = "Protocol conversion/Servers"
    feature = Feature("dlms.server", "DLMS/COSEM server", built_in=True)
    status_type = DlmsServerStatus
    migrations = (*identity.MIGRATIONS, *counter_store.MIGRATIONS, *kept.MIGRATIONS)

    _reception: Reception | None = None
    _wrapper: TcpListener | None = None
    _hdlc: TcpListener | None = None
    _serial: SerialServer | None = None
    _background: Background | None = None
    ready = False
    """Whether it listens on all its ports."""

    @property
    def port(self) -> int | None:
        """The TCP port of the wrapper that it really listens on, once it does."""
        return None if self._wrapper is None else self._wrapper.port

    @property
    def hdlc_port(self) -> int | None:
        """The same for HDLC."""
        return None if self._hdlc is None else self._hdlc.port

    def points(self) -> Iterator[Point]:
        """The tariffs of calendars, and whether somebody is connected, where anybody can be."""
        yield from offered_points(self.config)
        if self.config.tcp or self.config.hdlc_port is not None:
            yield Point(name=CONNECTED, type="bool", title="A client is connected")

    async def run(self) -> None:
        """Serve until cancelled; ``NotReady`` when a TCP port is taken, ``ConfigError`` without a secret."""
        config = self.config
        readings: dict[str, Reading] = {}
        credentials = await load_credentials(self.hub, config.clients)
        title = identity.own_title(self.hub.store, config.system_title)
        counters = KeyCounters(SqliteCounters(self.hub.store, self.hub.directory))
        throttle = Throttle(config.guesses, asyncio.get_running_loop().time)
        clients = {client.address: client for client in config.clients}
        site = Site(clients, credentials, Keyring(title, counters), throttle, Counters())
        devices = build_devices(self.hub, config, readings)
        reporter = Reporter(self.hub, config.guesses.lock)
        self._reception = Reception(config, site, reporter, self._served(devices))
        self._reception.frames = self.hub.frames
        self._background = Background(self.hub, config, devices, readings)
        try:
            await self._serve(self._reception, self._background)
        finally:
            listeners = self._listeners
            self._reception = self._background = self._serial = self._wrapper = self._hdlc = None
            for listener in listeners:
                await listener.close()

    @property
    def _listeners(self) -> list[TcpListener]:
        return [listener for listener in (self._wrapper, self._hdlc) if listener is not None]

    def _served(self, devices: Sequence[LogicalDevice]) -> list[Served]:
        """The devices with their addresses and short names; without a client that uses these, they need not fit."""
        short = any(client.referencing != "logical-names" for client in self.config.clients)
        served = []
        for device, (physical, _) in zip(devices, self.config.addresses(), strict=True):
            try:
                names = DeviceNames(device.objects.values() if short else ())
            except ValueError as error:
                raise ConfigError(f"logical device {device.address} cannot be read with short names: {error}") from None
            served.append(Served(device, physical, names))
        return served

    async def _serve(self, reception: Reception, background: Background) -> None:
        config = self.config
        if config.tcp:
            self._wrapper = self._listener(reception, WrapperConnections(reception).serve)
            await self._open(self._wrapper, config.port)
        if config.hdlc_port is not None:
            self._hdlc = self._listener(reception, HdlcConnections(reception).serve)
            await self._open(self._hdlc, config.hdlc_port)
        work = [background.run()]
        if self._listeners:
            work.append(self._tell(self._listeners))
        if config.serial_port is not None:
            self._serial = SerialServer(self.hub, reception, config.serial_port)
            work.append(self._serial.run())
        self.ready = True
        try:
            await together(*work)
        finally:
            self.ready = False

    async def _tell(self, listeners: list[TcpListener]) -> None:
        """Publish whether a client is connected over TCP: now, and when that changed."""
        told: bool | None = None
        while True:
            if (connected := any(listener.connections for listener in listeners)) is not told:
                told = connected
                reading = Reading(connected, self.hub.time.now(), clock=self.hub.time.validity())
                await self.hub.points.publish({CONNECTED: reading})
            await asyncio.sleep(_LOOK)

    def _listener(self, reception: Reception, serve: Serve) -> TcpListener:
        return TcpListener(self.config.host, self.config.connections, reception.guarded(serve))

    async def _open(self, listener: TcpListener, port: int) -> None:
        try:
            await listener.open(port)
        except OSError as error:
            raise NotReady(f"cannot listen on {self.config.host}:{port}: {error.strerror or error}") from None

    def conversion(self) -> Conversion:
        """One row for each client, and one for the serial port."""
        reception = self._reception
        if reception is None:
            return Conversion(role="server")
        serial, counters = self._serial, reception.site.counters
        peers = reception.visitors()
        if serial is not None:
            peers.append(Peer(name=f"port {self.config.serial_port}", state=serial.state))
        return Conversion(
            role="server",
            peers=peers,
            counters={"requests": counters.requests, "errors": counters.errors, "refused": counters.refused},
            last_error=reception.reporter.last_error,
        )

    def status(self) -> DlmsServerStatus:
        """Counters, and how many are connected."""
        reception, listeners = self._reception, self._listeners
        if reception is None:
            name = self.config.device_name or derived_name(self.hub.name)
            return DlmsServerStatus(device=name, objects=len(self.config.objects))
        counters = reception.site.counters
        return DlmsServerStatus(
            device=reception.served[0].device.name,
            devices=len(reception.served),
            system_title=reception.site.keyring.title.hex().upper(),
            listening=", ".join(f"{self.config.host}:{listener.port}" for listener in listeners),
            serial="" if self._serial is None else self._serial.state,
            connections=sum(listener.connections for listener in listeners),
            connections_total=sum(listener.accepted for listener in listeners),
            refused_connections=sum(listener.surplus for listener in listeners),
            associations=reception.associations,
            refused_associations=counters.refused,
            requests=counters.requests,
            errors=counters.errors,
            unprotected=counters.unprotected,
            unavailable=counters.unavailable,
            dropped_frames=reception.dropped,
            unstored=0 if self._background is None else self._background.unstored,
            objects=sum(len(served.device.objects) + 1 for served in reception.served),
        )
