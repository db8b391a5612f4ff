"""A server that plays the meter, and a client that reads it, each with a hub of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from meterhub_dlms.client.service import DlmsClient
from meterhub_dlms.client.settings import DlmsClientConfig
from meterhub_dlms.server.service import DlmsServer
from meterhub_dlms.server.settings import DlmsServerConfig
from meterhub_sdk.testing import FakeHub

settings.register_profile("without deadline", deadline=None)
settings.load_profile("without deadline")

Until = Callable[[Callable[[], bool]], Awaitable[None]]


@pytest.fixture
def port() -> int:
    """A TCP port that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def until() -> Until:
    """Waits for a condition; fails after ten seconds."""

    async def wait(condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.01)

    return wait


@pytest.fixture
def meter_hub(tmp_path: Path) -> Iterator[FakeHub]:
    """The hub behind the server."""
    hub = FakeHub("dlms-server", tmp_path)
    yield hub
    hub.close()


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[FakeHub]:
    """The hub of the client."""
    hub = FakeHub("dlms-client", tmp_path)
    yield hub
    hub.close()


@pytest.fixture
def serve(meter_hub: FakeHub, port: int) -> Callable[..., contextlib.AbstractAsyncContextManager[DlmsServer]]:
    """Runs a server on ``port`` with the settings given."""

    @contextlib.asynccontextmanager
    async def run(**given: Any) -> AsyncIterator[DlmsServer]:
        given.setdefault("clients", [{"address": 16}])
        server = DlmsServer(meter_hub, DlmsServerConfig.model_validate({"port": port, **given}))
        async with meter_hub.running(server):
            async with asyncio.timeout(10):
                while server.port is None:
                    await asyncio.sleep(0.005)
            yield server

    return run


@pytest.fixture
def poll(hub: FakeHub, port: int) -> Callable[..., contextlib.AbstractAsyncContextManager[DlmsClient]]:
    """Runs a client with one meter ``m`` at ``port`` and the mappings given."""

    @contextlib.asynccontextmanager
    async def run(
        *mappings: dict[str, Any], meter: dict[str, Any] | None = None, **given: Any
    ) -> AsyncIterator[DlmsClient]:
        row = {"label": "m", "host": "127.0.0.1", "port": port, "timeout": 2, "mappings": mappings, **(meter or {})}
        config = {"fast": 0.05, "normal": 0.1, "reconnect_delay": 0.1, "meters": [row], **given}
        client = DlmsClient(hub, DlmsClientConfig.model_validate(config))
        async with hub.running(client):
            yield client

    return run


Script = Callable[[bytes], list[bytes]]


@pytest.fixture
def scripted() -> Callable[[Script], contextlib.AbstractAsyncContextManager[int]]:
    """A meter that answers each whole wrapper frame with the bytes that a script makes of it; gives its port."""

    @contextlib.asynccontextmanager
    async def run(script: Script) -> AsyncIterator[int]:
        tasks: set[asyncio.Task[None]] = set()

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                while True:
                    header = await reader.readexactly(8)
                    body = await reader.readexactly(int.from_bytes(header[6:8], "big"))
                    for piece in script(header + body):
                        writer.write(piece)
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                writer.transport.abort()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tasks.add(asyncio.ensure_future(answer(reader, writer)))

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await server.wait_closed()

    return run
