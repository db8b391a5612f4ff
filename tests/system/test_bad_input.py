"""What a running instance does with input that is wrong, too long or not meant for it."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json

import pytest
from meterhub_sdk import NotDone

from meterhub.licensing.vendor import issue, new_vendor

LIMIT = 1 << 20


async def lives(home) -> bool:
    """The instance answers, and its readings go on."""
    first = await home.point("load-curve/energy-import")
    await asyncio.sleep(0.3)
    second = await home.point("load-curve/energy-import")
    return bool(second["quality"] == 0 and second["time"] > first["time"])


async def test_an_unknown_point_is_not_written(gateway):
    done = await gateway.cli("write", "load-curve/nothing", "1")
    assert done.code == 1
    assert "there is no point load-curve/nothing" in done.said
    assert (await gateway.events("write-refused"))[0]["parameters"]["point"] == "load-curve/nothing"


async def test_an_unknown_path_is_one_sentence(gateway):
    done = await gateway.cli("get", "/status/nothing")
    assert (done.code, done.said) == (1, "meterhub: there is no path /status/nothing")


async def test_a_licence_for_another_serial_number_is_turned_down_and_told(gateway, tmp_path):
    vendor = new_vendor("ACME Metering", tmp_path)
    await gateway.post(
        "/command/licences/trust-vendor", {"document": vendor.public.read_text(), "features": ["acme.*"]}
    )
    text = issue(vendor, serial="MH-000000000000", number="7", features=["acme.x"], issued=datetime.date(2026, 1, 2))
    file = tmp_path / "licence.txt"
    file.write_text(text)
    done = await gateway.cli("licence", "install", str(file))
    serial = (await gateway.get("/status/identifiers"))["serial"]
    assert done.code == 1
    assert f"is for the serial number MH-000000000000, this instance has {serial}" in done.said
    assert not (await gateway.get("/status/licences"))["licences"]
    assert "MH-000000000000" in json.dumps(await gateway.events(log="update-and-licence"))


async def test_a_user_name_of_ten_thousand_characters_is_one_short_sentence(gateway):
    before = await gateway.get("/status/users")
    done = await gateway.cli("user", "add", "x" * 10_000, "--roles", "R2")
    assert done.code == 1
    assert "has 10000 characters: a user's name has 1 to 64" in done.said
    assert len(done.said) < 400
    assert await gateway.get("/status/users") == before
    assert "has 10000 characters" in (await gateway.events("request-refused"))[0]["text"]


async def closed_after(connection, octets: bytes) -> bool:
    """True when the other side closes the connection once it got these octets."""
    reader, writer = connection
    writer.write(octets)
    try:
        async with asyncio.timeout(10):
            while await reader.read(65536):
                pass
    except ConnectionError:
        pass
    except TimeoutError:
        return False
    finally:
        writer.transport.abort()
    return True


TOO_LONG = {
    "modbus-server": bytes.fromhex("0001 0000 ffff 01 03 0000 0001") + bytes(300),
    "dlms-server": bytes.fromhex("0001 0010 0001 ffff") + bytes(70_000),
    "iec104-server": bytes.fromhex("68 ff 0000 0000") + bytes(300),
}
TOLD = {
    "modbus-server": "modbus-protocol-error",
    "iec104-server": "protocol-error",
    "dlms-server": "client-malformed",
}
"""The event of each."""


@pytest.mark.parametrize("service", TOO_LONG)
async def test_a_frame_that_is_too_long_ends_its_connection_alone(gateway, until, service):
    port = (await gateway.get(f"/configuration/{service}"))["active"]["port"]
    assert await closed_after(await asyncio.open_connection("127.0.0.1", port), TOO_LONG[service])
    assert await lives(gateway)
    assert await gateway.running(service)
    await until(lambda: gateway.events(TOLD[service]))


@pytest.mark.parametrize(
    "octets",
    [
        (LIMIT + 1).to_bytes(4, "big"),
        b"\xff\xff\xff\xff",
        (3).to_bytes(4, "big") + b"\xc1\xc1\xc1",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
    ids=["too-long", "longest", "no-message", "http"],
)
async def test_nonsense_on_the_control_socket_ends_its_connection_alone(gateway, until, octets):
    async with gateway.connected() as other:
        connection = await asyncio.open_unix_connection(str(gateway.path / "control.sock"))
        assert await closed_after(connection, octets)
        assert (await other.get("/status/instance"))["state"] == "running"
    assert await lives(gateway)
    await until(lambda: gateway.events("bad-peer"))


async def test_a_flood_of_connections_to_the_control_socket_leaves_room_again(gateway, until):
    path = str(gateway.path / "control.sock")
    flood = await asyncio.gather(*(asyncio.open_unix_connection(path) for _ in range(40)))
    for _, writer in flood:
        writer.transport.abort()

    async def answers() -> bool:
        with contextlib.suppress(NotDone):
            return await lives(gateway)
        return False

    await until(answers)
