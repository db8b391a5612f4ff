"""The buffer of a profile: entries with their capture times (IEC 62056-6-2, clause 4.3.6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple, TypeVar

from meterhub_dlms.codec import axdr, compact_array, cosem_time
from meterhub_dlms.codec.axdr import Data, decode_from, decode_length
from meterhub_dlms.codec.cosem_time import CosemTime
from meterhub_dlms.codec.errors import CodecError

SLICE = 500
"""Entries that are decoded in a few milliseconds, between two turns of an event loop."""

T = TypeVar("T")

_NANOSECONDS = 1_000_000_000


class Layout(NamedTuple):
    """What must be known to read a buffer: how many columns, which one is the clock's (``None``: no column is),
    and the capture period in seconds (0 where entries are captured on events).
    """

    columns: int
    clock: int | None = 0
    period: int = 0


class Entry(NamedTuple):
    """One entry; ``time`` is ``None`` where it cannot be told; ``values`` holds all columns as they came."""

    time: CosemTime | None
    values: list[Data]


def entries(
    buffer: bytes, layout: Layout, read_time: Callable[[bytes], CosemTime] = cosem_time.decode
) -> Iterator[Entry]:
    """The entries of an encoded buffer, one at a time, so that long ones can be taken in slices.

    Where the meter sends null-data for a capture time, it is one period after that of the entry before. ``CodecError``
    when the buffer is malformed or an entry has not the columns that were expected: nothing is guessed.
    """
    last: CosemTime | None = None
    for row in _rows(buffer):
        if row.tag != axdr.STRUCTURE or len(row.value) != layout.columns:
            raise CodecError(f"an entry of the profile has not the {layout.columns} columns that were expected")
        last = None if layout.clock is None else _time(row.value[layout.clock], last, layout.period, read_time)
        yield Entry(last, row.value)


def in_slices(read: Iterable[T], size: int = SLICE) -> Iterator[list[T]]:
    """Lists of ``size`` entries at most, decoded only when they are asked for."""
    source = iter(read)
    while part := list(islice(source, size)):
        yield part


def _rows(buffer: bytes) -> Iterator[Data]:
    if buffer[:1] == bytes((axdr.COMPACT_ARRAY,)):
        yield from compact_array.elements(axdr.decode(buffer))
        return
    if buffer[:1] != bytes((axdr.ARRAY,)):
        raise CodecError("the buffer of the profile is no array")
    count, place = decode_length(buffer, 1)
    for _ in range(count):
        row, place = decode_from(buffer, place)
        yield row
    if place != len(buffer):
        raise CodecError(f"{len(buffer) - place} bytes follow the profile")


def _time(
    column: Data, last: CosemTime | None, period: int, read_time: Callable[[bytes], CosemTime]
) -> CosemTime | None:
    if column.tag in (axdr.OCTET_STRING, axdr.DATE_TIME):
        return read_time(column.value)
    if column.tag != axdr.NULL:
        raise CodecError(f"a capture time has data type {column.tag}")
    if last is None or last.time is None or not period:
        return None
    return last._replace(time=last.time + period * _NANOSECONDS)
