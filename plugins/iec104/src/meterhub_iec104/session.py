"""One master's session: link, requests and event queue put together. Sans-io like the link."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from enum import Enum

from meterhub_iec104.apci import Link, Parameters, ProtocolError, State
from meterhub_iec104.asdu import ADDRESS_SIZE, Asdu, Cause, Type, build
from meterhub_iec104.control import Control
from meterhub_iec104.slots import Slot

_MAX_REPLIES = 1000
"""Answers that may wait for the window; a master that asks on without acknowledging them is cut off."""
_MAX_PROCEDURES = 4
"""Interrogations that may be under way; more are confirmed negatively."""


class _Load(Enum):
    """What an I frame in flight carries, as far as its acknowledgement matters."""

    EVENTS = 1
    INITIALIZED = 2
    OTHER = 3


class Session:
    """Feeds what a master sends to :class:`Control` and sends answers, interrogations and events.

    ``receive`` and ``tick`` raise :class:`ProtocolError` when the connection must be closed.
    Whoever calls them, or appended to the slot's queue, then writes what ``output`` gives.
    """

    def __init__(self, parameters: Parameters, control: Control, slot: Slot, now: float) -> None:
        self.link = Link(parameters, now)
        self.slot = slot
        self._control = control
        self._replies: deque[tuple[_Load, bytes]] = deque()
        self._procedures: deque[tuple[tuple[int, bytes], Iterator[bytes]]] = deque()
        self._in_flight: deque[_Load] = deque()
        self._announcing = False

    @property
    def started(self) -> bool:
        """Whether the master has started data transfer."""
        return self.link.state is State.STARTED

    def receive(self, data: bytes, now: float) -> None:
        """Take what came from the socket."""
        try:
            for asdu in self.link.receive(data, now):
                self._control.handle(asdu, self)
        finally:  # what was acknowledged before an error counts
            self._settle()
        if not self.started:
            self._replies.clear()
            self._procedures.clear()
            self._announcing = _Load.INITIALIZED in self._in_flight
        elif not (self.slot.announced or self._announcing):
            self._announcing = True
            self._replies.appendleft((_Load.INITIALIZED, self._end_of_initialization()))

    def tick(self, now: float) -> None:
        """Do what the timers ask for."""
        self.link.tick(now)

    def output(self, now: float) -> bytes:
        """All that may be sent now, in one piece: answers first, then interrogations, then events."""
        for _ in range(self.link.window):
            frame = self._next()
            if frame is None:
                break
            load, asdu = frame
            self.link.send(asdu, now)
            self._in_flight.append(load)
        return self.link.take()

    def reply(self, asdu: bytes) -> None:
        """Send an answer before anything else."""
        if len(self._replies) >= _MAX_REPLIES:
            raise ProtocolError(f"{_MAX_REPLIES} requests came without their answers being acknowledged")
        self._replies.append((_Load.OTHER, asdu))

    def begin(self, request: Asdu, answers: Iterator[bytes]) -> bool:
        """Send a long answer behind all replies, as the window allows; ``False`` when too many are under way."""
        if len(self._procedures) >= _MAX_PROCEDURES:
            return False
        self._procedures.append(((request.type_id, request.element), answers))
        return True

    def cancel(self, request: Asdu) -> bool:
        """Stop the long answers to requests like this one; ``False`` when there are none."""
        wanted = (request.type_id, request.element)
        kept = deque(entry for entry in self._procedures if entry[0] != wanted)
        found = len(kept) < len(self._procedures)
        self._procedures = kept
        return found

    def _next(self) -> tuple[_Load, bytes] | None:
        if self._replies:
            return self._replies.popleft()
        while self._procedures:
            asdu = next(self._procedures[0][1], None)
            if asdu is not None:
                return _Load.OTHER, asdu
            self._procedures.popleft()
        packet = self.slot.queue.next()
        if packet is None:
            return None
        address = self._control.station.common_address
        type_id, cause = packet.key & 0xFF, packet.key >> 8
        return _Load.EVENTS, build(type_id, cause, address, packet.objects, len(packet.objects))

    def _settle(self) -> None:
        """Let go of what the master acknowledged."""
        while len(self._in_flight) > self.link.in_flight:
            load = self._in_flight.popleft()
            if load is _Load.EVENTS:
                self.slot.queue.acknowledged()
            elif load is _Load.INITIALIZED:
                self.slot.announced = True

    def _end_of_initialization(self) -> bytes:
        """M_EI_NA_1 with cause of initialization 0: power was switched on."""
        content = (bytes(ADDRESS_SIZE), b"\0")
        return build(Type.M_EI_NA_1, Cause.INITIALIZED, self._control.station.common_address, content, 1)
