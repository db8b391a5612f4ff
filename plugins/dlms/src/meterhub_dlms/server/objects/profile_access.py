"""Selective access to the entries of a profile, by range and by entry, in parts that do not hold up the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from meterhub_dlms.codec import axdr
from meterhub_dlms.codec.axdr import ARRAY, Data, decode, decode_from, decode_length, encode_length
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.selection import CLOCK, ByEntry, ByRange, CaptureObject, Selection
from meterhub_dlms.codec.xdlms import AccessResult
from meterhub_dlms.server.cosem import Answer
from meterhub_dlms.server.objects.local_clock import LocalClock
from meterhub_dlms.server.objects.profile_store import ProfileStore, Span

SLICE = 250
"""Entries that are read between two turns of the loop: 2 ms with ten columns of which some are left out."""

MAX_BUFFER = 16 << 20
"""Bytes that one answer may have; a client that wants more reads in ranges."""

_NUMBERS = frozenset(axdr.INTEGER_RANGES) | {axdr.FLOAT32, axdr.FLOAT64}


class NotSelected(Exception):
    """A selection that this profile cannot answer, and the result that says why."""

    def __init__(self, result: AccessResult) -> None:
        super().__init__(result.phrase)
        self.result = result


class Chosen(NamedTuple):
    """What a selection comes to: entries, columns (``None``: all), and what else an entry must fulfil."""

    span: Span
    columns: tuple[int, ...] | None = None
    fits: Callable[[bytes], bool] | None = None


def choose(
    selection: Selection | None, captured: Sequence[CaptureObject], store: ProfileStore, clock: LocalClock
) -> Chosen:
    """The entries and columns that a client means; :class:`NotSelected` when it means none there could be."""
    if selection is None:
        return Chosen(Span(store.first, store.end))
    if isinstance(selection, ByEntry):
        return _by_entry(selection, len(captured), store)
    columns = _columns(selection.columns, captured)
    if selection.restricting == CLOCK:
        since, until = _bound(selection.start, clock), _bound(selection.end, clock)
        return Chosen(store.captured(since, until), columns)
    fits = _between(selection, _index(selection.restricting, captured))
    return Chosen(Span(store.first, store.end), columns, fits)


async def read(store: ProfileStore, chosen: Chosen) -> Answer:
    """The entries as an encoded array; ``other-reason`` when they are more than one answer may hold."""
    parts: list[bytes] = []
    size = 0
    span = chosen.span
    while span.first < span.end:
        for entry in store.part(span, SLICE):
            if chosen.fits is None or chosen.fits(entry.content):
                parts.append(entry.content if chosen.columns is None else _picked(entry.content, chosen.columns))
                size += len(parts[-1])
        if size > MAX_BUFFER:
            return AccessResult.OTHER_REASON
        span = span._replace(first=span.first + SLICE)
        await asyncio.sleep(0)
    return bytes((ARRAY,)) + encode_length(len(parts)) + b"".join(parts)


# -- by entry -------------------------------------------------------------------------------------


def _by_entry(selection: ByEntry, columns: int, store: ProfileStore) -> Chosen:
    """Numbers count from 1, the oldest entry and the first column; 0 as the last one means the very last."""
    last = selection.last or len(store)
    last_column = selection.last_column or columns
    if selection.first < 1 or not 1 <= selection.first_column <= last_column <= columns:
        raise NotSelected(AccessResult.SCOPE_OF_ACCESS_VIOLATED)
    span = Span(store.first + selection.first - 1, min(store.first + last, store.end))
    whole = (selection.first_column, last_column) == (1, columns)
    return Chosen(span, None if whole else tuple(range(selection.first_column - 1, last_column)))


# -- by range -------------------------------------------------------------------------------------


def _columns(wanted: Sequence[CaptureObject], captured: Sequence[CaptureObject]) -> tuple[int, ...] | None:
    return tuple(_index(column, captured) for column in wanted) if wanted else None


def _index(column: CaptureObject, captured: Sequence[CaptureObject]) -> int:
    if column not in captured:
        raise NotSelected(AccessResult.SCOPE_OF_ACCESS_VIOLATED)
    return captured.index(column)


def _bound(data: Data, clock: LocalClock) -> int | None:
    """The moment at which a range begins or ends, ``None`` where the client leaves it open."""
    if data.tag == axdr.NULL:
        return None
    try:
        time = clock.told(data)
    except CodecError:
        raise NotSelected(AccessResult.TYPE_UNMATCHED) from None
    if time is None and any(octet != 0xFF for octet in data.value[:5]):
        raise NotSelected(AccessResult.SCOPE_OF_ACCESS_VIOLATED)
    return time


def _between(selection: ByRange, column: int) -> Callable[[bytes], bool]:
    """Whether the number in a column lies in the range; an entry without one does not."""
    start, end = selection.start, selection.end
    if start.tag not in _NUMBERS or end.tag not in _NUMBERS:
        raise NotSelected(AccessResult.TYPE_UNMATCHED)

    def fits(content: bytes) -> bool:
        value = decode(_picked(content, (column,))).value[0]
        number: Any = value.value
        return value.tag in _NUMBERS and bool(start.value <= number <= end.value)

    return fits


def _picked(content: bytes, columns: Sequence[int]) -> bytes:
    """An entry with some of its columns, in the order asked for."""
    count, place = decode_length(content, 1)
    bounds = [place]
    for _ in range(min(count, max(columns) + 1)):
        bounds.append(decode_from(content, bounds[-1])[1])
    picked = b"".join(content[bounds[column] : bounds[column + 1]] for column in columns)
    return content[:1] + encode_length(len(columns)) + picked
