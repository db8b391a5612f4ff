"""A whole instance serves IEC 104 over TLS from its secrets, in the sandbox, and takes renewed ones while it runs."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from pathlib import Path

import pytest
from meterhub_sdk.testing import Identity, free_port

STARTDT, STARTED = bytes.fromhex("680407000000"), bytes.fromhex("68040b000000")
TESTFR, TESTED = bytes.fromhex("680443000000"), bytes.fromhex("680483000000")


async def asked(stream: tuple[asyncio.StreamReader, asyncio.StreamWriter], request: bytes) -> bytes:
    """The first frame that answers."""
    stream[1].write(request)
    async with asyncio.timeout(20):
        return await stream[0].readexactly(6)


@pytest.mark.slow
async def test_certificates_from_secrets_are_renewed_and_lists_are_printed(starter, tmp_path: Path):
    authority = Identity.authority()
    station, master, renewed = (
        authority.issue("station"),
        authority.issue("scada 1"),
        authority.issue("station", days=9),
    )
    port = free_port()
    row = {"type": "M_IT", "point": "load-curve/energy-import", "ioa": 1}
    section = {"port": port, "connections": 3, "groups": [{"label": "meter", "rows": [row]}]}
    home = await starter.run(starter.home("tls", {"load-curve": {}, "iec104-server": section})).serving()
    for name, value in {"chain": station.pem, "key": station.key_pem, "authority": authority.pem}.items():
        assert (await home.cli("secret", "set", name, given=value)).code == 0
    done = await home.cli("set", "iec104-server", "tls_certificate=chain", "tls_key=key", "tls_authority=authority")
    assert done.code == 0, done.said
    assert (await home.cli("config", "apply", "--confirm-within", "0")).code == 0
    own = tmp_path / "own.pem"
    own.write_text(master.pem + master.key_pem, "ascii")
    context = ssl.create_default_context(cadata=authority.pem)
    context.load_cert_chain(own)

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with asyncio.timeout(60):
            while True:
                try:
                    return await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="station")
                except (OSError, asyncio.IncompleteReadError):
                    await asyncio.sleep(0.2)

    def shown(stream: tuple[asyncio.StreamReader, asyncio.StreamWriter]) -> bytes:
        return stream[1].get_extra_info("ssl_object").getpeercert(binary_form=True)

    first = await connect()
    assert await asked(first, STARTDT) == STARTED
    before = shown(first)
    for name, value in {"chain": renewed.pem, "key": renewed.key_pem}.items():
        assert (await home.cli("secret", "set", name, given=value)).code == 0
    async with asyncio.timeout(60):
        while shown(later := await connect()) == before:
            later[1].transport.abort()
            await asyncio.sleep(0.5)
    first[1].write(TESTFR)
    async with asyncio.timeout(20):
        heard = b""
        while TESTED not in heard:
            piece = await first[0].read(4096)
            assert piece, "the first connection was dropped"
            heard += piece
    names = [event["name"] for event in await home.events(log="security")]
    assert {"iec104-tls-renewed", "iec104-tls-expires"} <= set(names)
    status = await home.get("/status/iec104-server")
    assert "CN=scada 1" in str(status)
    page = await home.post("/command/iec104-server/signal-list", {"language": "pl", "format": "csv"})
    assert "load-curve/energy-import" in str(page)
    for stream in (first, later):
        stream[1].transport.abort()
        with contextlib.suppress(OSError):
            await stream[1].wait_closed()
