"""Runs services of plugins in this process, on hubs without a core, for the tests that ill-treat them.

``served.py PLAN``: PLAN is a JSON file as :mod:`rig.plan` writes it. Whoever connects to the socket ``control`` in its
directory and sends a line of JSON is answered with JSON (:meth:`House.look`): how the process and its services do.
``{"give": {POINT: VALUE}}`` publishes readings first, ``{"tidy": true}`` collects the garbage. SIGTERM stops everything
in order.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import logging
import os
import signal
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from meterhub_sdk import EventType, Reading, Service, Value
from meterhub_sdk.testing import FakeHub

_PAGE = os.sysconf("SC_PAGE_SIZE")
_KEPT = 20
SERVICES = {
    "modbus-server": ("meterhub_modbus.service", "ModbusServer"),
    "modbus-simulator": ("meterhub_modbus.simulator.service", "ModbusSimulator"),
    "dlms-server": ("meterhub_dlms.server.service", "DlmsServer"),
    "dlms-push": ("meterhub_dlms.push.service", "DlmsPush"),
    "iec104-server": ("meterhub_iec104.service", "Iec104Server"),
    "forwarding": ("meterhub_forwarding.service", "Forwarding"),
}


class CountingHub(FakeHub):
    """A hub that counts what it is given and keeps none of it."""

    def __init__(self, name: str, directory: Path) -> None:
        super().__init__(name, directory)
        self.told: Counter[str] = Counter()
        self.written = 0

    async def record(self, event: EventType, /, **parameters: str | int | float | bool | None) -> None:
        self.told[event.name] += 1

    async def publish(self, batch: Mapping[str, Reading], *, history: bool = False) -> None:
        await super().publish(batch, history=history)
        self.history.clear()

    async def write(self, name: str, value: Value, **more: Any) -> None:
        self.written += 1
        await asyncio.sleep(0.2 if name == "d/slow" else 0)


class Complaints(logging.Handler):
    """What the program logged as a fault, the first of it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.first: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        # Python says so of each answer for a client that left while reading was paused; there is no way to ask it.
        if record.getMessage() != "SSL connection is closed" and len(self.first) < _KEPT:
            self.first.append(self.format(record))


class House:
    """All services of a plan."""

    def __init__(self, plan: dict[str, Any], complaints: Complaints) -> None:
        self._plan = plan
        self._complaints = complaints
        self.hubs: dict[str, CountingHub] = {}
        self.services: dict[str, Service[Any]] = {}

    def build(self) -> None:
        """One hub for each service, with everything that the plan gives."""
        for name, config in self._plan["services"].items():
            module, kind = SERVICES[name.partition("@")[0]]
            make: type[Service[Any]] = getattr(importlib.import_module(module), kind)
            directory = Path(self._plan["directory"]) / name
            directory.mkdir(parents=True, exist_ok=True)
            hub = self.hubs[name] = CountingHub(name, directory)
            hub.secrets |= self._plan["secrets"]
            hub.things |= {("serial", label): line for label, line in self._plan["serial"].items()}
            for point, value in self._plan["readings"].items():
                hub.give(point, value)
            self.services[name] = make(hub, make.config_type.model_validate(config))

    async def run(self) -> None:
        """Until SIGTERM; a service that ends by itself ends all."""
        control = await asyncio.start_unix_server(self._answer, Path(self._plan["directory"]) / "control")
        over = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
        async with control, asyncio.TaskGroup() as tasks:
            work = [tasks.create_task(self._run(name), name=f"plan {name}") for name in self.services]
            await over.wait()
            for task in work:
                task.cancel()

    async def _run(self, name: str) -> None:
        async with self.hubs[name].running(self.services[name]) as service:
            await asyncio.shield(service)
            raise RuntimeError(f"{name} ended by itself")

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        order = json.loads(await reader.readline() or "{}")
        for hub in self.hubs.values():
            for point, value in order.get("give", {}).items():
                hub.give(point, value)
        if order.get("tidy"):
            gc.collect()
        writer.write(json.dumps(self.look(), default=str).encode())
        writer.close()

    def look(self) -> dict[str, Any]:
        """Memory in bytes, tasks, open files, events by their names, complaints, status of each service."""
        return {
            "rss": int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE,
            "tasks": len(asyncio.all_tasks()),
            "files": len(os.listdir("/proc/self/fd")),
            "events": {name: dict(hub.told) for name, hub in self.hubs.items()},
            "written": {name: hub.written for name, hub in self.hubs.items()},
            "complaints": self._complaints.first,
            "status": {name: status.model_dump() for name in self.services if (status := self.services[name].status())},
        }


def main() -> None:
    """Run the plan."""
    complaints = Complaints()
    logging.getLogger().addHandler(complaints)
    house = House(json.loads(Path(sys.argv[1]).read_text("utf-8")), complaints)
    house.build()
    asyncio.run(house.run())


if __name__ == "__main__":
    main()
