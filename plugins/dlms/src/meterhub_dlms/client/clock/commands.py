"""The commands on clocks: what they take and what they answer."""

from __future__ import annotations

from datetime import datetime

from meterhub_sdk import Config, Label, NotDone, Refused, field, moment, nanoseconds
from pydantic import AwareDatetime

from meterhub_dlms.client.association import Association
from meterhub_dlms.client.bus.bus import Bus
from meterhub_dlms.client.bus.jobs import Priority
from meterhub_dlms.client.clock.adjustment import ClockNotSet
from meterhub_dlms.client.clock.comparison import ClockUnreadable, Comparison
from meterhub_dlms.client.clock.keeper import ClockKeeper
from meterhub_dlms.client.errors import BROKEN, RequestRejected
from meterhub_dlms.codec import cosem_time

_EARLIEST, _LATEST = 2000, 2099
"""Years that a clock may be set to."""


class ReadClock(Config):
    """Which clock to read."""

    meter: Label = field(title="Meter", description="Label of the meter.")


class SetClock(Config):
    """Which clock to set, and to what."""

    meter: Label = field(title="Meter", description="Label of the meter.")
    time: AwareDatetime | None = field(
        None, title="Time", description="With its difference to UTC. Empty for the time of this unit."
    )


class ClockAnswer(Config):
    """What a meter's clock shows."""

    meter: str = field(title="Meter", description="Label of the meter.")
    time: datetime | None = field(title="Time", description="In UTC; empty when the clock does not tell it.")
    own_time: datetime = field(title="Our time", description="What our clock showed at the same moment.")
    deviation: float | None = field(title="Deviation", description="How far the meter is ahead of us.", unit="s")
    valid: bool = field(title="Valid", description="Whether the meter itself says that its clock is right.")
    daylight_saving: bool = field(title="Daylight saving", description="As the meter's clock tells it.")
    told: str = field(title="As told", description="The twelve bytes of the meter, in hexadecimal.")


class ClockSet(Config):
    """A clock that was set."""

    before: ClockAnswer = field(title="Before", description="What it showed.")
    after: ClockAnswer = field(title="After", description="What it shows now.")
    way: str = field(title="Way", description="shift_time, or the attribute time.")
    answer: str = field(title="Answer", description="What the meter answered.")


async def read_clock(bus: Bus, keeper: ClockKeeper) -> ClockAnswer:
    """Read it; ``Refused`` when that cannot be."""
    label = keeper.meter.label
    try:
        return _answer(label, await bus.perform(label, Priority.COMMAND, keeper.compare))
    except (ClockUnreadable, RequestRejected, *BROKEN) as error:
        raise Refused(f"the clock of the meter {label} was not read: {error}") from None


async def set_clock(bus: Bus, keeper: ClockKeeper, request: SetClock) -> ClockSet:
    """Set it and read it back; ``Refused`` with the reason, ``NotDone`` when the meter was lost meanwhile."""
    label = keeper.meter.label
    if request.time is not None and not _EARLIEST <= request.time.year <= _LATEST:
        raise Refused(f"{request.time.isoformat()} is not in the years {_EARLIEST} to {_LATEST}")

    async def work(association: Association) -> ClockSet:
        comparison = await keeper.compare(association)
        lead = 0 if request.time is None else nanoseconds(request.time) - comparison.own
        done = await keeper.set(association, comparison, lead)
        return ClockSet(
            before=_answer(label, done.before), after=_answer(label, done.after), way=done.way, answer=done.answer
        )

    try:
        return await bus.perform(label, Priority.COMMAND, work)
    except (ClockNotSet, ClockUnreadable, RequestRejected) as error:
        raise Refused(f"the clock of the meter {label} was not set: {error}") from None
    except BROKEN as error:
        raise NotDone(f"the meter {label} was lost while its clock was set: {error}") from None


def _answer(label: str, comparison: Comparison) -> ClockAnswer:
    status = comparison.status
    known = status != cosem_time.NO_STATUS
    return ClockAnswer(
        meter=label,
        time=None if comparison.meter is None else moment(comparison.meter),
        own_time=moment(comparison.own),
        deviation=None if comparison.deviation is None else round(comparison.deviation, 3),
        valid=known and not status & (cosem_time.INVALID | cosem_time.DOUBTFUL | cosem_time.INVALID_STATUS),
        daylight_saving=known and bool(status & cosem_time.DAYLIGHT_SAVING),
        told=bytes(comparison.told.value).hex(),
    )
