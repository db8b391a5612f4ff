"""SET of several attributes and of long values in blocks (IEC 62056-5-3, clause 7.3.4; both sides).

A short SET of one attribute is in :mod:`meterhub_dlms.codec.ln`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from meterhub_dlms.codec.axdr import (
    Data,
    decode_length,
    decode_octets,
    decode_values,
    encode,
    encode_length,
    encode_octets,
)
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.ln import (
    INVOKE_ID_AT,
    PRIORITY,
    SET_REQUEST,
    SET_RESPONSE,
    Attribute,
    SetRequest,
    decode_set_request,
)
from meterhub_dlms.codec.xdlms import AccessResult

FIRST_BLOCK, NEXT_BLOCK, WITH_LIST, LIST_FIRST_BLOCK = 2, 3, 4, 5
_NORMAL, _BLOCK_TAKEN, _LAST_BLOCK, _LIST_LAST_BLOCK, _LIST = 1, 2, 3, 4, 5
_DESCRIPTOR = 9

BLOCK_OVERHEAD = 24
"""Bytes of the first request of a long SET beside its part of the value, at most."""


class SetBlock(NamedTuple):
    """One block of a long SET; ``attributes`` are named in the first one only, several with ``with_list``."""

    invoke: int
    attributes: Sequence[Attribute]
    last: bool
    number: int
    content: bytes
    with_list: bool = False


class SetList(NamedTuple):
    """A SET of several attributes."""

    invoke: int
    attributes: Sequence[Attribute]
    data: Sequence[Data]


class BlockTaken(NamedTuple):
    """The server has block ``number`` and asks for the next."""

    number: int


def encode_set_list(attributes: Sequence[Attribute], data: Sequence[Data], invoke: int = 0) -> bytes:
    """A SET of several attributes at once."""
    if len(attributes) != len(data):
        raise CodecError(f"{len(data)} values are given for {len(attributes)} attributes")
    count = encode_length(len(attributes))
    where = b"".join(_encode_attribute(attribute) for attribute in attributes)
    return bytes((SET_REQUEST, WITH_LIST, PRIORITY | invoke)) + count + where + count + b"".join(map(encode, data))


def encode_set_blocks(attribute: Attribute, data: Data, size: int, invoke: int = 0) -> Iterator[bytes]:
    """The requests of a long SET, with ``size`` bytes of the value in each; one waits for the answer to the other."""
    encoded = encode(data)
    for number, start in enumerate(range(0, len(encoded), size), start=1):
        content, last = encoded[start : start + size], start + size >= len(encoded)
        block = SetBlock(PRIORITY | invoke, [attribute] if number == 1 else [], last, number, content)
        yield encode_set_block(block)


def encode_set_block(block: SetBlock) -> bytes:
    """One block of a long SET."""
    kind = NEXT_BLOCK if not block.attributes else LIST_FIRST_BLOCK if block.with_list else FIRST_BLOCK
    where = b"".join(_encode_attribute(attribute) for attribute in block.attributes)
    if kind == LIST_FIRST_BLOCK:
        where = encode_length(len(block.attributes)) + where
    head = bytes((SET_REQUEST, kind, block.invoke)) + where + bytes((block.last,))
    return head + block.number.to_bytes(4, "big") + encode_octets(block.content)


def decode_request(apdu: bytes) -> SetRequest | SetBlock | SetList:
    """A SET of any kind; ``CodecError`` when it is malformed, or asks for selective access in a list or blocks."""
    if len(apdu) < 4 or apdu[0] != SET_REQUEST:
        raise CodecError(f"an APDU with tag {SET_REQUEST:#04x} was expected")
    kind, invoke = apdu[1], apdu[INVOKE_ID_AT]
    if kind == _NORMAL:
        return decode_set_request(apdu)
    if kind == WITH_LIST:
        return _decode_list(apdu, invoke)
    if kind not in (FIRST_BLOCK, NEXT_BLOCK, LIST_FIRST_BLOCK):
        raise CodecError(f"a SET request of kind {kind} does not exist")
    count, place = (int(kind == FIRST_BLOCK), 3) if kind != LIST_FIRST_BLOCK else decode_length(apdu, 3)
    attributes, place = _decode_attributes(apdu, place, count)
    if len(apdu) < place + 6:
        raise CodecError("a block of a SET is cut off")
    number = int.from_bytes(apdu[place + 1 : place + 5], "big")
    content, end = decode_octets(apdu, place + 5)
    _at_end(apdu, end)
    return SetBlock(invoke, attributes, bool(apdu[place]), number, content, kind == LIST_FIRST_BLOCK)


def encode_block_taken(invoke: int, number: int) -> bytes:
    """The answer to a block that is not the last."""
    return bytes((SET_RESPONSE, _BLOCK_TAKEN, invoke)) + number.to_bytes(4, "big")


def encode_last_block(invoke: int, number: int, result: AccessResult) -> bytes:
    """The answer to the last block."""
    return bytes((SET_RESPONSE, _LAST_BLOCK, invoke, result)) + number.to_bytes(4, "big")


def encode_list_last_block(invoke: int, number: int, results: Sequence[AccessResult]) -> bytes:
    """The answer to the last block of a list."""
    return (
        bytes((SET_RESPONSE, _LIST_LAST_BLOCK, invoke))
        + encode_length(len(results))
        + bytes(results)
        + number.to_bytes(4, "big")
    )


def encode_list_response(invoke: int, results: Sequence[AccessResult]) -> bytes:
    """The answer to a SET of several attributes."""
    return bytes((SET_RESPONSE, _LIST, invoke)) + encode_length(len(results)) + bytes(results)


def decode_response(apdu: bytes) -> list[AccessResult] | BlockTaken:
    """The outcomes of a SET of any kind, or the call for its next block; ``CodecError`` when malformed."""
    if len(apdu) < 4 or apdu[0] != SET_RESPONSE:
        raise CodecError(f"an APDU with tag {SET_RESPONSE:#04x} was expected")
    kind = apdu[1]
    if kind == _NORMAL and len(apdu) == 4:
        return [AccessResult.of(apdu[3])]
    if kind == _BLOCK_TAKEN and len(apdu) == 7:
        return BlockTaken(int.from_bytes(apdu[3:7], "big"))
    if kind == _LAST_BLOCK and len(apdu) == 8:
        return [AccessResult.of(apdu[3])]
    if kind in (_LIST, _LIST_LAST_BLOCK):
        count, place = decode_length(apdu, 3)
        _at_end(apdu, place + count + (4 if kind == _LIST_LAST_BLOCK else 0))
        return [AccessResult.of(code) for code in apdu[place : place + count]]
    raise CodecError(f"a SET response of kind {kind} over {len(apdu)} bytes does not exist")


def _decode_list(apdu: bytes, invoke: int) -> SetList:
    count, place = decode_length(apdu, 3)
    attributes, place = _decode_attributes(apdu, place, count)
    values, place = decode_values(apdu, place, count, "attributes")
    _at_end(apdu, place)
    return SetList(invoke, attributes, values)


def _encode_attribute(attribute: Attribute) -> bytes:
    class_id, logical_name, number = attribute
    return class_id.to_bytes(2, "big") + logical_name + number.to_bytes(1, "big", signed=True) + b"\x00"


def _decode_attributes(apdu: bytes, place: int, count: int) -> tuple[list[Attribute], int]:
    if count * (_DESCRIPTOR + 1) > len(apdu) - place:
        raise CodecError(f"{count} attributes are announced in {len(apdu) - place} bytes")
    attributes = []
    for start in range(place, place + count * (_DESCRIPTOR + 1), _DESCRIPTOR + 1):
        if apdu[start + _DESCRIPTOR]:
            raise CodecError("selective access is not written in lists and blocks")
        number = int.from_bytes(apdu[start + 8 : start + 9], "big", signed=True)
        class_id = int.from_bytes(apdu[start : start + 2], "big")
        attributes.append(Attribute(class_id, apdu[start + 2 : start + 8], number))
    return attributes, place + count * (_DESCRIPTOR + 1)


def _at_end(data: bytes, place: int) -> None:
    if place != len(data):
        raise CodecError(f"the APDU has {len(data)} bytes, not {place}")
