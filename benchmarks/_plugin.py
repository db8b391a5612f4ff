"""The plugin of the hub benchmark, and the worker program that runs it: ``_plugin.py FD``.

A poller publishes and five subscribers follow, through the SDK only. The worker is the core's own program without
what comes before it (verification and sandbox, which cost nothing once a worker runs).
"""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
import time
from collections.abc import Iterable
from typing import Any

from _workload import LOGGER, NAMES, POINTS, PUBLISHER, Pace, histogram, newest
from meterhub_sdk import Config, Latest, Point, Reading, Service, command, field, hookimpl
from pydantic import BaseModel

TELL_EVERY = 2_000


class Burst(Config):
    count: int = field(title="Updates to publish")
    size: int = field(title="Updates in one publish")
    rate: int = field(0, title="Updates a second", description="0: as fast as it goes")
    window: int = field(0, title="Updates on their way at most", description="0: any number")


class Began(BaseModel):
    began: int


class Poller(Service[Config]):
    """Publishes, as a poller of 200 devices would."""

    def points(self) -> Iterable[Point]:
        return [Point(name=name, unit="V") for name in NAMES]

    async def run(self) -> None:
        self.number = 0
        self.taken = 0
        self._room = asyncio.Event()
        async for state in self.hub.points.latest(f"{LOGGER}/taken"):
            self.taken = int(state[f"{LOGGER}/taken"].number) if state[f"{LOGGER}/taken"].good else 0
            self._room.set()

    @command(title="Publish", timeout=120.0)
    async def publish(self, order: Burst) -> Began:
        """Publish so many updates."""
        points, pace = self.hub.points, Pace(order.rate, order.size)
        end = self.number + order.count
        began = time.monotonic_ns()
        while self.number < end:
            if pause := pace.wait():
                await asyncio.sleep(pause)
            while order.window and self.number - self.taken >= order.window:
                self._room.clear()
                await self._room.wait()
            now, number = time.monotonic_ns(), self.number
            self.number = number + order.size
            await points.publish(
                {NAMES[k % POINTS]: Reading(float(k), now, 0, "V") for k in range(number, number + order.size)}
            )
        return Began(began=began)


class Follow(Config):
    names: list[str] = field(title="Names and patterns")


class Expect(Config):
    total: int = field(title="Updates published when it is done")
    timed: bool = field(title="Keep the latencies")


class Arrived(BaseModel):
    ended: int
    seen: int
    missed: int
    latencies: dict[int, int]


class Follower(Service[Follow]):
    """Reads every value that comes, and tells when the last update is here."""

    async def run(self) -> None:
        self.seen = 0
        self.missed = 0
        self.timed = False
        self.latencies: list[int] = []
        self.newest = -1.0
        self.last = -1
        self.arrived = asyncio.Event()
        await self.follow()

    async def follow(self) -> None:
        """Subscribe, and hand to :meth:`take` what comes."""
        raise NotImplementedError

    def take(self, readings: Iterable[Reading]) -> list[Any]:
        """The values of readings that have just come."""
        if self.timed:
            now = time.monotonic_ns()
            self.latencies.extend(now - reading.time for reading in readings)
        values: list[Any] = [reading.value for reading in readings]
        self.seen += len(values)
        self.newest = max(values)
        if self.newest >= self.last:
            self.arrived.set()
        return values

    @command(title="Prepare")
    async def prepare(self, order: Expect) -> None:
        """Work out what the last update will be, before anything is published."""
        self.total = order.total
        self.timed = order.timed
        self.latencies.clear()
        self.last = self.last_of(order.total)
        self.arrived.clear()

    @command(title="Wait", timeout=120.0)
    async def finish(self) -> Arrived:
        """Wait for the last update, and check that nothing is missing."""
        if self.newest < self.last:
            await self.arrived.wait()
        ended = time.monotonic_ns()
        self.check(self.total)
        return Arrived(ended=ended, seen=self.seen, missed=self.missed, latencies=histogram(self.latencies))

    def last_of(self, total: int) -> int:
        """The number of the last of ``total`` updates that comes here."""
        raise NotImplementedError

    def check(self, total: int) -> None:
        """Raise unless everything that was published is here."""


class Server(Follower):
    """Follows the newest state, as a protocol server does."""

    async def follow(self) -> None:
        async for state in self.hub.points.latest(*self.config.names):
            self.state: Latest = state
            if any(reading.good for reading in state.changed.values()):
                self.take(state.changed.values())

    def last_of(self, total: int) -> int:
        return max(number for _, number in self._own(total))

    def check(self, total: int) -> None:
        for name, number in self._own(total):
            if self.state[name].value != number:
                raise ValueError(f"{self.hub.name} holds {self.state[name].value} for {name}, not {number}")

    def _own(self, total: int) -> list[tuple[str, int]]:
        numbers = ((f"{PUBLISHER}/{name}", newest(point, total)) for point, name in enumerate(NAMES))
        return [(name, number) for name, number in numbers if number is not None and name in self.state]


class Logger(Follower):
    """Takes every reading in order, and tells now and then how far it is."""

    def points(self) -> Iterable[Point]:
        return [Point(name="taken", type="int")]

    async def follow(self) -> None:
        expected, told = 0, 0
        async for batch in self.hub.points.every(*self.config.names):
            values = self.take([reading for _, reading in batch.readings])
            self.missed += batch.missed
            expected += batch.missed
            if values != list(range(expected, expected + len(values))):
                raise ValueError(f"after update {expected - 1} came {values[0]}, and {batch.missed} are missed")
            expected += len(values)
            if expected - told >= TELL_EVERY:
                told = expected
                await self.hub.points.publish({"taken": Reading(expected, self.hub.time.now())})

    def last_of(self, total: int) -> int:
        return total - 1


@hookimpl
def meterhub_services() -> list[type[Service[Config]]]:
    return [Poller, Server, Logger]  # type: ignore[list-item]


if __name__ == "__main__":
    from meterhub_sdk.description import Plugin

    from meterhub.worker.program import Program

    gc.freeze()  # as the worker program does
    program = Program([Plugin("bench", [sys.modules["__main__"]])], {})
    asyncio.run(program.run(socket.socket(fileno=int(sys.argv[1]))))
