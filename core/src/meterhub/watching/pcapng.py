"""Writes pcap-ng (draft-ietf-opsawg-pcapng): section, interfaces and packets, as Wireshark opens them."""

from __future__ import annotations

import struct
from collections.abc import Iterable

LINK_RAW = 101
"""IPv4 or IPv6 packets (LINKTYPE_RAW)."""
LINK_UPPER_PDU = 252
"""Frames of a protocol that a tag names (LINKTYPE_WIRESHARK_UPPER_PDU)."""

_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_COMMENT, _IF_NAME, _IF_DESCRIPTION, _IF_TSRESOL, _EPB_FLAGS = 1, 2, 3, 9, 2
_HARDWARE, _APPLICATION = 2, 4
_NANOSECONDS = b"\x09"
_TEXT = 1000

Option = tuple[int, bytes]


class PcapngWriter:
    """Collects blocks; :meth:`take` hands out what was written since the last time."""

    def __init__(self, application: str) -> None:
        self._interfaces = 0
        self._out = bytearray()
        head = struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)
        self._block(_SECTION, head, [(_APPLICATION, application.encode())])

    @property
    def size(self) -> int:
        """Octets that :meth:`take` would hand out."""
        return len(self._out)

    def interface(self, name: str, link_type: int, description: str = "") -> int:
        """Describe an interface; answers its number."""
        options = [(_IF_NAME, _text(name)), (_IF_TSRESOL, _NANOSECONDS)]
        if description:
            options.append((_IF_DESCRIPTION, _text(description)))
        self._block(_INTERFACE, struct.pack("<HHI", link_type, 0, 0), options)
        self._interfaces += 1
        return self._interfaces - 1

    def packet(self, interface: int, time: int, octets: bytes, *, sent: bool, comment: str = "") -> None:
        """Write a packet; ``time`` in nanoseconds since 1970 UTC."""
        length = len(octets)
        head = struct.pack("<IIIII", interface, time >> 32 & 0xFFFFFFFF, time & 0xFFFFFFFF, length, length)
        options = [(_EPB_FLAGS, struct.pack("<I", 2 if sent else 1))]
        if comment:
            options.append((_COMMENT, _text(comment)))
        self._block(_PACKET, head + _padded(octets), options)

    def take(self) -> bytes:
        """What was written since the last time; all pieces behind each other are the file."""
        out = bytes(self._out)
        self._out.clear()
        return out

    def _block(self, kind: int, body: bytes, options: Iterable[Option]) -> None:
        body += b"".join(struct.pack("<HH", code, len(value)) + _padded(value) for code, value in options) + bytes(4)
        length = struct.pack("<I", len(body) + 12)
        self._out += struct.pack("<I", kind) + length + body + length


def _padded(octets: bytes) -> bytes:
    return octets + bytes(-len(octets) % 4)


def _text(text: str) -> bytes:
    return text.encode("utf-8", "replace")[:_TEXT]
