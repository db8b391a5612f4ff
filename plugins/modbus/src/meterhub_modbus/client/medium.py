"""One medium, TCP connection or serial bus: its task decides who is asked next."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from meterhub_sdk import MeterhubError, NotDone

from meterhub_modbus.client.breaker import Backoff
from meterhub_modbus.client.device import DevicePoller
from meterhub_modbus.client.errors import LinkLost
from meterhub_modbus.client.link import Link
from meterhub_modbus.client.plans import Access
from meterhub_modbus.client.rows import GROUPS

T = TypeVar("T")

_MOST_ERRANDS = 100
_IDLE = 3600.0

State = Literal["opening", "open", "lent", "lost"]


@dataclass(frozen=True, slots=True)
class Errand:
    """Something that a person or another service wants done on the medium."""

    unit: int
    work: Callable[[Link], Awaitable[Any]]
    done: asyncio.Future[Any]


class Medium:
    """The devices of one medium; :meth:`run` is a task of its own.

    Order: errands (writes, commands), then one probe of each lost device whose time has come, then
    the polling groups from fast to slow. A device's poll goes on before the next device's begins.
    When somebody with more right wants a serial port, it is given back between two exchanges; what
    is asked of the medium meanwhile waits.
    """

    def __init__(self, access: Access, pollers: Sequence[DevicePoller], longest_delay: float) -> None:
        self.pollers = list(pollers)
        self.access = access
        self.link: Link | None = None
        self.state: State = "opening"
        self.dropped = 0
        self.lendings = 0
        """Times that the port was given back for somebody else."""
        self._order = deque(self.pollers)
        self._backoff = Backoff(longest_delay)
        self._errands: deque[Errand] = deque()
        self._wake = asyncio.Event()
        self._reason = ""

    async def run(self, first_poll: float) -> None:
        """Keep the medium open and its devices polled until cancelled."""
        now = asyncio.get_running_loop().time()
        for poller in self.pollers:
            await poller.publish_connected()
            poller.schedule.restart(now + first_poll)
        try:
            while True:
                await self._use()
                if self.state == "lent":
                    continue
                self._drop_errands(self._reason)
                for poller in self.pollers:
                    await poller.lost(self._reason)
                await asyncio.sleep(self._backoff.next())
                self.state = "opening"
        finally:
            self._drop_errands("the service stops")

    async def do(self, unit: int, work: Callable[[Link], Awaitable[T]]) -> T:
        """Have something done before all polling; :class:`LinkLost` when the medium is not open."""
        if self.state not in ("open", "lent"):
            raise LinkLost(self._reason or "no connection yet")
        if len(self._errands) >= _MOST_ERRANDS:
            raise LinkLost("too many requests are waiting")
        errand = Errand(unit, work, asyncio.get_running_loop().create_future())
        self._errands.append(errand)
        self._wake.set()
        result: T = await errand.done
        return result

    # -- one session --------------------------------------------------------------------------

    async def _use(self) -> None:
        """Open the medium and work on it, until it is lost or lent to somebody else; ``state`` says which."""
        async with AsyncExitStack() as stack:
            try:
                link = await stack.enter_async_context(self.access.open())
            except TimeoutError:
                self._not_opened("no connection within the time-out")
                return
            except (OSError, UnicodeError, MeterhubError) as error:  # no host name: UnicodeError
                self._not_opened(str(error) or type(error).__name__)
                return
            await self._session(link)

    def _not_opened(self, reason: str) -> None:
        self.state, self._reason = "lost", reason

    async def _session(self, link: Link) -> None:
        """One open link."""
        self.link, self.state = link, "open"
        link.wake = self._wake
        now = asyncio.get_running_loop().time()
        for poller in self.pollers:
            poller.resume(now)
        try:
            while not (link.lost.is_set() or link.wanted):
                await self._turn(link)
            await link.quiet()
        except LinkLost:
            pass
        finally:
            self.link, self._reason = None, link.reason
            self.state = "lent" if link.wanted and not link.lost.is_set() else "lost"
            self.lendings += self.state == "lent"
            self.dropped += link.dropped

    def _drop_errands(self, reason: str) -> None:
        while self._errands:
            _fail(self._errands.popleft(), LinkLost(reason))

    async def _turn(self, link: Link) -> None:
        """The next exchange, or the wait for it."""
        now = asyncio.get_running_loop().time()
        self._wake.clear()
        ready = [p for p in self._order if p.ready(now) and link.free_at(p.device.unit) <= now]
        errand = next((errand for errand in self._errands if link.free_at(errand.unit) <= now), None)
        if errand is not None:
            self._errands.remove(errand)
            await _carry_out(errand, link)
            return
        for poller in ready:
            if poller.breaker.open:
                await poller.probe(link)
                self._prove(poller)
                return
            poller.start_due(now)
            await poller.publish_withheld()
        if not await self._poll(link, ready):
            await self._rest(link)

    async def _poll(self, link: Link, ready: Sequence[DevicePoller]) -> bool:
        """One request of the most urgent group; false when nothing is pending."""
        for group in GROUPS:
            for poller in ready:
                if poller.schedule.pending(group):
                    await poller.poll(link, group)
                    self._prove(poller)
                    if not poller.schedule.pending(group):
                        self._order.remove(poller)
                        self._order.append(poller)
                    return True
        return False

    def _prove(self, poller: DevicePoller) -> None:
        """A device that answers is proof that the medium works."""
        if poller.state == "connected":
            self._backoff.reset()

    async def _rest(self, link: Link) -> None:
        """Until something is due, somebody wants something, or the link is lost."""
        if link.lost.is_set() or link.wanted:
            return
        now = asyncio.get_running_loop().time()
        until = min((max(p.wait_until(now), link.free_at(p.device.unit)) for p in self.pollers), default=now + _IDLE)
        held = [link.free_at(errand.unit) for errand in self._errands]
        with suppress(TimeoutError):
            async with asyncio.timeout_at(min([until, *held])):
                await self._wake.wait()


async def _carry_out(errand: Errand, link: Link) -> None:
    if errand.done.done():
        return
    try:
        result = await errand.work(link)
    except Exception as error:
        _fail(errand, error)
    except asyncio.CancelledError:
        _fail(errand, NotDone("the service stopped meanwhile"))
        raise
    else:
        if not errand.done.done():
            errand.done.set_result(result)


def _fail(errand: Errand, error: Exception) -> None:
    if not errand.done.done():
        errand.done.set_exception(error)
