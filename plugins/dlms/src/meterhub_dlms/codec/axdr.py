"""COSEM data in A-XDR (IEC 61334-6, with the types of IEC 62056-6-2, clause 4.1.5)."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from meterhub_dlms.codec.errors import CodecError

NULL, ARRAY, STRUCTURE, BOOLEAN, BIT_STRING = 0, 1, 2, 3, 4
INT32, UINT32, OCTET_STRING, VISIBLE_STRING, UTF8_STRING, BCD = 5, 6, 9, 10, 12, 13
INT8, INT16, UINT8, UINT16, COMPACT_ARRAY, INT64, UINT64, ENUM = 15, 16, 17, 18, 19, 20, 21, 22
FLOAT32, FLOAT64, DATE_TIME, DATE, TIME = 23, 24, 25, 26, 27

MAX_DEPTH = 16
"""How deep arrays and structures may nest; the standard's own objects need six levels."""

INTEGER_RANGES = {
    INT8: (-(2**7), 2**7 - 1),
    INT16: (-(2**15), 2**15 - 1),
    INT32: (-(2**31), 2**31 - 1),
    INT64: (-(2**63), 2**63 - 1),
    UINT8: (0, 2**8 - 1),
    UINT16: (0, 2**16 - 1),
    UINT32: (0, 2**32 - 1),
    UINT64: (0, 2**64 - 1),
    ENUM: (0, 2**8 - 1),
}
"""Lowest and highest value of each integer type."""

_FIXED = {
    tag: struct.Struct(">" + code)
    for tag, code in {
        BOOLEAN: "?", INT32: "i", UINT32: "I", BCD: "b", INT8: "b", INT16: "h", UINT8: "B", UINT16: "H",
        INT64: "q", UINT64: "Q", ENUM: "B", FLOAT32: "f", FLOAT64: "d", DATE_TIME: "12s", DATE: "5s", TIME: "4s",
    }.items()
}  # fmt: skip
_BYTES_TAGS = frozenset({OCTET_STRING, VISIBLE_STRING, UTF8_STRING})


class Data(NamedTuple):
    """One COSEM value and the tag of its type.

    ``value`` is an ``int``, ``float`` or ``bool``; ``bytes`` for strings, dates and times; a ``str``
    of zeros and ones for a bit string; a list of :class:`Data` for arrays and structures; the bytes of
    description and contents for a compact array; ``None`` for null-data.
    """

    tag: int
    value: Any


def decode(data: bytes) -> Data:
    """The one value that ``data`` holds; ``CodecError`` when it is malformed or longer than its value."""
    value, end = decode_from(data, 0)
    if end != len(data):
        raise CodecError(f"{len(data) - end} bytes follow the value")
    return value


def decode_values(data: bytes, start: int, count: int, what: str) -> tuple[list[Data], int]:
    """A counted list of ``count`` values and the place after it; ``what`` names in an error what they are for."""
    given, place = decode_length(data, start)
    if given != count:
        raise CodecError(f"{given} values are given for {count} {what}")
    values: list[Data] = []
    for _ in range(count):
        value, place = decode_from(data, place)
        values.append(value)
    return values, place


def decode_from(data: bytes, start: int, depth: int = 0) -> tuple[Data, int]:
    """The value at ``start`` and the place after it; ``CodecError`` when it is malformed."""
    try:
        tag = data[start]
        fixed = _FIXED.get(tag)
        if fixed is not None:
            return Data(tag, fixed.unpack_from(data, start + 1)[0]), start + 1 + fixed.size
        return _decode_variable(data, tag, start + 1, depth)
    except (IndexError, struct.error):
        raise CodecError("the value is cut off") from None


def decode_untagged(data: bytes, tag: int, start: int) -> tuple[Data, int]:
    """The value of a known simple type at ``start``, its tag left out, and the place after it."""
    try:
        fixed = _FIXED.get(tag)
        if fixed is not None:
            return Data(tag, fixed.unpack_from(data, start)[0]), start + fixed.size
        return _decode_variable(data, tag, start, 0)
    except (IndexError, struct.error):
        raise CodecError("the value is cut off") from None


def _decode_variable(data: bytes, tag: int, start: int, depth: int) -> tuple[Data, int]:
    if tag in _BYTES_TAGS:
        octets, end = decode_octets(data, start)
        return Data(tag, octets), end
    if tag in (ARRAY, STRUCTURE):
        return _decode_elements(data, tag, start, depth)
    if tag == NULL:
        return Data(NULL, None), start
    if tag == BIT_STRING:
        return _decode_bits(data, start)
    if tag == COMPACT_ARRAY:
        end = _skip_type(data, start, depth)
        contents, after = decode_octets(data, end)
        return Data(tag, (data[start:end], contents)), after
    raise CodecError(f"data type {tag} does not exist")


