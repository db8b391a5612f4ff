"""From the meter to the master, seen by frame recorder, point trace and protocol conversion status."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from meterhub_sdk import NotDone, Refused
from meterhub_sdk.testing import free_port

PASSWORD = "pass-of-the-meter"
STARTDT, STARTDT_CON = bytes.fromhex("680407000000"), bytes.fromhex("68040b000000")
DLMS, MODBUS = "dlms-client/meter/energy-import", "modbus-client/meter/energy-import"
NEEDS_TSHARK = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


def chain(iec104: int) -> dict[str, Any]:
    """A load curve behind a DLMS and a Modbus server, read by both clients and shown to a master, in two workers."""
    dlms, modbus = free_port(), free_port()
    point = {"point": "load-curve/energy-import"}
    served = {**point, "logical_name": "1-0:1.8.0*255", "unit": "Wh", "data_type": "double-long-unsigned"}
    register = {**point, "bank": "holding", "address": 7, "format": "u32"}
    meter = {
        "label": "meter",
        "host": "127.0.0.1",
        "port": dlms,
        "client_address": 32,
        "authentication": "password",
        "password": "meter-password",
        "mappings": [{"label": "energy-import", "logical_name": "1-0:1.8.0*255", "group": "fast", "unit": "Wh"}],
    }
    row = {"label": "energy-import", "bank": "holding", "address": 7, "type": "u32", "group": "fast"}
    device = {"label": "meter", "host": "127.0.0.1", "port": modbus, "rows": [row], "byte_order": "ABCD"}
    shown = [{"point": name, "type": "M_ME_NC", "ioa": number} for number, name in enumerate((DLMS, MODBUS), 1)]
    client = {"address": 32, "authentication": "password", "password": "meter-password"}
    return {
        "workers": {"placement": [["meterhub-load-curve", "meterhub-modbus", "meterhub-dlms"]]},
        "load-curve": {"speed": 60, "interval": 0.2, "initial_tariff_1": 1000},
        "dlms-server": {"host": "127.0.0.1", "port": dlms, "clients": [client], "objects": [served]},
        "modbus-server": {"host": "127.0.0.1", "port": modbus, "groups": [{"label": "meter", "rows": [register]}]},
        "dlms-client": {"fast": 1, "meters": [meter]},
        "modbus-client": {"fast": 0.5, "first_poll": 0.1, "devices": [device]},
        "iec104-server": {"port": iec104, "host": "127.0.0.1", "groups": [{"label": "all", "rows": shown}]},
    }


@contextlib.asynccontextmanager
async def master(port: int) -> AsyncIterator[list[bytes]]:
    """A master that acknowledges every I frame at once; yields the frames that came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    came: list[bytes] = []

    async def serve() -> None:
        writer.write(STARTDT)
        while True:
            head = await reader.readexactly(2)
            came.append(head + await reader.readexactly(head[1]))
            if not came[-1][2] & 1:
                number = int.from_bytes(came[-1][2:4], "little") + 2
                writer.write(bytes.fromhex("68040100") + number.to_bytes(2, "little"))

    task = asyncio.create_task(serve())
    try:
        yield came
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, OSError, asyncio.IncompleteReadError):
            await task
        writer.close()


@pytest.fixture
async def watched(starter, until) -> Any:
    """The chain, good from end to end, and the port of its IEC 104 server."""
    port = free_port()
    instance = await starter.run(starter.home("watched", chain(port), {"meter-password": PASSWORD})).serving()

    async def good() -> bool:
        points = [await instance.point(name) for name in (DLMS, MODBUS)]
        return all(point["quality"] == 0 for point in points)

    await until(good)
    return instance, port


@NEEDS_TSHARK
async def test_values_are_followed_from_the_frame_to_the_acknowledgement(watched, until, tmp_path):
    instance, port = watched
    async with master(port) as came:
        await until(lambda: STARTDT_CON in came)
        for name in (DLMS, MODBUS):
            await instance.post("/command/point-trace/start", {"point": name, "seconds": 60})
            await until(lambda name=name: acknowledged(instance, name))
        await until(lambda: all_have_peers(instance))
        await conversion_tells_all_ends(instance)
        await the_command_line_shows_them_too(instance)
        await nobody_else_is_traced(instance)
        file = tmp_path / "traffic.pcapng"
        done = await instance.cli("frames", "export", str(file))
        assert done.code == 0, done.said
    await the_export_is_dissected(file)
    await answers_are_bounded(instance)


