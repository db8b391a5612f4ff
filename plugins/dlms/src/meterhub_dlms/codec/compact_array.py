"""Compact arrays: the types once, then the values without their tags (IEC 62056-6-2, clause 4.1.5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from meterhub_dlms.codec import axdr
from meterhub_dlms.codec.axdr import Data, decode_length, decode_untagged
from meterhub_dlms.codec.errors import CodecError

MAX_VALUES = 1000
"""Values that one element may have in all its arrays and structures."""


class Shape(NamedTuple):
    """The type of an element; ``parts`` are those of a structure's members, or of an array's elements."""

    tag: int
    parts: tuple[Shape, ...] = ()


def elements(array: Data) -> Iterator[Data]:
    """The elements of a compact array, one at a time, as those of an array would be; ``CodecError`` when malformed."""
    if array.tag != axdr.COMPACT_ARRAY:
        raise CodecError("a compact array was expected")
    description, contents = array.value
    shape, end = _shape(description, 0, [MAX_VALUES], 0)
    if end != len(description):
        raise CodecError("a type description is longer than its types")
    place = 0
    while place < len(contents):
        element, after = _element(contents, shape, place)
        if after == place:
            raise CodecError("the elements of a compact array have no bytes")
        yield element
        place = after


def _shape(description: bytes, place: int, left: list[int], depth: int) -> tuple[Shape, int]:
    """The type at ``place`` and the place after it; ``left`` counts down the values that it makes."""
    left[0] -= 1
    if place >= len(description) or left[0] < 0 or depth >= axdr.MAX_DEPTH:
        raise CodecError("a type description is cut off, too deep or too long")
    tag = description[place]
    if tag == axdr.STRUCTURE:
        count, place = decode_length(description, place + 1)
        parts = []
        for _ in range(min(count, MAX_VALUES + 1)):
            part, place = _shape(description, place, left, depth + 1)
            parts.append(part)
        return Shape(tag, tuple(parts)), place
    if tag == axdr.ARRAY:
        count = int.from_bytes(description[place + 1 : place + 3], "big")
        before = left[0]
        part, place = _shape(description, place + 3, left, depth + 1)
        left[0] -= (count - 1) * (before - left[0])
        if left[0] < 0:
            raise CodecError("a type description makes too many values")
        return Shape(tag, (part,) * count), place
    return Shape(tag), place + 1


def _element(contents: bytes, shape: Shape, place: int) -> tuple[Data, int]:
    if shape.tag not in (axdr.ARRAY, axdr.STRUCTURE):
        return decode_untagged(contents, shape.tag, place)
    values = []
    for part in shape.parts:
        value, place = _element(contents, part, place)
        values.append(value)
    return Data(shape.tag, values), place
