"""A buffer in slices of a few frames each: by range, by entry, or whole where a meter knows neither."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from meterhub_dlms.client.profiles.layout import Layout
from meterhub_dlms.client.profiles.meter_time import MeterTime
from meterhub_dlms.client.profiles.rows import Row, RowReader
from meterhub_dlms.codec.selection import ByEntry, ByRange, Selection
from meterhub_dlms.codec.xdlms import AccessResult

Fetch = Callable[[Selection | None], Awaitable[bytes]]
"""Reads a selection of the buffer, when it is its turn on the bus; :class:`Declined` when the meter refuses."""

_SECOND = 1_000_000_000
_NEXT = 10_000_000
"""Nanoseconds from the end of a range to the beginning of the next: date-times count hundredths of a second."""
_FIRST_WINDOW, _LARGEST_WINDOW = 3600 * _SECOND, 32 * 86_400 * _SECOND
_MOST_GROWTH = 8
_STEP_BACK, _MOST_STEPS = 16, 8


class Declined(Exception):
    """The meter does not answer a selection; the text says why."""

    def __init__(self, result: AccessResult | None, reason: str) -> None:
        super().__init__(reason)
        self.passing = result in (AccessResult.TEMPORARY_FAILURE, AccessResult.DATA_BLOCK_UNAVAILABLE)
        """Whether it is likely to answer later."""


class Sizer(Protocol):
    """Says how many entries go into one slice, and learns how long they are."""

    def rows(self) -> int:
        """Entries of one slice."""
        ...

    def learn(self, rows: int, size: int) -> None:
        """So many entries took so many bytes."""
        ...


class Window:
    """The span of one range in nanoseconds: as long as so many entries take, longer where nothing comes."""

    def __init__(self, period: int) -> None:
        self._period = period * _SECOND
        self._size = 0

    def size(self, wanted: int) -> int:
        """The span for ``wanted`` entries."""
        if not self._size:
            self._size = self._period * wanted or _FIRST_WINDOW
        return self._size

    def follow(self, wanted: int, came: int) -> None:
        """Where ``came`` entries came in place of ``wanted``, the next span is another."""
        largest = _MOST_GROWTH * self._period * wanted or _LARGEST_WINDOW
        if came > wanted:
            self._size = max(self._size * wanted // came, _SECOND)
        elif 4 * came <= wanted:
            self._size = min(2 * self._size, largest)
        elif self._period:
            self._size = self._period * wanted


class Slices:
    """Reads one profile; each slice is one turn on the bus, so that polls go between them."""

    def __init__(self, fetch: Fetch, sizer: Sizer, layout: Layout, times: MeterTime, reader: RowReader) -> None:
        self._fetch = fetch
        self._sizer = sizer
        self._layout = layout
        self._times = times
        self._reader = reader

    async def by_range(self, since: int, until: int, deviation: int | None) -> AsyncIterator[list[Row]]:
        """The entries captured from ``since`` to ``until`` (nanoseconds UTC), oldest first.

        ``deviation`` is that of an entry at the beginning, where one is known.
        """
        window = Window(self._layout.period)
        while since <= until:
            wanted = self._sizer.rows()
            end = min(since + window.size(wanted), until)
            rows = await self._read(self._range(since, end, deviation))
            yield rows
            window.follow(wanted, len(rows))
            deviation = next((row.told.deviation for row in reversed(rows) if row.told is not None), deviation)
            since = end + _NEXT

    async def by_entry(self, first: int, count: int, recount: Callable[[], Awaitable[int]]) -> AsyncIterator[list[Row]]:
        """The entries from number ``first`` to the last one of ``count``, 1 being the oldest.

        Each slice begins with the entry that ended the one before: where it does not, the meter captured
        meanwhile and its entries moved; then some come again, but none is left out.
        """
        last, steps = None, 0
        while first <= count:
            end = min(first + max(2, self._sizer.rows()) - 1, count)
            rows = await self._read(self._entries(first, end, count))
            if last is not None and not (rows and rows[0].mark == last):
                steps += 1
                if steps > _MOST_STEPS:
                    raise Declined(AccessResult.TEMPORARY_FAILURE, "its entries move faster than they can be read")
                count = await recount()
                first, last = max(1, min(first, count) - _STEP_BACK), None
                continue
            yield rows
            if end >= count or not rows:
                return
            last, first = rows[-1].mark, end

    async def whole(self) -> AsyncIterator[list[Row]]:
        """All entries at once."""
        yield await self._read(None)

    async def entry(self, number: int, count: int) -> Row | None:
        """The entry with this number, 1 being the oldest of ``count``."""
        rows = await self._read(self._entries(number, number, count))
        return rows[0] if rows else None

    async def _read(self, selection: Selection | None) -> list[Row]:
        buffer = await self._fetch(selection)
        rows = await self._reader.read(buffer)
        self._sizer.learn(len(rows), len(buffer))
        return rows

    def _range(self, since: int, until: int, deviation: int | None) -> Selection:
        clock = self._layout.columns[self._layout.clock or 0]
        return ByRange(clock, *self._times.bounds(since, until, deviation))

    def _entries(self, first: int, last: int, count: int) -> Selection:
        """Meters count from the beginning of their buffer, which is the newest entry in some."""
        if self._layout.newest_first:
            first, last = count - last + 1, count - first + 1
        return ByEntry(first, last)