async def acknowledged(instance: Any, name: str) -> bool:
    """Whether the steps of one reading are there, each in its turn."""
    trace = await instance.get("/data/point-trace", {"point": name})
    wanted = ["frame", "decoded", "hub", "delivered", "event", "sent", "acknowledged"]
    for step in trace["steps"]:
        if wanted and step["step"] == wanted[0]:
            wanted.pop(0)
    times = [step["time"] for step in trace["steps"]]
    assert times == sorted(times)
    return not wanted


async def all_have_peers(instance: Any) -> bool:
    """Status is pushed once a second."""
    return all(row["peers"] for row in (await instance.get("/status/protocol-conversion"))["services"])


async def conversion_tells_all_ends(instance: Any) -> None:
    rows = {row["service"]: row for row in (await instance.get("/status/protocol-conversion"))["services"]}
    assert set(rows) == {"dlms-server", "modbus-server", "dlms-client", "modbus-client", "iec104-server"}
    assert {name: row["role"] for name, row in rows.items() if row["role"] == "client"}.keys() == {
        "dlms-client",
        "modbus-client",
    }
    for name, row in rows.items():
        assert row["state"] == "running", name
        assert row["peers"], name
        assert row["counters"], name
    assert rows["dlms-client"]["peers"][0]["state"] == "connected"


async def the_command_line_shows_them_too(instance: Any) -> None:
    listed = await instance.cli("frames", "list", "--service", "modbus-client", "--since", "10s")
    assert listed.code == 0, listed.said
    assert "modbus-client" in listed.out
    followed = await instance.cli("trace", MODBUS, "--seconds", "2")
    assert followed.code == 0, followed.said
    assert "decoded" in followed.out
    assert "reading arrived" in followed.out


async def nobody_else_is_traced(instance: Any) -> None:
    await instance.post("/command/point-trace/stop", {"point": DLMS})
    traces = (await instance.get("/data/point-trace"))["traces"]
    assert {trace["point"]: trace["running"] for trace in traces} == {DLMS: False, MODBUS: False}
    with pytest.raises((Refused, NotDone), match="there is no point"):
        await instance.post("/command/point-trace/start", {"point": "dlms-client/meter/none"})


async def the_export_is_dissected(file: Path) -> None:
    content = file.read_bytes()
    assert PASSWORD.encode() not in content
    assert b"*" * len(PASSWORD) in content
    fields = ("_ws.col.Protocol", "_ws.malformed", "frame.interface_name")
    chosen = [part for name in fields for part in ("-e", name)]
    line = ["tshark", "-r", str(file), "-T", "fields", *chosen]
    done = await asyncio.to_thread(subprocess.run, line, capture_output=True, text=True, timeout=60, check=True)
    rows = [row.split("\t") for row in done.stdout.splitlines()]
    protocols = {row[0] for row in rows}
    assert {"IEC 60870-5-104", "IEC 60870-5 ASDU", "Modbus/TCP"} <= protocols
    assert not any(row[1] for row in rows)
    assert {row[2].split()[0] for row in rows} >= {"dlms-client", "dlms-server", "modbus-client", "iec104-server"}


async def answers_are_bounded(instance: Any) -> None:
    """The web interface gets the file in one answer, or what is missing in a sentence; lists are paged."""
    answer = await instance.post("/command/frame-recorder/export", {"service": "dlms-client", "direction": "sent"})
    assert answer["frames"] > 3
    assert not answer["truncated"]
    assert PASSWORD.encode() not in base64.b64decode(answer["pcapng"])
    page = await instance.get("/data/frames", {"channel": "127.0.0.1:*", "limit": 5})
    assert len(page["frames"]) == 5
    following = await instance.get("/data/frames", {"channel": "127.0.0.1:*", "limit": 5, "after": page["next"]})
    assert following["frames"][0]["time"] >= page["frames"][-1]["time"]
    redacted = await instance.get("/data/frames", {"text": "*" * len(PASSWORD)})
    assert {row["redacted"] for row in redacted["frames"]} == {True}
    with pytest.raises((Refused, NotDone), match="pairs of hexadecimal digits"):
        await instance.get("/data/frames", {"hex": "6x"})
