"""Other people's clients read our server, and agree with us about time."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from meterhub_dlms.codec import cosem_time

PEERS = Path(__file__).parent / "peers"
OBJECTS = [
    {"logical_name": "1-1:1.8.0*255", "point": "a/energy", "unit": "Wh", "writable": True},
    {"logical_name": "1-1:32.7.0*255", "point": "a/voltage", "unit": "V", "scaler": -1, "data_type": "long-unsigned"},
]
MANY = [{"logical_name": f"1-0:{i}.8.1*255", "point": "a/energy", "unit": "Wh"} for i in range(250)]
PUBLIC = {"address": 16}
READER = {"address": 32, "authentication": "password", "password": "reader", "rights": "read and write"}
NOW = 1_700_000_000_120_000_000


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
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return json.loads(out)


@pytest.fixture
def filled(meter_hub):
    meter_hub.fixed_time = NOW
    meter_hub.secrets["reader"] = "00000000"
    meter_hub.give("a/energy", 1234567, unit="Wh")
    meter_hub.give("a/voltage", 230.1, unit="V")
    return meter_hub


@needs("gurux_dlms")
@pytest.mark.parametrize(("client", "password"), [("16", "-"), ("32", "00000000")])
async def test_gurux_reads_everything(filled, serve, port, client, password):
    async with serve(objects=OBJECTS + MANY, clients=[PUBLIC, READER]) as server:
        got = await ask("gurux_client.py", str(port), client, password)
        assert server.status().errors == 0
    assert got["clock"] == NOW / 1e9
    assert got["zone"] == 0
    assert got["device"] == "MHBdlmsserver"
    assert got["energy"] == [1234567, 1, 30]
    assert got["voltage"] == [pytest.approx(230.1), 0.1, 35]
    assert got["list"] == [1234567, pytest.approx(230.1)]
    assert got["objects"] == len(OBJECTS) + len(MANY) + 4
    assert got["context"] == [int(client), 1, 2]
    assert got["sap"] == 1
    assert got["secret"] is not None
    if client == "16":
        assert got["write"] is not None
        assert got["method"] is not None
        assert filled.writes == []
    else:
        assert got["write"] is None
        assert got["method"] is None, "reset of a register that may be written"
        who = "DLMS client 32 at 127.0.0.1"
        assert filled.writes == [("a/energy", 42, who), ("a/energy", 0, who)]


@needs("dlms_cosem")
@pytest.mark.parametrize(("client", "password"), [("16", "-"), ("32", "00000000")])
async def test_dlms_cosem_reads_everything(filled, serve, port, client, password):
    async with serve(objects=OBJECTS + MANY, clients=[PUBLIC, READER]) as server:
        got = await ask("cosem_client.py", str(port), client, password)
        assert server.status().errors == 0
    assert got["clock"] == NOW / 1e9
    assert got["energy"] == 1234567
    assert got["scaler"] == [-1, 35]
    assert got["objects"] == len(OBJECTS) + len(MANY) + 4
    assert got["list"] == [1234567, 2301]
    assert got["write"] == ("SUCCESS" if client == "32" else "READ_WRITE_DENIED")


@needs("gurux_dlms")
@needs("dlms_cosem")
async def test_all_agree_on_utc_for_each_deviation():
    deviations = [-720, -330, -120, -60, 0, 90, 480, 720]
    written = [cosem_time.encode(NOW, deviation=deviation) for deviation in deviations]
    gurux = await ask("gurux_client.py", "time", *(octets.hex() for octets in written))
    cosem = await ask("cosem_client.py", "time", *(octets.hex() for octets in written))
    assert [cosem_time.decode(octets).time for octets in written] == [NOW] * len(deviations)
    assert gurux == cosem == [NOW / 1e9] * len(deviations)