def _decode_elements(data: bytes, tag: int, start: int, depth: int) -> tuple[Data, int]:
    if depth >= MAX_DEPTH:
        raise CodecError(f"arrays and structures nest deeper than {MAX_DEPTH} levels")
    count, place = decode_length(data, start)
    if count > len(data) - place:
        raise CodecError(f"{count} elements are announced in {len(data) - place} bytes")
    elements = []
    for _ in range(count):
        element, place = decode_from(data, place, depth + 1)
        elements.append(element)
    return Data(tag, elements), place


def _decode_bits(data: bytes, start: int) -> tuple[Data, int]:
    bits, place = decode_length(data, start)
    end = place + (bits + 7) // 8
    if end > len(data):
        raise CodecError("a bit string is cut off")
    text = f"{int.from_bytes(data[place:end], 'big'):0{(end - place) * 8}b}" if bits else ""
    return Data(BIT_STRING, text[:bits]), end


def _skip_type(data: bytes, start: int, depth: int) -> int:
    """The place after a compact array's type description."""
    if depth >= MAX_DEPTH:
        raise CodecError(f"a type description nests deeper than {MAX_DEPTH} levels")
    tag, place = data[start], start + 1
    if tag == ARRAY:
        return _skip_type(data, place + 2, depth + 1)
    if tag == STRUCTURE:
        count, place = decode_length(data, place)
        if count > len(data) - place:
            raise CodecError(f"{count} types are announced in {len(data) - place} bytes")
        for _ in range(count):
            place = _skip_type(data, place, depth + 1)
    return place


def decode_length(data: bytes, start: int) -> tuple[int, int]:
    """A length or count at ``start``, and the place after it."""
    try:
        first = data[start]
    except IndexError:
        raise CodecError("a length is missing") from None
    if first < 0x80:
        return first, start + 1
    size = first & 0x7F
    if not 1 <= size <= 4 or start + 1 + size > len(data):
        raise CodecError("a length is malformed")
    return int.from_bytes(data[start + 1 : start + 1 + size], "big"), start + 1 + size


def decode_octets(data: bytes, start: int) -> tuple[bytes, int]:
    """An octet string with its length before it, and the place after it."""
    length, place = decode_length(data, start)
    end = place + length
    if end > len(data):
        raise CodecError(f"a string of {length} bytes is cut off")
    return bytes(data[place:end]), end


def encode_length(length: int) -> bytes:
    """A length or count: one byte to 127, then as many as needed behind a byte that counts them."""
    if length < 0x80:
        return bytes((length,))
    size = (length.bit_length() + 7) // 8
    return bytes((0x80 | size,)) + length.to_bytes(size, "big")


def encode_octets(octets: bytes) -> bytes:
    """An octet string with its length before it."""
    return encode_length(len(octets)) + octets


def encode(data: Data) -> bytes:
    """The bytes of a value, tag first; ``CodecError`` when the type cannot hold it."""
    tag, value = data
    try:
        fixed = _FIXED.get(tag)
        if fixed is not None:
            return bytes((tag,)) + _pack(fixed, tag, value)
        if tag in _BYTES_TAGS:
            return bytes((tag,)) + encode_octets(value)
        if tag in (ARRAY, STRUCTURE):
            return bytes((tag,)) + encode_length(len(value)) + b"".join(map(encode, value))
        if tag == NULL:
            return b"\x00"
        if tag == BIT_STRING:
            return bytes((tag,)) + _encode_bits(value)
        if tag == COMPACT_ARRAY:
            return b"".join((bytes((tag,)), value[0], encode_octets(value[1])))
    except (struct.error, OverflowError, TypeError, ValueError, RecursionError) as error:
        raise CodecError(f"{str(value)[:60]!r} does not fit data type {tag}: {error}") from None
    raise CodecError(f"data type {tag} does not exist")


def _pack(fixed: struct.Struct, tag: int, value: Any) -> bytes:
    if tag in (DATE_TIME, DATE, TIME) and len(value) != fixed.size:
        raise CodecError(f"data type {tag} has {fixed.size} bytes, not {len(value)}")
    return bytes(fixed.pack(value))


def _encode_bits(text: str) -> bytes:
    size = (len(text) + 7) // 8
    bits = int(text.ljust(size * 8, "0"), 2) if text else 0
    return encode_length(len(text)) + bits.to_bytes(size, "big")
