# SPDX-License-Identifier: GPL-2.0-only
"""What AARQ and AARE (IEC 62056-5-3) tell before gurux-dlms sees them: system titles, ciphered initiate APDUs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

AARQ, AARE = 0x60, 0x61
_CALLING_TITLE, _RESPONDING_TITLE, _USER_INFORMATION = 0xA6, 0xA4, 0xBE
_OCTET_STRING = 0x04
_CIPHERED_INITIATE = (0x21, 0x28)


class Association(NamedTuple):
    """An AARQ or AARE without the part that is ciphered."""

    plain: bytes
    title: bytes
    ciphered: bytes
    """The ciphered initiate APDU; empty when the user information is plain, and then it is in ``plain``."""


def take_apart(apdu: bytes) -> Association:
    """Split an AARQ or AARE; ``ValueError`` with a sentence when its lengths do not fit together."""
    ((_, _, body),) = _elements(apdu)
    kept, title, ciphered = b"", b"", b""
    for tag, whole, content in _elements(body):
        if tag in (_CALLING_TITLE, _RESPONDING_TITLE):
            title = _octet_string(content)
        information = _octet_string(content) if tag == _USER_INFORMATION else b""
        if information[:1] and information[0] in _CIPHERED_INITIATE:
            ciphered = information
        else:
            kept += whole
    return Association(_element(apdu[0], kept), title, ciphered)


def _octet_string(content: bytes) -> bytes:
    return next((value for tag, _, value in _elements(content) if tag == _OCTET_STRING), b"")


def _elements(octets: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Tag, whole element and content of each BER element."""
    at = 0
    while at < len(octets):
        head = octets[at + 1 : at + 2]
        size = head[0] - 0x80 if head and head[0] > 0x80 else 0
        length = int.from_bytes(octets[at + 2 : at + 2 + size] if size else head, "big")
        begin = at + 2 + size
        if begin + length > len(octets):
            raise ValueError(f"the element {octets[at]:02x} of the association is cut off")
        yield octets[at], octets[at : begin + length], octets[begin : begin + length]
        at = begin + length


def _element(tag: int, content: bytes) -> bytes:
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    return bytes([tag, 0x82]) + len(content).to_bytes(2, "big") + content
