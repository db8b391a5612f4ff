"""Connections to another machine: whom they trust, and what they show of themselves."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from meterhub_sdk import NotReady
from meterhub_sdk.tls import TlsClient, TlsIdentity, connect, tls_events

EVENTS = tls_events(10, "caller", "The caller")
OWN = {"tls_certificate": "own", "tls_key": "own-key"}


class Caller(asyncio.Protocol):
    def __init__(self) -> None:
        self.received: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport
        transport.write(b"hello")

    def data_received(self, data):
        self.received.set_result(data)

    def connection_lost(self, exc):
        if not self.received.done():
            self.received.set_result(b"")


@pytest.fixture
def call(fake_hub, pki, secrets):
    secrets |= {
        "own": pki.client.pem,
        "own-key": pki.client.key_pem,
        "server": pki.server.pem,
        "strangers": pki.other_authority.pem,
        "stranger": pki.stranger.pem,
    }

    async def exchanged(port: int, host: str = "localhost", **settings) -> bytes:
        identity = await TlsIdentity.of(fake_hub, TlsClient(tls=True, **settings), EVENTS)
        caller = Caller()
        try:
            async with asyncio.timeout(10):
                await connect(identity, caller, host, port)
                return await caller.received
        finally:
            await identity.end()
            if hasattr(caller, "transport"):
                caller.transport.abort()
                await asyncio.sleep(0)

    return exchanged


@pytest.mark.parametrize(
    ("settings", "host"),
    [
        ({"tls_authority": "authority"}, "localhost"),
        ({"tls_pinned": "server"}, "127.0.0.1"),
        ({"tls_pins": ["server"]}, "127.0.0.1"),
        ({"tls_authority": "authority", "tls_pins": ["server"]}, "127.0.0.1"),
    ],
)
async def test_a_server_that_keeps_the_rules_is_spoken_to(serve, pki, call, settings, host):
    if "tls_pins" in settings:
        settings = {**settings, "tls_pins": [pki.server.pin.upper()]}
    async with serve() as running:
        assert await call(running.port, host, **settings) == b"hello"


@pytest.mark.parametrize(
    ("settings", "host", "words"),
    [
        ({}, "localhost", "its certificate is not accepted"),
        ({"tls_authority": "strangers"}, "localhost", "its certificate is not accepted"),
        ({"tls_authority": "authority"}, "127.0.0.1", "IP address mismatch"),
        ({"tls_pinned": "stranger"}, "localhost", "its certificate is not accepted"),
        ({"tls_pins": ["0" * 64]}, "localhost", "is none of those pinned"),
    ],
)
async def test_a_server_that_breaks_a_rule_hears_nothing(serve, call, settings, host, words):
    async with serve() as running:
        with pytest.raises(NotReady, match=words):
            await call(running.port, host, **settings)
        assert [connection for connection in running.connections if "data" in connection.calls] == []


async def test_a_revoked_server_hears_nothing(serve, pki, call, secrets):
    secrets["crl"] = pki.authority.revocation_list(pki.server)
    async with serve() as running:
        with pytest.raises(NotReady, match="was revoked on"):
            await call(running.port, tls_authority="authority", tls_revocation_list="crl")


async def test_a_server_that_wants_a_certificate_gets_the_own_one(serve, call):
    async with serve(tls_authority="authority") as running:
        assert await call(running.port, tls_authority="authority", **OWN) == b"hello"
        assert running.subjects == ["CN=a client"]


async def test_a_server_that_does_not_speak_tls_is_no_error_of_ours(call):
    greeted = asyncio.Event()

    async def greet(reader, writer):
        writer.write(b"hello, no TLS here")
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.transport.abort()
        greeted.set()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    with pytest.raises(NotReady, match="it does not speak TLS"):
        await call(server.sockets[0].getsockname()[1], tls_authority="authority")
    server.close()
    async with asyncio.timeout(5):
        await greeted.wait()
    await asyncio.sleep(0)
