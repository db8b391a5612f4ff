"""TCP: accepts masters, moves octets between their sockets and sessions, and minds the timers."""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import Callable
from dataclasses import dataclass

from meterhub_sdk import NotReady

from meterhub_iec104 import events
from meterhub_iec104.admission import AllowList
from meterhub_iec104.apci import Parameters, ProtocolError
from meterhub_iec104.control import Control
from meterhub_iec104.journal import Journal
from meterhub_iec104.session import Session
from meterhub_iec104.slots import Slot, Slots


@dataclass(slots=True)
class Counts:
    """What happened since the server was started."""

    accepted: int = 0
    refused: int = 0
    protocol_errors: int = 0
    sent: int = 0
    received: int = 0


class Connection(asyncio.Protocol):
    """One accepted TCP connection; refused ones never get a session."""

    def __init__(self, server: Server) -> None:
        self.since = server.clock()
        self.address = ""
        self.remote = ""
        self.session: Session | None = None
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._blocked = False
        self._was_started = False
        self._reason = "it closed the connection"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit the peer, or drop it at once."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        peer = transport.get_extra_info("peername")
        self.address, self.remote = _shown(peer)
        slot = self._server.admit(self)
        if slot is None:
            transport.abort()
            return
        now = self._loop.time()
        self.session = Session(self._server.parameters, self._server.control, slot, now)
        self._arm()

    def data_received(self, data: bytes) -> None:
        """Frames from the master, whole or in pieces."""
        if self.session is None:
            return
        self._guarded(lambda session, now: session.receive(data, now))
        if self.session is not None and self.session.started and not self._was_started:
            self._was_started = True
            self._server.started(self, self.session.slot)

    def pump(self) -> None:
        """Write what may be sent now."""
        if self.session is None or self._transport is None or self._blocked or self._transport.is_closing():
            return
        octets = self.session.output(self._loop.time())
        if octets:
            self._transport.write(octets)
            self._arm()

    def pause_writing(self) -> None:
        """The master does not read: neither write to it nor listen to it until it does."""
        self._blocked = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """The master reads again."""
        self._blocked = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
        self.pump()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over, whoever ended it."""
        if self._timer is not None:
            self._timer.cancel()
        session, self.session = self.session, None
        if session is not None:
            if exc is not None:
                self._reason = f"the connection broke ({exc})"
            self._server.lost(self, session, self._reason if self._was_started else None)

    def probe(self) -> None:
        """Find out whether the master is still there."""
        if self.session is not None:
            self.session.link.probe(self._loop.time())
            self.pump()

    def abort(self, reason: str) -> None:
        """Close the connection at once."""
        self._reason = reason
        if self._transport is not None:
            self._transport.abort()

    def _guarded(self, work: Callable[[Session, float], None]) -> None:
        if self.session is None or self._transport is None or self._transport.is_closing():
            return
        try:
            work(self.session, self._loop.time())
        except ProtocolError as error:
            self._server.broken(self, str(error))
            self.abort(str(error))
            return
        self.pump()
        self._arm()

    def _arm(self) -> None:
        """Have the timer fire no later than the session needs it; an earlier one finds nothing to do."""
        if self.session is None:
            return
        due = self.session.link.deadline()
        if self._timer is not None:
            if self._timer.when() <= due:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._guarded(lambda session, now: session.tick(now))


class Server:
    """All connections of the server, and who may have one."""

    def __init__(
        self,
        control: Control,
        parameters: Parameters,
        slots: Slots,
        allowed: AllowList,
        journal: Journal,
        clock: Callable[[], int],
    ) -> None:
        self.control = control
        self.parameters = parameters
        self.slots = slots
        self.clock = clock
        self.counts = Counts()
        self.open = True
        """While false every connection is refused."""
        self.connections: dict[Slot, Connection] = {}
        self.listening = ""
        """Local address and port."""
        self._allowed = allowed
        self._journal = journal
        self._idle = asyncio.Event()
        self._server: asyncio.Server | None = None

    async def listen(self, host: str, port: int) -> None:
        """Start to listen; :class:`NotReady` says why it cannot."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: Connection(self), host, port)
        except OSError as error:
            raise NotReady(_cannot_listen(host, port, error)) from error
        self.listening = _shown(self._server.sockets[0].getsockname())[1]

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            self._server.close()
        for connection in list(self.connections.values()):
            connection.abort("the server was stopped")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                while self.connections:
                    self._idle.clear()
                    await self._idle.wait()

    def pump(self) -> None:
        """Let every connection send what its queue holds."""
        for connection in self.connections.values():
            connection.pump()

    def admit(self, connection: Connection) -> Slot | None:
        """A slot for a new connection, or ``None`` when it is refused."""
        reason = None
        slot = None
        if not self._allowed.admits(connection.address):
            reason = "its address is not allowed"
        elif not self.open:
            reason = "the initial poll is not finished"
        else:
            slot = self.slots.take(connection.address)
        if slot is None:
            self._refused(connection, reason or f"all {len(self.slots.all)} connections are in use")
            return None
        self.counts.accepted += 1
        self.connections[slot] = connection
        return slot

    def started(self, connection: Connection, slot: Slot) -> None:
        """A master began data transfer."""
        self._journal.note(events.MASTER_CONNECTED, address=connection.remote, connection=slot.number)

    def broken(self, connection: Connection, reason: str) -> None:
        """A peer broke the protocol."""
        self.counts.protocol_errors += 1
        now = asyncio.get_running_loop().time()
        self._journal.note_seldom(
            events.PROTOCOL_ERROR, connection.address, now, address=connection.remote, reason=reason
        )

    def lost(self, connection: Connection, session: Session, reason: str | None) -> None:
        """A connection is over; ``reason`` where it was a master's."""
        del self.connections[session.slot]
        self.slots.release(session.slot)
        self.counts.sent += session.link.sent
        self.counts.received += session.link.received
        self._idle.set()
        if reason is not None:
            self._journal.note(events.MASTER_GONE, address=connection.remote, reason=reason)

    def _refused(self, connection: Connection, reason: str) -> None:
        self.counts.refused += 1
        now = asyncio.get_running_loop().time()
        self._journal.note_seldom(
            events.CONNECTION_REFUSED, connection.address, now, address=connection.remote, reason=reason
        )
        for other in list(self.connections.values()):
            if other.address == connection.address:
                other.probe()


def _shown(name: tuple[str, int] | tuple[str, int, int, int] | None) -> tuple[str, str]:
    """Address, and address with port, of a socket name; a peer that is gone already has none."""
    if not name:
        return "", "an unknown address"
    address, port = name[0], name[1]
    return address, f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _cannot_listen(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"TCP port {port} on {host} is already in use by another program; stop it or choose another port"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this device; listen on one of its own, or on 0.0.0.0"
    if error.errno == errno.EACCES:
        return f"TCP port {port} may not be opened by this program; choose one above 1023, such as 2404"
    return f"cannot listen on {host} port {port}: {error.strerror or error}"
