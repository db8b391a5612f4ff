"""The service ``dlms-push``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from meterhub_sdk import Conversion, Feature, NotReady, Peer, Point, Refused, Service, command, moment

from meterhub_dlms.client.values import readable
from meterhub_dlms.codec import axdr, obis
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.type_names import TYPE_NAMES
from meterhub_dlms.counter_store import MIGRATIONS, KeyCounters, SqliteCounters
from meterhub_dlms.push.connections import READ_SIZE, PushConnections
from meterhub_dlms.push.content import Element
from meterhub_dlms.push.datagrams import DatagramListener
from meterhub_dlms.push.keys import ciphering_of
from meterhub_dlms.push.meter import MeterIntake, points_of
from meterhub_dlms.push.pace import Pace
from meterhub_dlms.push.reception import Reception
from meterhub_dlms.push.reports import Reports
from meterhub_dlms.push.settings import DlmsPushConfig
from meterhub_dlms.push.status import DlmsPushStatus, MeterChoice, PushElement, PushTable
from meterhub_dlms.transport.tcp_listener import TcpListener

_MAX_SHOWN = 2000
_MAX_TEXT = 200


class DlmsPush(Service[DlmsPushConfig]):
    """Takes the data and event notifications that meters send by themselves, over TCP and UDP."""

    name = "dlms-push"
    title = "DLMS/COSEM push"
    menu = "Protocol conversion/Clients"
    feature = Feature("dlms.push", "DLMS/COSEM push", built_in=True)
    status_type = DlmsPushStatus
    migrations = MIGRATIONS

    _reception: Reception | None = None
    _tcp: TcpListener | None = None
    _udp: DatagramListener | None = None

    def points(self) -> Iterator[Point]:
        """One point for each mapping."""
        for meter in self.config.meters:
            yield from points_of(meter)

    async def run(self) -> None:
        """Listen until cancelled; ``NotReady`` when a port is taken, ``ConfigError`` when a secret is no key."""
        reception = self._reception = await self._prepared()
        pace = Pace(self.config.rate)
        serve = PushConnections(self.config, reception, pace, self.hub.frames).serve
        tcp = TcpListener(self.config.host, self.config.connections, serve)
        udp = DatagramListener(self.config, reception, pace, self.hub.frames)
        try:
            if self.config.tcp_port is not None:
                await tcp.open(self.config.tcp_port, READ_SIZE)
            if self.config.udp_port is not None:
                await udp.open(self.config.udp_port)
            self._tcp, self._udp = tcp, udp
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(reception.run(), name="dlms pushes")
                tasks.create_task(reception.watch(), name="dlms silent meters")
        except OSError as error:
            raise NotReady(f"it cannot listen on {self.config.host}: {error}") from error
        finally:
            self._tcp = self._udp = None
            await tcp.close()
            await udp.close()

    async def _prepared(self) -> Reception:
        """The meters with their keys and the counters that came before."""
        reports = Reports(self.hub)
        counters = KeyCounters(SqliteCounters(self.hub.store, self.hub.directory))
        intakes: dict[str, MeterIntake] = {}
        for meter in self.config.meters:
            ciphering = await ciphering_of(self.hub, meter)
            if ciphering is not None:
                ciphering.received[False] = counters.received(ciphering.keys.encryption, ciphering.partner).highest
            intakes[meter.label] = MeterIntake(self.hub, reports, meter, ciphering)
        return Reception(self.hub, reports, intakes, counters)

    def conversion(self) -> Conversion:
        """One row for each meter."""
        status = self.status()
        errors = [meter.last_error for meter in status.meters if meter.last_error]
        return Conversion(
            role="server",
            peers=[Peer(name=m.label, state=m.state, since=m.last_push, detail=m.peer) for m in status.meters],
            counters={
                "pushes": sum(meter.pushes for meter in status.meters),
                "errors": sum(meter.errors for meter in status.meters) + status.malformed,
                "refused": sum(meter.refused for meter in status.meters),
                "of unknown senders": status.foreign,
                "too many": status.too_many,
            },
            last_error=errors[-1] if errors else "",
        )

    def status(self) -> DlmsPushStatus:
        """One row for each meter, and what came of others."""
        reception, tcp, udp = self._reception, self._tcp, self._udp
        if reception is None:
            return DlmsPushStatus()
        ports = [("TCP", tcp.port if tcp is not None else None), ("UDP", udp.port if udp is not None else None)]
        return DlmsPushStatus(
            listening=", ".join(f"{kind} {self.config.host}:{port}" for kind, port in ports if port is not None),
            connections=tcp.connections if tcp is not None else 0,
            refused_connections=tcp.surplus if tcp is not None else 0,
            foreign=reception.unknown.pushes,
            malformed=reception.malformed,
            too_many=udp.too_many if udp is not None else 0,
            meters=[intake.status() for intake in reception.intakes.values()],
            unknown=reception.unknown.status(),
        )

    @command(title="Last push")
    async def last_push(self, choice: MeterChoice) -> PushTable:
        """Show the last push of a meter with its places and names, for building mappings."""
        intake = self._intake(choice.meter)
        if intake.last is None:
            raise Refused(f"the meter {choice.meter} has sent nothing yet")
        time, content, peer = intake.last
        return PushTable(
            peer=peer,
            arrived=None if intake.last_time is None else moment(intake.last_time),
            time=time.hex(),
            count=content.length,
            elements=[_shown(element) for element in content.elements[:_MAX_SHOWN]],
        )

    @command(title="Forget counter", rights="R5 R6")
    async def forget_counter(self, choice: MeterChoice) -> None:
        """Take pushes of a meter whose invocation counter began anew, as after its exchange.

        Until the next push of the meter, older ones that somebody recorded would be taken too.
        """
        intake = self._intake(choice.meter)
        if intake.ciphering is None or self._reception is None:
            raise Refused(f"the meter {choice.meter} has no keys, so no counter is kept")
        self._reception.forget_counter(intake)

    def _intake(self, label: str) -> MeterIntake:
        intake = self._reception.intakes.get(label) if self._reception is not None else None
        if intake is None:
            raise Refused(f"no meter is called {label!r}")
        return intake


def _shown(element: Element) -> PushElement:
    name, scaler = element.name, element.scaler
    return PushElement(
        place=f"#{element.place}",
        name=obis.text(name.logical_name) if name is not None else "",
        attribute=name.number if name is not None else 0,
        kind=TYPE_NAMES.get(element.data.tag, str(element.data.tag)),
        value=_text(element.data),
        scaler=scaler.exponent if scaler is not None else None,
        unit=scaler.unit if scaler is not None else "",
    )


def _text(data: Data) -> str:
    if data.tag in (axdr.ARRAY, axdr.STRUCTURE):
        return f"{len(data.value)} values"
    if data.tag == axdr.COMPACT_ARRAY:
        return f"{len(data.value[1])} bytes"
    return (readable(data.value) if isinstance(data.value, bytes) else str(data.value))[:_MAX_TEXT]
