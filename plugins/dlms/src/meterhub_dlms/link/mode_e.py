"""Sign-on of IEC 62056-21: from 300 baud to HDLC (mode E) or to a data readout (mode C)."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import NamedTuple

from meterhub_dlms.link import parity
from meterhub_dlms.link.errors import LinkError

SPEEDS = {"0": 300, "1": 600, "2": 1200, "3": 2400, "4": 4800, "5": 9600, "6": 19200}
"""Baud rates by the character that names them (clause 6.3.14.2, modes C and E)."""

START_SPEED = 300
MIN_DELAY, MAX_DELAY = 0.2, 1.5
"""Seconds between one side's last character and the other side's first (clause 6.4.3)."""

MAX_ADDRESS = 32
_MAX_LINE = 64
_ACK = "\x06"
_IDENTIFICATION = re.compile(r"/([A-Za-z]{3})([0-9A-Z])((?:\\[!-.0-~])*)([^\r\n/!]{0,32})\r\n")
_ADDRESS = re.compile(r"[0-9A-Za-z ]{0,32}")


class Goal(Enum):
    """What the sign-on leads to."""

    HDLC = "2"
    """Mode E: HDLC follows."""
    READOUT = "0"
    """Mode C: the meter tells its values."""


class State(Enum):
    """How far a sign-on is."""

    START = auto()
    AWAITING_IDENTIFICATION = auto()
    AWAITING_CONFIRMATION = auto()
    DONE = auto()


class Identification(NamedTuple):
    """What a meter says of itself: manufacturer (three letters), highest speed, options and type."""

    manufacturer: str
    speed: int
    options: str
    text: str

    @property
    def offers_hdlc(self) -> bool:
        """Whether it announces mode E; some that speak it do not."""
        return "\\2" in self.options


class Action(NamedTuple):
    """What to do next: wait ``delay`` seconds, send, and when that has left the line, set its ``speed`` in baud."""

    send: bytes = b""
    delay: float = 0.0
    speed: int | None = None
    done: bool = False


class SignOn:
    """One sign-on, without input or output: bytes in, actions out.

    ``start`` gives what to send first, at 300 baud; then every byte that comes goes into ``feed``; ``silence`` says
    that nothing came for 1.5 s. The line stays at eight bits without parity, see :mod:`meterhub_dlms.link.parity`.
    Our own echo, as optical heads send it back, is passed over. A ``LinkError`` ends the attempt: begin again.
    """

    def __init__(self, goal: Goal = Goal.HDLC, address: str = "", max_speed: int = 19200) -> None:
        if _ADDRESS.fullmatch(address) is None:
            raise LinkError(f"{address[:40]!r} is no device address of IEC 62056-21: up to 32 letters and digits")
        self.identification: Identification | None = None
        self.state = State.START
        self.parity_errors = 0
        self._goal = goal
        self._request = f"/?{address}!\r\n".encode("ascii")
        self._max_speed = max_speed
        self._buffer = b""
        self._answer = b""
        self._speed = START_SPEED
        self._echoes = False

    def start(self) -> Action:
        """The request, to be sent at 300 baud."""
        self.state, self._buffer = State.AWAITING_IDENTIFICATION, b""
        return Action(parity.add(self._request), speed=START_SPEED)

    def feed(self, data: bytes) -> Action | None:
        """What the bytes lead to; ``None`` while more must come. ``LinkError`` when they are no sign-on."""
        self.parity_errors += parity.errors(data)
        self._buffer += parity.remove(data)
        if self.state is State.AWAITING_IDENTIFICATION:
            return self._identify()
        if self.state is State.AWAITING_CONFIRMATION:
            return self._confirm()
        return None

    def silence(self) -> Action:
        """Nothing came in time: a meter may leave out its confirmation, but not its identification."""
        if self.state is State.AWAITING_CONFIRMATION and self._buffer in (b"", self._answer):
            return self._done()
        raise LinkError("the meter does not answer the sign-on of IEC 62056-21")

    def _identify(self) -> Action | None:
        if self._buffer.startswith(self._request):
            self._echoes = True
            self._buffer = self._buffer[len(self._request) :]
        start = self._buffer.find(b"/")
        if self._request.startswith(self._buffer) or start < 0 or b"\n" not in self._buffer[start:]:
            if len(self._buffer) > _MAX_LINE + MAX_ADDRESS:
                raise LinkError("what came is no identification of IEC 62056-21")
            return None
        line = self._buffer[start : self._buffer.index(b"\n", start) + 1]
        found = _IDENTIFICATION.fullmatch(line.decode("ascii"))
        if found is None or len(line) > _MAX_LINE:
            raise LinkError(f"the identification {line[:40]!r} is malformed")
        letters, speed, options, text = found.groups()
        offered = SPEEDS.get(speed)
        if offered is None:
            raise LinkError(f"the meter offers speed {speed!r}, which belongs to neither mode C nor mode E")
        self.identification = Identification(letters, offered, options, text)
        return self._choose(offered)

    def _choose(self, offered: int) -> Action:
        code, self._speed = max(
            ((code, speed) for code, speed in SPEEDS.items() if speed <= min(offered, self._max_speed)),
            key=lambda choice: choice[1],
            default=("0", START_SPEED),
        )
        self._answer = f"{_ACK}{self._goal.value}{code}{self._goal.value}\r\n".encode("ascii")
        self._buffer = b""
        if self._goal is Goal.READOUT:
            return self._done(parity.add(self._answer))
        self.state = State.AWAITING_CONFIRMATION
        return Action(parity.add(self._answer), MIN_DELAY)

    def _confirm(self) -> Action | None:
        """The meter repeats our answer, behind the echo of it on a line that echoes; then the speed changes."""
        expected = self._answer * (2 if self._echoes else 1)
        if not expected.startswith(self._buffer):
            raise LinkError("the meter confirmed another mode than was chosen")
        return self._done() if self._buffer == expected else None

    def _done(self, answer: bytes = b"") -> Action:
        self.state = State.DONE
        return Action(answer, MIN_DELAY, self._speed, done=True)
