"""The service ``iec104-server``: points of the hub in, one controlled station out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Literal

from meterhub_sdk import Clock, Feature, Hub, Service, moment
from pydantic import BaseModel, Field

from meterhub_iec104 import cp56, events
from meterhub_iec104.admission import AllowList
from meterhub_iec104.control import Control
from meterhub_iec104.elements import KINDS
from meterhub_iec104.journal import Journal
from meterhub_iec104.objects import InformationObject
from meterhub_iec104.settings import Iec104Settings
from meterhub_iec104.slots import Slot, Slots
from meterhub_iec104.station import Station
from meterhub_iec104.transport import Server


class ConnectionStatus(BaseModel):
    """One of the allowed connections."""

    connection: int = Field(title="Connection")
    remote: str = Field(title="Master", description="The master connected now, or the one that was last.")
    state: Literal["started", "stopped", "absent"] = Field(
        title="State", description="Started: data transfer runs. Stopped: connected, waiting for STARTDT."
    )
    since: str = Field(title="Connected since", description="UTC")
    sent: int = Field(title="Frames sent")
    received: int = Field(title="Frames received")
    unacknowledged: int = Field(title="Frames not acknowledged yet")
    queue: int = Field(title="Events in the queue", description="Those sent and not acknowledged yet included.")
    dropped: int = Field(title="Events dropped", description="Lost because the queue was full.")


class ServerStatus(BaseModel):
    """How the server is doing."""

    listening: str = Field(title="Listening on", description="Empty while it cannot listen.")
    accepting: bool = Field(title="Accepts masters", description="Not before a synchronous initial poll is finished.")
    objects: int = Field(title="Information objects")
    points_without_value: int = Field(title="Points without a value so far")
    connected: int = Field(title="Masters with data transfer")
    accepted: int = Field(title="Connections accepted")
    refused: int = Field(title="Connections refused")
    protocol_errors: int = Field(title="Connections closed for protocol errors")
    sent: int = Field(title="Frames sent")
    received: int = Field(title="Frames received")
    dropped: int = Field(title="Events dropped")
    unlogged: int = Field(title="Entries missing in the event log", description="Too many came at once.")
    connections: list[ConnectionStatus] = Field(title="Connections")


class Iec104Server(Service[Iec104Settings]):
    """An IEC 60870-5-104 controlled station that shows points of the hub to SCADA masters."""

    name = "iec104-server"
    title = "IEC 60870-5-104 server"
    menu = "Protocol conversion/Servers"
    feature = Feature("iec104.server", "IEC 60870-5-104 server", built_in=True)
    status_type = ServerStatus

    def __init__(self, hub: Hub, config: Iec104Settings) -> None:
        super().__init__(hub, config)
        self._journal = Journal(hub)
        self._station = Station(config.common_address, _objects(config))
        self._slots = Slots(config.connections, config.event_queue)
        self._server = Server(
            Control(self._station, confirm_clock=config.clock_synchronization == "confirm"),
            config.parameters,
            self._slots,
            AllowList(config.allowed),
            self._journal,
            hub.time.now,
        )

    async def run(self) -> None:
        """Serve until cancelled; ``NotReady`` when the port cannot be had."""
        server = self._server
        server.open = self.config.initial_poll == "asynchronous"
        await server.listen(self.config.host, self.config.port)
        limit = asyncio.get_running_loop().call_later(self.config.initial_poll_limit, self._accept)
        writer = asyncio.create_task(self._journal.run(), name="event log of the IEC 104 server")
        try:
            await self._follow()
        finally:
            limit.cancel()
            writer.cancel()
            await server.close()
            with contextlib.suppress(asyncio.CancelledError):
                await writer

    def status(self) -> ServerStatus:
        """Connections and totals."""
        server, counts = self._server, self._server.counts
        connections = [self._slot_status(slot) for slot in self._slots.all]
        live = [c.session.link for c in server.connections.values() if c.session is not None]
        return ServerStatus(
            listening=server.listening,
            accepting=server.open,
            objects=len(self._station.objects),
            points_without_value=self._station.silent,
            connected=sum(status.state == "started" for status in connections),
            accepted=counts.accepted,
            refused=counts.refused,
            protocol_errors=counts.protocol_errors,
            sent=counts.sent + sum(link.sent for link in live),
            received=counts.received + sum(link.received for link in live),
            dropped=sum(slot.queue.dropped for slot in self._slots.all),
            unlogged=self._journal.missed,
            connections=connections,
        )

    async def _follow(self) -> None:
        """Turn changes in the hub into events; what is known at the start is none."""
        seed = True
        async for now in self.hub.points.latest(*self._station.points):
            made = self._station.update(now.changed, seed=seed)
            seed = False
            if not self._server.open and not self._station.silent:
                self._accept()
            if made:
                self._slots.append(made)
                self._server.pump()
                self._report_losses()

    def _accept(self) -> None:
        self._server.open = True

    def _report_losses(self) -> None:
        now = asyncio.get_running_loop().time()
        for slot in self._slots.all:
            count = slot.unreported
            if count and self._journal.note_seldom(
                events.EVENTS_DROPPED, str(slot.number), now, count=count, connection=slot.number
            ):
                slot.reported = slot.queue.dropped

    def _slot_status(self, slot: Slot) -> ConnectionStatus:
        connection = self._server.connections.get(slot)
        session = connection.session if connection is not None else None
        return ConnectionStatus(
            connection=slot.number,
            remote=slot.address if connection is None else connection.remote,
            state="absent" if session is None else "started" if session.started else "stopped",
            since="" if connection is None else moment(connection.since).isoformat(timespec="seconds"),
            sent=session.link.sent if session else 0,
            received=session.link.received if session else 0,
            unacknowledged=session.link.in_flight if session else 0,
            queue=len(slot.queue),
            dropped=slot.queue.dropped,
        )


def _objects(config: Iec104Settings) -> Iterator[InformationObject]:
    tag = cp56.Encoder().encode if config.time_tags else None
    doubtful = Clock.UNKNOWN if config.unknown_clock_invalid else Clock.INVALID
    for group in config.groups:
        for row in group.rows:
            yield InformationObject(
                KINDS[row.type],
                row.ioa,
                row.names,
                push=row.rule,
                factor=row.scaling,
                tag=tag,
                doubtful=doubtful,
            )
