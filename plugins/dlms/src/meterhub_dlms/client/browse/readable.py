"""COSEM data as people read it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from meterhub_sdk import PointType

from meterhub_dlms.client.values import readable
from meterhub_dlms.codec import axdr, cosem_time
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.type_names import TYPE_NAMES

_LONGEST = 200
"""Characters of one value that are shown."""

_STRINGS = frozenset({axdr.VISIBLE_STRING, axdr.UTF8_STRING})
_YEARS = range(1990, 2200)
"""Twelve octets with a year out of these are no time."""


def type_name(data: Data) -> str:
    """Name of the data type, with the number of elements or bytes where that varies: ``octet-string (6)``."""
    name = TYPE_NAMES.get(data.tag, f"type {data.tag}")
    return f"{name} ({len(data.value)})" if isinstance(data.value, bytes | str | list) else name


def shown(data: Data) -> str:
    """The value, cut off where it is long; times in UTC where they can be told so."""
    text = _shown(data, _LONGEST)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _shown(data: Data, room: int) -> str:
    tag, value = data
    if tag in (axdr.ARRAY, axdr.STRUCTURE):
        opening, closing = "[]" if tag == axdr.ARRAY else "{}"
        parts: list[str] = []
        for element in value:
            if room <= 0:
                break
            parts.append(_shown(element, room))
            room -= len(parts[-1]) + 2
        return opening + ", ".join(parts) + closing
    if tag == axdr.COMPACT_ARRAY:
        return bytes(value[1]).hex()
    if isinstance(value, bytes):
        return _octets(tag, value)
    if tag == axdr.BOOLEAN:
        return "true" if value else "false"
    return "" if value is None else str(value)


def _octets(tag: int, octets: bytes) -> str:
    if tag in _STRINGS:
        return readable(octets)
    if len(octets) == cosem_time.LENGTH and int.from_bytes(octets[:2], "big") in _YEARS:
        return _time(octets)
    return readable(octets) if tag == axdr.OCTET_STRING else octets.hex()


def _time(octets: bytes) -> str:
    """A date-time; as the meter wrote it, where it cannot be told in UTC."""
    try:
        time = cosem_time.decode(octets).time
    except CodecError:
        time = None
    if time is not None:
        whole = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time // 1000)
        return whole.isoformat().replace("+00:00", "Z")
    date = f"{int.from_bytes(octets[:2], 'big'):04}-{octets[2]:02}-{octets[3]:02}"
    return f"{date} {octets[5]:02}:{octets[6]:02}:{octets[7]:02} (as in the meter)"


def point_type(data: Data, *, scaled: bool) -> PointType | None:
    """The type of a point that can hold such a value; ``None`` when none can."""
    if scaled or data.tag in (axdr.FLOAT32, axdr.FLOAT64):
        return "float"
    if data.tag == axdr.BOOLEAN:
        return "bool"
    if data.tag in axdr.INTEGER_RANGES or data.tag == axdr.BCD:
        return "int"
    return "str" if data.tag in (*_STRINGS, axdr.OCTET_STRING, axdr.BIT_STRING) else None
