"""Services with logical name referencing: GET, SET and ACTION (IEC 62056-5-3, clause 7.3; both sides)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from meterhub_dlms.codec.axdr import Data, decode_from, decode_length, decode_octets, encode, encode_length
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.xdlms import AccessResult

GET_REQUEST, SET_REQUEST, ACTION_REQUEST = 0xC0, 0xC1, 0xC3
GET_RESPONSE, SET_RESPONSE, ACTION_RESPONSE = 0xC4, 0xC5, 0xC7
NORMAL, NEXT, WITH_LIST = 1, 2, 3
WITH_BLOCK = 2

PRIORITY = 0xC0
"""High priority and confirmed; the lower four bits are the invoke-id."""

INVOKE_ID_MASK = 0x0F
INVOKE_ID_AT = 2
"""Where invoke-id and priority stand in every APDU of these services."""

DESCRIPTOR_SIZE = 10
"""Bytes of one attribute descriptor in a list."""

BLOCK_OVERHEAD = 12
"""Bytes of a response with a block beside its contents, at most."""

GetResult = Data | AccessResult
"""What one item of a GET brought."""


class Attribute(NamedTuple):
    """One attribute (or method) of one COSEM object."""

    class_id: int
    logical_name: bytes
    number: int


class GetRequest(NamedTuple):
    """A GET: the attributes wanted, and for each whether selective access was asked for."""

    invoke: int
    attributes: Sequence[Attribute]
    selective: Sequence[bool]
    with_list: bool


class GetNext(NamedTuple):
    """The request for the block after ``block``."""

    invoke: int
    block: int


class SetRequest(NamedTuple):
    """A SET of one attribute."""

    invoke: int
    attribute: Attribute
    selective: bool
    data: Data


class ActionRequest(NamedTuple):
    """A call of one method."""

    invoke: int
    method: Attribute
    data: Data | None


class Block(NamedTuple):
    """One block of a long GET response."""

    last: bool
    number: int
    content: bytes | AccessResult


# -- the client's side --------------------------------------------------------------------------


def encode_get(attribute: Attribute, invoke: int = 0) -> bytes:
    """A GET of one attribute."""
    return bytes((GET_REQUEST, NORMAL, PRIORITY | invoke)) + _encode_attribute(attribute) + b"\x00"


def encode_get_list(attributes: Sequence[Attribute], invoke: int = 0) -> bytes:
    """A GET of several attributes at once."""
    head = bytes((GET_REQUEST, WITH_LIST, PRIORITY | invoke)) + encode_length(len(attributes))
    return head + b"".join(_encode_attribute(attribute) + b"\x00" for attribute in attributes)


def encode_get_next(block: int, invoke: int) -> bytes:
    """The request for what follows ``block``."""
    return bytes((GET_REQUEST, NEXT, PRIORITY | invoke)) + block.to_bytes(4, "big")


def encode_set(attribute: Attribute, data: Data, invoke: int = 0) -> bytes:
    """A SET of one attribute."""
    return bytes((SET_REQUEST, NORMAL, PRIORITY | invoke)) + _encode_attribute(attribute) + b"\x00" + encode(data)


def decode_get_response(apdu: bytes) -> GetResult | Block | list[GetResult]:
    """One result, a block of a long answer, or the results of a list; ``CodecError`` when malformed."""
    kind = _kind(apdu, GET_RESPONSE)
    if kind == NORMAL:
        result, end = _decode_result(apdu, 3)
        _at_end(apdu, end)
        return result
    if kind == WITH_BLOCK:
        return _decode_block(apdu)
    if kind == WITH_LIST:
        return decode_results(apdu, 3)
    raise CodecError(f"a GET response of kind {kind} does not exist")


def decode_results(data: bytes, start: int = 0) -> list[GetResult]:
    """The results of a list, their count first, up to the end of ``data``."""
    count, place = decode_length(data, start)
    if count > len(data) - place:
        raise CodecError(f"{count} results are announced in {len(data) - place} bytes")
    results: list[GetResult] = []
    for _ in range(count):
        result, place = _decode_result(data, place)
        results.append(result)
    _at_end(data, place)
    return results


def decode_set_response(apdu: bytes) -> AccessResult:
    """The outcome of a SET; ``CodecError`` when malformed."""
    if _kind(apdu, SET_RESPONSE) != NORMAL or len(apdu) != 4:
        raise CodecError("the SET response is malformed")
    return AccessResult.of(apdu[3])


def _decode_result(data: bytes, place: int) -> tuple[GetResult, int]:
    try:
        choice = data[place]
        if choice == 0:
            return decode_from(data, place + 1)
        if choice == 1:
            return AccessResult.of(data[place + 1]), place + 2
    except IndexError:
        raise CodecError("a result is cut off") from None
    raise CodecError(f"a result is neither data nor an error but {choice}")


def _decode_block(apdu: bytes) -> Block:
    if len(apdu) < 10:
        raise CodecError("a block is cut off")
    number = int.from_bytes(apdu[4:8], "big")
    if apdu[8]:
        return Block(bool(apdu[3]), number, AccessResult.of(apdu[9]))
    content, end = decode_octets(apdu, 9)
    _at_end(apdu, end)
    return Block(bool(apdu[3]), number, content)


# -- the server's side --------------------------------------------------------------------------


def decode_get_request(apdu: bytes) -> GetRequest | GetNext:
    """A GET; ``CodecError`` when it is malformed."""
    kind, invoke = _kind(apdu, GET_REQUEST), apdu[INVOKE_ID_AT]
    if kind == NEXT and len(apdu) == 7:
        return GetNext(invoke, int.from_bytes(apdu[3:7], "big"))
    if kind == NORMAL:
        count, place = 1, 3
    elif kind == WITH_LIST:
        count, place = decode_length(apdu, 3)
    else:
        raise CodecError(f"a GET request of kind {kind} over {len(apdu)} bytes does not exist")
    if not 1 <= count <= (len(apdu) - place) // DESCRIPTOR_SIZE:
        raise CodecError(f"{count} attributes are announced in {len(apdu) - place} bytes")
    attributes, selective = [], []
    for _ in range(count):
        attribute, selected, place = _decode_attribute(apdu, place)
        attributes.append(attribute)
        selective.append(selected)
    _at_end(apdu, place)
    return GetRequest(invoke, attributes, selective, kind == WITH_LIST)


def decode_set_request(apdu: bytes) -> SetRequest:
    """A SET of one attribute; ``CodecError`` when it is malformed or of another kind."""
    if _kind(apdu, SET_REQUEST) != NORMAL:
        raise CodecError(f"SET requests of kind {apdu[1]} are not served")
    attribute, selective, place = _decode_attribute(apdu, 3)
    data, end = decode_from(apdu, place)
    _at_end(apdu, end)
    return SetRequest(apdu[INVOKE_ID_AT], attribute, selective, data)


def decode_action_request(apdu: bytes) -> ActionRequest:
    """A call of one method; ``CodecError`` when it is malformed or of another kind."""
    if _kind(apdu, ACTION_REQUEST) != NORMAL:
        raise CodecError(f"ACTION requests of kind {apdu[1]} are not served")
    method, place = _decode_descriptor(apdu, 3)
    data: Data | None = None
    if apdu[place : place + 1] == b"\x01":
        data, place = decode_from(apdu, place + 1)
    elif apdu[place : place + 1] == b"\x00":
        place += 1
    else:
        raise CodecError("the ACTION request does not say whether it has parameters")
    _at_end(apdu, place)
    return ActionRequest(apdu[INVOKE_ID_AT], method, data)


def encode_result(result: bytes | AccessResult) -> bytes:
    """One item of a list: encoded data, or why there is none."""
    return bytes((1, result)) if isinstance(result, AccessResult) else b"\x00" + result


def encode_get_response(invoke: int, result: bytes | AccessResult) -> bytes:
    """The answer to a GET of one attribute."""
    return bytes((GET_RESPONSE, NORMAL, invoke)) + encode_result(result)


def encode_get_block(invoke: int, block: Block) -> bytes:
    """One block of a long answer."""
    head = bytes((GET_RESPONSE, WITH_BLOCK, invoke, block.last)) + block.number.to_bytes(4, "big")
    if isinstance(block.content, AccessResult):
        return head + bytes((1, block.content))
    return head + b"\x00" + encode_length(len(block.content)) + block.content


def encode_set_response(invoke: int, result: AccessResult) -> bytes:
    """The answer to a SET."""
    return bytes((SET_RESPONSE, NORMAL, invoke, result))


def encode_action_response(invoke: int, result: AccessResult) -> bytes:
    """The answer to a method call, without return parameters."""
    return bytes((ACTION_RESPONSE, NORMAL, invoke, result, 0))


def _encode_attribute(attribute: Attribute) -> bytes:
    class_id, logical_name, number = attribute
    return class_id.to_bytes(2, "big") + logical_name + number.to_bytes(1, "big", signed=True)


def _decode_descriptor(apdu: bytes, place: int) -> tuple[Attribute, int]:
    if len(apdu) < place + 10:
        raise CodecError("an attribute descriptor is cut off")
    class_id = int.from_bytes(apdu[place : place + 2], "big")
    number = int.from_bytes(apdu[place + 8 : place + 9], "big", signed=True)
    return Attribute(class_id, bytes(apdu[place + 2 : place + 8]), number), place + 9


def _decode_attribute(apdu: bytes, place: int) -> tuple[Attribute, bool, int]:
    """An attribute, whether selective access is asked for, and the place after it."""
    attribute, place = _decode_descriptor(apdu, place)
    if apdu[place] == 0:
        return attribute, False, place + 1
    _, end = decode_from(apdu, place + 2)
    return attribute, True, end


def _kind(apdu: bytes, tag: int) -> int:
    if len(apdu) < 4 or apdu[0] != tag:
        raise CodecError(f"an APDU with tag {tag:#04x} was expected")
    return apdu[1]


def _at_end(data: bytes, place: int) -> None:
    if place != len(data):
        raise CodecError(f"{len(data) - place} bytes follow the end of the APDU")
