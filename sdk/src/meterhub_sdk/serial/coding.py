"""What happens to bytes between the line and its user: parity in software, and our own echo taken out."""

from __future__ import annotations

from typing import Literal

_ODD_ONES = frozenset(byte for byte in range(256) if byte.bit_count() & 1)
_EVEN = bytes(byte & 0x7F | (0x80 if byte & 0x7F in _ODD_ONES else 0) for byte in range(256))
_ODD = bytes(byte ^ 0x80 for byte in _EVEN)
_STRIP = bytes(byte & 0x7F for byte in range(256))
_GOOD = {"even": bytes(set(range(256)) - _ODD_ONES), "odd": bytes(_ODD_ONES)}


class SoftwareParity:
    """Seven data bits and parity as eight bits without."""

    def __init__(self, parity: Literal["even", "odd"]) -> None:
        self._add = _EVEN if parity == "even" else _ODD
        self._good = _GOOD[parity]

    def encode(self, data: bytes) -> bytes:
        """With the parity bit as bit 7."""
        return data.translate(self._add)

    def decode(self, data: bytes) -> tuple[bytes, int]:
        """Without bit 7, and how many characters had it wrong."""
        return data.translate(_STRIP), len(data.translate(None, self._good))


class Echo:
    """Takes out what comes back of our own sending, as it is on the wire."""

    def __init__(self) -> None:
        self._expected = bytearray()

    def sent(self, data: bytes) -> None:
        """These bytes should come back."""
        self._expected += data

    def forget(self) -> None:
        """Expect nothing any more."""
        self._expected.clear()

    def take(self, data: bytes) -> tuple[bytes, bool]:
        """What did not come from us, and whether the echo was as it should be."""
        if not self._expected:
            return data, True
        count = min(len(data), len(self._expected))
        if data[:count] != self._expected[:count]:
            self._expected.clear()
            return data, False
        del self._expected[:count]
        return data[count:], True
