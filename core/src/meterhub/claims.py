"""Things that only one may hold at a time, such as a serial port: leased by priority or for a time.

The process that uses a port opens it itself, while it holds the lease. When somebody with more right waits, the holder
is told; it finishes its exchange and gives the lease back. A holder whose worker ends has given it back.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from meterhub_sdk import Refused

Thing = tuple[str, str]
"""Kind and name, such as ``("serial", "rs485")``."""

WAITING = 100


@dataclass(slots=True, eq=False)
class Claim:
    """One request for a thing, waiting or holding. ``wanted`` tells its owner that it should give it back."""

    thing: Thing
    service: str
    priority: int
    seconds: float | None
    wanted: Callable[[], None]
    order: int
    granted: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    told: bool = False
    timer: asyncio.TimerHandle | None = None


class Claims:
    """Who holds what, and who waits for it."""

    def __init__(self) -> None:
        self._holders: dict[Thing, Claim] = {}
        self._waiting: dict[Thing, list[Claim]] = {}
        self._orders = itertools.count()

    def holder(self, thing: Thing) -> str | None:
        """The service that holds a thing now."""
        claim = self._holders.get(thing)
        return claim.service if claim else None

    async def acquire(
        self, thing: Thing, service: str, priority: int, seconds: float | None, wanted: Callable[[], None]
    ) -> Claim:
        """Wait until the thing is free for this service.

        The highest ``priority`` is served first, equal ones in their order. A holder of lower
        priority is told at once that it is wanted; one of equal or higher priority when its
        ``seconds`` are over (``None``: never). ``Refused`` when too many wait already.
        """
        queue = self._waiting.setdefault(thing, [])
        if len(queue) >= WAITING:
            raise Refused(f"{len(queue)} claims wait for the {thing[0]} {thing[1]} already")
        claim = Claim(thing, service, priority, seconds, wanted, next(self._orders))
        queue.append(claim)
        queue.sort(key=lambda waiting: (-waiting.priority, waiting.order))
        self._serve(thing)
        try:
            await claim.granted
        except asyncio.CancelledError:
            self.release(claim)
            raise
        return claim

    def release(self, claim: Claim) -> None:
        """Give a thing back, or stop waiting for it; doing it twice changes nothing."""
        queue = self._waiting.get(claim.thing, [])
        if claim in queue:
            queue.remove(claim)
        if claim.timer is not None:
            claim.timer.cancel()
        if self._holders.get(claim.thing) is claim:
            del self._holders[claim.thing]
            self._serve(claim.thing)

    def _serve(self, thing: Thing) -> None:
        """Grant a free thing to the first that waits; tell a holder that must yield."""
        queue = self._waiting.get(thing)
        if not queue:
            self._waiting.pop(thing, None)
            return
        holder = self._holders.get(thing)
        if holder is None:
            first = queue.pop(0)
            self._holders[thing] = first
            if first.seconds is not None:
                first.timer = asyncio.get_running_loop().call_later(first.seconds, self._time_is_up, first)
            if not first.granted.done():
                first.granted.set_result(None)
            self._serve(thing)
        elif queue[0].priority > holder.priority:
            self._want(holder)

    def _time_is_up(self, claim: Claim) -> None:
        claim.seconds = 0.0
        if self._waiting.get(claim.thing):
            self._want(claim)
        elif self._holders.get(claim.thing) is claim:  # nobody waits yet: whoever comes next finds the time over
            claim.priority = -(1 << 31)

    def _want(self, holder: Claim) -> None:
        if not holder.told:
            holder.told = True
            holder.wanted()
