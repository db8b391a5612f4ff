"""ACTION: calls of methods with what they return, and long ones in blocks (IEC 62056-5-3, clause 7.3.5; both sides).

The server's decoder of a short call is in :mod:`meterhub_dlms.codec.ln`.
"""

from __future__ import annotations

from typing import NamedTuple

from meterhub_dlms.codec.axdr import Data, decode_from, decode_octets, encode, encode_octets
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.ln import (
    ACTION_REQUEST,
    ACTION_RESPONSE,
    INVOKE_ID_AT,
    PRIORITY,
    ActionRequest,
    Attribute,
    GetResult,
    decode_action_request,
)
from meterhub_dlms.codec.xdlms import AccessResult, ServiceResult

_NORMAL, _REQUEST_NEXT, _REQUEST_FIRST, _REQUEST_BLOCK = 1, 2, 4, 6
_RESPONSE_BLOCK, _RESPONSE_NEXT = 2, 4
_DESCRIPTOR = 9


class ActionResult(ServiceResult):
    """Outcome of a method call (clause 7.3.5; its numbers are those of AccessResult where both have them)."""

    SUCCESS = 0
    HARDWARE_FAULT = 1
    TEMPORARY_FAILURE = 2
    READ_WRITE_DENIED = 3
    OBJECT_UNDEFINED = 4
    OBJECT_CLASS_INCONSISTENT = 9
    OBJECT_UNAVAILABLE = 11
    TYPE_UNMATCHED = 12
    SCOPE_OF_ACCESS_VIOLATED = 13
    DATA_BLOCK_UNAVAILABLE = 14
    LONG_ACTION_ABORTED = 15
    NO_LONG_ACTION_IN_PROGRESS = 16
    OTHER_REASON = 250


class ActionOutcome(NamedTuple):
    """What a call brought: its result, and what the method returned where it returns anything."""

    result: ActionResult
    returned: GetResult | None = None


class ActionBlock(NamedTuple):
    """One block of a long call or of what it returned; ``method`` is named in the first one of a call only."""

    invoke: int
    last: bool
    number: int
    content: bytes
    method: Attribute | None = None


class NextBlock(NamedTuple):
    """Asks for the block after ``number``."""

    invoke: int
    number: int


# -- requests -------------------------------------------------------------------------------------


def encode_action(method: Attribute, data: Data | None = None, invoke: int = 0) -> bytes:
    """A call of one method, with its parameters where it takes any."""
    head = bytes((ACTION_REQUEST, _NORMAL, PRIORITY | invoke)) + _encode_method(method)
    return head + (b"\x00" if data is None else b"\x01" + encode(data))


def encode_request_block(block: ActionBlock) -> bytes:
    """One block of a long call: the parameters, encoded, in parts."""
    kind = _REQUEST_BLOCK if block.method is None else _REQUEST_FIRST
    head = bytes((ACTION_REQUEST, kind, block.invoke))
    return head + (b"" if block.method is None else _encode_method(block.method)) + _encode_block(block)


def encode_request_next(number: int, invoke: int) -> bytes:
    """The request for what follows block ``number`` of the answer."""
    return bytes((ACTION_REQUEST, _REQUEST_NEXT, PRIORITY | invoke)) + number.to_bytes(4, "big")


def decode_request(apdu: bytes) -> ActionRequest | ActionBlock | NextBlock:
    """A call of one method, whole or in blocks; ``CodecError`` when malformed or a list."""
    kind = _kind(apdu, ACTION_REQUEST)
    if kind == _NORMAL:
        return decode_action_request(apdu)
    if kind == _REQUEST_NEXT and len(apdu) == 7:
        return NextBlock(apdu[INVOKE_ID_AT], int.from_bytes(apdu[3:7], "big"))
    if kind == _REQUEST_BLOCK:
        return decode_block(apdu, 3)
    if kind != _REQUEST_FIRST or len(apdu) < 3 + _DESCRIPTOR:
        raise CodecError(f"an ACTION request of kind {kind} over {len(apdu)} bytes is not served")
    number = int.from_bytes(apdu[11:12], "big", signed=True)
    method = Attribute(int.from_bytes(apdu[3:5], "big"), apdu[5:11], number)
    return decode_block(apdu, 3 + _DESCRIPTOR, method)


