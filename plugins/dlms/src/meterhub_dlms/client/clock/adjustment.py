"""Setting a meter's clock: by shift_time where that will do, otherwise by its time."""

from __future__ import annotations

from typing import NamedTuple

from meterhub_sdk import Time

from meterhub_dlms.client.association import Association
from meterhub_dlms.client.clock.comparison import SECOND, Comparison, compare
from meterhub_dlms.client.clock.form import ClockForm, UnknownZone
from meterhub_dlms.client.clock.quarter import pause
from meterhub_dlms.client.errors import RequestRejected
from meterhub_dlms.client.planner import CLOCK
from meterhub_dlms.codec import axdr
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.ln_action import ActionResult
from meterhub_dlms.codec.xdlms import AccessResult

SHIFT_TIME = CLOCK._replace(number=6)
"""Method shift_time of class 8 (IEC 62056-6-2): seconds from -900 to 900."""

MAX_SHIFT = 900


class ClockNotSet(Exception):
    """A clock was not set; the text says why."""


class TooClose(ClockNotSet):
    """Not now: a quarter-hour is near; ``seconds`` is how long to wait."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"a quarter-hour is near; wait {seconds} s")
        self.seconds = seconds


class Adjustment(NamedTuple):
    """A clock that was set: how it was before and after, in which way, and what the meter answered."""

    before: Comparison
    after: Comparison
    way: str
    answer: str


class Goal(NamedTuple):
    """What a clock shall show: ``lead`` nanoseconds more than ours, to ``limit`` seconds; ``local`` for local time."""

    lead: int
    limit: float
    local: bool

    def misses(self, comparison: Comparison) -> float | None:
        """Seconds that a clock is ahead of what it shall show."""
        deviation = comparison.deviation
        return None if deviation is None else deviation - self.lead / SECOND


async def adjust(association: Association, form: ClockForm, time: Time, before: Comparison, goal: Goal) -> Adjustment:
    """Set a clock and read it back. :class:`ClockNotSet` when it does not do that, or not now."""
    wanted = before.own + goal.lead
    if wait := pause(wanted, wanted if before.meter is None else before.meter):
        raise TooClose(wait)
    if before.took / 2 > goal.limit:
        raise ClockNotSet(f"the exchange took {before.took:.1f} s, so the time would not be exact enough")
    shift = _shift(goal.misses(before))
    if shift and await _shifted(association, shift):
        after = await compare(association, form, time)
        if _right(after, goal):
            return Adjustment(before, after, "shift_time", ActionResult.SUCCESS.phrase)
    answer = await _set(association, form, time, before, goal)
    after = await compare(association, form, time)
    if not _right(after, goal):
        shown = "cannot be told" if after.deviation is None else f"deviates by {goal.misses(after):.1f} s"
        raise ClockNotSet(f"it answered {answer}, but its clock still {shown}")
    return Adjustment(before, after, "attribute time", answer)


def _shift(misses: float | None) -> int:
    """Whole seconds for shift_time; 0 where it will not do."""
    seconds = 0 if misses is None else -round(misses)
    return seconds if abs(seconds) <= MAX_SHIFT else 0


def _right(comparison: Comparison, goal: Goal) -> bool:
    misses = goal.misses(comparison)
    return misses is not None and abs(misses) <= goal.limit


async def _shifted(association: Association, seconds: int) -> bool:
    """Whether the meter has the method and says that it did it; many do not have it."""
    try:
        return (await association.action(SHIFT_TIME, Data(axdr.INT16, seconds))).result is ActionResult.SUCCESS
    except RequestRejected:
        return False


async def _set(association: Association, form: ClockForm, time: Time, before: Comparison, goal: Goal) -> str:
    """What the meter answered; the time is reckoned to its arrival there."""
    arrival = time.now() + goal.lead + round(before.took / 2 * SECOND)
    try:
        octets = form.setting(arrival, before.told.value, local=goal.local)
    except (UnknownZone, CodecError) as error:
        raise ClockNotSet(str(error)) from None
    try:
        result = await association.set(CLOCK, Data(before.told.tag, octets))
    except RequestRejected as rejected:
        raise ClockNotSet(f"it rejected the request: {rejected}") from None
    if result is not AccessResult.SUCCESS:
        raise ClockNotSet(f"it answered {result.phrase}")
    return result.phrase
