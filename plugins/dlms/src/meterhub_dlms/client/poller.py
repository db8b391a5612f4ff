"""One meter: its association, what is polled over it, and when to try again when it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from meterhub_sdk import EventType, Hub, Reading, moment

from meterhub_dlms.client.association import Association
from meterhub_dlms.client.bus.jobs import Offer, Priority
from meterhub_dlms.client.bus.media import Access
from meterhub_dlms.client.bus.turnaround import Turnaround
from meterhub_dlms.client.channel import Channel
from meterhub_dlms.client.cost import Link, link_of
from meterhub_dlms.client.errors import BROKEN, RequestRejected
from meterhub_dlms.client.hdlc_channel import HdlcChannel
from meterhub_dlms.client.introduction import Introduction
from meterhub_dlms.client.polling import DEVICE_NAME, Polling
from meterhub_dlms.client.settings import CONNECTED, DlmsClientConfig, GroupName, Meter
from meterhub_dlms.client.status import MeterStatus, State
from meterhub_dlms.client.trouble import state_of
from meterhub_dlms.client.values import readable
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.events import METER_CONNECTED, METER_GARBLED, METER_LOST, METER_REFUSED, METER_SILENT
from meterhub_dlms.link.errors import LinkError

Beginning = Callable[[Association], Awaitable[None]]
"""Something to be done on every new association before anything is polled."""

_FIRST_DELAY = 1.0
_EVENTS: dict[State, EventType] = {
    "refused": METER_REFUSED,
    "silent": METER_SILENT,
    "garbled": METER_GARBLED,
    "lost": METER_LOST,
}
_PRIORITIES: dict[GroupName, Priority] = {
    "fast": Priority.FAST,
    "normal": Priority.NORMAL,
    "slow": Priority.SLOW,
}


class MeterPoller:
    """Everything about one meter; its bus asks :meth:`offer` what there is to do and does one thing at a time."""

    def __init__(self, hub: Hub, config: DlmsClientConfig, meter: Meter, introduction: Introduction) -> None:
        self.meter = meter
        self.label = meter.label
        self.introduction = introduction
        self.association: Association | None = None
        """The open association, ``None`` while there is none."""
        self.connected = asyncio.Event()
        """Set while there is one: for those who hang work of their own on the bus."""
        self.turnaround = Turnaround()
        self.beginnings: list[Beginning] = []
        self.on_connected: list[Callable[[], None]] = []
        """Called once there is a new association that can be used."""
        self.device = ""
        """The logical device name that the meter told, if it did."""
        self.last_error = ""
        self._hub = hub
        self._longest_delay = config.reconnect_delay
        self._character = 0.0
        self.polling = Polling(hub, config, meter, self.link)
        self._state: State = "waiting"
        self._connected_since: int | None = None
        self._losses = self._dropped = 0
        self._reported: set[EventType] = set()
        self._told_connected = False
        self._proven = False
        self._retry_at = self._used_at = 0.0
        self._delay = _FIRST_DELAY

    def link(self) -> Link:
        """What the line to the meter costs, as far as it is known."""
        channel = self.association.channel if self.association is not None else None
        agreed = channel.agreed if isinstance(channel, HdlcChannel) else None
        return link_of(self.meter, self._character, self.turnaround.mean, agreed)

    # -- what the bus asks --------------------------------------------------------------------------

    async def start(self) -> None:
        """The meter is not connected yet."""
        await self._publish_connected(False)

    def offer(self, now: float) -> Offer | None:
        """What there is to do now, if anything."""
        association = self.association
        if association is None:
            probe = Offer(Priority.LINK, self._retry_at, self._connect, probe=True)
            return probe if self._retry_at <= now else None
        if association.channel.lost.is_set():
            return Offer(Priority.LINK, 0.0, self._notice)
        if (due := self._idle_until()) <= now:
            return Offer(Priority.LINK, due, self._keep_alive)
        urgent = self.polling.schedule.urgent(now)
        if urgent is None:
            return None
        group, since = urgent
        return Offer(_PRIORITIES[group], since, partial(self._poll, group))

    def wake_at(self, now: float) -> float:
        """When there is something to do again, unless something happens before."""
        if self.association is None:
            return self._retry_at
        return min(self._idle_until(), now + self.polling.schedule.wait(now))

    def _idle_until(self) -> float:
        """When the meter must hear of us at the latest."""
        return self._used_at + self.meter.inactivity_timeout / 2

    # -- what is done -------------------------------------------------------------------------------

    async def _connect(self, access: Access) -> None:
        self._state = "connecting"
        self._proven = False
        self._character = access.character
        channel: Channel | None = None
        association: Association | None = None
        try:
            channel = await self.introduction.connect(access, self.meter, self.turnaround)
            association = self.introduction(channel)
            await association.open()
            await self._begin(association)
        except BROKEN as error:
            state = state_of(error, channel)
            if channel is not None:
                await channel.disconnect()
                self._dropped += association.dropped if association is not None else channel.dropped
            self.association = None
            await self.lost(error, state)
        except BaseException:
            self.association = None
            if channel is not None:
                channel.close()
            raise

    async def _begin(self, association: Association) -> None:
        """What comes first on a new association: the meter's name, then everybody hears of it."""
        try:
            name = await association.get(DEVICE_NAME)
            if isinstance(name, Data) and isinstance(name.value, bytes):
                self.device = readable(name.value)
        except RequestRejected:
            self.device = ""
        for beginning in self.beginnings:
            with suppress(RequestRejected):
                await beginning(association)
        self.association = association
        self.connected.set()
        self.polling.begin()
        self._used()
        self._state, self.last_error = "connected", ""
        self._reported.clear()
        self._connected_since = self._hub.time.now()
        await self._publish_connected(True)
        if not self._told_connected:
            self._told_connected = True
            await self._hub.events.record(METER_CONNECTED, meter=self.label, device=self.device or "without a name")
        for told in self.on_connected:
            told()

    async def _keep_alive(self, access: Access) -> None:
        association = self.association
        if association is None:
            return
        try:
            if not await association.channel.keep_alive():
                with suppress(RequestRejected):
                    await association.get(DEVICE_NAME)
        except BROKEN as error:
            await self._end(error)
        self._used()

    async def _poll(self, group: GroupName, access: Access) -> None:
        association = self.association
        if association is None:
            return
        try:
            self._proven |= await self.polling.exchange(association, group)
        except BROKEN as error:
            await self._end(error)
        self._used()

    async def _notice(self, access: Access) -> None:
        """The link broke while nobody used it."""
        await self.settle()

    async def settle(self) -> None:
        """To be called after a job: if it broke the link, begin again."""
        self._used()
        if self.association is not None and self.association.channel.lost.is_set():
            await self._end(LinkError(self.association.channel.reason))

    async def broken_off(self) -> None:
        """A job was stopped in the middle of an exchange: the association is not to be used again."""
        if self.association is not None:
            await self.leave()
            await self.forget()

    def _used(self) -> None:
        self._used_at = asyncio.get_running_loop().time()

    # -- when it is over ----------------------------------------------------------------------------

    async def leave(self) -> None:
        """End the association in good order; never raises."""
        association = self.association
        if association is None:
            return
        if self.meter.hdlc:
            await association.channel.disconnect()
        await association.release()

    async def forget(self) -> None:
        """The association is over without having been lost: it is built again when the medium is there."""
        if self.association is not None:
            await self._drop(self.association)
            self._retry_at = 0.0
            self._state, self._connected_since = "waiting", None

    async def _drop(self, association: Association) -> None:
        """Without a word to the meter; the release of a closed channel only settles the counters."""
        self.association = None
        self.connected.clear()
        association.channel.close()
        await association.release()
        self._dropped += association.dropped

    async def _end(self, error: Exception) -> None:
        association = self.association
        if association is None:
            return
        state = state_of(error, association.channel)
        await association.channel.disconnect()
        await self._drop(association)
        await self.lost(error, state)

    async def lost(self, error: Exception, state: State = "lost", *, told: bool = False) -> None:
        """Say so once, unless the bus has ``told`` it for all; the points turn stale by themselves."""
        if told and self.association is not None:
            await self._drop(self.association)
            self._retry_at = 0.0
        elif not told:
            self._back_off()
        self._losses += 1
        self._state = state
        silent = isinstance(error, TimeoutError)
        self.last_error = "no connection within the time-out" if silent else str(error) or type(error).__name__
        if self._connected_since is not None:
            self._connected_since = None
            await self._publish_connected(False)
        self._told_connected = False
        event = _EVENTS[self._state]
        if event not in self._reported and not told:
            self._reported.add(event)
            await self._hub.events.record(event, meter=self.label, reason=self.last_error)

    def _back_off(self) -> None:
        """Pauses of 1, 2, 4 … seconds; a meter that was polled as it should begins with the shortest."""
        if self._proven:
            self._delay = _FIRST_DELAY
        self._proven = False
        self._retry_at = asyncio.get_running_loop().time() + min(self._delay, self._longest_delay)
        self._delay = min(2 * self._delay, self._longest_delay)

    async def _publish_connected(self, connected: bool) -> None:
        reading = Reading(connected, self._hub.time.now(), clock=int(self._hub.time.validity()))
        await self._hub.points.publish({f"{self.label}/{CONNECTED}": reading})

    def status(self) -> MeterStatus:
        """How this meter is doing."""
        association, intake = self.association, self.polling.intake
        mean = self.turnaround.mean
        return MeterStatus(
            label=self.label,
            bus=self.meter.bus,
            device=self.device,
            state=self._state,
            connected_since=None if self._connected_since is None else moment(self._connected_since),
            registers=len(self.polling.points),
            errors=self._losses + intake.errors,
            dropped_frames=self._dropped + (association.dropped if association is not None else 0),
            overruns=sum(self.polling.schedule.overruns.values()),
            turnaround=None if mean is None else round(mean * 1000, 1),
            clock=intake.watch.state,
            clock_deviation=intake.watch.deviation,
            registers_back=intake.counting.fallen,
            time=intake.time_source,
            last_error=self.last_error or intake.last_error,
        )