# -- responses ------------------------------------------------------------------------------------


def encode_outcome(outcome: ActionOutcome) -> bytes:
    """A result with what the method returned: the content of a response, whole or in blocks."""
    head = bytes((outcome.result,))
    if outcome.returned is None:
        return head + b"\x00"
    if isinstance(outcome.returned, AccessResult):
        return head + bytes((1, 1, outcome.returned))
    return head + b"\x01\x00" + encode(outcome.returned)


def decode_outcome(content: bytes) -> ActionOutcome:
    """What :func:`encode_outcome` made; ``CodecError`` when malformed."""
    if len(content) < 2 or content[1] > 1:
        raise CodecError("the outcome of an ACTION is malformed")
    result = ActionResult.of(content[0])
    returned: GetResult | None = None
    end = 2
    if content[1]:
        choice = content[2:3]
        if choice == b"\x01" and len(content) > 3:
            returned, end = AccessResult.of(content[3]), 4
        elif choice == b"\x00":
            returned, end = decode_from(content, 3)
        else:
            raise CodecError("what the ACTION returned is neither data nor an error")
    if end != len(content):
        raise CodecError(f"{len(content) - end} bytes follow the outcome of the ACTION")
    return ActionOutcome(result, returned)


def encode_response(invoke: int, outcome: ActionOutcome) -> bytes:
    """The answer to a call."""
    return bytes((ACTION_RESPONSE, _NORMAL, invoke)) + encode_outcome(outcome)


def encode_response_block(block: ActionBlock) -> bytes:
    """One block of a long answer."""
    return bytes((ACTION_RESPONSE, _RESPONSE_BLOCK, block.invoke)) + _encode_block(block)


def encode_response_next(invoke: int, number: int) -> bytes:
    """The answer to a block of a long call that is not the last: the next one, please."""
    return bytes((ACTION_RESPONSE, _RESPONSE_NEXT, invoke)) + number.to_bytes(4, "big")


def decode_response(apdu: bytes) -> ActionOutcome | ActionBlock | NextBlock:
    """The answer to a call of one method, whole or in blocks; ``CodecError`` when malformed or a list."""
    kind = _kind(apdu, ACTION_RESPONSE)
    if kind == _NORMAL:
        return decode_outcome(apdu[3:])
    if kind == _RESPONSE_BLOCK:
        return decode_block(apdu, 3)
    if kind == _RESPONSE_NEXT and len(apdu) == 7:
        return NextBlock(apdu[INVOKE_ID_AT], int.from_bytes(apdu[3:7], "big"))
    raise CodecError(f"an ACTION response of kind {kind} over {len(apdu)} bytes was not asked for")


def _encode_method(method: Attribute) -> bytes:
    class_id, logical_name, number = method
    return class_id.to_bytes(2, "big") + logical_name + number.to_bytes(1, "big", signed=True)


def _encode_block(block: ActionBlock) -> bytes:
    return bytes((block.last,)) + block.number.to_bytes(4, "big") + encode_octets(block.content)


def decode_block(apdu: bytes, place: int, method: Attribute | None = None) -> ActionBlock:
    """The block that an APDU ends with, from ``place`` on; ``CodecError`` when it is malformed."""
    if len(apdu) < place + 6:
        raise CodecError("a block of an ACTION is cut off")
    content, end = decode_octets(apdu, place + 5)
    if end != len(apdu):
        raise CodecError(f"{len(apdu) - end} bytes follow the block")
    number = int.from_bytes(apdu[place + 1 : place + 5], "big")
    return ActionBlock(apdu[INVOKE_ID_AT], bool(apdu[place]), number, content, method)


def _kind(apdu: bytes, tag: int) -> int:
    if len(apdu) < 4 or apdu[0] != tag:
        raise CodecError(f"an APDU with tag {tag:#04x} was expected")
    return apdu[1]
