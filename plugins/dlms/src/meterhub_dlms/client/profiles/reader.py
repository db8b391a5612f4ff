"""One load profile of one meter: looked at again and again, read from where it was left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress

from meterhub_sdk import Clock, EventType, Hub, MeterhubError, moment

from meterhub_dlms.client.bus.bus import Bus
from meterhub_dlms.client.bus.jobs import Priority
from meterhub_dlms.client.errors import BROKEN, RequestRejected
from meterhub_dlms.client.meter_settings import Meter
from meterhub_dlms.client.profiles.events import PROFILE_GAP, PROFILE_NOT_FOUND, PROFILE_SET_BACK, PROFILE_UNTIMED
from meterhub_dlms.client.profiles.harvest import Harvest
from meterhub_dlms.client.profiles.layout import Layout, NotThere
from meterhub_dlms.client.profiles.progress import Progress
from meterhub_dlms.client.profiles.publication import Publication
from meterhub_dlms.client.profiles.rows import Row
from meterhub_dlms.client.profiles.settings import Profile
from meterhub_dlms.client.profiles.slices import Declined, Slices
from meterhub_dlms.client.profiles.source import ProfileSource
from meterhub_dlms.client.profiles.span import Span, span_of
from meterhub_dlms.client.profiles.status import ProfileState, ProfileStatus
from meterhub_dlms.codec.errors import CodecError

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0
"""Seconds until it is tried again when the meter is not connected; each time twice as long."""
_AFTER_FAILURE = 60.0
_NOT_THERE = 3600.0
_EVENTS = 900.0
"""How often a profile is looked at whose entries come on events."""
_AFTER_CAPTURE = 5.0
"""Seconds that a meter has to write its entry."""
_SECOND = 1_000_000_000


class ProfileReader:
    """Reads one profile for as long as :meth:`run` runs."""

    def __init__(self, hub: Hub, bus: Bus, meter: Meter, profile: Profile) -> None:
        self._hub = hub
        self._meter = meter
        self._profile = profile
        unchanged = profile.empty_values == "unchanged"
        self._source = ProfileSource(bus, meter.label, profile.name, Priority.PROFILE, unchanged=unchanged)
        self._progress = Progress(hub.store, meter.label, profile.name)
        self._publication = Publication(hub, meter, profile)
        self._state: ProfileState = "waiting"
        self._period: int | None = None
        self._published = self._untimed = 0
        self._last_error = ""
        self._pause = _FIRST_PAUSE
        self._in_use: int | None = None
        """Entries of a buffer that is not full, when it was read last."""
        self._reported: set[EventType] = set()

    async def run(self) -> None:
        """Look for new entries until cancelled."""
        while True:
            wait = await self.look()
            await asyncio.sleep(wait)

    async def look(self) -> float:
        """Look once; the seconds until the next time."""
        try:
            return await self._complete()
        except NotThere as error:
            self._state = "not found"
            await self._fail(PROFILE_NOT_FOUND, str(error))
            return self._profile.interval or _NOT_THERE
        except Declined as error:
            self._state = "failed"
            if not error.passing:
                await self._fail(PROFILE_NOT_FOUND, str(error))
            self._last_error = str(error)
            return _AFTER_FAILURE
        except (CodecError, RequestRejected) as error:
            self._source.forget()
            self._state, self._last_error = "failed", str(error)
            return _AFTER_FAILURE
        except (MeterhubError, *BROKEN) as error:
            self._state, self._last_error = "waiting", str(error)
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)
            return self._pause

    async def _complete(self) -> float:
        layout = await self._source.begin()
        self._pause = _FIRST_PAUSE
        self._period = layout.period
        self._reported.discard(PROFILE_NOT_FOUND)
        await self._publication.begin(layout)
        time = self._hub.time
        clock = time.now() if self._source.clock is None else self._source.clock.time
        now = time.now() if time.validity() is Clock.VALID else None
        span = span_of(self._progress, clock, now, layout.period, self._profile.reach)
        await self._note_set_back(span)
        if self._source.count:
            self._state = "reading"
            await self._read_all(layout, span)
        self._progress.complete(now, clock, layout.capacity)
        self._state = "complete"
        return self._wait(layout, clock)

    async def _note_set_back(self, span: Span) -> None:
        """Once for each time that the clock was set back."""
        if not span.set_back:
            self._reported.discard(PROFILE_SET_BACK)
        elif PROFILE_SET_BACK not in self._reported:
            self._reported.add(PROFILE_SET_BACK)
            await self._record(PROFILE_SET_BACK, seconds=span.set_back // _SECOND)

    async def _read_all(self, layout: Layout, span: Span) -> None:
        """By time, and where fewer entries came than the buffer grew by, by number: a clock that was changed more
        than once may have left some where nobody looks for them.
        """
        before, count = self._in_use, self._source.count
        came = await self._read(layout, span)
        self._in_use = count if self._source.counted and count < layout.capacity else None
        if before is None or self._in_use is None or self._source.way != "by range" or came >= count - before:
            return
        with suppress(Declined):
            await self._read(
                layout, span._replace(back=max(span.back, self._grown(layout, count - before))), ranges=False
            )

    @staticmethod
    def _grown(layout: Layout, entries: int) -> int:
        """How far back so many entries reach, and one more that is known, if there was one in each period."""
        return (entries + 1) * layout.period * _SECOND

    async def _read(self, layout: Layout, span: Span, *, ranges: bool = True) -> int:
        """The number of entries that were new."""
        harvest = Harvest(self._progress, self._publication, layout.period, span.earliest, newest=ranges)
        try:
            async with aclosing(self._slices(layout, span, ranges=ranges)) as slices:
                async for rows in slices:
                    await harvest.take(rows)
            await harvest.finish()
        finally:
            self._published += harvest.published
        if harvest.missing and harvest.after is not None:
            await self._record(PROFILE_GAP, missing=harvest.missing, after=moment(harvest.after).isoformat())
        self._untimed += harvest.untimed
        if harvest.untimed and PROFILE_UNTIMED not in self._reported:
            self._reported.add(PROFILE_UNTIMED)
            await self._record(PROFILE_UNTIMED, entries=harvest.untimed)
        return harvest.published + harvest.untimed

    async def _slices(self, layout: Layout, span: Span, *, ranges: bool) -> AsyncGenerator[list[Row], None]:
        async def by_range(slices: Slices) -> AsyncIterator[list[Row]]:
            for since, until in span.ranges:
                async for rows in slices.by_range(since, until, self._progress.deviation):
                    yield rows

        async def first(slices: Slices) -> int:
            return await self._first_entry(slices, span, layout.period)

        async for rows in self._source.read(by_range, first, ranges=ranges):
            yield rows

    async def _first_entry(self, slices: Slices, span: Span, period: int) -> int:
        """The number of an entry that was read before, the newer the better, or of the oldest one wanted.

        Entries have no more than one in a period; where the clock was changed, or they come on events, their contents
        tell which ones are known.
        """
        count = self._source.count
        back = span.back // (period * _SECOND) + 2 if period else 8
        if self._progress.last is None:
            return max(1, count - back + 1) if period else 1
        while back < count:
            row = await slices.entry(count - back + 1, count)
            if row is not None and row.mark is not None and self._known(row):
                return count - back + 1
            back *= 4
        return 1

    def _known(self, row: Row) -> bool:
        return row.mark is not None and row.mark in self._progress.known(row.mark.time, row.mark.time)

    def _wait(self, layout: Layout, clock: int) -> float:
        """Seconds until the next entry, or those of the settings."""
        if self._profile.interval is not None:
            return self._profile.interval
        if not layout.period:
            return _EVENTS
        last = self._progress.last
        due = 0.0 if last is None else (last - clock) / _SECOND + layout.period + _AFTER_CAPTURE
        return due if 0 < due <= layout.period + _AFTER_CAPTURE else float(layout.period)

    async def _fail(self, event: EventType, reason: str) -> None:
        self._last_error = reason
        if event not in self._reported:
            self._reported.add(event)
            await self._record(event, source=self._profile.logical_name, reason=reason)

    async def _record(self, event: EventType, **parameters: str | int) -> None:
        await self._hub.events.record(event, meter=self._meter.label, profile=self._profile.label, **parameters)

    def status(self) -> ProfileStatus:
        """How this profile is doing."""
        last = self._progress.last
        return ProfileStatus(
            meter=self._meter.label,
            profile=self._profile.label,
            logical_name=self._profile.logical_name,
            state=self._state,
            period=self._period,
            way=self._source.way or "",
            newest=None if last is None else moment(last),
            published=self._published,
            missing=self._progress.missing,
            untimed=self._untimed,
            not_found=", ".join(self._publication.not_found),
            last_error=self._last_error or self._publication.last_error,
        )
