"""Modbus/TCP Security: certificates of both sides, limits, and clients that hang in the handshake."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
from meterhub_modbus.service import ModbusServer
from meterhub_modbus.settings import ModbusServerConfig
from meterhub_sdk import ConfigError
from meterhub_sdk.testing import Identity
from pydantic import ValidationError
from pymodbus.client import AsyncModbusTlsClient

ROWS = [{"point": "d/p", "bank": "holding", "address": 0, "format": "u16", "writable": True}]
TLS = {"tls_certificate": "chain", "tls_key": "key"}
MUTUAL = {**TLS, "tls_authority": "authority"}

AUTHORITY = Identity.authority()
SERVER = AUTHORITY.issue("localhost")
CLIENT = AUTHORITY.issue("a client")
STRANGER = Identity.authority("another authority").issue("a stranger")


@pytest.fixture(autouse=True)
def secrets(fake_hub):
    fake_hub.secrets |= {"chain": SERVER.pem, "key": SERVER.key_pem, "authority": AUTHORITY.pem}


@pytest.fixture
def context(tmp_path: Path):
    def make(own: Identity | None = None) -> ssl.SSLContext:
        made = ssl.create_default_context(cadata=AUTHORITY.pem)
        if own is not None:
            file = tmp_path / "client.pem"
            file.write_text(own.pem + own.key_pem, "ascii")
            made.load_cert_chain(file)
        return made

    return make


async def exchanged(port: int, context: ssl.SSLContext, request: str = "000100000006010300000001") -> str:
    """The answer to a request sent over TLS; empty when the server closed."""
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
        try:
            writer.write(bytes.fromhex(request))
            return (await reader.read(100)).hex()
        except (ssl.SSLError, ConnectionError):
            return ""
        finally:
            writer.transport.abort()


ANSWER = "0001000000050103020007"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_client_with_a_certificate_of_the_authority_is_served(serve, context, version):
    async with serve(ROWS, **MUTUAL) as running:
        running.hub.give("d/p", 7)
        wanted = context(CLIENT)
        wanted.minimum_version = wanted.maximum_version = version
        for _ in range(3):
            assert await exchanged(running.port, wanted) == ANSWER


async def test_without_an_authority_clients_need_no_certificate(serve, context):
    async with serve(ROWS, **TLS) as running:
        running.hub.give("d/p", 7)
        assert await exchanged(running.port, context()) == ANSWER


async def test_pymodbus_reads_and_writes_over_tls(serve, context):
    async with serve(ROWS, **MUTUAL) as running:
        running.hub.give("d/p", 7)
        client = AsyncModbusTlsClient(
            "127.0.0.1", port=running.port, sslctx=context(CLIENT), name="localhost", retries=0
        )
        client.comm_params.sslctx.check_hostname = False
        assert await client.connect()
        try:
            assert (await client.read_holding_registers(0, count=1, device_id=1)).registers == [7]
            assert not (await client.write_register(0, 9, device_id=1)).isError()
        finally:
            client.close()
        assert [(name, value) for name, value, _ in running.hub.writes] == [("d/p", 9)]


@pytest.mark.parametrize("own", [None, STRANGER], ids=["none", "of another authority"])
async def test_a_client_without_a_certificate_of_the_authority_is_refused_and_named(serve, context, own):
    async with serve(ROWS, **MUTUAL) as running:
        assert await exchanged(running.port, context(own)) == ""
        async with asyncio.timeout(5):
            while not running.hub.recorded:
                await asyncio.sleep(0.005)
        (event,) = running.hub.recorded
        assert event.type.name == "modbus-client-refused"
        assert "TLS handshake failed" in str(event.parameters["why"])
        status = running.service.status()
        assert (status.accepted, status.refused, status.requests) == (0, 1, 0)


async def test_plain_modbus_is_not_answered_where_tls_is_wanted(serve):
    async with serve(ROWS, **TLS) as running:
        client = await running.client()
        client.send(client.frame("03 0000 0001"))
        async with asyncio.timeout(5):
            assert b"\x03\x02" not in await client.reader.read()
        assert running.service.status().requests == 0


async def test_clients_that_hang_in_the_handshake_hold_up_nobody(serve, context):
    async with serve(ROWS, connections=2, **MUTUAL) as running:
        running.hub.give("d/p", 7)
        hanging = [await running.client() for _ in range(60)]
        hanging[-1].send(bytes.fromhex("160301"))
        assert await exchanged(running.port, context(CLIENT)) == ANSWER
        assert await hanging[0].closed()
        assert await exchanged(running.port, context(CLIENT)) == ANSWER
    assert not [task for task in asyncio.all_tasks() if "_secure" in repr(task)]


async def test_a_pinned_client_is_served_and_no_other_of_the_same_authority(serve, context, fake_hub):
    fake_hub.secrets["pinned"] = CLIENT.pem
    async with serve(ROWS, tls_pinned="pinned", **MUTUAL) as running:
        running.hub.give("d/p", 7)
        assert await exchanged(running.port, context(CLIENT)) == ANSWER
        assert await exchanged(running.port, context(AUTHORITY.issue("a colleague"))) == ""
        status = running.service.status()
        assert (status.accepted, status.tls.failed, status.tls.subject) == (1, 1, "CN=localhost")


async def test_allow_list_and_limit_hold_before_the_handshake(serve, context):
    async with serve(ROWS, allowed=["192.0.2.*"], **TLS) as running:
        assert await (await running.client()).closed()
        assert "not among the allowed" in str(running.hub.recorded[0].parameters["why"])
    async with serve(ROWS, connections=1, **TLS) as running:
        running.hub.give("d/p", 7)
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", running.port, ssl=context(), server_hostname="localhost"
        )
        writer.write(bytes.fromhex("000100000006010300000001"))
        assert (await reader.read(100)).hex() == ANSWER
        assert await (await running.client()).closed()
        writer.transport.abort()


@pytest.mark.parametrize(
    ("secret", "words"),
    [("chain", "the secret chain"), ("key", "the secret key"), ("authority", "the secret authority")],
)
async def test_a_secret_that_holds_no_certificate_is_named_and_not_shown(fake_hub, secret, words):
    fake_hub.secrets[secret] = "swordfish"
    with pytest.raises(ConfigError, match=words) as caught:
        await ModbusServer(fake_hub, ModbusServerConfig(port=1502, **MUTUAL)).run()
    assert "swordfish" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"tls_key": "k"}, "only one of TLS certificate and TLS key"),
        ({"tls_certificate": "c"}, "only one of TLS certificate and TLS key"),
        ({"tls_authority": "a"}, "a TLS authority needs"),
        ({"port": None}, "answers nowhere"),
    ],
)
def test_settings_that_cannot_be(given, words):
    with pytest.raises(ValidationError, match=words):
        ModbusServerConfig(**given)
