"""Services with short name referencing: Read, Write, UnconfirmedWrite (IEC 62056-5-3, clause 7.3; both sides)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from meterhub_dlms.codec.axdr import (
    Data,
    decode_from,
    decode_length,
    decode_octets,
    decode_values,
    encode,
    encode_length,
    encode_octets,
)
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.ln import Block, GetResult
from meterhub_dlms.codec.xdlms import AccessResult

READ_REQUEST, WRITE_REQUEST, UNCONFIRMED_WRITE_REQUEST = 0x05, 0x06, 0x16
READ_RESPONSE, WRITE_RESPONSE, INFORMATION_REPORT = 0x0C, 0x0D, 0x18

NAME_SIZE = 3
"""Bytes of one short name in a list; its result takes one byte beside the data."""

_NAME, _PARAMETERIZED, _BLOCK_NUMBER, _READ_BLOCK, _WRITE_BLOCK = 2, 4, 5, 6, 7
_DATA, _ERROR, _BLOCK, _NEXT_NUMBER = 0, 1, 2, 3
_WRITE_NUMBER = 2


class Variable(NamedTuple):
    """One short name (0 to 65,535), with the selector and parameter of selective access where it has them."""

    name: int
    selector: int | None = None
    parameter: Data | None = None


class NextBlock(NamedTuple):
    """Asks for what follows block ``number`` of a long answer, or acknowledges that block of a long request."""

    number: int


class RequestBlock(NamedTuple):
    """One block of a request that is too long for one APDU."""

    last: bool
    number: int
    content: bytes


class WriteBlockHead(NamedTuple):
    """Says that the data of a Write are one block of a long request."""

    last: bool
    number: int


Specification = Variable | NextBlock | RequestBlock | WriteBlockHead
"""Variable-access-specification: what one item of a request names."""

ReadResult = GetResult | Block | NextBlock
"""What one item of a Read brought: data, an error, a block of a long answer, or the call for a request's next block."""


class WriteRequest(NamedTuple):
    """A Write: what it names and the data for each; nobody answers when it is not ``confirmed``."""

    items: Sequence[Specification]
    data: Sequence[Data]
    confirmed: bool = True


# -- the client's side --------------------------------------------------------------------------


def encode_read(items: Sequence[Specification]) -> bytes:
    """A Read of one or several items; ``CodecError`` when a name or block number does not fit two bytes."""
    return bytes((READ_REQUEST,)) + encode_length(len(items)) + b"".join(map(_encode_item, items))


def encode_write(request: WriteRequest) -> bytes:
    """A Write with one value for each item."""
    if len(request.items) != len(request.data):
        raise CodecError(f"{len(request.data)} values are given for {len(request.items)} names")
    tag = WRITE_REQUEST if request.confirmed else UNCONFIRMED_WRITE_REQUEST
    count = encode_length(len(request.items))
    names, values = b"".join(map(_encode_item, request.items)), b"".join(map(encode, request.data))
    return bytes((tag,)) + count + names + count + values


def decode_read_response(apdu: bytes) -> list[ReadResult]:
    """The results of a Read in the order of its items; ``CodecError`` when malformed."""
    count, place = _count(apdu, READ_RESPONSE)
    results: list[ReadResult] = []
    for _ in range(count):
        result, place = _decode_result(apdu, place)
        results.append(result)
    _at_end(apdu, place)
    return results


def decode_results(data: bytes) -> list[GetResult]:
    """The results that the blocks of a long answer make together; ``CodecError`` when malformed."""
    results = decode_read_response(bytes((READ_RESPONSE,)) + data)
    plain = [result for result in results if isinstance(result, Data | AccessResult)]
    if len(plain) != len(results):
        raise CodecError("a block lies within blocks")
    return plain


def decode_write_response(apdu: bytes) -> list[AccessResult | NextBlock]:
    """The outcomes of a Write in the order of its items; ``CodecError`` when malformed."""
    count, place = _count(apdu, WRITE_RESPONSE)
    results: list[AccessResult | NextBlock] = []
    for _ in range(count):
        choice = _octet(apdu, place)
        if choice == _DATA:
            results.append(AccessResult.SUCCESS)
            place += 1
        elif choice == _ERROR:
            results.append(AccessResult.of(_octet(apdu, place + 1)))
            place += 2
        elif choice == _WRITE_NUMBER:
            results.append(NextBlock(_word(apdu, place + 1)))
            place += 3
        else:
            raise CodecError(f"a result of a Write is neither success nor an error but {choice}")
    _at_end(apdu, place)
    return results


# -- the server's side --------------------------------------------------------------------------


def decode_read_request(apdu: bytes) -> list[Specification]:
    """The items of a Read; ``CodecError`` when it is malformed."""
    count, place = _count(apdu, READ_REQUEST)
    items, place = _decode_items(apdu, place, count)
    _at_end(apdu, place)
    return items


def decode_write_request(apdu: bytes) -> WriteRequest:
    """A Write, confirmed or not; ``CodecError`` when it is malformed or has not one value for each item."""
    confirmed = apdu[:1] != bytes((UNCONFIRMED_WRITE_REQUEST,))
    count, place = _count(apdu, WRITE_REQUEST if confirmed else UNCONFIRMED_WRITE_REQUEST)
    items, place = _decode_items(apdu, place, count)
    values, place = decode_values(apdu, place, count, "names")
    _at_end(apdu, place)
    return WriteRequest(items, values, confirmed)


