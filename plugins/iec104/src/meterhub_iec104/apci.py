"""The link layer of a controlled station: frames, sequence numbers, acknowledgement and timers.

IEC 60870-5-104, clause 5. Sans-io: bytes and the monotonic time come in, bytes go out, and nothing
here knows about sockets. One :class:`Link` lives as long as its TCP connection.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

START = 0x68
MAX_ASDU = 249
"""Octets that an ASDU may have: 253 less the control field (clause 5.1)."""

MIN_ASDU = 6
_MODULUS = 0x7FFF

STARTDT_ACT, STARTDT_CON = 0x07, 0x0B
STOPDT_ACT, STOPDT_CON = 0x13, 0x23
TESTFR_ACT, TESTFR_CON = 0x43, 0x83


class ProtocolError(Exception):
    """The other side broke a rule of the standard; its text is the reason for closing the connection."""


class State(Enum):
    """Where start-stop stands (clause 5.3)."""

    STOPPED = "stopped"
    STARTED = "started"
    STOPPING = "stopping"
    """STOPDT came and is confirmed as soon as everything sent was acknowledged."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """Time-outs in seconds and window sizes in APDUs (clauses 9.6 and 5.5).

    ``t0`` limits how long a new connection may go without STARTDT.
    """

    t0: float = 30.0
    t1: float = 15.0
    t2: float = 10.0
    t3: float = 20.0
    k: int = 12
    w: int = 8


class Link:
    """One connection as the controlled station sees it.

    ``receive`` and ``tick`` raise :class:`ProtocolError` when the connection must be closed.
    ``now`` is always monotonic time in seconds.
    """

    def __init__(self, parameters: Parameters, now: float) -> None:
        self.parameters = parameters
        self.state = State.STOPPED
        self.ever_started = False
        self.starts = self.stops = 0
        """How often STARTDT and STOPDT came."""
        self.sent = 0
        """I-format frames sent."""
        self.received = 0
        """I-format frames received."""
        self._buffer = b""
        self._out: list[bytes] = []
        self._next_send = 0
        self._next_receive = 0
        self._sent_at: deque[float] = deque()
        self._unconfirmed = 0
        self._unconfirmed_since = 0.0
        self._connected_at = now
        self._heard_at = now
        self._test_at: float | None = None

    @property
    def in_flight(self) -> int:
        """I-format frames sent and not acknowledged yet; never more than k."""
        return len(self._sent_at)

    @property
    def window(self) -> int:
        """How many I-format frames may be sent now."""
        return self.parameters.k - len(self._sent_at) if self.state is State.STARTED else 0

    def receive(self, data: bytes, now: float) -> Iterator[bytes]:
        """The ASDUs in what came from the socket, frames being split and joined as TCP likes."""
        buffer = self._buffer + data if self._buffer else data
        position, end = 0, len(buffer)
        self._buffer = b""
        try:
            while end - position >= 2:
                length = _frame_length(buffer, position)
                if end - position < length:
                    break
                frame = buffer[position : position + length]
                position += length
                self._heard_at = now
                asdu = self._frame(frame, now)
                if asdu is not None:
                    yield asdu
            if end - position == 1:
                _check_start(buffer[position])
        finally:
            self._buffer = buffer[position:]

    def send(self, asdu: bytes, now: float) -> None:
        """Queue one I-format frame; the caller keeps to :attr:`window`."""
        send, receive = self._next_send << 1, self._next_receive << 1
        control = bytes((START, len(asdu) + 4, send & 0xFF, send >> 8, receive & 0xFF, receive >> 8))
        self._out.append(control + asdu)
        self._next_send = (self._next_send + 1) & _MODULUS
        self._sent_at.append(now)
        self._unconfirmed = 0
        self.sent += 1

    def take(self) -> bytes:
        """Everything to be written to the socket, in one piece; acknowledges when w frames wait for it."""
        if self._unconfirmed >= self.parameters.w:
            self._confirm()
        output = b"".join(self._out)
        self._out.clear()
        return output

    def probe(self, now: float) -> None:
        """Ask the other side for a sign of life (TESTFR), unless that is already under way."""
        if self._test_at is None:
            self._test_at = now
            self._out.append(_unnumbered(TESTFR_ACT))

    def deactivate(self) -> None:
        """Stop data transfer because another connection of the group was started (clause 10).

        What was sent may still be acknowledged, and must be within T1.
        """
        if self.state is State.STOPPING:
            self._stopped()
        self.state = State.STOPPED

    def deadline(self) -> float:
        """The time at which :meth:`tick` has to be called next."""
        limits = self.parameters
        due = self._heard_at + limits.t3 if self._test_at is None else self._test_at + limits.t1
        if self._sent_at:
            due = min(due, self._sent_at[0] + limits.t1)
        if self._unconfirmed:
            due = min(due, self._unconfirmed_since + limits.t2)
        if not self.ever_started:
            due = min(due, self._connected_at + limits.t0)
        return due

    def tick(self, now: float) -> None:
        """Do what the timers ask for."""
        limits = self.parameters
        if not self.ever_started and now >= self._connected_at + limits.t0:
            raise ProtocolError(f"no STARTDT within T0 ({limits.t0:g} s)")
        if self._sent_at and now >= self._sent_at[0] + limits.t1:
            raise ProtocolError(f"a frame was not acknowledged within T1 ({limits.t1:g} s)")
        if self._test_at is not None and now >= self._test_at + limits.t1:
            raise ProtocolError(f"a test frame was not answered within T1 ({limits.t1:g} s)")
        if self._unconfirmed and now >= self._unconfirmed_since + limits.t2:
            self._confirm()
        if now >= self._heard_at + limits.t3:
            self.probe(now)

    def _frame(self, frame: bytes, now: float) -> bytes | None:
        first = frame[2]
        if first & 1 == 0:
            return self._information(frame, now)
        if len(frame) != 6:
            raise ProtocolError(f"an S or U frame has length {len(frame) - 2}; it must be 4")
        if first & 3 == 1:
            if first != 1 or frame[3] or frame[4] & 1:
                raise ProtocolError("reserved bits are set in an S frame")
            self._acknowledge(frame)
        else:
            if any(frame[3:]):
                raise ProtocolError("reserved octets are set in a U frame")
            self._unnumbered(first)
        return None

    def _information(self, frame: bytes, now: float) -> bytes:
        if self.state is not State.STARTED:
            raise ProtocolError("user data came while data transfer was stopped (no STARTDT)")
        if len(frame) < 6 + MIN_ASDU or frame[4] & 1:
            raise ProtocolError("an I frame is too short or has a reserved bit set")
        number = (frame[2] | frame[3] << 8) >> 1
        if number != self._next_receive:
            raise ProtocolError(f"send sequence number {number} came where {self._next_receive} was due")
        self._acknowledge(frame)
        self._next_receive = (number + 1) & _MODULUS
        if not self._unconfirmed:
            self._unconfirmed_since = now
        self._unconfirmed += 1
        self.received += 1
        return frame[6:]

    def _acknowledge(self, frame: bytes) -> None:
        number = (frame[4] | frame[5] << 8) >> 1
        oldest = (self._next_send - len(self._sent_at)) & _MODULUS
        count = (number - oldest) & _MODULUS
        if count > len(self._sent_at):
            raise ProtocolError(f"receive sequence number {number} acknowledges frames that were never sent")
        for _ in range(count):
            self._sent_at.popleft()
        if self.state is State.STOPPING and not self._sent_at:
            self._stopped()

    def _unnumbered(self, control: int) -> None:
        if control == STARTDT_ACT:
            self.state = State.STARTED
            self.ever_started = True
            self.starts += 1
            self._out.append(_unnumbered(STARTDT_CON))
        elif control == STOPDT_ACT:
            self.state = State.STOPPING
            self.stops += 1
            if self._unconfirmed:
                self._confirm()
            if not self._sent_at:
                self._stopped()
        elif control == TESTFR_ACT:
            self._out.append(_unnumbered(TESTFR_CON))
        elif control == TESTFR_CON:
            self._test_at = None
        else:
            raise ProtocolError(f"U frame with control octet {control:#04x}, which no master sends")

    def _stopped(self) -> None:
        self.state = State.STOPPED
        self._out.append(_unnumbered(STOPDT_CON))

    def _confirm(self) -> None:
        number = self._next_receive << 1
        self._out.append(bytes((START, 4, 1, 0, number & 0xFF, number >> 8)))
        self._unconfirmed = 0


def _frame_length(buffer: bytes, position: int) -> int:
    """Octets of the frame that starts here, its first two included."""
    _check_start(buffer[position])
    length = buffer[position + 1]
    if not 4 <= length <= MAX_ASDU + 4:
        raise ProtocolError(f"a frame gives its length as {length}; 4 to {MAX_ASDU + 4} will do")
    return length + 2


def _check_start(octet: int) -> None:
    if octet != START:
        raise ProtocolError(f"a frame starts with {octet:#04x}, not with 0x68")


def _unnumbered(control: int) -> bytes:
    return bytes((START, 4, control, 0, 0, 0))
