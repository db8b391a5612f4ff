"""Collects the data readout of IEC 62056-21, mode C, from a line of eight bits (clause 6.4)."""

from __future__ import annotations

from meterhub_dlms.link import parity
from meterhub_dlms.link.errors import LinkError

MAX_LENGTH = 1 << 16
"""Bytes from STX to the check character, at most."""

_STX, _ETX = b"\x02", b"\x03"


class ReadoutCollector:
    """Waits for STX, then for ETX and the check character behind it; what comes before STX is passed over."""

    def __init__(self) -> None:
        self.parity_errors = 0
        self._buffer = bytearray()
        self._searched = 0

    def feed(self, data: bytes) -> bytes | None:
        """The readout without parity when it is complete, else ``None``.

        ``LinkError`` when it is too long, or a character came with a wrong parity bit: it must be read again.
        """
        begun = bool(self._buffer)
        text = parity.remove(data)
        start = 0 if begun else text.find(_STX)
        if start < 0:
            return None
        self.parity_errors += parity.errors(data[start:])
        self._buffer += text[start:]
        end = self._buffer.find(_ETX, self._searched)
        self._searched = len(self._buffer) if end < 0 else end
        if len(self._buffer) > MAX_LENGTH:
            raise LinkError(f"the readout is longer than {MAX_LENGTH} bytes")
        if end < 0 or len(self._buffer) < end + 2:
            return None
        if self.parity_errors:
            raise LinkError(f"{self.parity_errors} characters of the readout came with a wrong parity bit")
        return bytes(self._buffer[: end + 2])
