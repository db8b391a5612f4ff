"""One accepted TCP connection: octets between its socket and its session, and the session's timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from meterhub_sdk import FrameChannel, Frames, place_of
from meterhub_sdk.admission import address_of
from meterhub_sdk.tls import peer_subject

from meterhub_iec104.apci import Parameters, ProtocolError
from meterhub_iec104.control import Control
from meterhub_iec104.groups import Active, Group, Place
from meterhub_iec104.session import Session
from meterhub_iec104.tracing import PointTracing


class Host(Protocol):
    """The server, as far as one of its connections needs it."""

    control: Control
    clock: Callable[[], int]
    frames: Frames | None
    tracing: PointTracing | None

    def admit(self, connection: Connection) -> Place | None:
        """A place for a new connection, or ``None`` when it is refused."""

    def parameters_of(self, group: Group) -> Parameters:
        """Timers and windows of connections of a group."""

    def started(self, connection: Connection, place: Place, former: Active | None) -> None:
        """A master began data transfer, perhaps in place of another one of its group."""

    def broken(self, connection: Connection, reason: str) -> None:
        """A peer broke the protocol."""

    def lost(self, connection: Connection, place: Place, session: Session, reason: str | None) -> None:
        """A connection is over; ``reason`` where it was a master's."""


class Connection(asyncio.Protocol):
    """One accepted TCP connection; refused ones never get a session."""

    def __init__(self, server: Host) -> None:
        self.since = server.clock()
        self.address = ""
        self.remote = ""
        """Address and port, and with TLS whose certificate it has shown."""
        self.session: Session | None = None
        self._place: Place | None = None
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._channel: FrameChannel | None = None
        self._blocked = False
        self._starts = 0
        self._reason = "it closed the connection"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Admit the peer, or drop it at once."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        subject = peer_subject(transport)
        self.address = address_of(transport)
        self.remote = shown(transport.get_extra_info("peername")) + (f" ({subject})" if subject else "")
        self._place = self._server.admit(self)
        if self._place is None:
            transport.abort()
            return
        group, now = self._place.group, self._loop.time()
        parameters = self._server.parameters_of(group)
        control = self._server.control
        self.session = Session(
            parameters, control, group, now, origin=self.remote, write_out=self.pump, tracing=self._server.tracing
        )
        self._record(transport)
        self._arm()

    def _record(self, transport: asyncio.Transport) -> None:
        """Show all that goes over the connection to the frame recorder, with TLS as it is within."""
        if self._server.frames is not None:
            local, remote = (place_of(transport.get_extra_info(end)) for end in ("sockname", "peername"))
            self._channel = self._server.frames.channel(
                f"master {remote}", link="iec104", local=local, remote=remote, listening=True
            )

    def data_received(self, data: bytes) -> None:
        """Frames from the master, whole or in pieces."""
        if self.session is None or self._place is None:
            return
        if self._channel is not None:
            self._channel.received(data)
        former = self.session.group.active
        self._guarded(lambda session, now: session.receive(data, now))
        if self.session is not None and self.session.link.starts != self._starts:
            self._starts = self.session.link.starts
            self._server.started(self, self._place, former)

    def pump(self) -> None:
        """Write what may be sent now."""
        if self.session is None or self._transport is None or self._blocked or self._transport.is_closing():
            return
        self._write(self.session.output(self._loop.time()))
        self._arm()

    def _write(self, octets: bytes) -> None:
        if octets and self._transport is not None:
            self._transport.write(octets)
            if self._channel is not None:
                self._channel.sent(octets)

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
        if self._channel is not None:
            self._channel.close()
        session, self.session = self.session, None
        if session is not None and self._place is not None:
            session.close()
            if exc is not None:
                self._reason = f"the connection broke ({exc})"
            self._server.lost(self, self._place, session, self._reason if self._starts else None)

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
            if not self._blocked:  # what was in order before it is answered
                self._write(self.session.last_output(self._loop.time()))
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


def shown(name: tuple[str, int] | tuple[str, int, int, int] | None) -> str:
    """A socket name: address and port; a peer that is gone already has none."""
    if not name:
        return "an unknown address"
    address, port = name[0], name[1]
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
