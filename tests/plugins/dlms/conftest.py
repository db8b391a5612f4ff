"""A server that plays the meter, and a client that reads it, each with a hub of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tty
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlite_utils
from meterhub_dlms import counter_store
from meterhub_dlms.client.service import DlmsClient
from meterhub_dlms.client.settings import DlmsClientConfig
from meterhub_dlms.codec import axdr
from meterhub_dlms.codec.axdr import Data, encode
from meterhub_dlms.codec.ciphering import Keys
from meterhub_dlms.codec.ln_action import ActionOutcome, ActionResult
from meterhub_dlms.codec.selection import Selection
from meterhub_dlms.codec.xdlms import AccessResult
from meterhub_dlms.counter_store import KeyCounters, SqliteCounters
from meterhub_dlms.server.client_settings import ClientAccess
from meterhub_dlms.server.cosem import Caller, CosemAttribute, CosemObject, fixed
from meterhub_dlms.server.counters import Counters
from meterhub_dlms.server.credentials import Credentials
from meterhub_dlms.server.device import LogicalDevice
from meterhub_dlms.server.keyring import Keyring
from meterhub_dlms.server.names import DeviceNames
from meterhub_dlms.server.reception import Reception
from meterhub_dlms.server.reporter import Reporter
from meterhub_dlms.server.service import DlmsServer
from meterhub_dlms.server.session import Session
from meterhub_dlms.server.settings import DlmsServerConfig, GuessRules
from meterhub_dlms.server.site import Served, Site, Visitor
from meterhub_dlms.server.throttle import Throttle
from meterhub_sdk import testing
from meterhub_sdk.testing import FakeHub

Until = Callable[[Callable[[], bool]], Awaitable[None]]


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Finds one more TCP port that is free."""
    return testing.free_port


@pytest.fixture
def port() -> int:
    """A TCP port that is free."""
    return testing.free_port()


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
    """The hub of the client, with a store of its own."""
    directory = tmp_path / "client"
    directory.mkdir()
    hub = FakeHub("dlms-client", directory)
    yield hub
    hub.close()


@pytest.fixture
def serve(meter_hub: FakeHub, port: int) -> Callable[..., contextlib.AbstractAsyncContextManager[DlmsServer]]:
    """Runs a server on ``port`` with the settings given."""

    @contextlib.asynccontextmanager
    async def run(**given: Any) -> AsyncIterator[DlmsServer]:
        given.setdefault("clients", [{"address": 16}])
        server = DlmsServer(meter_hub, DlmsServerConfig.model_validate({"port": port, **given}))
        async with meter_hub.running(server) as task:
            async with asyncio.timeout(10):
                while not server.ready and not task.done():
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


@pytest.fixture
async def bridged_terminal() -> AsyncIterator[tuple[str, int]]:
    """A pseudo-terminal: the path of its end for a server, and a TCP port that carries the bytes of the other end."""
    loop = asyncio.get_running_loop()
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    os.set_blocking(ours, False)
    clients: set[asyncio.StreamWriter] = set()

    def arrived() -> None:
        data = os.read(ours, 65536)
        for writer in clients:
            writer.write(data)

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        clients.add(writer)
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                os.write(ours, data)
        clients.discard(writer)
        writer.transport.abort()

    loop.add_reader(ours, arrived)
    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    yield os.ttyname(theirs), int(server.sockets[0].getsockname()[1])
    server.close()
    loop.remove_reader(ours)
    for writer in list(clients):
        writer.transport.abort()
    await server.wait_closed()
    os.close(ours)
    os.close(theirs)


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


class Bench:
    """Sessions of a server without a connection: one logical device with an object of every kind.

    ``clock`` holds the monotonic seconds; ``hub`` gets the events; ``done`` what clients set and called.
    """

    LONG = bytes(range(256)) * 4
    TITLE = b"MHBBENCH"
    KEYS = Keys(bytes(range(16)), bytes(range(0xD0, 0xE0)))

    def __init__(self, hub: FakeHub) -> None:
        self.hub = hub
        self.clock = [0.0]
        self.done: list[tuple[str, Any]] = []
        self.counters = Counters()
        self.database = sqlite_utils.Database(memory=True)
        for migration in counter_store.MIGRATIONS:
            self.database.execute(migration)
        self.restart()
        self.throttle = Throttle(GuessRules(), lambda: self.clock[0])
        device = LogicalDevice(1, "BENCH", 65_535)
        device.add(*self._objects())
        self.served = Served(device, 17, DeviceNames(device.objects.values()))

    def restart(self) -> None:
        """As after a crash: only what is on disk is known."""
        self.keyring = Keyring(self.TITLE, KeyCounters(SqliteCounters(self.database, self.hub.directory)))

    def _objects(self) -> list[CosemObject]:
        text = CosemAttribute(read=lambda: encode(Data(axdr.OCTET_STRING, self.LONG)), set=self._noted("text"))
        value = CosemAttribute(read=lambda: encode(Data(axdr.UINT32, 1234567)), set=self._noted("energy"))

        async def select(selection: Selection | None) -> bytes:
            return encode(Data(axdr.VISIBLE_STRING, repr(selection).encode()))

        async def echo(data: Data, _: Caller) -> ActionOutcome:
            self.done.append(("call", data))
            return ActionOutcome(ActionResult.SUCCESS, data)

        return [
            CosemObject(3, 0, bytes((1, 1, 1, 8, 0, 255)), {2: value}, {1: echo}),
            CosemObject(1, 0, bytes((0, 0, 96, 1, 0, 255)), {2: text}),
            CosemObject(7, 1, bytes((1, 0, 99, 1, 0, 255)), {2: CosemAttribute(select=select)}),
            CosemObject(17, 0, bytes((0, 0, 41, 0, 0, 255)), {2: fixed(Data(axdr.ARRAY, []))}),
        ]

    def _noted(self, what: str) -> Callable[[Data, Caller], Awaitable[AccessResult]]:
        async def note(data: Data, _: Caller) -> AccessResult:
            self.done.append((what, data))
            return AccessResult.SUCCESS

        return note

    def site(self, **row: Any) -> Site:
        """A server with one client, 32, with the settings given; its password is ``5EC4E70``."""
        given = {"address": 32, "referencing": "both", "rights": "read and write", **row}
        given.setdefault("password", "p")
        given |= {"encryption_key": "e", "authentication_key": "a"}
        client = ClientAccess.model_validate(given)
        credentials = {32: Credentials(b"5EC4E70", self.KEYS)}
        return Site({32: client}, credentials, self.keyring, self.throttle, self.counters)

    def session(self, *, peer: str = "192.0.2.7", **row: Any) -> Session:
        """A session of client 32 of such a server."""
        return Session(self.site(**row), self.served, Visitor(32, peer), Reporter(self.hub, 600))

    def reception(self, **given: Any) -> Reception:
        """What a line of HDLC needs of a server with that client."""
        config = DlmsServerConfig.model_validate(given)
        return Reception(config, self.site(), Reporter(self.hub, 600), [self.served])


@pytest.fixture
def bench(meter_hub: FakeHub) -> Iterator[Bench]:
    """Sessions without a connection."""
    bench = Bench(meter_hub)
    yield bench
    bench.database.conn.close()
