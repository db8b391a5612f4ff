"""ACTION: calls of several methods at once (IEC 62056-5-3, clause 7.3.5; both sides)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from meterhub_dlms.codec.axdr import (
    NULL,
    Data,
    decode_from,
    decode_length,
    decode_values,
    encode,
    encode_length,
)
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.ln import ACTION_REQUEST, ACTION_RESPONSE, INVOKE_ID_AT, PRIORITY, Attribute
from meterhub_dlms.codec.ln_action import ActionOutcome, ActionResult, decode_block, encode_outcome
from meterhub_dlms.codec.xdlms import AccessResult

WITH_LIST, LIST_FIRST_BLOCK = 3, 5
_DESCRIPTOR = 9


class ActionList(NamedTuple):
    """A call of several methods; null-data stands for no parameter."""

    invoke: int
    methods: Sequence[Attribute]
    data: Sequence[Data]


class ListFirstBlock(NamedTuple):
    """The first block of a call of several methods; the next ones are those of any long call."""

    invoke: int
    methods: Sequence[Attribute]
    last: bool
    number: int
    content: bytes


def encode_action_list(methods: Sequence[Attribute], data: Sequence[Data | None], invoke: int = 0) -> bytes:
    """A call of several methods; ``CodecError`` when there is not one parameter (or ``None``) for each."""
    if len(methods) != len(data):
        raise CodecError(f"{len(data)} parameters are given for {len(methods)} methods")
    count = encode_length(len(methods))
    named = b"".join(
        class_id.to_bytes(2, "big") + name + number.to_bytes(1, "big", signed=True)
        for class_id, name, number in methods
    )
    parameters = b"".join(encode(item or Data(NULL, None)) for item in data)
    return bytes((ACTION_REQUEST, WITH_LIST, PRIORITY | invoke)) + count + named + count + parameters


def decode_action_list(apdu: bytes) -> ActionList | ListFirstBlock:
    """A call of several methods, whole or its first block; ``CodecError`` when malformed or another request."""
    if len(apdu) < 4 or apdu[0] != ACTION_REQUEST or apdu[1] not in (WITH_LIST, LIST_FIRST_BLOCK):
        raise CodecError("an ACTION of several methods was expected")
    invoke = apdu[INVOKE_ID_AT]
    methods, place = _decode_methods(apdu, 3)
    if apdu[1] == WITH_LIST:
        return ActionList(invoke, methods, _decode_parameters(apdu, place, len(methods)))
    block = decode_block(apdu, place)
    return ListFirstBlock(invoke, methods, block.last, block.number, block.content)


def decode_parameters(content: bytes, count: int) -> list[Data]:
    """The parameters that the blocks of a long call of ``count`` methods make together."""
    return _decode_parameters(content, 0, count)


def encode_outcomes(outcomes: Sequence[ActionOutcome]) -> bytes:
    """What the calls brought: the content of a response, whole or in blocks."""
    return encode_length(len(outcomes)) + b"".join(map(encode_outcome, outcomes))


def encode_list_response(invoke: int, content: bytes) -> bytes:
    """The answer to a call of several methods; ``content`` as :func:`encode_outcomes` makes it."""
    return bytes((ACTION_RESPONSE, WITH_LIST, invoke)) + content


def decode_outcomes(content: bytes) -> list[ActionOutcome]:
    """What :func:`encode_outcomes` made; ``CodecError`` when malformed."""
    count, place = decode_length(content, 0)
    if count > len(content) - place:
        raise CodecError(f"{count} outcomes are announced in {len(content) - place} bytes")
    outcomes = []
    for _ in range(count):
        outcome, place = _decode_outcome(content, place)
        outcomes.append(outcome)
    if place != len(content):
        raise CodecError(f"{len(content) - place} bytes follow the outcomes")
    return outcomes


def _decode_outcome(content: bytes, place: int) -> tuple[ActionOutcome, int]:
    head = content[place : place + 3]
    if len(head) < 2 or head[1] > 1 or (head[1] and len(head) < 3):
        raise CodecError("an outcome is cut off")
    result = ActionResult.of(head[0])
    if not head[1]:
        return ActionOutcome(result), place + 2
    if head[2] == 0:
        returned, end = decode_from(content, place + 3)
        return ActionOutcome(result, returned), end
    if head[2] == 1 and place + 3 < len(content):
        return ActionOutcome(result, AccessResult.of(content[place + 3])), place + 4
    raise CodecError("what a method returned is neither data nor an error")


def _decode_methods(apdu: bytes, start: int) -> tuple[list[Attribute], int]:
    count, place = decode_length(apdu, start)
    end = place + count * _DESCRIPTOR
    if not count or end > len(apdu):
        raise CodecError(f"{count} methods are announced in {len(apdu) - place} bytes")
    methods = []
    for at in range(place, end, _DESCRIPTOR):
        number = int.from_bytes(apdu[at + 8 : at + 9], "big", signed=True)
        methods.append(Attribute(int.from_bytes(apdu[at : at + 2], "big"), apdu[at + 2 : at + 8], number))
    return methods, end


def _decode_parameters(data: bytes, start: int, count: int) -> list[Data]:
    parameters, end = decode_values(data, start, count, "methods")
    if end != len(data):
        raise CodecError(f"{len(data) - end} bytes follow the parameters")
    return parameters
