"""The meter's side of the sign-on of IEC 62056-21, from 300 baud to HDLC (mode E)."""

from __future__ import annotations

import re

from meterhub_dlms.link import parity
from meterhub_dlms.link.mode_e import MIN_DELAY, SPEEDS, START_SPEED, Action

_REQUEST = re.compile(rb"/\?([0-9A-Za-z ]{0,32})!\r\n")
_CHOICE = re.compile(rb"\x06([0-9])([0-9A-Z])([0-9])\r\n")
_HDLC = b"2"
_MAX_BUFFER = 64
IDENTIFICATION = "MHB"
"""Manufacturer's letters; the third one is a capital, so reaction times are those of the standard."""


class MeterSignOn:
    """Waits for the sign-on of one client, without input or output: bytes in, actions out.

    ``addresses`` are those it answers to beside the empty one; ``max_speed`` in baud is the highest it offers. The line
    stays at eight bits without parity, see :mod:`meterhub_dlms.link.parity`. What is no sign-on gets no answer.
    """

    def __init__(self, text: str, addresses: frozenset[str], max_speed: int) -> None:
        code, self._speed = max(
            ((code, speed) for code, speed in SPEEDS.items() if speed <= max_speed),
            key=lambda choice: choice[1],
            default=("0", START_SPEED),
        )
        self._identification = f"/{IDENTIFICATION}{code}\\2{text[:16]}\r\n".encode("ascii")
        self._addresses = addresses
        self._buffer = b""
        self._identified = False

    @property
    def identified(self) -> bool:
        """Whether a client was told who we are and is still to choose a mode."""
        return self._identified

    def feed(self, data: bytes) -> Action | None:
        """What the bytes lead to; ``done`` when HDLC follows at the action's speed."""
        self._buffer = (self._buffer + parity.remove(data))[-_MAX_BUFFER:]
        if self._identified and (choice := _CHOICE.search(self._buffer)):
            return self._choose(choice)
        request = _REQUEST.search(self._buffer)
        if request is None:
            return None
        self._buffer = self._buffer[request.end() :]
        address = request[1].decode("ascii").lstrip("0 ")
        self._identified = not address or address in self._addresses
        return Action(parity.add(self._identification), MIN_DELAY) if self._identified else None

    def reset(self) -> None:
        """The client fell silent, or its session is over: wait for the next one."""
        self._buffer, self._identified = b"", False

    def _choose(self, choice: re.Match[bytes]) -> Action | None:
        """Confirm the choice of HDLC at a speed that was offered; readout and programming are not served."""
        protocol, code, mode = choice.groups()
        speed = SPEEDS.get(code.decode("ascii"))
        self.reset()
        if protocol != _HDLC or mode != _HDLC or speed is None or speed > self._speed:
            return None
        return Action(parity.add(choice[0]), MIN_DELAY, speed, done=True)
