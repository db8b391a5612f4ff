"""Certificates made for one test run, and an echo server whose port takes TLS."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from meterhub_sdk.testing import FakeHub, Identity
from meterhub_sdk.tls import Handshakes, TlsServer, peer_subject, tls_events


class Pki:
    """An authority, whom it signed, and a stranger."""

    def __init__(self) -> None:
        self.authority = Identity.authority()
        self.other_authority = Identity.authority("another authority")
        self.server = self.authority.issue("localhost")
        self.client = self.authority.issue("a client")
        self.stranger = self.other_authority.issue("a stranger")


@pytest.fixture(scope="session")
def pki() -> Pki:
    return Pki()


@pytest.fixture
def context(pki: Pki, tmp_path: Path) -> Callable[..., ssl.SSLContext]:
    """What a client uses: ``context(own)`` with a certificate of its own, a version, a list of ciphers."""

    def make(
        own: Identity | None = None, version: ssl.TLSVersion | None = None, ciphers: str | None = None
    ) -> ssl.SSLContext:
        made = ssl.create_default_context(cadata=pki.authority.pem)
        if own is not None:
            file = tmp_path / "client.pem"
            file.write_text(own.pem + own.key_pem, "ascii")
            made.load_cert_chain(file)
        if ciphers is not None:
            made.set_ciphers(ciphers)
        if version is not None:
            made.minimum_version = made.maximum_version = version
        return made

    return make


class Echo(asyncio.Protocol):
    """Sends back what it is sent, and says in which order its callbacks came."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self.calls: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.calls.append("made")
        self._transport = transport
        self._running.connections.append(self)
        self._running.subjects.append(peer_subject(transport))

    def data_received(self, data: bytes) -> None:
        self.calls.append("data")
        self._transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.calls.append("lost")


@dataclass
class Running:
    """The echo server, and what became of its clients."""

    hub: FakeHub
    port: int
    handshakes: Handshakes
    failures: list[tuple[str, str]] = field(default_factory=list)
    connections: list[Echo] = field(default_factory=list)
    subjects: list[str] = field(default_factory=list)

    async def failure(self) -> str:
        """Why the first client failed; waits for it."""
        await until(lambda: self.failures)
        return self.failures[0][1]

    async def answer(self, context: ssl.SSLContext, words: bytes = b"hello") -> bytes:
        """What comes back; empty when the server closed."""
        async with asyncio.timeout(10):
            try:
                reader, writer = await self.connect(context)
            except (ssl.SSLError, ConnectionError):
                return b""
            try:
                writer.write(words)
                return await reader.read(100)
            except (ssl.SSLError, ConnectionError):
                return b""
            finally:
                writer.transport.abort()

    async def connect(self, context: ssl.SSLContext) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with asyncio.timeout(10):
            return await asyncio.open_connection("127.0.0.1", self.port, ssl=context, server_hostname="localhost")


async def until(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.005)


@pytest.fixture(name="until")
def until_fixture() -> Callable[[Callable[[], Any]], Any]:
    return until


@pytest.fixture
def secrets(fake_hub: FakeHub, pki: Pki) -> dict[str, str]:
    fake_hub.secrets |= {
        "chain": pki.server.pem,
        "key": pki.server.key_pem,
        "authority": pki.authority.pem,
        "pinned": pki.client.pem,
        "crl": pki.authority.revocation_list(),
    }
    return fake_hub.secrets


@pytest.fixture
def serve(fake_hub: FakeHub, secrets: dict[str, str]) -> Callable[..., contextlib.AbstractAsyncContextManager[Running]]:
    """``async with serve(tls_authority="authority") as running`` listens with TLS."""

    @contextlib.asynccontextmanager
    async def run(*, admits: Callable[[str], bool] = lambda address: True, **more: Any) -> AsyncIterator[Running]:
        settings = TlsServer(tls_certificate="chain", tls_key="key", **more)
        failures: list[tuple[str, str]] = []
        handshakes = await Handshakes.of(
            fake_hub, settings, tls_events(10, "echo", "The echo"), lambda *failed: failures.append(failed)
        )
        assert handshakes is not None
        running = Running(fake_hub, 0, handshakes, failures)
        server = await asyncio.get_running_loop().create_server(
            lambda: handshakes.protocol(lambda: Echo(running), admits), "127.0.0.1", 0
        )
        running.port = server.sockets[0].getsockname()[1]
        try:
            yield running
        finally:
            server.close()
            await handshakes.end()
            for connection in running.connections:
                connection._transport.abort()
            await fake_hub.settle()

    return run
