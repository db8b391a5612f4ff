"""Time synchronisation of one meter: its clock is compared again and again, and set when it deviates."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from meterhub_sdk import Clock, Hub, Refused, moment

from meterhub_dlms.client.association import Association
from meterhub_dlms.client.bus.bus import Bus
from meterhub_dlms.client.bus.jobs import Priority
from meterhub_dlms.client.clock.adjustment import Adjustment, ClockNotSet, Goal, TooClose, adjust
from meterhub_dlms.client.clock.comparison import ClockUnreadable, Comparison, compare
from meterhub_dlms.client.clock.form import ClockForm
from meterhub_dlms.client.clock.watch import ClockWatch
from meterhub_dlms.client.errors import BROKEN, RequestRejected
from meterhub_dlms.client.mapping_settings import CLOCK_DEVIATION
from meterhub_dlms.client.meter_events import CLOCK_NOT_SET, CLOCK_SET
from meterhub_dlms.client.poller import MeterPoller
from meterhub_dlms.client.settings import DlmsClientConfig

_MOST_BROKEN = 3
_UNTIL_VALID = 300.0
"""Seconds until it is tried again when our own clock was not known to be right."""


class ClockKeeper:
    """Compares and sets the clock of one meter, by itself in :meth:`run` and for the commands."""

    def __init__(self, hub: Hub, config: DlmsClientConfig, bus: Bus, poller: MeterPoller) -> None:
        self.set_at: int | None = None
        """When the clock was set last, in nanoseconds UTC."""
        self.watch: ClockWatch = poller.polling.intake.watch
        self.meter = poller.meter
        self._hub = hub
        self._config = config
        self._bus = bus
        self._form = ClockForm(poller.meter)
        self.compares = config.compares_clock(poller.meter)
        """Whether the clock is compared again and again."""
        self._sets = config.time_synchronisation and poller.meter.time_mode == "synchronised"
        self._reported = ""
        self._broken = 0
        self._not_before = 0.0
        self._wake = asyncio.Event()
        poller.on_connected.append(self._wake.set)
        self.watch.jumped = self._wake.set

    async def run(self) -> None:
        """Keep the clock until cancelled: at each new connection, at the interval, and when it jumps."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._wake.wait()
            self._wake.clear()
            wait = self._config.time_interval
            with suppress(Refused, RequestRejected, *BROKEN):
                wait = await self._bus.perform(self.meter.label, Priority.SLOW, self._keep)
            due = loop.time() + wait

    async def compare(self, association: Association) -> Comparison:
        """Read the clock and tell what it shows; :class:`ClockUnreadable` when it cannot be read."""
        try:
            comparison = await compare(association, self._form, self._hub.time)
        except ClockUnreadable as error:
            self.watch.unreadable(str(error))
            await self.watch.report()
            raise
        await self._took(comparison)
        return comparison

    async def set(self, association: Association, before: Comparison, lead: int = 0) -> Adjustment:
        """Set the clock to ours, ``lead`` nanoseconds ahead; :class:`ClockNotSet` when that cannot be."""
        if self.meter.time_mode == "time source":
            raise ClockNotSet("this unit takes its time from it")
        if not lead and self._hub.time.validity() != Clock.VALID:
            raise ClockNotSet("our own clock is not known to be right")
        goal = Goal(lead, self._config.time_offset, self._config.local_time)
        done = await adjust(association, self._form, self._hub.time, before, goal)
        self.set_at = self._hub.time.now()
        self._reported = ""
        await self._took(done.after)
        await self._hub.events.record(
            CLOCK_SET,
            meter=self.meter.label,
            old=shown(done.before),
            new=shown(done.after),
            way=done.way,
            answer=done.answer,
        )
        return done

    async def _keep(self, association: Association) -> float:
        """Do it, unless that ended the association each time lately; seconds until the next time."""
        now = asyncio.get_running_loop().time()
        if self._broken >= _MOST_BROKEN and now < self._not_before:
            return self._not_before - now
        self._not_before = now + self._config.time_interval
        self._broken += 1
        wait = await self._synchronise(association)
        self._broken = 0
        return wait

    async def _synchronise(self, association: Association) -> float:
        """Compare, and set where it must be; seconds until the next time."""
        try:
            comparison = await self.compare(association)
        except ClockUnreadable:
            return self._config.time_interval
        deviation = comparison.deviation
        if not self._sets or (deviation is not None and abs(deviation) <= self._config.time_offset):
            return self._config.time_interval
        try:
            await self.set(association, comparison)
        except TooClose as error:
            return error.seconds
        except ClockNotSet as error:
            await self._failed(str(error))
        except ClockUnreadable as error:
            await self._failed(f"after it was set, {error}")
        return self._config.time_interval if self._hub.time.validity() == Clock.VALID else _UNTIL_VALID

    async def _took(self, comparison: Comparison) -> None:
        reading = self.watch.compared(comparison)
        if reading is not None and self.compares:
            await self._hub.points.publish({f"{self.meter.label}/{CLOCK_DEVIATION}": reading})
        await self.watch.report()

    async def _failed(self, reason: str) -> None:
        """Say so once for each reason, until it was set."""
        if reason != self._reported:
            self._reported = reason
            await self._hub.events.record(CLOCK_NOT_SET, meter=self.meter.label, reason=reason)


def shown(comparison: Comparison) -> str:
    """What a clock showed, in UTC for people."""
    return "no time" if comparison.meter is None else moment(comparison.meter).isoformat(timespec="seconds")
