"""The data readout of IEC 62056-21 (clause 6.3 and 5.8): what meters without DLMS tell after a sign-on in mode C."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from functools import reduce
from operator import xor
from typing import NamedTuple

from meterhub_dlms.codec.errors import CodecError

STX, ETX = 0x02, 0x03
MAX_LENGTH = 1 << 16
"""Bytes that a readout may have, from STX to the check character."""

MAX_LINES = 2000
END_LINE = "!"

_MAX_ADDRESS, _MAX_VALUE, _MAX_UNIT = 32, 128, 16
_SET = re.compile(r"([^()/!]*)\(([^()*/!]*)(?:\*([^()/!]*))?\)")
_NUMBER = re.compile(r"[+-]?\d{1,30}(?:\.\d{1,30})?", re.ASCII)


class DataSet(NamedTuple):
    """One value of a line: its address as the meter writes it (``1-1:1.8.0*255``, ``1.8.0``, ``F.F``), text and unit.

    A further value under the same address has its ``place`` among them, from 0.
    """

    address: str
    value: str
    unit: str = ""
    place: int = 0

    @property
    def number(self) -> Decimal | None:
        """The value as a number, all its digits kept; ``None`` when it is text."""
        if _NUMBER.fullmatch(self.value) is None:
            return None
        try:
            return Decimal(self.value)
        except InvalidOperation:
            return None


def check_character(octets: bytes) -> int:
    """The block check character (ISO/IEC 1155): XOR of what lies between STX (without) and ETX (with)."""
    return reduce(xor, octets, 0) & 0x7F


def unframe(readout: bytes) -> bytes:
    """What a readout holds between STX and ETX, when its check character is right; ``CodecError`` when it is not.

    ``readout`` is without parity, from STX to the check character.
    """
    if len(readout) > MAX_LENGTH:
        raise CodecError(f"a readout of {len(readout)} bytes is too long; {MAX_LENGTH} will do")
    if len(readout) < 3 or readout[0] != STX or readout[-2] != ETX:
        raise CodecError("a readout begins with STX and ends with ETX and a check character")
    expected = check_character(readout[1:-1])
    if readout[-1] != expected:
        raise CodecError(
            f"the readout's check character is {readout[-1]:#04x}, not {expected:#04x}: bytes were changed"
        )
    return readout[1:-2]


def parse(content: bytes) -> list[DataSet]:
    """The values of a data block, in order; ``CodecError`` when a line makes no sense.

    Lines end with CR LF; the last is ``!``. A line may hold several data sets, and a data set several values.
    """
    try:
        text = content.decode("ascii")
    except UnicodeDecodeError:
        raise CodecError("the readout holds bytes that are no ASCII") from None
    lines = text.split("\r\n")
    if len(lines) > MAX_LINES:
        raise CodecError(f"a readout of {len(lines)} lines is too long; {MAX_LINES} will do")
    if END_LINE not in lines:
        raise CodecError("the readout is cut off: its last line is missing")
    values: list[DataSet] = []
    for line in lines[: lines.index(END_LINE)]:
        values += _line(line)
    return values


def _line(line: str) -> list[DataSet]:
    values: list[DataSet] = []
    place = 0
    while place < len(line):
        found = _SET.match(line, place)
        if found is None:
            raise CodecError(f"the line {line[:60]!r} of the readout is no data set such as 1.8.0(000123.4*kWh)")
        address, value, unit = found.group(1), found.group(2), found.group(3) or ""
        if len(address) > _MAX_ADDRESS or len(value) > _MAX_VALUE or len(unit) > _MAX_UNIT:
            raise CodecError(f"the line {line[:60]!r} of the readout is longer than the standard allows")
        values.append(_following(values, address, value, unit))
        place = found.end()
    return values


def _following(before: list[DataSet], address: str, value: str, unit: str) -> DataSet:
    """A value without an address belongs to the address before it."""
    if address:
        return DataSet(address, value, unit)
    if not before:
        raise CodecError(f"the value {value[:60]!r} of the readout has no address")
    return DataSet(before[-1].address, value, unit, before[-1].place + 1)