def encode_read_result(result: bytes | AccessResult | Block | NextBlock) -> bytes:
    """One item of a Read's response: encoded data, an error, or a block."""
    if isinstance(result, AccessResult):
        return bytes((_ERROR, result))
    if isinstance(result, NextBlock):
        return bytes((_NEXT_NUMBER,)) + _encode_word(result.number)
    if isinstance(result, Block):
        if isinstance(result.content, AccessResult):
            return bytes((_ERROR, result.content))
        return bytes((_BLOCK, result.last)) + _encode_word(result.number) + encode_octets(result.content)
    return bytes((_DATA,)) + result


def encode_read_response(results: Sequence[bytes | AccessResult | Block | NextBlock]) -> bytes:
    """The answer to a Read."""
    return bytes((READ_RESPONSE,)) + encode_length(len(results)) + b"".join(map(encode_read_result, results))


def encode_write_response(results: Sequence[AccessResult | NextBlock]) -> bytes:
    """The answer to a Write."""
    parts = [bytes((WRITE_RESPONSE,)), encode_length(len(results))]
    for result in results:
        if isinstance(result, NextBlock):
            parts.append(bytes((_WRITE_NUMBER,)) + _encode_word(result.number))
        else:
            parts.append(b"\x00" if result is AccessResult.SUCCESS else bytes((_ERROR, result)))
    return b"".join(parts)


# -- both -----------------------------------------------------------------------------------------


def _encode_item(item: Specification) -> bytes:
    if isinstance(item, NextBlock):
        return bytes((_BLOCK_NUMBER,)) + _encode_word(item.number)
    if isinstance(item, RequestBlock):
        return bytes((_READ_BLOCK, item.last)) + _encode_word(item.number) + encode_octets(item.content)
    if isinstance(item, WriteBlockHead):
        return bytes((_WRITE_BLOCK, item.last)) + _encode_word(item.number)
    if item.selector is None or item.parameter is None:
        return bytes((_NAME,)) + _encode_word(item.name)
    return bytes((_PARAMETERIZED,)) + _encode_word(item.name) + bytes((item.selector,)) + encode(item.parameter)


def _decode_items(apdu: bytes, place: int, count: int) -> tuple[list[Specification], int]:
    items: list[Specification] = []
    for _ in range(count):
        item, place = _decode_item(apdu, place)
        items.append(item)
    return items, place


def _decode_item(apdu: bytes, place: int) -> tuple[Specification, int]:
    choice = _octet(apdu, place)
    if choice == _NAME:
        return Variable(_word(apdu, place + 1)), place + 3
    if choice == _PARAMETERIZED:
        name, selector = _word(apdu, place + 1), _octet(apdu, place + 3)
        parameter, end = decode_from(apdu, place + 4)
        return Variable(name, selector, parameter), end
    if choice == _BLOCK_NUMBER:
        return NextBlock(_word(apdu, place + 1)), place + 3
    last, number = bool(_octet(apdu, place + 1)), _word(apdu, place + 2)
    if choice == _WRITE_BLOCK:
        return WriteBlockHead(last, number), place + 4
    if choice == _READ_BLOCK:
        content, end = decode_octets(apdu, place + 4)
        return RequestBlock(last, number, content), end
    raise CodecError(f"a variable access of kind {choice} does not exist")


def _decode_result(apdu: bytes, place: int) -> tuple[ReadResult, int]:
    choice = _octet(apdu, place)
    if choice == _DATA:
        return decode_from(apdu, place + 1)
    if choice == _ERROR:
        return AccessResult.of(_octet(apdu, place + 1)), place + 2
    if choice == _BLOCK:
        last, number = bool(_octet(apdu, place + 1)), _word(apdu, place + 2)
        content, end = decode_octets(apdu, place + 4)
        return Block(last, number, content), end
    if choice == _NEXT_NUMBER:
        return NextBlock(_word(apdu, place + 1)), place + 3
    raise CodecError(f"a result of a Read is neither data nor an error but {choice}")


def _count(apdu: bytes, tag: int) -> tuple[int, int]:
    """How many items an APDU has, and where the first one begins; each takes one byte at least."""
    if apdu[:1] != bytes((tag,)):
        raise CodecError(f"an APDU with tag {tag:#04x} was expected")
    count, place = decode_length(apdu, 1)
    if not 1 <= count <= len(apdu) - place:
        raise CodecError(f"{count} items are announced in {len(apdu) - place} bytes")
    return count, place


def _octet(apdu: bytes, place: int) -> int:
    try:
        return apdu[place]
    except IndexError:
        raise CodecError("an item is cut off") from None


def _word(apdu: bytes, place: int) -> int:
    if place + 2 > len(apdu):
        raise CodecError("an item is cut off")
    return int.from_bytes(apdu[place : place + 2], "big")


def _encode_word(number: int) -> bytes:
    if not 0 <= number <= 0xFFFF:
        raise CodecError(f"{number} is no short name or block number; 0 to 65535 will do")
    return number.to_bytes(2, "big")


def _at_end(data: bytes, place: int) -> None:
    if place != len(data):
        raise CodecError(f"{len(data) - place} bytes follow the end of the APDU")
