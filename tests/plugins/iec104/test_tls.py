"""IEC 60870-5-104 over TLS: masters with and without certificates, renewal, and where the station listens."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import shutil
import socket
import ssl
from pathlib import Path

import pytest
from meterhub_iec104.service import Iec104Server
from meterhub_iec104.settings import Iec104Settings
from meterhub_sdk import ConfigError
from meterhub_sdk.testing import Identity, free_port
from pydantic import ValidationError

POWER = {"type": "M_ME_NC", "point": "m/power", "ioa": 10, "push": "always"}
TLS = {"tls_certificate": "chain", "tls_key": "key"}
MUTUAL = {**TLS, "tls_authority": "authority"}

AUTHORITY = Identity.authority()
STATION = AUTHORITY.issue("station")
MASTER = AUTHORITY.issue("scada 1")


@pytest.fixture(autouse=True)
def secrets(fake_hub, monkeypatch):
    monkeypatch.setattr("meterhub_sdk.tls.renewal.REFRESH", 0.0)
    fake_hub.secrets |= {"chain": STATION.pem, "key": STATION.key_pem, "authority": AUTHORITY.pem}
    return fake_hub.secrets


@pytest.fixture
def client_context(tmp_path: Path):
    """What a master uses, with or without a certificate of its own."""

    def make(own: Identity | None) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=AUTHORITY.pem)
        if own is not None:
            file = tmp_path / "own.pem"
            file.write_text(own.pem + own.key_pem, "ascii")
            context.load_cert_chain(file)
        return context

    return make


@pytest.fixture
async def secure(raw_master, client_context):
    """A raw master over TLS."""
    async with contextlib.AsyncExitStack() as stack:

        async def connect(port: int, own: Identity | None = MASTER):
            context = client_context(own)
            master = await raw_master(port)
            async with asyncio.timeout(40):
                await master.writer.start_tls(context, server_hostname="station")
            stack.callback(master.writer.transport.abort)
            return master

        yield connect


async def test_a_master_with_a_certificate_is_served_and_named(serve, secure):
    running = await serve([POWER], **MUTUAL)
    master = await (await secure(running.port)).start()
    running.hub.give("m/power", 7.5)
    got = await master.asdu()
    while got.type_id != 36:
        got = await master.asdu()
    assert got.values == {10: 7.5}
    assert (await running.recorded("master-connected"))["address"].endswith("(CN=scada 1)")
    status = running.service.status()
    assert status.connections[0].remote.endswith("(CN=scada 1)")
    assert (status.tls.subject, status.tls.failed) == ("CN=station", 0)


async def test_a_master_without_a_certificate_is_refused_and_noted(serve, secure):
    running = await serve([POWER], **MUTUAL)
    master = await secure(running.port, None)
    with contextlib.suppress(ssl.SSLError, ConnectionError):
        master.unnumbered(0x07)
        await master.closed()
    noted = await running.recorded("not-secured")
    assert (noted["address"], "it gave no certificate" in noted["reason"]) == ("127.0.0.1", True)
    assert running.service.status().accepted == 0


async def test_plain_104_is_not_answered_and_hinders_no_secured_master(serve, secure):
    running = await serve([POWER], connections=2, **MUTUAL)
    plain = await running.connect()
    plain.unnumbered(0x07)
    await plain.closed()
    hanging = [await running.connect() for _ in range(3)]
    await (await secure(running.port)).start()
    assert "does not speak TLS" in (await running.recorded("not-secured"))["reason"]
    assert len(hanging) == running.service.status().tls.handshakes


async def test_an_address_that_is_not_allowed_gets_no_handshake(serve):
    running = await serve([POWER], allowed=["192.0.2.*"], **TLS)
    await (await running.connect()).closed()
    assert "not allowed" in (await running.recorded("connection-refused"))["reason"]
    assert running.service.status().tls.failed == 0


async def test_a_renewed_certificate_serves_the_next_master_and_the_first_one_stays(serve, secure, secrets):
    running = await serve([POWER], connections=2, **MUTUAL)
    first = await (await secure(running.port)).start()
    renewed = AUTHORITY.issue("station", days=300)
    secrets |= {"chain": renewed.pem, "key": renewed.key_pem}
    second = await secure(running.port)
    shown = ssl.DER_cert_to_PEM_cert(second.writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
    assert shown.split() == renewed.pem.split()
    await first.silent()
    assert (await running.recorded("iec104-tls-renewed"))["subject"] == "CN=station"
    assert running.service.status().tls.renewed


async def test_a_secret_of_no_use_waits_for_the_administrator(fake_hub, secrets):
    secrets["key"] = MASTER.key_pem
    with pytest.raises(ConfigError, match="belongs to another certificate"):
        async with asyncio.timeout(40):
            await Iec104Server(fake_hub, Iec104Settings(**TLS)).run()


def test_the_port_is_that_of_tls_unless_one_is_given():
    assert [Iec104Settings(**given).port for given in ({}, TLS, {**TLS, "port": 2404})] == [2404, 19998, 2404]


def test_rules_for_masters_need_a_certificate_of_the_station():
    with pytest.raises(ValidationError, match="server's own TLS certificate"):
        Iec104Settings(tls_authority="authority")


async def test_it_listens_on_several_addresses(serve, raw_master):
    addresses = ["127.0.0.2", "::1"] if ipv6() else ["127.0.0.2"]
    running = await serve([POWER], listen_also=addresses, port=free_port())
    listening = running.service.status().listening
    assert listening.count(", ") == len(addresses)
    reader, writer = await asyncio.open_connection("127.0.0.2", running.port)
    writer.write(bytes.fromhex("680407000000"))
    async with asyncio.timeout(40):
        assert (await reader.readexactly(6)).hex() == "68040b000000"
    writer.close()


@pytest.mark.parametrize("address", ["localhost", "eth0", "10.0.0.*", ""])
def test_a_local_address_is_an_ip_address(address):
    with pytest.raises(ValidationError, match="is no IP address"):
        Iec104Settings(listen_also=[address])


def ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
async def test_openssl_brings_a_startdt_through(serve, tmp_path: Path):
    running = await serve([POWER], **MUTUAL)
    own = tmp_path / "own.pem"
    own.write_text(MASTER.pem + MASTER.key_pem, "ascii")
    client = await asyncio.create_subprocess_exec(
        *["openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{running.port}", "-cert", own],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert client.stdin is not None
    assert client.stdout is not None
    async with asyncio.timeout(40):
        client.stdin.write(bytes.fromhex("680407000000"))
        assert (await client.stdout.readexactly(6)).hex() == "68040b000000"
        client.kill()
        client.stdin.close()
        await client.wait()


@pytest.mark.skipif(importlib.util.find_spec("hat") is None, reason="hat-drivers is not installed")
async def test_the_master_of_hat_drivers_interrogates_over_tls(serve, fake_hub, client_context):
    """The client of c104 2.2.1 would be another one, but it gets through to no TLS server, openssl's neither."""
    from hat.drivers import iec104, net

    running = await serve([POWER], **MUTUAL)
    fake_hub.give("m/power", 7.5)
    address = net.TcpAddress("127.0.0.1", running.port)
    async with asyncio.timeout(40):
        connection = await iec104.connect(address, ssl=client_context(MASTER), server_hostname="station")
        request = iec104.InterrogationMsg(False, 0, 1, 20, False, iec104.ActivationReqCause.ACTIVATION)
        await connection.send([request])
        values = []
        while not values:
            values = [m.data.value.value for m in await connection.receive() if isinstance(m, iec104.DataMsg)]
        assert running.service.status().connections[0].remote.endswith("(CN=scada 1)")
        connection.close()
        await connection.wait_closed()
    assert values == [7.5]
