"""Servers in other processes (c104 falls over at bad frames), and the client on a fake hub."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from meterhub_iec104_client.service import Iec104Client
from meterhub_iec104_client.settings import Iec104ClientConfig
from meterhub_sdk import testing
from meterhub_sdk.testing import FakeHub

# how long an example takes says how busy the machine is, and nothing about the code

PEERS = Path(__file__).parent / "peers"
PATIENCE = 40.0


class Peer:
    """A program that is told and tells, line by line."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process, self.port = process, port

    async def line(self) -> str:
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            return (await self.process.stdout.readline()).decode().strip()

    def tell(self, what: object) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(what).encode() + b"\n")

    async def kill(self) -> None:
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


@pytest.fixture
def free_port() -> int:
    """A TCP port that is free."""
    return testing.free_port()


@pytest.fixture
async def start(free_port: int) -> AsyncIterator[Callable[..., Awaitable[Peer]]]:
    """Start a peer program on the free port, once it says so."""
    started: list[Peer] = []

    async def one(program: str, argument: str) -> Peer:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(PEERS / program),
            argument,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={"TZ": "UTC"},
        )
        started.append(Peer(process, free_port))
        return started[-1]

    yield one
    for peer in started:
        await peer.kill()


@pytest.fixture
def own_server(start, free_port: int):
    """Our own station with these rows; it has the readings that it is told first."""

    async def one(rows: list[dict[str, Any]], readings: dict[str, Any], **more: Any) -> Peer:
        settings = {"port": free_port, "connections": 4, "groups": [{"label": "all", "rows": rows}], **more}
        peer = await start("own_server.py", json.dumps(settings))
        peer.tell(readings)
        assert await peer.line() == "given"
        return peer

    return one


@pytest.fixture
def c104_server(start, free_port: int):
    """c104's station."""

    async def one() -> Peer:
        peer = await start("c104_server.py", str(free_port))
        assert await peer.line() == "ready"
        return peer

    return one


@pytest.fixture
def quick_station(start, free_port: int):
    """One that answers each command at once."""

    async def one() -> Peer:
        peer = await start("quick_station.py", str(free_port))
        assert await peer.line() == "ready"
        return peer

    return one


@pytest.fixture
def station(free_port: int) -> Callable[..., dict[str, Any]]:
    """Settings of one station on the free port."""

    def one(points: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
        return {"label": "rtu", "host": "localhost", "port": free_port, "t0": 5, "points": points, **more}

    return one


@pytest.fixture
def client():
    """The service with these stations, running."""

    @contextlib.asynccontextmanager
    async def one(*stations: dict[str, Any]) -> AsyncIterator[tuple[FakeHub, Iec104Client]]:
        hub = FakeHub("iec104-client")
        config = Iec104ClientConfig.model_validate({"stations": stations, "reconnect_delay": 1})
        service = Iec104Client(hub, config)
        async with hub.running(service):
            yield hub, service

    return one


@pytest.fixture
def until():
    """Wait until something holds."""

    async def one(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await asyncio.sleep(0.02)

    return one
