"""The command ``read-profile``: entries of any profile of a meter for people, page by page."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import NamedTuple, Self

from meterhub_sdk import Config, Label, Refused, command, field, nanoseconds
from pydantic import AwareDatetime, model_validator

from meterhub_dlms.client.bus.bus import Bus
from meterhub_dlms.client.bus.jobs import Priority
from meterhub_dlms.client.errors import BROKEN, RequestRejected
from meterhub_dlms.client.mapping_settings import LogicalName
from meterhub_dlms.client.profiles.display import ShownColumn, ShownRow, shown_columns, shown_rows
from meterhub_dlms.client.profiles.layout import Layout, NotThere
from meterhub_dlms.client.profiles.progress import Mark
from meterhub_dlms.client.profiles.rows import Row
from meterhub_dlms.client.profiles.slices import Declined, Slices
from meterhub_dlms.client.profiles.source import ProfileSource
from meterhub_dlms.codec import obis

_SECOND = 1_000_000_000
_DAY = 86_400 * _SECOND
_PATIENCE = 40.0
"""Seconds after which a page ends, full or not."""
_TIMEOUT = 90.0
_MOST_SOURCES = 32


class ReadProfile(Config):
    """Which entries to read."""

    meter: Label = field(title="Meter", description="Label of the meter.")
    logical_name: LogicalName = field(
        "1-0:99.1.0*255", title="Logical name", description="OBIS code of the profile; it need not be in the settings."
    )
    since: AwareDatetime | None = field(
        None, title="From", description="Time of the first entry, with its difference to UTC; empty for a day ago."
    )
    until: AwareDatetime | None = field(None, title="To", description="Time of the last entry; empty for the newest.")
    last: int | None = field(
        None, title="Last entries", description="So many of the newest entries, in place of times.", ge=1, le=100_000
    )
    empty_values: str = field(
        "missing",
        title="Empty values",
        description="unchanged when the meter sends nothing for a value that is as in the entry before.",
        pattern="^(missing|unchanged)$",
    )
    limit: int = field(100, title="Rows", description="Most entries of one page.", ge=1, le=1000)
    cursor: str = field(
        "",
        title="Cursor",
        description="From the page before, with the same request.",
        pattern=r"^(-?\d{1,19}:[0-9a-f]{16})?$",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.last is not None and (self.since is not None or self.until is not None):
            raise ValueError("last entries and times cannot both be given; leave one of them empty")
        if self.since is not None and self.until is not None and self.until < self.since:
            raise ValueError("the time of the last entry lies before that of the first; exchange them")
        return self


class ProfilePage(Config):
    """Some entries of a profile."""

    meter: str = field(title="Meter", description="Label of the meter.")
    logical_name: str = field(title="Logical name", description="OBIS code of the profile.")
    period: int = field(title="Capture period", description="0: on events.", unit="s")
    entries: int | None = field(title="Entries", description="In the buffer of the meter; empty if it does not tell.")
    columns: list[ShownColumn] = field(title="Columns", description="One for each value of a row.")
    rows: list[ShownRow] = field(title="Rows", description="In the order of capture.")
    cursor: str = field(title="Cursor", description="For the next page; empty when there is none.")


class _Wanted(NamedTuple):
    """Times of the entries of a page (nanoseconds UTC), and the last entry of the page before."""

    since: int
    until: int
    after: Mark | None


class ProfileCommands:
    """A base of the service."""

    _buses: Mapping[str, Bus] | None
    _sources: dict[tuple[str, str, str], _Shared] | None = None

    @command(title="Read a profile", rights="R2 R3 R5", timeout=_TIMEOUT)
    async def read_profile(self, request: ReadProfile) -> ProfilePage:
        """Entries of a load profile or another recording of a meter, with times and scaled values; nothing of it is
        published. Polls go on meanwhile.
        """
        bus = (self._buses or {}).get(request.meter)
        if bus is None:
            raise Refused(f"no meter is called {request.meter!r}; see the settings")
        try:
            async with self._shared(bus, request) as source:
                return await _page(source, bus, request)
        except (NotThere, Declined, RequestRejected) as error:
            raise Refused(f"the profile {request.logical_name} of {request.meter} was not read: {error}") from None
        except BROKEN as error:
            raise Refused(f"the meter {request.meter} was lost meanwhile: {error}") from None

    def _shared(self, bus: Bus, request: ReadProfile) -> _Shared:
        """What is known of a profile is kept for the next page."""
        if self._sources is None or len(self._sources) >= _MOST_SOURCES:
            self._sources = {}
        key = request.meter, request.logical_name, request.empty_values
        shared = self._sources.get(key)
        if shared is None:
            unchanged = request.empty_values == "unchanged"
            name = obis.parse(request.logical_name)
            shared = self._sources[key] = _Shared(
                ProfileSource(bus, request.meter, name, Priority.COMMAND, unchanged=unchanged)
            )
        return shared


class _Shared:
    """A profile that is read by one at a time."""

    def __init__(self, source: ProfileSource) -> None:
        self._source = source
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> ProfileSource:
        await self._lock.acquire()
        return self._source

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()


async def _page(source: ProfileSource, bus: Bus, request: ReadProfile) -> ProfilePage:
    layout = await source.begin()
    wanted = await _wanted(source, layout, request)
    rows, more = await _rows(source, layout, wanted, request.limit)
    last = next((row.mark for row in reversed(rows) if row.mark is not None), None)
    return ProfilePage(
        meter=request.meter,
        logical_name=request.logical_name,
        period=layout.period,
        entries=source.count if source.counted else None,
        columns=shown_columns(layout),
        rows=shown_rows(bus.pollers[request.meter].meter, layout, rows),
        cursor=f"{last.time}:{last.digest.hex()}" if more and last is not None else "",
    )


async def _wanted(source: ProfileSource, layout: Layout, request: ReadProfile) -> _Wanted:
    clock = source.clock.time if source.clock is not None else time.time_ns()
    until = clock + layout.period * _SECOND + _DAY if request.until is None else nanoseconds(request.until)
    if request.cursor:
        since, _, digest = request.cursor.partition(":")
        return _Wanted(int(since), until, Mark(int(since), bytes.fromhex(digest)))
    if request.last is not None:
        return _Wanted(await _since_last(source, layout, clock, request.last), until, None)
    return _Wanted(clock - _DAY if request.since is None else nanoseconds(request.since), until, None)


async def _since_last(source: ProfileSource, layout: Layout, clock: int, last: int) -> int:
    """The time of the first of so many last entries: the meter tells, or else the capture period does."""
    if source.counted and source.count:
        try:
            row = await source.slices.entry(max(1, source.count - last + 1), source.count)
        except Declined:
            row = None
        if row is not None and row.told is not None:
            return row.told.time
    return clock - last * (layout.period * _SECOND or _DAY)


async def _rows(source: ProfileSource, layout: Layout, wanted: _Wanted, limit: int) -> tuple[Sequence[Row], bool]:
    """The rows of a page, and whether there may be more."""

    def by_range(slices: Slices) -> AsyncIterator[list[Row]]:
        return slices.by_range(wanted.since, wanted.until, None)

    async def first(slices: Slices) -> int:
        back = (wanted.until - wanted.since) // (layout.period * _SECOND) + 2 if layout.period else source.count
        return max(1, source.count - back + 1)

    if not source.count:
        return [], False
    deadline = asyncio.get_running_loop().time() + _PATIENCE
    rows: list[Row] = []
    async with aclosing(source.read(by_range, first)) as slices:
        async for part in slices:
            rows += [row for row in part if row.mark is None or wanted.since <= row.mark.time <= wanted.until]
            if wanted.after is not None and (after := [row.mark for row in rows]).count(wanted.after):
                del rows[: after.index(wanted.after) + 1]
                wanted = wanted._replace(after=None)
            if len(rows) > limit:
                return rows[:limit], True
            if asyncio.get_running_loop().time() > deadline:
                if not rows:
                    raise Declined(None, f"no entry came within {_PATIENCE:g} s; give times that are closer together")
                return rows, True
    return rows, False
