"""One serial port for polling and forwarding, with leases granted as the core grants them."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from meterhub_sdk import Hub
from meterhub_sdk.serial import open_line
from meterhub_sdk.testing import FakeHub, FakeLease

from meterhub.claims import Claims


class SharedHub(FakeHub):
    """Grants leases by the core's own rules."""

    def __init__(self, name: str, claims: Claims, things: dict[Any, Any]) -> None:
        super().__init__(name)
        self.things = things
        self._claims = claims

    @contextlib.asynccontextmanager
    async def lease(
        self, kind: str, name: str, *, priority: int = 0, seconds: float | None = None
    ) -> AsyncIterator[FakeLease]:
        lease = FakeLease(self.things[kind, name])
        claim = await self._claims.acquire((kind, name), self.name, priority, seconds, lease.want)
        try:
            yield lease
        finally:
            self._claims.release(claim)


@pytest.fixture
def hubs(rig: Any) -> Iterator[tuple[SharedHub, SharedHub]]:
    claims = Claims()
    made = SharedHub("forwarding", claims, rig.hub.things), SharedHub("poller", claims, rig.hub.things)
    yield made
    for hub in made:
        hub.close()


async def device(fd: int) -> None:
    """Answers each request ``?xxx`` by ``!xxx``, after a while."""
    while True:
        with contextlib.suppress(OSError):
            for request in os.read(fd, 1000).split(b"?")[1:]:
                await asyncio.sleep(0.005)
                os.write(fd, b"!" + request)
        await asyncio.sleep(0.001)


async def poll(hub: Hub, answers: list[bytes], rounds: int) -> None:
    """A driver that takes the port for one exchange at a time."""
    for _ in range(rounds):
        async with open_line(hub, "bus", priority=0, seconds=0.1) as line:
            line.write(b"?own")
            answer = b""
            async with asyncio.timeout(5):
                while len(answer) < 4:
                    answer += await line.read()
            answers.append(answer)
        await asyncio.sleep(0.01)


async def test_both_get_their_own_answers_and_neither_starves(
    rig: Any, hubs: Any, connect: Any, free_port: Callable[[], int]
) -> None:
    far, port, answers = rig.port("bus"), free_port(), list[bytes]()
    forwarding, poller = hubs
    rig.hub = forwarding
    end = {"kind": "serial", "port": "bus", "window": 0.5}
    answering = asyncio.create_task(device(far.fd))
    async with rig.running(
        {"label": "c", "endpoints": [{"kind": "tcp-listen", "host": "127.0.0.1", "port": port}, end]}
    ):
        reader, writer = await connect(port)
        await rig.until(lambda: rig.end(1).connected)
        polling = asyncio.create_task(poll(poller, answers, 3))
        async with asyncio.timeout(20):
            exchanges = 0
            while not polling.done() or exchanges < 20:
                request = b"?%03d" % exchanges
                writer.write(request)
                assert await reader.readexactly(4) == b"!" + request[1:]
                exchanges += 1
            await polling
        assert answers == [b"!own"] * 3
        assert rig.end(1).lost == 0
    answering.cancel()


async def test_a_client_takes_the_port_from_polling_by_priority_and_gives_it_back(
    rig: Any, hubs: Any, connect: Any, free_port: Callable[[], int]
) -> None:
    far, port = rig.port("bus"), free_port()
    forwarding, poller = hubs
    rig.hub = forwarding
    end = {"kind": "serial", "port": "bus", "priority": 10, "on_demand": True}
    async with rig.running(
        {"label": "c", "endpoints": [{"kind": "tcp-listen", "host": "127.0.0.1", "port": port}, end]}
    ):
        async with open_line(poller, "bus") as line:
            _, writer = await connect(port)
            writer.write(b"waits")
            async with asyncio.timeout(5):
                await line.until_wanted()
        assert await far.receive(5) == b"waits"
        again = asyncio.create_task(poll_once(poller))
        await asyncio.sleep(0.05)
        assert not again.done()
        writer.close()
        async with asyncio.timeout(5):
            await again


async def poll_once(hub: Hub) -> None:
    async with open_line(hub, "bus"):
        pass
