"""Opening and closing an association: ACSE APDUs in BER (IEC 62056-5-3, clause 7.3.7 and annexes)."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from meterhub_dlms.codec.errors import CodecError

AARQ, AARE, RLRQ, RLRE = 0x60, 0x61, 0x62, 0x63

CONTEXT_LN = 1
"""Application context: logical name referencing, no ciphering."""

CONTEXT_SN, CONTEXT_LN_CIPHERED, CONTEXT_SN_CIPHERED = 2, 3, 4
"""The same with short name referencing, and both with ciphering."""

_CONTEXT_PREFIX = bytes((0x60, 0x85, 0x74, 0x05, 0x08, 0x01))
_MECHANISM_PREFIX = bytes((0x60, 0x85, 0x74, 0x05, 0x08, 0x02))
_REQUIREMENTS_AUTHENTICATION = b"\x07\x80"


class Mechanism(IntEnum):
    """Authentication mechanisms (clause 9.2.2 of the Green Book)."""

    NONE = 0
    PASSWORD = 1
    MANUFACTURER = 2
    MD5 = 3
    SHA1 = 4
    GMAC = 5
    SHA256 = 6


class Result(IntEnum):
    """Outcome of an association request."""

    ACCEPTED = 0
    REJECTED_PERMANENT = 1
    REJECTED_TRANSIENT = 2


class Diagnostic(IntEnum):
    """Why an association was refused (acse-service-user)."""

    NULL = 0
    NO_REASON_GIVEN = 1
    CONTEXT_NAME_NOT_SUPPORTED = 2
    CALLING_TITLE_NOT_RECOGNIZED = 3
    MECHANISM_NOT_RECOGNISED = 11
    MECHANISM_REQUIRED = 12
    AUTHENTICATION_FAILURE = 13
    AUTHENTICATION_REQUIRED = 14


class AssociationRequest(NamedTuple):
    """What an AARQ asks for; ``user_information`` holds the initiate request.

    ``authentication`` is a password or a challenge; ``title`` the client's system title, empty without ciphering.
    """

    context: int
    mechanism: int
    authentication: bytes | None
    user_information: bytes
    title: bytes = b""


class AssociationResponse(NamedTuple):
    """What an AARE answers; ``user_information`` holds the initiate response, an error, or nothing.

    With high-level security it tells the ``mechanism`` and the server's challenge in ``authentication``; ``title``
    is the server's system title, empty without ciphering.
    """

    context: int
    result: int
    diagnostic: int
    user_information: bytes
    title: bytes = b""
    mechanism: int = Mechanism.NONE
    authentication: bytes | None = None

    @property
    def phrase(self) -> str:
        """Why it was refused, for people: ``authentication-failure (13)``."""
        known = {member.value: member.name for member in Diagnostic}
        name = known.get(self.diagnostic, "diagnostic").lower().replace("_", "-")
        return f"{name} ({self.diagnostic})"


def context_name(context: int) -> bytes:
    """The object identifier of an application context, as class 15 shows it."""
    return _CONTEXT_PREFIX + bytes((context,))


def mechanism_name(mechanism: int) -> bytes:
    """The object identifier of an authentication mechanism, as class 15 shows it."""
    return _MECHANISM_PREFIX + bytes((mechanism,))


def encode_request(request: AssociationRequest) -> bytes:
    """An AARQ."""
    parts = [_tlv(0xA1, _tlv(0x06, context_name(request.context)))]
    if request.title:
        parts.append(_tlv(0xA6, _tlv(0x04, request.title)))
    if request.mechanism != Mechanism.NONE:
        parts.append(_tlv(0x8A, _REQUIREMENTS_AUTHENTICATION))
        parts.append(_tlv(0x8B, mechanism_name(request.mechanism)))
    if request.authentication is not None:
        parts.append(_tlv(0xAC, _tlv(0x80, request.authentication)))
    parts.append(_tlv(0xBE, _tlv(0x04, request.user_information)))
    return _tlv(AARQ, b"".join(parts))


def decode_request(apdu: bytes) -> AssociationRequest:
    """An AARQ; ``CodecError`` when it is malformed."""
    context = mechanism = 0
    authentication: bytes | None = None
    user_information = title = b""
    for tag, value in _fields(_content(apdu, AARQ)):
        if tag == 0xA1:
            context = _arc(_inner(value, 0x06), _CONTEXT_PREFIX)
        elif tag == 0xA6:
            title = _inner(value, 0x04)
        elif tag == 0x8B:
            mechanism = _arc(value, _MECHANISM_PREFIX)
        elif tag == 0xAC:
            authentication = _inner(value, 0x80)
        elif tag == 0xBE:
            user_information = _inner(value, 0x04)
    return AssociationRequest(context, mechanism, authentication, user_information, title)


def encode_response(response: AssociationResponse) -> bytes:
    """An AARE."""
    parts = [
        _tlv(0xA1, _tlv(0x06, context_name(response.context))),
        _tlv(0xA2, _tlv(0x02, bytes((response.result,)))),
        _tlv(0xA3, _tlv(0xA1, _tlv(0x02, bytes((response.diagnostic,))))),
    ]
    if response.title:
        parts.append(_tlv(0xA4, _tlv(0x04, response.title)))
    if response.authentication is not None:
        parts.append(_tlv(0x88, _REQUIREMENTS_AUTHENTICATION))
        parts.append(_tlv(0x89, mechanism_name(response.mechanism)))
        parts.append(_tlv(0xAA, _tlv(0x80, response.authentication)))
    if response.user_information:
        parts.append(_tlv(0xBE, _tlv(0x04, response.user_information)))
    return _tlv(AARE, b"".join(parts))


def decode_response(apdu: bytes) -> AssociationResponse:
    """An AARE; ``CodecError`` when it is malformed or tells no result."""
    context = diagnostic = mechanism = 0
    result: int | None = None
    authentication: bytes | None = None
    user_information = title = b""
    for tag, value in _fields(_content(apdu, AARE)):
        if tag == 0xA1:
            context = _arc(_inner(value, 0x06), _CONTEXT_PREFIX)
        elif tag == 0xA2:
            result = int.from_bytes(_inner(value, 0x02), "big")
        elif tag == 0xA3:
            _, source, _ = _read(value, 0)
            diagnostic = int.from_bytes(_inner(source, 0x02), "big")
        elif tag == 0xA4:
            title = _inner(value, 0x04)
        elif tag == 0x89:
            mechanism = _arc(value, _MECHANISM_PREFIX)
        elif tag == 0xAA:
            authentication = _inner(value, 0x80)
        elif tag == 0xBE:
            user_information = _inner(value, 0x04)
    if result is None:
        raise CodecError("the association response tells no result")
    return AssociationResponse(context, result, diagnostic, user_information, title, mechanism, authentication)


def encode_release_request() -> bytes:
    """An RLRQ with the reason ``normal``."""
    return _tlv(RLRQ, _tlv(0x80, b"\x00"))


def encode_release_response() -> bytes:
    """An RLRE with the reason ``normal``."""
    return _tlv(RLRE, _tlv(0x80, b"\x00"))


def _tlv(tag: int, value: bytes) -> bytes:
    length = len(value)
    if length < 0x80:
        return bytes((tag, length)) + value
    size = (length.bit_length() + 7) // 8
    return bytes((tag, 0x80 | size)) + length.to_bytes(size, "big") + value


def _read(data: bytes, start: int) -> tuple[int, bytes, int]:
    """Tag, value, and the place after them."""
    try:
        tag, length, place = data[start], data[start + 1], start + 2
    except IndexError:
        raise CodecError("a field of the association is cut off") from None
    if length & 0x80:
        size = length & 0x7F
        if not 1 <= size <= 3 or place + size > len(data):
            raise CodecError("a length in the association is malformed")
        length, place = int.from_bytes(data[place : place + size], "big"), place + size
    if place + length > len(data):
        raise CodecError("a field of the association is cut off")
    return tag, data[place : place + length], place + length


def _content(apdu: bytes, expected: int) -> bytes:
    tag, value, end = _read(apdu, 0)
    if tag != expected or end != len(apdu):
        raise CodecError(f"tag {expected:#04x} over {len(apdu)} bytes was expected, tag {tag:#04x} over {end} came")
    return value


def _fields(content: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place < len(content):
        tag, value, place = _read(content, place)
        yield tag, value


def _inner(value: bytes, expected: int) -> bytes:
    """The value of the one field within a field."""
    tag, inner, _ = _read(value, 0)
    if tag != expected:
        raise CodecError(f"tag {expected:#04x} was expected in the association, {tag:#04x} came")
    return inner


def _arc(identifier: bytes, prefix: bytes) -> int:
    """The last number of an object identifier below ``prefix``."""
    if len(identifier) != len(prefix) + 1 or not identifier.startswith(prefix):
        raise CodecError(f"{identifier.hex()} is no DLMS object identifier")
    return identifier[-1]
