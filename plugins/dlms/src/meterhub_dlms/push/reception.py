"""Takes what the listeners bring, one push after the other, to the meters."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from meterhub_sdk import Hub

from meterhub_dlms.client.values import readable
from meterhub_dlms.codec import obis
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.notification import EventNotification
from meterhub_dlms.counter_store import KeyCounters, Sender
from meterhub_dlms.push.events import METER_EVENT, PUSH_MALFORMED, PUSH_REFUSED, PUSH_SILENT, PUSH_STARTED
from meterhub_dlms.push.meter import MeterIntake
from meterhub_dlms.push.opening import Opened, Rejected, Unknown, open_push
from meterhub_dlms.push.reports import Reports
from meterhub_dlms.push.senders import Senders
from meterhub_dlms.push.unknown import UnknownSenders

_QUEUE = 256
_BATCH = 64
_AGAIN = 300.0
"""Seconds between two entries about refused pushes of one meter."""

_LONGEST_SLEEP = 60.0
_MAX_TEXT = 200


class Arrival(NamedTuple):
    """A whole APDU, or what is wrong with what came instead."""

    host: str
    apdu: bytes = b""
    fault: str = ""


class Reception:
    """The queue between the listeners and the hub; bounded, so that TCP is slowed down and UDP loses."""

    def __init__(self, hub: Hub, reports: Reports, intakes: dict[str, MeterIntake], counters: KeyCounters) -> None:
        self.intakes = intakes
        self.malformed = 0
        self.unknown = UnknownSenders(hub, reports)
        self._hub = hub
        self._reports = reports
        self._senders = Senders(list(intakes.values()))
        self._counters = counters
        self._queue: asyncio.Queue[Arrival] = asyncio.Queue(_QUEUE)
        now = asyncio.get_running_loop().time()
        self._heard = dict.fromkeys(intakes, now)

    async def put(self, arrival: Arrival) -> None:
        """Take it; waits while the queue is full."""
        await self._queue.put(arrival)

    def offer(self, arrival: Arrival) -> bool:
        """Take it, unless the queue is full."""
        if self._queue.full():
            return False
        self._queue.put_nowait(arrival)
        return True

    async def run(self) -> None:
        """Take pushes to the hub until cancelled."""
        while True:
            waiting = [await self._queue.get()]
            while not self._queue.empty() and len(waiting) < _BATCH:
                waiting.append(self._queue.get_nowait())
            opened: list[Opened] = []
            for arrival in waiting:
                if (push := await self._open(arrival)) is not None:
                    opened.append(push)
            self._keep_counters(opened)
            for push in opened:
                await self._deliver(push)

    def forget_counter(self, intake: MeterIntake) -> None:
        """Take the next push of a meter with keys whatever its counter is."""
        ciphering = intake.ciphering
        if ciphering is not None:
            self._counters.forget_received(ciphering.keys.encryption, ciphering.partner)
            ciphering.received.update({False: -1, True: -1})

    async def watch(self) -> None:
        """Say of meters that sent nothing for too long, until cancelled."""
        limits = {label: limit for label, intake in self.intakes.items() if (limit := intake.meter.stale_after)}
        sleep = min([_LONGEST_SLEEP, *limits.values()])
        while True:
            now = asyncio.get_running_loop().time()
            for label, limit in limits.items():
                intake = self.intakes[label]
                if intake.state != "silent" and now - self._heard[label] >= limit:
                    intake.state = "silent"
                    await self._hub.events.record(PUSH_SILENT, meter=label, seconds=limit)
            left = [self._heard[label] + limit - now for label, limit in limits.items()]
            await asyncio.sleep(min([sleep, *(seconds for seconds in left if seconds > 0)]))

    async def _open(self, arrival: Arrival) -> Opened | None:
        try:
            if arrival.fault:
                raise CodecError(arrival.fault)
            return open_push(arrival.apdu, arrival.host, self._senders)
        except Unknown as unknown:
            await self.unknown.count(arrival.host, str(unknown))
        except Rejected as rejected:
            await self._reject(rejected, arrival.host)
        except CodecError as error:
            self.malformed += 1
            await self._reports.tell(PUSH_MALFORMED, arrival.host, peer=arrival.host, reason=str(error))
        return None

    async def _reject(self, rejected: Rejected, host: str) -> None:
        intake, reason = rejected.intake, str(rejected)
        intake.note(reason)
        if rejected.security:
            intake.refused += 1
        await self._reports.tell(
            PUSH_REFUSED, intake.meter.label, again=_AGAIN, meter=intake.meter.label, peer=host, reason=reason
        )

    def _keep_counters(self, opened: list[Opened]) -> None:
        """On disk before anything of the pushes is given out, so that none of them is ever taken twice."""
        counters = {
            Sender(ciphering.keys.encryption, ciphering.partner): ciphering.received[False]
            for push in opened
            if (ciphering := push.intake.ciphering) is not None
        }
        if counters:
            self._counters.keep_received(counters)

    async def _deliver(self, push: Opened) -> None:
        intake, label = push.intake, push.intake.meter.label
        self._heard[label] = asyncio.get_running_loop().time()
        intake.pushes += 1
        if intake.state != "good":
            intake.state = "good"
            await self._hub.events.record(PUSH_STARTED, meter=label, peer=push.pushed.peer)
        await intake.take(push.pushed)
        if push.event is not None:
            await self._tell(intake, push.event)

    async def _tell(self, intake: MeterIntake, event: EventNotification) -> None:
        """An event notification becomes an event, unless too many come."""
        if intake.pace.take("", asyncio.get_running_loop().time()) > 0:
            intake.events_left_out += 1
            return
        value = event.data.value
        await self._hub.events.record(
            METER_EVENT,
            meter=intake.meter.label,
            object=obis.text(event.attribute.logical_name),
            class_id=event.attribute.class_id,
            attribute=event.attribute.number,
            value=(readable(value) if isinstance(value, bytes) else str(value))[:_MAX_TEXT],
        )
