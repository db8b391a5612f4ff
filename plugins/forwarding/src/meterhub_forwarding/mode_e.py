"""Follows the change of speed that a sign-on of IEC 62056-21 agrees on, by watching what is sent to the meter.

The request (clause 6.3.1) is sent at the speed that the port is set to; the option select message (6.3.3) names the
speed that follows it. Parity bits that the sender makes itself are looked past.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

_SPEEDS = {b"0": 300, b"1": 600, b"2": 1200, b"3": 2400, b"4": 4800, b"5": 9600, b"6": 19200}
_WITHOUT_PARITY = bytes(byte & 0x7F for byte in range(256))
_OPTION_SELECT = re.compile(rb"\x06[0-2]([0-6])([0-9])\r\n\Z")
_KEPT = 6
_HDLC = b"2"


class Change(NamedTuple):
    """What the line is set to after the bytes have left; ``data_bits`` 8 for HDLC, ``None`` for as it is."""

    baud: int
    data_bits: Literal[8] | None = None


class SignOnWatch:
    """Watches one direction; it never changes a byte."""

    def __init__(self) -> None:
        self._last = b""

    def begins(self, data: bytes) -> bool:
        """Whether a sign-on starts here: the line goes to its first speed before this is sent."""
        return data[:2].translate(_WITHOUT_PARITY) == b"/?"

    def after(self, data: bytes) -> Change | None:
        """The change that follows these bytes, if one does."""
        self._last = (self._last + data[-_KEPT:].translate(_WITHOUT_PARITY))[-_KEPT:]
        found = _OPTION_SELECT.search(self._last)
        if found is None:
            return None
        self._last = b""
        return Change(_SPEEDS[found[1]], 8 if found[2] == _HDLC else None)
