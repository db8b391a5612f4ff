"""One master's session: link, requests and event queue put together. Sans-io like the link."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from itertools import islice

from meterhub_iec104.apci import Link, Parameters, ProtocolError, State
from meterhub_iec104.asdu import ADDRESS_SIZE, Asdu, Cause, Type, build, header_of
from meterhub_iec104.control import Control
from meterhub_iec104.groups import Group
from meterhub_iec104.tracing import PointTracing

_MAX_REPLIES = 1000
"""Answers that may wait for the window; a master that asks on without acknowledging them is cut off."""
_MAX_PROCEDURES = 4
"""Interrogations that may be under way; more are confirmed negatively."""
_MAX_CYCLIC = 1000
"""ASDUs of periodic transmission that wait for a busy master; newer ones replace the oldest."""


class _Load(Enum):
    """What an I frame in flight carries, as far as its acknowledgement matters."""

    EVENTS = 1
    INITIALIZED = 2
    OTHER = 3


class Session:
    """Feeds what a master sends to :class:`Control` and sends answers, interrogations and events.

    ``receive`` and ``tick`` raise :class:`ProtocolError` when the connection must be closed.
    Whoever calls them, or appended to the group's queue, then writes what ``output`` gives.
    ``write_out`` does that when an answer comes by itself; ``origin`` is the master's address, for people.
    """

    def __init__(
        self,
        parameters: Parameters,
        control: Control,
        group: Group,
        now: float,
        *,
        origin: str = "",
        write_out: Callable[[], None] = lambda: None,
        tracing: PointTracing | None = None,
    ) -> None:
        self._tracing = tracing
        self._traced: deque[tuple[int, list[str]]] = deque(maxlen=_MAX_CYCLIC)
        self.link = Link(parameters, now)
        self.group = group
        self.origin = origin
        self.closed = False
        """The connection is gone."""
        self._control = control
        self._room = _MAX_REPLIES + _MAX_PROCEDURES * (len(control.stations.by_address) - 1)  # each station answers
        self._write_out = write_out
        self._replies: deque[tuple[_Load, bytes]] = deque()
        self._procedures: deque[tuple[tuple[int, int, bytes], Iterator[bytes]]] = deque()
        self._cyclic: deque[bytes] = deque(maxlen=_MAX_CYCLIC)
        self._in_flight: deque[_Load] = deque()
        self._starts = self._stops = 0
        self._announcing = False

    @property
    def started(self) -> bool:
        """Whether the master has started data transfer."""
        return self.link.state is State.STARTED

    def receive(self, data: bytes, now: float) -> None:
        """Take what came from the socket."""
        try:
            for asdu in self.link.receive(data, now):
                self._follow_link()
                self._control.handle(asdu, self)
        finally:  # what was acknowledged before an error counts
            self._settle()
            self._follow_link()

    def tick(self, now: float) -> None:
        """Do what the timers ask for."""
        self.link.tick(now)

    def output(self, now: float) -> bytes:
        """All that may be sent now, in one piece: answers, then interrogations, events, and periodic data."""
        for _ in range(self.link.window):
            frame = self._next()
            if frame is None:
                break
            self._send(*frame, now)
        return self.link.take()

    def last_output(self, now: float) -> bytes:
        """What is still sent before the connection is closed for an error: answers, which nothing else brings.

        Events stay in the queue, as nobody could acknowledge them any more.
        """
        for _ in range(min(self.link.window, len(self._replies))):
            self._send(*self._replies.popleft(), now)
        return self.link.take()

    def _send(self, load: _Load, asdu: bytes, now: float) -> None:
        self.link.send(asdu, now)
        if self._tracing is not None and self._tracing.points:
            self._trace(self._tracing, asdu)
        self._in_flight.append(load)

    def _trace(self, tracing: PointTracing, asdu: bytes) -> None:
        """Remember the frame if a traced point is in it."""
        if names := tracing.sent(asdu, self.link.sent, self.origin):
            self._traced.append((self.link.sent, names))

    def reply(self, *asdus: bytes) -> None:
        """Send an answer, or one of each station, first; a master that stopped data transfer gets none."""
        if not self.started:
            return
        if len(self._replies) >= self._room:
            raise ProtocolError(f"{_MAX_REPLIES} requests came without their answers being acknowledged")
        self._replies.extend((_Load.OTHER, asdu) for asdu in asdus)

    def begin(self, request: Asdu, answers: Iterator[bytes]) -> bool:
        """Send a long answer behind all replies, as the window allows; ``False`` when too many are under way."""
        if len(self._procedures) >= _MAX_PROCEDURES:
            return False
        self._procedures.append(((request.type_id, request.common_address, request.element), answers))
        return True

    def cancel(self, request: Asdu) -> bool:
        """Stop the long answers to requests like this one; ``False`` when there are none."""
        wanted = (request.type_id, request.common_address, request.element)
        kept = deque(entry for entry in self._procedures if entry[0] != wanted)
        found = len(kept) < len(self._procedures)
        self._procedures = kept
        return found

    def flush(self) -> None:
        """Write out what was replied outside of a request, also when the connection is gone."""
        if not self.closed:
            self._write_out()

    def offer(self, asdus: Sequence[bytes]) -> None:
        """Periodic data: sent when there is nothing else to send, replaced by newer when there always is."""
        if self.started:
            self._cyclic.extend(asdus)

    def deactivate(self) -> None:
        """Another connection of the group takes over: data transfer stops here, the connection stays."""
        self.link.deactivate()
        self._in_flight = deque(_Load.OTHER for _ in self._in_flight)
        self._end_transfer()

    def close(self) -> None:
        """The connection is gone."""
        self.closed = True
        self._end_transfer()
        self.group.deactivated(self)

    def _follow_link(self) -> None:
        """Do what STARTDT and STOPDT ask for, one after the other."""
        if self.link.stops != self._stops:
            self._stops = self.link.stops
            self._end_transfer()
        if self.link.state is State.STOPPED:
            self.group.deactivated(self)
        if self.link.starts != self._starts:
            self._starts = self.link.starts
            if self.started:
                self.group.activate(self)
        if self.started and not (self.group.announced or self._announcing):
            self._announcing = True
            announcements = [(_Load.INITIALIZED, asdu) for asdu in self._ends_of_initialization()]
            self._replies.extendleft(reversed(announcements))

    def _end_transfer(self) -> None:
        self._replies.clear()
        self._procedures.clear()
        self._cyclic.clear()
        self._announcing = _Load.INITIALIZED in self._in_flight
        self._control.gone(self)

    def _next(self) -> tuple[_Load, bytes] | None:
        if self._replies:
            return self._replies.popleft()
        while self._procedures:
            asdu = next(self._procedures[0][1], None)
            if asdu is not None:
                return _Load.OTHER, asdu
            self._procedures.popleft()
        packet = self.group.queue.next()
        if packet is not None:
            type_id, cause, address = header_of(packet.key)
            return _Load.EVENTS, build(type_id, cause, address, (packet.octets,), packet.events)
        return (_Load.OTHER, self._cyclic.popleft()) if self._cyclic else None

    def _settle(self) -> None:
        """Let go of what the master acknowledged."""
        while self._traced and self._traced[0][0] <= self.link.sent - self.link.in_flight:
            number, names = self._traced.popleft()
            if self._tracing is not None:
                self._tracing.acknowledged(names, number, self.origin)
        acknowledged = len(self._in_flight) - self.link.in_flight
        if not acknowledged:
            return
        loads = list(islice(self._in_flight, acknowledged))
        for load in loads:
            self._in_flight.popleft()
            if load is _Load.EVENTS:
                self.group.queue.acknowledged()
        if _Load.INITIALIZED in loads:
            waiting = (load for load, _ in self._replies)
            self.group.announced = _Load.INITIALIZED not in self._in_flight and _Load.INITIALIZED not in waiting
        self.group.settle()

    def _ends_of_initialization(self) -> Iterator[bytes]:
        """M_EI_NA_1 of each common address, with cause of initialization 0: power was switched on."""
        content = (bytes(ADDRESS_SIZE), b"\0")
        for address in self._control.stations.by_address:
            yield build(Type.M_EI_NA_1, Cause.INITIALIZED, address, content, 1)
