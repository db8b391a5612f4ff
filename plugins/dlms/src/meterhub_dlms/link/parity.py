"""Seven bits and even parity over a line of eight bits without parity.

Terminals in software, many converters and RFC 2217 servers know no seven data bits; emulated here, a port stays
at 8N1 through the sign-on of IEC 62056-21 and only its speed changes.
"""

from __future__ import annotations

_EVEN = bytes(octet | (octet.bit_count() & 1) << 7 for octet in range(0x80)) + bytes(range(0x80, 0x100))
_PLAIN = bytes(octet & 0x7F for octet in range(0x100))
_ODD = frozenset(octet for octet in range(0x100) if octet.bit_count() & 1)


def add(text: bytes) -> bytes:
    """ASCII characters with their parity bits."""
    return text.translate(_EVEN)


def remove(octets: bytes) -> bytes:
    """The characters without their parity bits, right or wrong."""
    return octets.translate(_PLAIN)


def errors(octets: bytes) -> int:
    """How many characters came with a wrong parity bit."""
    return sum(octet in _ODD for octet in octets)
