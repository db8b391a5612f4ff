"""The service ``iec104-server``: points of the hub in, one controlled station out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, aclosing
from typing import cast

from meterhub_sdk import Batch, Conversion, Feature, Hub, Point, Reading, Service, command, zone_of
from meterhub_sdk.admission import AllowList
from meterhub_sdk.tls import Handshakes

from meterhub_iec104 import events
from meterhub_iec104.arrivals import Arrivals
from meterhub_iec104.asdu import ADDRESS_SIZE, header_of
from meterhub_iec104.control import Control
from meterhub_iec104.cyclic import Cyclic
from meterhub_iec104.groups import Groups, labels
from meterhub_iec104.journal import Journal
from meterhub_iec104.lists.answers import ListArguments, ListPiece, Lists
from meterhub_iec104.mapping import stations_of, transmissions_of
from meterhub_iec104.settings import Iec104Settings
from meterhub_iec104.spool import Spool
from meterhub_iec104.status import ServerStatus, connection_status, conversion_of, group_status
from meterhub_iec104.tracing import PointTracing
from meterhub_iec104.transport import Server

_GATHERING = 0.04
"""Seconds for which batches that come without a pause between them gather, to be taken, written and sent together."""
_MANY = 250
"""Readings of a batch from which on more of them together would save nothing."""
_PUBLISHING = 1.0
"""Seconds between two looks at the groups' own points."""
_LOSSES = 3600.0
"""Seconds between two entries of the event log about one full queue: a master may stay away for months."""


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
        self._lists = Lists(hub, config)
        self._stations = stations_of(config)
        self._spool = Spool()
        self._groups = Groups(config, self._spool)
        self._arrivals = Arrivals(hub, self._stations)
        self._control = Control(
            hub,
            self._stations,
            config.commands,
            self._journal,
            common_address=config.common_address,
            zone=zone_of(config.time_zone),
        )
        self._server = Server(
            self._control,
            config.parameters,
            self._groups,
            AllowList(config.allowed),
            self._journal,
            hub.time.now,
        )
        self._tracing = self._server.tracing = PointTracing(hub.trace, self._stations)
        self._server.frames = hub.frames

    def points(self) -> Iterator[Point]:
        """Three for each connection group, so that a master can be told that it missed something."""
        for label in labels(self.config):
            yield Point(name=f"{label}/events-dropped", type="int", title=f"Events dropped for {label}")
            yield Point(name=f"{label}/queue", type="int", title=f"Events that wait for {label}")
            yield Point(name=f"{label}/connected", type="bool", title=f"A master of {label} has data transfer")

    async def run(self) -> None:
        """Serve until cancelled; ``NotReady`` when the port cannot be had."""
        server, spool = self._server, self._spool
        handshakes = await Handshakes.of(self.hub, self.config, events.TLS, server.unsecured)
        await server.bind(self.config.hosts, self.config.port, handshakes)
        tasks: list[asyncio.Task[None]] = []
        async with AsyncExitStack() as ending:  # from the last to the first
            ending.callback(spool.close)
            ending.push_async_callback(_cancelled, tasks)
            await ending.enter_async_context(self._control)
            ending.push_async_callback(server.close)
            await self._restore()
            server.open = self.config.initial_poll == "asynchronous"
            limit = asyncio.get_running_loop().call_later(self.config.initial_poll_limit, self._accept)
            ending.callback(limit.cancel)
            work = (self._journal.run(), spool.run(), self._watch(), self._transmit(), self._follow())
            tasks += map(asyncio.create_task, work)
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()

    def status(self) -> ServerStatus:
        """Connection groups, connections and totals."""
        server, counts, now = self._server, self._server.counts, self.hub.time.now()
        connections = [connection_status(place, server.connections.get(place)) for place in self._groups.places]
        live = [c.session.link for c in server.connections.values() if c.session is not None]
        return ServerStatus(
            listening=server.listening,
            accepting=server.open,
            objects=sum(len(station.objects) for station in self._stations.by_address.values()),
            points_without_value=self._stations.silent,
            connected=sum(status.state == "started" for status in connections),
            accepted=counts.accepted,
            refused=counts.refused,
            protocol_errors=counts.protocol_errors,
            sent=counts.sent + sum(link.sent for link in live),
            received=counts.received + sum(link.received for link in live),
            dropped=sum(group.dropped for group in self._groups.all),
            past=self._arrivals.past,
            queues_on_disk=not self._spool.fault,
            disk_fault=self._spool.fault,
            remote_control=self._control.remote,
            unnoted=self._control.unnoted,
            unlogged=self._journal.missed,
            tls=server.tls_status(),
            groups=[group_status(group, now) for group in self._groups.all],
            connections=connections,
        )

    def conversion(self) -> Conversion:
        """One row for each connection that is open."""
        return conversion_of(self.status(), self._journal.last_error)

    @command(title="Interoperability list", rights="R2 R3 R4 R5")
    async def interoperability_list(self, arguments: ListArguments) -> ListPiece:
        """What the standard leaves open, as this server and its configuration have it, for printing or as a table."""
        return await self._lists.piece("interoperability-list", arguments)

    @command(title="Signal list", rights="R2 R3 R4 R5")
    async def signal_list(self, arguments: ListArguments) -> ListPiece:
        """Every information object with its address, type, point, unit and rules, for printing or as a table."""
        return await self._lists.piece("signal-list", arguments)

    async def _restore(self) -> None:
        """Find the event queues of the last run again."""
        spool, groups = self._spool, self._groups
        saved = await spool.in_thread(lambda: spool.load(self.hub.directory / "event-queues"))
        left_out = await spool.in_thread(lambda: groups.restore(saved, self._wanted))
        await spool.in_thread(lambda: spool.begin(groups.all))
        if saved.damaged:
            self._journal.note(events.QUEUES_DAMAGED, files=saved.damaged)
        if left_out:
            self._journal.note(events.EVENTS_LEFT_OUT, count=left_out)
        self._arrivals.goes_on_after(saved.positions)

    def _wanted(self, key: int, item: bytes) -> bool:
        """Whether an event of the last run still fits the mapping."""
        type_id, _, address = header_of(key)
        station = self._stations.by_address.get(address)
        found = station.objects.get(int.from_bytes(item[:ADDRESS_SIZE], "little")) if station else None
        return found is not None and type_id in (found.kind.tagged, found.kind.untagged)

    async def _follow(self) -> None:
        """Turn what the hub brings into events; what is known at the start is none."""
        loop = asyncio.get_running_loop()
        follow = cast(AsyncGenerator[Batch, None], self.hub.points.every(*self._stations.points))
        async with aclosing(follow) as batches:
            first = asyncio.ensure_future(anext(batches))
            try:
                await asyncio.sleep(0)  # followed before the newest state is asked for: nothing falls in between
                await self._arrivals.seed(loop.time())
                await self._serve()
                await self._take(await first)
            finally:
                first.cancel()
                await asyncio.gather(first, return_exceptions=True)
            done = loop.time()
            async for batch in batches:  # acknowledges the one before, which is in the files by now
                pause = loop.time() - done
                await self._take(batch)
                if pause < _GATHERING:  # what comes after a pause goes out at once, and what follows gathers
                    await asyncio.sleep(_GATHERING if len(batch.readings) < _MANY else 0)
                done = loop.time()

    async def _take(self, batch: Batch) -> None:
        if batch.missed:
            self._groups.missed(batch.missed)
        made = await self._arrivals.take(batch, asyncio.get_running_loop().time())
        if made:
            self._groups.append(made, self._arrivals.position(), self.hub.time.now())
        if self._tracing.points:
            self._tracing.judged(batch.readings, made, self._groups.all)
        if made:
            self._server.pump()
        if not self._server.open and not self._stations.silent:
            self._accept()
        self._control.refreshed()
        self._report_losses()

    async def _serve(self) -> None:
        """Let masters connect, who are refused until every point was polled where the settings say so."""
        if not self._stations.silent:
            self._accept()
        await self._server.listen()

    def _accept(self) -> None:
        self._server.open = True

    async def _transmit(self) -> None:
        """Send periodic data and background scans."""
        loop = asyncio.get_running_loop()
        cyclic = Cyclic(transmissions_of(self.config, self._stations), loop.time())
        while (due := cyclic.deadline()) is not None:
            await asyncio.sleep(due - loop.time())
            self._server.offer(cyclic.take(loop.time()))

    async def _watch(self) -> None:
        """Publish the own points when they change, and tell when the disk fails and works again."""
        published: dict[str, int] = {}
        fault = ""
        while True:
            now = self._own_values()
            changed = {name: value for name, value in now.items() if published.get(name) != value}
            if changed:
                time = self.hub.time.now()
                await self.hub.points.publish({name: Reading(value, time) for name, value in changed.items()})
            published = now
            if self._spool.fault != fault:
                fault = self._spool.fault
                if fault:
                    self._journal.note(events.QUEUES_IN_MEMORY, why=fault)
                else:
                    self._journal.note(events.QUEUES_ON_DISK)
            await asyncio.sleep(_PUBLISHING)

    def _own_values(self) -> dict[str, int]:
        values: dict[str, int] = {}
        for group in self._groups.all:
            values[f"{group.label}/events-dropped"] = group.dropped
            values[f"{group.label}/queue"] = len(group.queue)
            values[f"{group.label}/connected"] = group.active is not None
        return values

    def _report_losses(self) -> None:
        for group in self._groups.all:
            count = group.dropped - group.reported
            if count > 0 and self._journal.note_seldom(
                events.EVENTS_DROPPED,
                group.label,
                asyncio.get_running_loop().time(),
                quiet=_LOSSES,
                count=count,
                group=group.label,
            ):
                group.reported = group.dropped


async def _cancelled(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
