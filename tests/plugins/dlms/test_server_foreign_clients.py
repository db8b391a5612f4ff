"""Other people's clients read our server over every transport, with every authentication they know, ciphered or not."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

PEERS = Path(__file__).parent / "peers"
ENCRYPTION, AUTHENTICATION = bytes(range(16)).hex(), bytes(range(0xD0, 0xE0)).hex()
OBJECTS = [
    {"logical_name": "1-1:1.8.0*255", "point": "a/energy", "unit": "Wh", "writable": True},
    {"logical_name": "1-1:32.7.0*255", "point": "a/voltage", "unit": "V", "scaler": -1, "data_type": "long-unsigned"},
]
PROFILE = {
    "columns": [{"logical_name": "0-0:1.0.0*255"}, {"logical_name": "1-1:1.8.0*255"}],
    "on_change": ["a/energy"],
    "period": 0,
}
CAPTURED = [1234560, 1234561, 1234562, 1234563, 1234567]
NAMES = {"0.0.40.0.0.255", "0.0.1.0.0.255", "0.0.41.0.0.255", "0.0.42.0.0.255", "1.1.1.8.0.255", "1.0.99.1.0.255"}
SUITE = "authenticated and encrypted"
ONCE = {"hdlc_max_transmit": 128, "hdlc_max_receive": 62}
NONE = {"authentication": "none"}


def needs(package: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(importlib.util.find_spec(package) is None, reason=f"{package} is not installed")


async def ask(script: str, *arguments: str) -> Any:
    """What a peer's client printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(PEERS / script),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, errors = await asyncio.wait_for(process.communicate(), 30)
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, errors.decode()
    return json.loads(out)


@pytest.fixture
def filled(meter_hub):
    meter_hub.secrets |= {"p": "00000000", "e": ENCRYPTION, "a": AUTHENTICATION}
    meter_hub.give("a/voltage", 230.1, unit="V")
    meter_hub.give("a/energy", 1, unit="Wh")
    return meter_hub


async def captured(hub):
    """Let the profile take its entries, one for each value."""
    for value in CAPTURED:
        hub.give("a/energy", value, unit="Wh")
        await hub.settle()


def client(level="none", security="none", **more):
    row = {"address": 32, "authentication": level, "referencing": "both", "rights": "read and write", **more}
    if level not in ("none", "gmac"):
        row["password"] = "p"
    if level == "gmac" or security != "none":
        row |= {"encryption_key": "e", "authentication_key": "a", "security": security}
    return row


def request(row, frames, port, names="ln", **more):
    plain = row["authentication"] in ("none", "gmac")
    given = {
        "device": f"tcp:{port}",
        "frames": frames,
        "names": names,
        "client": 32,
        "level": row["authentication"],
        "password": None if plain else "00000000",
        "encryption": ENCRYPTION if "encryption_key" in row else "",
        "authentication": AUTHENTICATION,
        "security": row.get("security", "none"),
        "range": ["2020-01-01 00:00:00+00:00", "2035-01-01 00:00:00+00:00"],
    }
    return json.dumps(given | more)


def check(got, hub):
    assert {name for _, name, _ in got["objects"]} >= NAMES
    assert got["energy"] == [1234567, 1, 30]
    assert got["voltage"] == pytest.approx(230.1)
    assert got["list"] == [1234567, pytest.approx(230.1)]
    assert got["columns"] == ["0.0.1.0.0.255", "1.1.1.8.0.255"]
    assert [row[1] for row in got["all"]] == CAPTURED
    assert got["all"] == got["range"]
    assert [row[1] for row in got["entry"]] == CAPTURED[1:4]
    assert got["write"] is None
    assert hub.writes == [("a/energy", 42, "DLMS client 32 at 127.0.0.1")]


@needs("gurux_dlms")
@pytest.mark.parametrize(
    ("frames", "names", "level", "security", "more"),
    [
        ("hdlc", "ln", "password", "none", {}),
        ("wrapper", "ln", "md5", "none", {"size": 64}),
        ("hdlc", "ln", "sha1", "none", {}),
        ("wrapper", "ln", "sha256", "none", {}),
        ("hdlc", "ln", "gmac", SUITE, {}),
        ("wrapper", "ln", "gmac", SUITE, {"size": 100}),
        ("wrapper", "ln", "password", "authenticated", {}),
        ("wrapper", "ln", "none", "encrypted", {}),
        ("hdlc", "sn", "none", "none", {}),
        ("wrapper", "sn", "password", "none", {}),
    ],
)
async def test_gurux_reads_and_writes(filled, serve, port, free_port, frames, names, level, security, more):
    row = client(level, security)
    hdlc_port = free_port()
    settings = {"clients": [row], "objects": OBJECTS, "profiles": [PROFILE], "hdlc_port": hdlc_port, **ONCE}
    async with serve(**settings) as server:
        await captured(filled)
        where = hdlc_port if frames == "hdlc" else port
        check(await ask("gurux_full_client.py", request(row, frames, where, names, **more)), filled)
        status = server.status()
        assert (status.errors, status.unprotected, status.unavailable, status.dropped_frames) == (0, 0, 0, 0)
        assert status.associations == 0
    assert filled.recorded == []


@needs("dlms_cosem")
@pytest.mark.parametrize("frames", ["wrapper", "hdlc"])
@pytest.mark.parametrize("level", ["none", "low", "gmac"])
async def test_dlms_cosem_reads_and_writes(filled, serve, port, free_port, frames, level):
    """Over HDLC it sends 128 bytes whatever was agreed on."""
    row = client("password" if level == "low" else level, SUITE if level == "gmac" else "none")
    hdlc_port = free_port()
    async with serve(clients=[row], objects=OBJECTS, profiles=[PROFILE], hdlc_port=hdlc_port) as server:
        await captured(filled)
        where = hdlc_port if frames == "hdlc" else port
        got = await ask("cosem_full_client.py", frames, str(where), level, ENCRYPTION, AUTHENTICATION)
        assert server.status().errors == 0
    assert got["energy"] == 1234567
    assert got["list"] == [1234567, 2301]
    assert got["all"] == got["range"] == CAPTURED
    assert got["write"] == "SUCCESS"


@needs("gurux_dlms")
async def test_gurux_reads_two_meters_on_one_serial_line(filled, serve, bridged_terminal):
    path, bridge = bridged_terminal
    filled.things["serial", "rs485"] = {"device": path, "baud": 9600}
    filled.give("b/energy", 99, unit="Wh")
    other = {"logical_device": 1, "physical_address": 18, "profiles": [], "device_name": "OTHER"}
    other["objects"] = [OBJECTS[0] | {"point": "b/energy"}, OBJECTS[1]]
    row = client()
    settings = {"tcp": False, "serial_port": "rs485", "devices": [other]}
    async with serve(clients=[row], objects=OBJECTS, **settings) as server:
        filled.give("a/energy", 1234567, unit="Wh")
        first = await ask("gurux_full_client.py", request(row, "hdlc", bridge))
        second = await ask("gurux_full_client.py", request(row, "hdlc", bridge, "sn", physical=18))
        assert server.status().serial == "open"
        assert server.status().errors == 0
    assert first["energy"][0] == 1234567
    assert second["energy"][0] == 99
    assert [name for name, _, _ in filled.writes] == ["a/energy", "b/energy"]
