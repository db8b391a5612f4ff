"""Where attributes and methods of an object lie among the short names (IEC 62056-6-2, clause 4.2 and each class)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from meterhub_dlms.codec import axdr
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.ln import Attribute

ASSOCIATION = 0xFA00
"""Base name of the current association (class 12); its object list is attribute 2."""

SCRIPT_TABLE, SAP_ASSIGNMENT, DEVICE_NAME = 0xFB00, 0xFC00, 0xFD00
"""Base names that the standard reserves: broadcast script table, SAP assignment, logical device name."""

STEP = 8
"""Short names between one attribute and the next."""

FIRST_METHOD = {
    5: 0x48, 6: 0x30, 3: 0x28, 4: 0x38, 7: 0x58, 8: 0x60, 9: 0x20, 11: 0x10, 12: 0x20, 17: 0x20, 20: 0x50, 21: 0x20,
    64: 0x30, 70: 0x20, 40: 0x38,
}  # fmt: skip
"""Distance of the first method from the base name, for the classes whose methods have short names we know."""

LOGICAL_NAME_ATTRIBUTE = 1


class ListedObject(NamedTuple):
    """One row of the object list of an association with short names."""

    base_name: int
    class_id: int
    version: int
    logical_name: bytes


def attribute_name(base_name: int, number: int) -> int:
    """The short name of attribute ``number`` (from 1); ``CodecError`` when it lies beyond the names there are."""
    name = base_name + STEP * (number - 1)
    if number < 1 or name > 0xFFFF:
        raise CodecError(f"attribute {number} of the object at {base_name:#06x} has no short name")
    return name


def method_name(base_name: int, class_id: int, number: int) -> int:
    """The short name of method ``number`` (from 1); ``CodecError`` for a class whose layout is not known."""
    first = FIRST_METHOD.get(class_id)
    if first is None or number < 1:
        raise CodecError(f"method {number} of class {class_id} has no known short name")
    return base_name + first + STEP * (number - 1)


def decode_list(data: Data) -> list[ListedObject]:
    """The object list of class 12, a manufacturer's own classes included; ``CodecError`` when malformed."""
    if data.tag != axdr.ARRAY:
        raise CodecError("the object list is no array")
    return [_decode_row(row) for row in data.value]


def encode_list(objects: Iterable[ListedObject]) -> Data:
    """The object list of class 12."""
    return Data(axdr.ARRAY, [_encode_row(listed) for listed in objects])


class ShortNames:
    """The short names of one meter, found by class and logical name."""

    def __init__(self, objects: Iterable[ListedObject]) -> None:
        self.objects = tuple(objects)
        self._bases = {(listed.class_id, listed.logical_name): listed.base_name for listed in self.objects}

    def of(self, attribute: Attribute) -> int | None:
        """The short name of an attribute; ``None`` when the meter lists no such object."""
        base_name = self._bases.get((attribute.class_id, attribute.logical_name))
        return None if base_name is None else attribute_name(base_name, attribute.number)

    def of_method(self, method: Attribute) -> int | None:
        """The short name of a method; ``None`` when the meter lists no such object."""
        base_name = self._bases.get((method.class_id, method.logical_name))
        return None if base_name is None else method_name(base_name, method.class_id, method.number)


def _decode_row(row: Data) -> ListedObject:
    elements = row.value if row.tag == axdr.STRUCTURE else []
    numbers = [element.value for element in elements[:3] if element.tag in axdr.INTEGER_RANGES]
    if len(elements) != 4 or len(numbers) != 3 or elements[3].tag != axdr.OCTET_STRING or len(elements[3].value) != 6:
        raise CodecError("a row of the object list is malformed")
    base_name, class_id, version = numbers
    return ListedObject(base_name & 0xFFFF, class_id, version, elements[3].value)


def _encode_row(listed: ListedObject) -> Data:
    signed = listed.base_name - 0x10000 if listed.base_name > 0x7FFF else listed.base_name
    return Data(
        axdr.STRUCTURE,
        [
            Data(axdr.INT16, signed),
            Data(axdr.UINT16, listed.class_id),
            Data(axdr.UINT8, listed.version),
            Data(axdr.OCTET_STRING, listed.logical_name),
        ],
    )
