"""One medium and its meters: a single task does one job at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from meterhub_sdk import Hub, MeterhubError, NotDone, Refused

from meterhub_dlms.client.association import Association
from meterhub_dlms.client.bus.interlude import Interlude
from meterhub_dlms.client.bus.jobs import Job, Offer, Priority
from meterhub_dlms.client.bus.load import Load
from meterhub_dlms.client.bus.media import Access, Medium
from meterhub_dlms.client.poller import MeterPoller
from meterhub_dlms.client.settings import Meter
from meterhub_dlms.events import BUS_LOST, BUS_OPEN
from meterhub_dlms.link.errors import LinkError

T = TypeVar("T")

_MOST_JOBS = 1000
_FIRST_DELAY = 1.0
_AFTER_PROBE = 3.0
"""Of the time that a probe took in vain, what the living meters have for themselves before the next one."""
_GOODBYE = 1.0
"""Seconds for telling all meters that we leave."""
_IDLE = 3600.0


class Bus:
    """The meters of one bus; :meth:`run` is a task of its own, others ask for work by :meth:`perform`."""

    def __init__(
        self, hub: Hub, name: str, medium: Medium, pollers: Sequence[MeterPoller], longest_delay: float
    ) -> None:
        self.name = name
        self.pollers = {poller.label: poller for poller in pollers}
        self.state = "waiting"
        self.reason = ""
        self.character = 0.0
        self.load = Load(asyncio.get_running_loop().time())
        self._hub = hub
        self.totals = medium.totals
        self._medium = medium
        self._longest_delay = longest_delay
        self._jobs: list[Job] = []
        self._wake = asyncio.Event()
        self._access: Access | None = None
        self._dropped = 0
        self._probe_at = 0.0
        self._within = 0.0
        """Seconds of everything that was done so far, what interrupted something else included."""
        self._told_lost = self._proven = False

    @property
    def dropped(self) -> int:
        """Frames that belonged to no exchange, and damaged ones."""
        return self._dropped + (self._access.dropped if self._access is not None else 0)

    async def perform(self, label: str, priority: Priority, work: Callable[[Association], Awaitable[T]]) -> T:
        """Have ``work`` done with the association of a meter, when it is its turn.

        ``Refused`` when the meter is not connected, or is lost before the work began. Whoever is cancelled while
        waiting leaves nothing behind; cancelled while it is done, the work ends and the association is built again.
        """
        poller = self.pollers[label]
        if poller.association is None:
            raise Refused(f"the meter {label} is not connected{f': {poller.last_error}' if poller.last_error else ''}")
        loop = asyncio.get_running_loop()
        result: T = await self._wait_for(Job(label, priority, loop.time(), work, loop.create_future()))
        return result

    async def visit(self, guest: Meter, priority: Priority, work: Callable[[Access], Awaitable[T]]) -> T:
        """Have ``work`` done with the open medium, for a meter that is not one of the bus.

        One of the bus that is at the same address loses its association for that, and gets it again afterwards.
        ``Refused`` when the medium is not open, or is lost before the work began.
        """
        if self._access is None:
            raise Refused(f"the bus {self.name} cannot be used now{f': {self.reason}' if self.reason else ''}")
        loop = asyncio.get_running_loop()
        result: T = await self._wait_for(Job(guest.label, priority, loop.time(), work, loop.create_future(), guest))
        return result

    async def _wait_for(self, job: Job) -> Any:
        if len(self._jobs) >= _MOST_JOBS:
            raise Refused(f"{_MOST_JOBS} requests wait for the bus {self.name} already; try again later")
        self._jobs.append(job)
        self._wake.set()
        try:
            return await job.done
        finally:
            with suppress(ValueError):
                self._jobs.remove(job)

    async def run(self) -> None:
        """Keep the medium open and its meters served until cancelled."""
        delay = _FIRST_DELAY
        for poller in self.pollers.values():
            await poller.start()
        while True:
            try:
                async with self._medium.opened(self._wake.set) as access:
                    self.state, self.reason = "open", ""
                    reason = await self._session(access)
            except (OSError, MeterhubError) as error:
                reason = _said(error)
            if self._proven:
                delay, self._proven = _FIRST_DELAY, False
            if reason is None:
                self.state = "waiting"
                continue
            await self._lost(reason)
            await asyncio.sleep(min(delay, self._longest_delay))
            delay = min(2 * delay, self._longest_delay)

    # -- one session --------------------------------------------------------------------------------

    async def _session(self, access: Access) -> str | None:
        """Serve until the medium is lost, and say why, or until somebody else wants it: then ``None``."""
        self._access, self.character = access, access.character
        try:
            while access.lost is None and not access.wanted:
                self._wake.clear()
                offer = self._next(asyncio.get_running_loop().time())
                if offer is None:
                    await self._rest(access)
                else:
                    await self._do(offer, access)
            return access.lost
        finally:
            self._fail_all(Refused("the bus was given up before it was the turn of this request"))
            if access.lost is None:
                await self._leave()
            self._dropped += access.dropped
            self._access = None

    def _next(self, now: float, beside: Job | None = None) -> Offer | None:
        """What goes now: the highest priority, and of those what waits longest.

        ``beside`` a job that is interrupted, only what is more urgent and concerns another meter.
        """
        pollers, jobs = list(self.pollers.values()), self._jobs
        if beside is not None:
            pollers = [poller for poller in pollers if not beside.concerns(poller.meter)]
            jobs = [job for job in jobs if job.label in self.pollers and self.pollers[job.label] in pollers]
        offers = [offer for poller in pollers if (offer := poller.offer(now)) is not None]
        offers += [Offer(job.priority, job.since, partial(self._carry_out, job)) for job in jobs]
        if beside is not None:
            offers = [offer for offer in offers if offer.priority < beside.priority]
        if now < self._probe_at:
            offers = [offer for offer in offers if not offer.probe] or offers
        return min(offers, key=lambda offer: offer[:2], default=None)

    async def _do(self, offer: Offer, access: Access) -> None:
        clock = asyncio.get_running_loop().time
        begun, within = clock(), self._within
        connected = self._connected()
        await offer.act(access)
        spent = clock() - begun
        self.load.add(spent - (self._within - within), clock())
        self._within = within + spent
        if not self._proven and self._connected():
            await self._works()
        if offer.probe and self._connected() == connected:
            self._probe_at = clock() + _AFTER_PROBE * spent
        for job in [job for job in self._jobs if job.guest is None and self.pollers[job.label].association is None]:
            self._jobs.remove(job)
            job.fail(Refused(f"the meter {job.label} was lost: {self.pollers[job.label].last_error}"))

    def _connected(self) -> int:
        return sum(poller.association is not None for poller in self.pollers.values())

    async def _rest(self, access: Access) -> None:
        """Until something is due, somebody wants something, or the medium is lost."""
        now = asyncio.get_running_loop().time()
        until = min((poller.wake_at(now) for poller in self.pollers.values()), default=now + _IDLE)
        if access.wanted or access.lost is not None or until <= now:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(until - now):
                await self._wake.wait()

    async def _carry_out(self, job: Job, access: Access) -> None:
        """Do what somebody waits for; if nobody does any more, stop it."""
        self._jobs.remove(job)
        if job.done.done():
            return
        if job.guest is not None:
            await self._make_room(job)
            await self._finish(job, access, job.work(access))
            return
        poller = self.pollers[job.label]
        if poller.association is None:
            return
        if not await self._finish(job, access, job.work(poller.association)):
            await poller.broken_off()
        await poller.settle()

    async def _make_room(self, job: Job) -> None:
        """Leave the association with the meter that a guest is about to connect to: most allow only one."""
        for poller in self.pollers.values():
            if job.concerns(poller.meter):
                await poller.leave()
                await poller.forget()

    async def _finish(self, job: Job, access: Access, work: Awaitable[Any]) -> bool:
        """Await the work and pass on its outcome; false when nobody wanted it any more, so that it was broken off."""
        task = asyncio.ensure_future(work)
        try:
            await self._follow(job, access, task)
        except asyncio.CancelledError:
            job.fail(NotDone("the service stopped meanwhile"))
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise
        if task.cancelled():
            job.fail(NotDone("it was broken off"))
        elif (error := task.exception()) is None:
            if not job.done.done():
                job.done.set_result(task.result())
        elif isinstance(error, Exception):
            job.fail(error)
        return not task.cancelled()

    async def _follow(self, job: Job, access: Access, task: asyncio.Future[Any]) -> None:
        """Until the task is done; one at the lowest priority is interrupted by whatever is more urgent."""
        interlude = Interlude()
        outer, access.pause = access.pause, interlude.pause if job.priority is Priority.PROFILE else None
        try:
            while not task.done():
                await asyncio.wait({task, job.done, interlude.asked}, return_when=asyncio.FIRST_COMPLETED)
                if job.done.done() and not task.done():
                    access.pause = None
                    interlude.end()
                    task.cancel()
                    await asyncio.wait({task})
                elif interlude.asked.done():
                    await self._let_others(job, access)
                    interlude.go_on()
        finally:
            access.pause = outer
            interlude.end()

    async def _let_others(self, job: Job, access: Access) -> None:
        """Do what is more urgent than a job, for other meters than its own."""
        pause, access.pause = access.pause, None
        try:
            while access.lost is None:
                offer = self._next(asyncio.get_running_loop().time(), job)
                if offer is None:
                    return
                await self._do(offer, access)
        finally:
            access.pause = pause

    # -- ends ---------------------------------------------------------------------------------------

    async def _leave(self) -> None:
        """Tell the meters that we leave, as many as a second is enough for."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE):
                for poller in self.pollers.values():
                    await poller.leave()
        for poller in self.pollers.values():
            await poller.forget()

    async def _works(self) -> None:
        """A meter answers: that an adapter or a converter could be opened says nothing yet."""
        self._proven = True
        if self._told_lost:
            self._told_lost = False
            await self._hub.events.record(BUS_OPEN, bus=self.name)

    async def _lost(self, reason: str) -> None:
        """Say so once for all meters of the bus; their points turn stale by themselves."""
        self.state, self.reason = "lost", reason
        if not self._told_lost:
            self._told_lost = True
            await self._hub.events.record(BUS_LOST, bus=self.name, reason=reason)
        for poller in self.pollers.values():
            await poller.lost(LinkError(reason), told=True)

    def _fail_all(self, error: Exception) -> None:
        while self._jobs:
            self._jobs.pop().fail(error)


def _said(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no connection within the time-out"
    return str(error) or type(error).__name__
