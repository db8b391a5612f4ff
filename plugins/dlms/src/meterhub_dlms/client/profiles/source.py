"""The buffer of one profile of one meter, as far as it can be read over the association that there is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Literal

from meterhub_sdk import Refused

from meterhub_dlms.client.bus.bus import Bus
from meterhub_dlms.client.bus.jobs import Priority
from meterhub_dlms.client.clock.form import ClockForm
from meterhub_dlms.client.errors import RequestRejected
from meterhub_dlms.client.profiles.layout import BUFFER, IN_USE, Layout, NotThere, number, read_layout
from meterhub_dlms.client.profiles.meter_time import MeterTime, Told
from meterhub_dlms.client.profiles.rows import Row, RowReader
from meterhub_dlms.client.profiles.settings import attribute
from meterhub_dlms.client.profiles.sizing import SliceSize
from meterhub_dlms.client.profiles.slices import Declined, Slices
from meterhub_dlms.client.profiles.turns import Turns
from meterhub_dlms.codec.ln import Attribute
from meterhub_dlms.codec.selection import CLOCK, Selection
from meterhub_dlms.codec.xdlms import AccessResult, Conformance

Way = Literal["by range", "by entry", "whole"]
"""How a meter lets its buffer be read."""

_SELECTIVE = Conformance.SELECTIVE_ACCESS | Conformance.PARAMETERIZED_ACCESS
_LONGEST = 30.0
"""Seconds that a buffer may take which is read as a whole."""
_UNKNOWN_COUNT = 1_000_000_000


class ProfileSource:
    """One profile, called ``name``; :meth:`begin` comes before each reading.

    ``unchanged`` as :attr:`Profile.empty_values` says.
    """

    def __init__(self, bus: Bus, label: str, name: bytes, priority: Priority, *, unchanged: bool = False) -> None:
        self.times = MeterTime(ClockForm(bus.pollers[label].meter).read)
        self.clock: Told | None = None
        """The meter's clock as it was read last."""
        self.count = 0
        """Entries in the buffer, as far as the meter tells."""
        self.counted = False
        """Whether it does."""
        self.way: Way | None = None
        """How it was read last."""
        self._bus = bus
        self._label = label
        self._name = name
        self._priority = priority
        self._unchanged = unchanged
        self._turns: Turns | None = None
        self._layout: Layout | None = None
        self._sizer: SliceSize | None = None
        self._refused: set[Way] = set()

    async def begin(self) -> Layout:
        """Read the clock and how many entries there are, on a new association the layout too.

        ``Refused`` when the meter is not connected; :class:`NotThere` when it has no such profile.
        """
        turns, layout = await self._associated()
        clock = CLOCK if layout.clock is None else layout.columns[layout.clock]
        wanted = [attribute(self._name, IN_USE), Attribute(clock.class_id, clock.logical_name, clock.attribute)]
        in_use, told = await turns.get_each(wanted)
        count = number(in_use)
        self.counted = count is not None
        if not self.counted:
            self._refused.add("by entry")
        self.count = _UNKNOWN_COUNT if count is None else count
        self.clock = self.times.learn(told)
        return layout

    def forget(self) -> None:
        """What the meter told does not fit what it sends: ask again."""
        self._turns = None

    @property
    def slices(self) -> Slices:
        """For reading entries; only after :meth:`begin`."""
        layout, sizer = self._layout, self._sizer
        if layout is None or sizer is None:
            raise Refused(f"the profile of the meter {self._label} was not asked for yet")
        reader = RowReader(layout, self.times, unchanged=self._unchanged)
        return Slices(self._fetch, sizer, layout, self.times, reader)

    async def read(
        self,
        by_range: Callable[[Slices], AsyncIterator[list[Row]]],
        first: Callable[[Slices], Awaitable[int]],
        *,
        ranges: bool = True,
    ) -> AsyncGenerator[list[Row], None]:
        """Slices of rows by the first way that the meter does not refuse.

        ``by_range`` reads the ranges wanted, ``first`` tells from which entry on to read where that is refused.
        :class:`Declined` when the meter refuses all ways. Without ``ranges`` that way is left out.
        """
        slices = self.slices
        reason = Declined(None, "it grants no way to read its entries")
        for way in self._ways():
            if way == "by range" and not ranges:
                continue
            came = False
            try:
                async for rows in self._by(way, slices, by_range, first):
                    came = True
                    self.way = way
                    yield rows
                return
            except Declined as declined:
                if came or declined.passing:
                    raise
                self._refused.add(way)
                reason = declined
        raise reason

    async def _by(
        self,
        way: Way,
        slices: Slices,
        by_range: Callable[[Slices], AsyncIterator[list[Row]]],
        first: Callable[[Slices], Awaitable[int]],
    ) -> AsyncIterator[list[Row]]:
        if way == "by range":
            chosen = by_range(slices)
        elif way == "by entry":
            chosen = slices.by_entry(await first(slices), self.count, self._recount)
        else:
            if self._sizer is not None and self._sizer.seconds(self.count) > _LONGEST:
                raise Declined(None, f"it gives its {self.count} entries only all at once, which takes too long")
            chosen = slices.whole()
        async for rows in chosen:
            yield rows

    def _ways(self) -> list[Way]:
        """Entries on events come by number: nobody knows how many there are in a span of time."""
        period = self._layout is not None and self._layout.period
        ways: list[Way] = ["by range", "by entry", "whole"] if period else ["by entry", "by range", "whole"]
        return [way for way in ways if way not in self._refused]

    async def _associated(self) -> tuple[Turns, Layout]:
        turns, layout = self._turns, self._layout
        if turns is None or layout is None or turns.association is not self._bus.pollers[self._label].association:
            self._turns = None
            turns = Turns(self._bus, self._label, self._priority)
            layout = await read_layout(turns, self._name)
            if layout.clock is None:
                raise NotThere("it does not capture the time")
            granted = turns.association.agreed.conformance & _SELECTIVE
            self._refused = set() if granted else {"by range", "by entry"}
            self._sizer = SliceSize(turns.association, self._bus.pollers[self._label].link, layout.width)
            self._turns, self._layout = turns, layout
        return turns, layout

    async def _fetch(self, selection: Selection | None) -> bytes:
        if self._turns is None:
            raise Refused(f"the profile of the meter {self._label} was not asked for yet")
        try:
            result = await self._turns.get_encoded(attribute(self._name, BUFFER), selection)
        except RequestRejected as rejected:
            raise Declined(None, str(rejected)) from None
        if isinstance(result, AccessResult):
            raise Declined(result, result.phrase)
        return result

    async def _recount(self) -> int:
        await self.begin()
        return self.count
