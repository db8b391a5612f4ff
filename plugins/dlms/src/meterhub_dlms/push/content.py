"""What a push holds: its values, each with its place and, where the push carries it, its COSEM name.

Four ways to carry names are understood: the push object list among the values (IEC 62056-6-2, class 40, attribute 2);
a logical name before each value, with or without a scaler and unit behind it; the same in a structure of its own for
each value; and class, logical name and attribute before each value.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from meterhub_dlms.client.values import ScalerUnit, ValueMismatch, scaler_unit
from meterhub_dlms.codec import axdr, compact_array
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.ln import Attribute

MAX_ELEMENTS = 5000

_NAME_LENGTH = 6
_DEFINITION_LENGTH = 3


class Element(NamedTuple):
    """One value. ``place`` counts from 1, with a dot for each level: ``4`` or ``2.1``.

    ``name`` is what it is called where the push says so; its ``class_id`` and ``attribute`` are 0 where it does not.
    """

    place: str
    data: Data
    name: Attribute | None = None
    scaler: ScalerUnit | None = None


class Content(NamedTuple):
    """All values of a push, and how many there are on the uppermost level."""

    elements: list[Element]
    length: int


def read(data: Data) -> Content:
    """The values of a push; ``CodecError`` when there are too many."""
    items = _items(data)
    if items is None:
        return Content([Element("1", data)], 1)
    found: list[Element] = []
    names = _object_list(items)
    for place, item in enumerate(items, 1) if names else ():
        _take(found, Element(str(place), item, names[place - 1]))
        _walk_inside(item, str(place), found)
    if not names:
        _walk(items, "", found)
    return Content(found, len(items))


def _items(data: Data) -> Sequence[Data] | None:
    """The parts of an array, compact array or structure; ``None`` for any other value."""
    if data.tag == axdr.COMPACT_ARRAY:
        return list(islice(compact_array.elements(data), MAX_ELEMENTS + 1))
    return data.value if data.tag in (axdr.ARRAY, axdr.STRUCTURE) else None


def _object_list(items: Sequence[Data]) -> list[Attribute]:
    """The names of all items, where one of them is the push object list that names just so many."""
    for item in items:
        if item.tag == axdr.ARRAY and len(item.value) == len(items):
            names = [_definition(part.value) for part in item.value if part.tag == axdr.STRUCTURE]
            known = [name for name in names if name is not None]
            if len(known) == len(items):
                return known
    return []


def _definition(items: Sequence[Data]) -> Attribute | None:
    """Class, logical name and attribute, where ``items`` begin with them."""
    if len(items) < _DEFINITION_LENGTH or not _is_name(items[1]):
        return None
    if items[0].tag != axdr.UINT16 or items[2].tag != axdr.INT8:
        return None
    return Attribute(items[0].value, items[1].value, items[2].value)


def _is_name(data: Data) -> bool:
    return data.tag == axdr.OCTET_STRING and len(data.value) == _NAME_LENGTH


class _Step(NamedTuple):
    """The items that belong together: up to ``end``, with the value at ``value`` where they name one."""

    end: int
    name: Attribute | None = None
    value: int = -1


def _step(items: Sequence[Data], place: int) -> _Step:
    """What begins at ``place``.

    Behind class, logical name and attribute a long-unsigned is the data index of a definition, and no value: so no
    index is ever taken for one.
    """
    count = len(items)
    if (name := _definition(items[place : place + _DEFINITION_LENGTH])) is not None:
        value = place + _DEFINITION_LENGTH
        if value >= count or items[value].tag == axdr.UINT16:
            return _Step(min(value + 1, count))
        return _Step(value + 1, name, value)
    if _is_name(items[place]) and place + 1 < count:
        return _Step(place + 2, Attribute(0, items[place].value, 0), place + 1)
    return _Step(place + 1)


def _walk(items: Sequence[Data], above: str, found: list[Element]) -> None:
    place = 0
    while place < len(items):
        end, name, value = _step(items, place)
        scaler = _scaler(items[end]) if name is not None and end < len(items) else None
        for index in range(place, end):
            item, at = items[index], f"{above}{index + 1}"
            if index == value:
                _take(found, Element(at, item, name, scaler))
            elif _items(item) is None:
                _take(found, Element(at, item))
            _walk_inside(item, at, found)
        place = end + (scaler is not None)


def _walk_inside(item: Data, place: str, found: list[Element]) -> None:
    inside = _items(item)
    if inside is not None:
        _walk(inside, f"{place}.", found)


def _take(found: list[Element], element: Element) -> None:
    if len(found) >= MAX_ELEMENTS:
        raise CodecError(f"a push holds more than {MAX_ELEMENTS} values")
    found.append(element)


def _scaler(data: Data) -> ScalerUnit | None:
    """Scaler and unit, where that is what stands there."""
    if data.tag != axdr.STRUCTURE or [part.tag for part in data.value] != [axdr.INT8, axdr.ENUM]:
        return None
    try:
        return scaler_unit(data)
    except ValueMismatch:
        return None
