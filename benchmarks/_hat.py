"""For comparison: hat-event's eventer server and clients over TCP loopback, each a process of its own.

The same points, the same five subscribers, the same checks. Its API has no newest-only subscription, so every
subscriber gets every event; and the register call does not wait for delivery, so the publisher asks for an answer to
every tenth one to keep the queue in the server short. Run as ``_hat.py ROLE ...`` by :class:`Hat`.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import Callable, Collection, Coroutine
from typing import Any

from _process import Child, answer, orders
from _workload import LOGGER, NAMES, POINTS, PUBLISHER, SUBSCRIBERS, newest
from hat.drivers import net  # type: ignore[import-untyped]  # it has no types
from hat.event import common, eventer  # type: ignore[import-untyped]  # it has no types

_ANSWERED = 10
Role = Callable[..., Coroutine[Any, Any, None]]


async def server(port: str) -> None:
    """What its engine does without a backend: number the events and hand them to the subscribers."""
    numbers = 0

    async def register(_: object, registered: Collection[common.RegisterEvent]) -> list[common.Event]:
        nonlocal numbers
        events = []
        for event in registered:
            numbers += 1
            identity = common.EventId(1, 1, numbers)
            events.append(common.Event(identity, event.type, common.now(), event.source_timestamp, event.payload))
        await running.notify_events(events, persisted=False)
        return events

    running = await eventer.listen(net.TcpAddress("127.0.0.1", int(port)), register_cb=register)
    answer("ready")
    await running.wait_closed()


async def publisher(port: str) -> None:
    """Carry out the orders on standard input."""
    client = await eventer.connect(net.TcpAddress("127.0.0.1", int(port)), "publisher")
    types = [(PUBLISHER, *name.split("/")) for name in NAMES]
    number = 0
    answer("ready")
    async for order in orders():
        began, end = time.monotonic_ns(), number + order["count"]
        while number < end:
            stamp = common.now()
            events = [
                common.RegisterEvent(types[k % POINTS], stamp, common.EventPayloadJson(float(k)))
                for k in range(number, number + order["size"])
            ]
            number += order["size"]
            asked = number // order["size"] % _ANSWERED == 0
            await client.register(events, with_response=asked)
        answer({"began": began})


async def subscriber(port: str, name: str) -> None:
    """Count; tell when all events of an order are here."""
    wanted = [tuple("?" if e == "*" else e.replace("**", "*") for e in p.split("/")) for p in SUBSCRIBERS[name]]
    mine = common.create_subscription(wanted)
    own = [point for point, full in enumerate(NAMES) if mine.matches((PUBLISHER, *full.split("/")))]
    seen, last = 0, -1.0
    news = asyncio.Event()

    async def take(_: object, events: Collection[common.Event]) -> None:
        nonlocal seen, last
        values: list[Any] = [event.payload.data for event in events if event.payload is not None]
        seen += len(values)
        last = max(last, *values)
        news.set()

    await eventer.connect(net.TcpAddress("127.0.0.1", int(port)), name, subscriptions=wanted, events_cb=take)
    answer("ready")
    async for order in orders():
        goal = max(number for point in own if (number := newest(point, order["total"])) is not None)
        while last < goal:
            news.clear()
            await news.wait()
        answer({"ended": time.monotonic_ns(), "seen": seen})


class Hat:
    """The seven processes."""

    async def __aenter__(self) -> Hat:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        self.total = 0
        self._children = [await Child.start(__file__, "server", port)]
        await self._children[0].ask(None)
        self._publisher = await Child.start(__file__, "publisher", port)
        self._subscribers = [await Child.start(__file__, "subscriber", port, name) for name in SUBSCRIBERS]
        self._children += [self._publisher, *self._subscribers]
        await asyncio.gather(*(child.ask(None) for child in self._children[1:]))
        return self

    async def __aexit__(self, *_: object) -> None:
        for child in self._children:
            await child.stop()

    @property
    def pids(self) -> list[int]:
        """The process ids."""
        return [child.pid for child in self._children]

    async def burst(self, count: int, size: int) -> float:
        """Seconds from the first event to the last arrival of ``count`` events, ``size`` at once."""
        self.total += count
        sent, *arrived = await asyncio.gather(
            self._publisher.ask({"count": count, "size": size}),
            *(child.ask({"total": self.total}) for child in self._subscribers),
        )
        seen = arrived[list(SUBSCRIBERS).index(LOGGER)]["seen"]
        if seen != self.total:
            raise ValueError(f"hat-event brought {seen} of {self.total} events to the logger")
        return float(max(there["ended"] for there in arrived) - sent["began"]) / 1e9


if __name__ == "__main__":
    roles: dict[str, Role] = {"server": server, "publisher": publisher, "subscriber": subscriber}
    asyncio.run(roles[sys.argv[1]](*sys.argv[2:]))
