"""Selective access to the buffer of a profile: by range and by entry (IEC 62056-6-2, clause 4.3.6.3)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from meterhub_dlms.codec import axdr, cosem_time
from meterhub_dlms.codec.axdr import Data, decode_from, decode_length, encode
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.ln import GET_REQUEST, NORMAL, WITH_LIST, Attribute, encode_get
from meterhub_dlms.codec.sn import Variable

BY_RANGE, BY_ENTRY = 1, 2

_DESCRIPTOR = 9
_LARGEST_ENTRY = 0xFFFF_FFFF


class CaptureObject(NamedTuple):
    """One column of a profile: an attribute, and which element of it (0: all)."""

    class_id: int
    logical_name: bytes
    attribute: int
    element: int = 0


CLOCK = CaptureObject(8, bytes((0, 0, 1, 0, 0, 255)), 2)
"""The column of capture times."""


class ByRange(NamedTuple):
    """The entries whose ``restricting`` column lies from ``start`` to ``end``; ``columns`` empty means all."""

    restricting: CaptureObject
    start: Data
    end: Data
    columns: Sequence[CaptureObject] = ()


class ByEntry(NamedTuple):
    """Entries and columns by their numbers from 1, both ends included; 0 as an end means the last."""

    first: int = 1
    last: int = 0
    first_column: int = 1
    last_column: int = 0


Selection = ByRange | ByEntry


def by_time(start: int, end: int, *, deviation: int = 0, columns: Sequence[CaptureObject] = ()) -> ByRange:
    """The entries captured from ``start`` to ``end`` (nanoseconds since 1970 UTC, both included).

    ``deviation`` is that of the meter's clock, in minutes from its local time to UTC: meters compare local times.
    """
    times = (cosem_time.encode(time, deviation=deviation) for time in (start, end))
    first, last = (Data(axdr.OCTET_STRING, octets) for octets in times)
    return ByRange(CLOCK, first, last, columns)


def parameter(selection: Selection) -> tuple[int, Data]:
    """The selector and the parameter that stand for a selection in every service."""
    if isinstance(selection, ByEntry):
        numbers = [Data(axdr.UINT32, selection.first), Data(axdr.UINT32, selection.last)]
        columns = [Data(axdr.UINT16, selection.first_column), Data(axdr.UINT16, selection.last_column)]
        return BY_ENTRY, Data(axdr.STRUCTURE, numbers + columns)
    chosen = Data(axdr.ARRAY, [encode_capture_object(column) for column in selection.columns])
    restricting = encode_capture_object(selection.restricting)
    return BY_RANGE, Data(axdr.STRUCTURE, [restricting, selection.start, selection.end, chosen])


def read_parameter(selector: int, given: Data) -> Selection:
    """The selection that selector and parameter stand for; ``CodecError`` when they stand for none."""
    elements = given.value if given.tag == axdr.STRUCTURE else []
    if selector not in (BY_RANGE, BY_ENTRY) or len(elements) != 4:
        raise CodecError(f"selector {selector} with this parameter selects nothing")
    if selector == BY_ENTRY:
        first, last, first_column, last_column = (_number(element) for element in elements)
        return ByEntry(first, last, first_column, last_column)
    restricting, start, end, columns = elements
    if columns.tag not in (axdr.ARRAY, axdr.NULL):
        raise CodecError("the columns of a selection are no array")
    return ByRange(decode_capture_object(restricting), start, end, decode_capture_objects(columns))


def encode_capture_object(column: CaptureObject) -> Data:
    """One row of a profile's attribute 3."""
    return Data(
        axdr.STRUCTURE,
        [
            Data(axdr.UINT16, column.class_id),
            Data(axdr.OCTET_STRING, column.logical_name),
            Data(axdr.INT8, column.attribute),
            Data(axdr.UINT16, column.element),
        ],
    )


def decode_capture_object(data: Data) -> CaptureObject:
    """One row of a profile's attribute 3; ``CodecError`` when malformed."""
    elements = data.value if data.tag == axdr.STRUCTURE else []
    if len(elements) != 4 or elements[1].tag != axdr.OCTET_STRING or len(elements[1].value) != 6:
        raise CodecError("a capture object is malformed")
    return CaptureObject(_number(elements[0]), elements[1].value, _number(elements[2]), _number(elements[3]))


def decode_capture_objects(data: Data) -> list[CaptureObject]:
    """A profile's attribute 3: its columns in order; ``CodecError`` when malformed."""
    if data.tag == axdr.NULL:
        return []
    if data.tag != axdr.ARRAY:
        raise CodecError("the capture objects are no array")
    return [decode_capture_object(row) for row in data.value]


# -- with logical names ---------------------------------------------------------------------------


def encode_selected_get(attribute: Attribute, selection: Selection, invoke: int = 0) -> bytes:
    """A GET of one attribute with selective access."""
    selector, given = parameter(selection)
    return encode_get(attribute, invoke)[:-1] + bytes((1, selector)) + encode(given)


def decode_selections(apdu: bytes) -> list[Selection | None]:
    """The selection of each attribute of a GET; ``CodecError`` when one is malformed.

    The attributes themselves are told by :func:`meterhub_dlms.codec.ln.decode_get_request`.
    """
    return [given and read_parameter(*given) for given in decode_selectors(apdu)]


def decode_selectors(apdu: bytes) -> list[tuple[int, Data] | None]:
    """Selector and parameter of each attribute of a GET, whatever they stand for; ``CodecError`` when cut off."""
    if len(apdu) < 4 or apdu[0] != GET_REQUEST or apdu[1] not in (NORMAL, WITH_LIST):
        raise CodecError("a GET of one or several attributes was expected")
    count, place = (1, 3) if apdu[1] == NORMAL else decode_length(apdu, 3)
    if count > len(apdu) - place:
        raise CodecError(f"{count} attributes are announced in {len(apdu) - place} bytes")
    selectors: list[tuple[int, Data] | None] = []
    for _ in range(count):
        place += _DESCRIPTOR
        if place >= len(apdu):
            raise CodecError("an attribute descriptor is cut off")
        if not apdu[place]:
            selectors.append(None)
            place += 1
            continue
        given, end = decode_from(apdu, place + 2)
        selectors.append((apdu[place + 1], given))
        place = end
    return selectors


# -- with short names -----------------------------------------------------------------------------


def selected_variable(name: int, selection: Selection) -> Variable:
    """The short name of a buffer with selective access."""
    return Variable(name, *parameter(selection))


def selection_of(variable: Variable) -> Selection | None:
    """The selection of a variable in a Read; ``CodecError`` when malformed."""
    if variable.selector is None or variable.parameter is None:
        return None
    return read_parameter(variable.selector, variable.parameter)


def _number(data: Data) -> int:
    if data.tag not in axdr.INTEGER_RANGES or not -0x80 <= data.value <= _LARGEST_ENTRY:
        raise CodecError("a number was expected")
    return int(data.value)
