"""Runs the demo: prepares, starts, shows a live table, sums up, stops."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import tempfile
from pathlib import Path
from typing import Any

from rich.live import Live

from meterhub.cli.client import Client, connected
from meterhub.cli.output import console, points_table
from meterhub.demo.examples import INSTANCES, Endpoints, place, ports_reserved, read_examples, repository
from meterhub.demo.homes import describe_once, make_users, new_secrets, prepare
from meterhub.demo.line import BAUD, connect, line_between
from meterhub.demo.processes import RunningInstance
from meterhub.files import replace_atomically

_PERIOD = 1.0


async def run_demo(home: Path | None, seconds: float | None) -> int:
    """The demo in ``home`` (or a directory that is removed at the end), for ``seconds`` or until Ctrl-C."""
    if home is not None:
        return await _Demo(home.absolute()).run(seconds)
    with tempfile.TemporaryDirectory(prefix="meterhub-demo-") as temporary:
        return await _Demo(Path(temporary)).run(seconds)


class _Demo:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._instances: list[RunningInstance] = []
        self._passwords: dict[str, str] = {}
        self._stop = asyncio.Event()
        self._open = contextlib.ExitStack()

    async def run(self, seconds: float | None) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        try:
            with ports_reserved():
                endpoints, ends = await self._prepare()
                self._open.enter_context(line_between(ends))
                await self._start()
            self._greet(endpoints)
            async with connected(self._directory / "gateway") as gateway:
                if seconds is not None:
                    loop.call_later(seconds, self._stop.set)
                await self._show(gateway)
                return await self._sum_up(gateway) if seconds is not None else 0
        finally:
            await asyncio.gather(*(instance.stop() for instance in self._instances))
            self._open.close()

    async def _prepare(self) -> tuple[Endpoints, Path]:
        """Make the homes ready; answers the listeners, and where the ends of the serial line belong."""
        documents, known = read_examples(), new_secrets()
        endpoints, ends = place(documents), connect(documents, self._directory)
        signed: list[str] = []
        for name in INSTANCES:
            signed = prepare(self._directory / name, documents[name], known[name])
            if (password := await make_users(self._directory / name)) is not None:
                self._passwords[name] = password
        replace_atomically(self._directory / "endpoints.json", json.dumps(endpoints, indent=2).encode())
        if signed:
            console.print(f"Signed with this machine's key, from {repository()}: {', '.join(signed)}", soft_wrap=True)
        await describe_once([self._directory / name for name in INSTANCES])
        return endpoints, ends

    async def _start(self) -> None:
        for name in INSTANCES:
            self._instances.append(await RunningInstance.start(name, self._directory / name))
        starting: asyncio.Future[Any] = asyncio.gather(*(instance.ready() for instance in self._instances))
        stopped = asyncio.create_task(self._stop.wait())
        waits: list[asyncio.Future[Any]] = [starting, stopped]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if starting.done():
            starting.result()
        else:
            starting.cancel()

    def _greet(self, endpoints: Endpoints) -> None:
        for name, password in self._passwords.items():
            console.print(f"Password of access_admin at {name}, shown only now: {password}")
        gateway = endpoints["gateway"]
        modbus, iec104, http = gateway["modbus-server"], gateway["iec104-server"], gateway["http"]
        home = self._directory / "gateway"
        console.print(
            f"Two meters are read over DLMS/COSEM, one ciphered over TCP, one over a serial line of {BAUD} Bd; "
            "the gateway serves them on."
        )
        console.print(f"In a browser: http://{http['host']}:{http['port']} (user access_admin)", style="bold")
        console.print("Or, in another terminal:")
        console.print(
            f"  mbpoll -m tcp -p {modbus['port']} -a 1 -0 -r 0 -c 3 -t 4:int -B -1 {modbus['host']}"
            "      (energies of meter 1 in Wh and varh)",
            soft_wrap=True,
        )
        console.print(f"  an IEC 60870-5-104 client at {iec104['host']}:{iec104['port']}, common address 1")
        console.print(f"  meterhub --home {home} status", soft_wrap=True)
        console.print(f"  meterhub --home {home} events", soft_wrap=True)
        console.print("Ctrl-C ends the demo.\n")

    async def _show(self, gateway: Client) -> None:
        """A table that follows the points; where nobody looks at a terminal, one line a second."""
        if not console.is_terminal:
            await self._stop.wait()
            return
        with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
            while not self._stop.is_set():
                points = (await gateway.get("/data/points"))["points"]
                live.update(points_table(points, title="Points of the gateway"), refresh=True)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_PERIOD):
                        await self._stop.wait()

    async def _sum_up(self, gateway: Client) -> int:
        """What went through; 1 when something was lost or does not run."""
        points = (await gateway.get("/data/points"))["points"]
        hub = await gateway.get("/status/hub")
        services = (await gateway.get("/status/services"))["services"]
        lost = hub["refused"] + sum(queue["dropped"] for queue in hub["queues"]) + await _dropped(gateway, services)
        idle = [f"{service['name']}: {service['detail']}" for service in services if service["state"] != "running"]
        bad = [point["name"] for point in points if point["quality"] != 0]
        console.print(points_table(points, title="Points of the gateway"))
        console.print(f"read {hub['published']}, served {hub['delivered']}, lost {lost}")
        for line in idle:
            console.print(f"not running: {line}", style="red")
        if bad:
            console.print(f"not good: {', '.join(bad)}", style="red")
        return 1 if lost or idle or bad else 0


async def _dropped(gateway: Client, services: list[dict[str, Any]]) -> int:
    """What the services say that they had to drop."""
    total = 0
    for service in services:
        status = (await gateway.get(f"/status/{service['name']}")).get("status") or {}
        total += int(status.get("dropped") or 0)
    return total
