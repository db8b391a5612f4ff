"""The subject: the core's hub with its sessions in this process, and six workers, each a process of its own.

Hub, sessions, services and connections are the core's own; only the supervisor is left out, because it starts nothing
that is not signed and locked into its sandbox.
"""

from __future__ import annotations

import asyncio
import gc
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from _workload import LOGGER, NAMES, PUBLISHER, SUBSCRIBERS
from meterhub_sdk import EventType, Point
from meterhub_sdk.point import PatternSet

from meterhub.hub import Hub
from meterhub.process import WorkerProcess
from meterhub.services import Grants, Order, Services
from meterhub.session import WorkerSession
from meterhub.wire import Connection
from meterhub.workers import WorkerSpec

_PLUGIN = Path(__file__).with_name("_plugin.py")


class _NoEvents:
    """Events have no part in this; one would be a fault of the benchmark."""

    async def record(self, event: EventType, /, *, source: str, distribution: str = "", **parameters: object) -> None:
        raise AssertionError(f"{source}: {event.name} {parameters}")

    def record_soon(self, event: EventType, /, *, source: str, distribution: str = "", **parameters: object) -> None:
        raise AssertionError(f"{source}: {event.name} {parameters}")

    def draft(self, event: EventType, source: str, distribution: str, parameters: Mapping[str, object]) -> None:
        raise AssertionError(f"{source}: {event.name} {parameters}")

    async def append(self, entry: object) -> None:
        raise AssertionError(entry)


class _NoSecrets:
    def get(self, name: str) -> str:
        raise AssertionError(name)


class Core:
    """Hub, sessions and workers."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.total = 0
        self._counted: dict[str, tuple[int, int]] = {}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._services = Services(self.hub, _NoEvents(), _NoSecrets())
        everything = PatternSet(["**"])
        self._services.grants_of = lambda _: Grants(read=everything, write=everything)

    async def __aenter__(self) -> Core:
        await self._start(PUBLISHER, {}, [Point(name=name, unit="V") for name in NAMES])
        for name, wanted in SUBSCRIBERS.items():
            points = [Point(name="taken", type="int")] if name == LOGGER else []
            await self._start(name, {"names": wanted}, points)
        gc.collect()
        gc.freeze()  # as the core does once it runs
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()

    async def _start(self, name: str, section: dict[str, Any], points: list[Point]) -> None:
        """Start a worker with one service, as the supervisor does once the worker is verified."""
        self._services.orders[name] = Order(
            name=name,
            distribution="bench",
            worker=name,
            section=section,
            points=points,
            secrets=frozenset(),
            directory=Path.cwd(),
        )
        ours, theirs = socket.socketpair()
        command = [sys.executable, str(_PLUGIN), str(theirs.fileno())]
        process = self.processes[name] = subprocess.Popen(command, pass_fds=[theirs.fileno()])
        theirs.close()
        session = WorkerSession(WorkerSpec(name=name, distributions=("bench",), digests=()), self._services)
        ready: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

        async def begin(body: dict[str, Any]) -> None:
            ready.set_result(body)

        connection = Connection({**session.handlers, "ready": begin}, name)
        await asyncio.get_running_loop().create_unix_connection(lambda: connection, sock=ours)
        session.attach(WorkerProcess(name, process, connection))
        await session.begin(await ready)

    @property
    def pids(self) -> list[int]:
        """The workers' process ids, the core's is not among them."""
        return [process.pid for process in self.processes.values()]

    async def burst(
        self,
        count: int,
        size: int,
        rate: int = 0,
        *,
        window: int = 0,
        without: tuple[str, ...] = (),
        timed: bool = False,
    ) -> dict[str, Any]:
        """Publish ``count`` updates, ``size`` at once, and wait until all subscribers have everything.

        Seconds from the first publish to the last arrival, and what each subscriber saw since its last burst.
        """
        self.total += count
        order = {"count": count, "size": size, "rate": rate, "window": window}
        expected = {"total": self.total, "timed": timed}
        names = [name for name in SUBSCRIBERS if name not in without]
        await asyncio.gather(*(self._services.command(name, "prepare", expected, 30.0) for name in names))
        sent, *arrived = await asyncio.gather(
            self._services.command(PUBLISHER, "publish", order, 120.0),
            *(self._services.command(name, "finish", None, 120.0) for name in names),
        )
        seconds = (max(there["ended"] for there in arrived) - sent["began"]) / 1e9
        for name, there in zip(names, arrived, strict=True):
            seen, missed = self._counted.get(name, (0, 0))
            self._counted[name] = there["seen"], there["missed"]
            there["seen"] -= seen
            there["missed"] -= missed
        return {"seconds": seconds, "began": sent["began"], "arrived": dict(zip(names, arrived, strict=True))}
