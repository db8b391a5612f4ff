"""The objects that an association shows, and what it may do with them (IEC 62056-6-2, classes 15 and 12)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from meterhub_dlms.codec import axdr
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.ln import Attribute
from meterhub_dlms.codec.short_names import ListedObject

CURRENT_ASSOCIATION = bytes((0, 0, 40, 0, 0, 255))
LN_LIST = Attribute(15, CURRENT_ASSOCIATION, 2)
"""The object list with logical names; access rights are part of it."""

SN_LIST = Attribute(12, CURRENT_ASSOCIATION, 2)
"""The object list with short names."""

SN_RIGHTS = Attribute(12, CURRENT_ASSOCIATION, 3)
"""The access rights with short names, by base name."""

_WITH_FLAGS = 3
"""Version of class 15 from which on an access mode is a set of flags; before it is one of seven."""

_READING, _WRITING = frozenset({1, 3, 4, 6}), frozenset({2, 3, 5, 6})
_READ_FLAG, _WRITE_FLAG = 1, 2


class AttributeRights(NamedTuple):
    """What the association may do with one attribute."""

    number: int
    read: bool
    write: bool


class Rights(NamedTuple):
    """The attributes of one object, and the methods that may be called."""

    attributes: tuple[AttributeRights, ...]
    methods: tuple[int, ...]

    def of(self, number: int) -> AttributeRights:
        """The rights to one attribute; those that are not listed grant nothing."""
        return next((each for each in self.attributes if each.number == number), AttributeRights(number, False, False))


class ObjectRow(NamedTuple):
    """One object; ``rights`` are ``None`` where the meter does not tell them."""

    class_id: int
    version: int
    logical_name: bytes
    rights: Rights | None = None


class ObjectList(NamedTuple):
    """All objects in the meter's order, and how many rows could not be understood."""

    rows: Sequence[ObjectRow]
    malformed: int = 0


def decode_list(data: Data) -> ObjectList:
    """Attribute 2 of class 15, a manufacturer's own classes included; ``CodecError`` when it is no list.

    A row without class or name is left out and counted; one with odd rights has none.
    """
    if data.tag != axdr.ARRAY:
        raise CodecError("the object list is no array")
    heads = [(_head(row), row) for row in data.value]
    flags = any(
        head is not None and head.class_id == LN_LIST.class_id and head.version >= _WITH_FLAGS for head, _ in heads
    )
    rows = [head._replace(rights=_rights(row.value[3], flags)) for head, row in heads if head is not None]
    return ObjectList(rows, len(heads) - len(rows))


def of_short_names(objects: Sequence[ListedObject], rights: Mapping[int, Rights]) -> ObjectList:
    """The same with short names; ``rights`` by base name, empty where the meter does not tell them."""
    return ObjectList(
        [ObjectRow(each.class_id, each.version, each.logical_name, rights.get(each.base_name)) for each in objects]
    )


def decode_rights(data: Data) -> dict[int, Rights]:
    """Attribute 3 of class 12: rights by base name; ``CodecError`` when it is no list."""
    if data.tag != axdr.ARRAY:
        raise CodecError("the access rights are no array")
    found: dict[int, Rights] = {}
    for row in data.value:
        elements = row.value if row.tag == axdr.STRUCTURE else []
        if len(elements) != 3 or elements[0].tag not in axdr.INTEGER_RANGES:
            continue
        rights = _rights(Data(axdr.STRUCTURE, elements[1:]), flags=False)
        if rights is not None:
            found[elements[0].value & 0xFFFF] = rights
    return found


def _head(row: Data) -> ObjectRow | None:
    elements = row.value if row.tag == axdr.STRUCTURE else []
    if len(elements) != 4 or elements[2].tag != axdr.OCTET_STRING or len(elements[2].value) != 6:
        return None
    class_id, version = elements[0], elements[1]
    if class_id.tag not in axdr.INTEGER_RANGES or version.tag not in axdr.INTEGER_RANGES:
        return None
    return ObjectRow(class_id.value & 0xFFFF, version.value & 0xFF, elements[2].value)


def _rights(data: Data, flags: bool) -> Rights | None:
    parts = data.value if data.tag == axdr.STRUCTURE else []
    if len(parts) != 2 or any(part.tag != axdr.ARRAY for part in parts):
        return None
    attributes = [_numbered(row, 3) for row in parts[0].value]
    methods = [_numbered(row, 2) for row in parts[1].value]
    return Rights(
        tuple(_mode(number, mode, flags) for number, mode in filter(None, attributes)),
        tuple(number for number, mode in filter(None, methods) if mode),
    )


def _numbered(row: Data, length: int) -> tuple[int, int] | None:
    """Number and mode of an attribute or method."""
    elements = row.value if row.tag == axdr.STRUCTURE else []
    if len(elements) != length or elements[0].tag not in axdr.INTEGER_RANGES:
        return None
    if elements[1].tag != axdr.BOOLEAN and elements[1].tag not in axdr.INTEGER_RANGES:
        return None
    return elements[0].value, int(elements[1].value)


def _mode(number: int, mode: int, flags: bool) -> AttributeRights:
    if flags:
        return AttributeRights(number, bool(mode & _READ_FLAG), bool(mode & _WRITE_FLAG))
    return AttributeRights(number, mode in _READING, mode in _WRITING)
