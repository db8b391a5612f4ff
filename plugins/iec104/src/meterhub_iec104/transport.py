"""TCP: listens, decides who may connect, and keeps the connections."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from meterhub_sdk import Frames, NotReady
from meterhub_sdk.admission import AllowList
from meterhub_sdk.tls import Handshakes, TlsStatus

from meterhub_iec104 import events
from meterhub_iec104.apci import Parameters
from meterhub_iec104.connection import Connection, shown
from meterhub_iec104.control import Control
from meterhub_iec104.groups import Active, Group, Groups, Place
from meterhub_iec104.journal import Journal
from meterhub_iec104.session import Session
from meterhub_iec104.tracing import PointTracing


@dataclass(slots=True)
class Counts:
    """What happened since the server was started."""

    accepted: int = 0
    refused: int = 0
    protocol_errors: int = 0
    sent: int = 0
    received: int = 0


class Server:
    """All connections of the server, and who may have one."""

    def __init__(
        self,
        control: Control,
        parameters: Parameters,
        groups: Groups,
        allowed: AllowList,
        journal: Journal,
        clock: Callable[[], int],
    ) -> None:
        self.control = control
        self.parameters = parameters
        self.groups = groups
        self.clock = clock
        self.frames: Frames | None = None
        self.tracing: PointTracing | None = None
        self.counts = Counts()
        self.open = True
        """While false every connection is refused."""
        self.connections: dict[Place, Connection] = {}
        self.listening = ""
        """Local addresses and port."""
        self._allowed = allowed
        self._journal = journal
        self._idle = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._handshakes: Handshakes | None = None

    async def bind(self, hosts: Sequence[str], port: int, handshakes: Handshakes | None = None) -> None:
        """Take the port, so that nobody else does, with TLS where handshakes are given.

        :class:`NotReady` says why that cannot be.
        """
        loop = asyncio.get_running_loop()
        self._handshakes = handshakes
        try:
            self._server = await loop.create_server(self._protocol, hosts, port, start_serving=False)
        except OSError as error:
            if handshakes is not None:
                await handshakes.end()
            raise NotReady(_cannot_listen(" and ".join(hosts), port, error)) from error

    async def listen(self) -> None:
        """Let peers connect to the port taken."""
        assert self._server is not None, "the port was not taken"
        await self._server.start_serving()
        self.listening = ", ".join(shown(socket.getsockname()) for socket in self._server.sockets)

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            self._server.close()
        if self._handshakes is not None:
            await self._handshakes.end()
        for connection in list(self.connections.values()):
            connection.abort("the server was stopped")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                while self.connections:
                    self._idle.clear()
                    await self._idle.wait()

    def offer(self, asdus: Sequence[bytes]) -> None:
        """Give periodic data to every master with data transfer."""
        for connection in self.connections.values():
            if connection.session is not None:
                connection.session.offer(asdus)
                connection.pump()

    def pump(self) -> None:
        """Let every connection send what its queue holds."""
        for connection in self.connections.values():
            connection.pump()

    def parameters_of(self, group: Group) -> Parameters:
        """Where connections of a group may stand by, none is closed for having nothing to do (clause 10)."""
        return replace(self.parameters, t0=math.inf) if len(group.places) > 1 else self.parameters

    def admit(self, connection: Connection) -> Place | None:
        """A place for a new connection, or ``None`` when it is refused."""
        reason = self._objection(connection.address)
        place = None if reason else self.groups.take(connection.address)
        if place is None:
            room = self.groups.room(connection.address)
            full = f"all {room} connections are in use" if room else "its address is in no connection group"
            self._refused(connection.address, connection.remote, reason or full)
            return None
        self.counts.accepted += 1
        self.connections[place] = connection
        return place

    def started(self, connection: Connection, place: Place, former: Active | None) -> None:
        """A master began data transfer, perhaps in place of another one of its group."""
        self.groups.began(place, connection.address)
        group = place.group
        if former is None or former is connection.session:
            self._journal.note_some(
                events.MASTER_CONNECTED, connection.address, address=connection.remote, group=group.label
            )
        else:
            self._journal.note_some(
                events.MASTER_TOOK_OVER,
                connection.address,
                address=connection.remote,
                former=former.origin,
                group=group.label,
            )
            former.flush()

    def broken(self, connection: Connection, reason: str) -> None:
        """A peer broke the protocol."""
        self.counts.protocol_errors += 1
        now = asyncio.get_running_loop().time()
        self._journal.note_seldom(
            events.PROTOCOL_ERROR, connection.address, now, address=connection.remote, reason=reason
        )

    def lost(self, connection: Connection, place: Place, session: Session, reason: str | None) -> None:
        """A connection is over; ``reason`` where it was a master's."""
        del self.connections[place]
        self.groups.release(place)
        self.counts.sent += session.link.sent
        self.counts.received += session.link.received
        self._idle.set()
        if reason is not None:
            self._journal.note_some(events.MASTER_GONE, connection.address, address=connection.remote, reason=reason)

    def tls_status(self) -> TlsStatus | None:
        """The own certificate and the handshakes; ``None`` without TLS."""
        return None if self._handshakes is None else self._handshakes.status()

    def unsecured(self, address: str, reason: str) -> None:
        """A peer whose connection could not be secured."""
        now = asyncio.get_running_loop().time()
        self._journal.note_seldom(events.NOT_SECURED, address, now, address=address, reason=reason)

    def _protocol(self) -> asyncio.Protocol:
        """For a new connection: whoever may not stay gets no handshake."""
        if self._handshakes is None:
            return Connection(self)
        return self._handshakes.protocol(lambda: Connection(self), self._may_begin)

    def _may_begin(self, address: str) -> bool:
        reason = self._objection(address)
        if reason:
            self._refused(address, address, reason)
        return not reason

    def _objection(self, address: str) -> str:
        """Why nobody may connect from there now; empty when one may."""
        if address not in self._allowed:
            return "its address is not allowed"
        return "" if self.open else "the initial poll is not finished"

    def _refused(self, address: str, remote: str, reason: str) -> None:
        self.counts.refused += 1
        now = asyncio.get_running_loop().time()
        self._journal.note_seldom(events.CONNECTION_REFUSED, address, now, address=remote, reason=reason)
        for other in list(self.connections.values()):
            if other.address == address:
                other.probe()


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"TCP port {port} on {host} is already in use by another program; stop it or choose another port"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this device; listen on one of its own, or on 0.0.0.0"
    if error.errno == errno.EACCES:
        return f"TCP port {port} may not be opened by this program; choose one above 1023, such as 2404"
    return f"cannot listen on {host} port {port}: {error.strerror or error}"
