"""Other people's programs: c104's master, and Wireshark's opinion of every frame."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import shutil
import socket
import struct
import sys
from pathlib import Path

import pytest
from meterhub_sdk import Quality, Reading

NOON = 1_767_225_600_000_000_000
ROWS = [
    {"type": "M_SP", "point": "m/switch", "ioa": 1},
    {"type": "M_DP", "point": "m/switch", "ioa": 2},
    {"type": "M_ST", "point": "m/tap", "ioa": 3},
    {"type": "M_ME_NA", "point": "m/share", "ioa": 4},
    {"type": "M_ME_NB", "point": "m/tap", "ioa": 5},
    *({"type": "M_ME_NC", "point": f"m/p{n}", "ioa": 100 + n} for n in range(200)),
    {"type": "M_ME_NC", "point": "m/event", "ioa": 500},
    {"type": "M_IT", "point": "m/energy", "ioa": 900, "push": "change"},
]

C104_MASTER = """
import json, sys, time
import c104

got = {}
def received(point: c104.Point, previous_info: c104.Information, message: c104.IncomingMessage) -> c104.ResponseState:
    info = point.info
    entry = [float(info.value) if info.value is not None else None, str(info.quality), message.cot.name,
             info.recorded_at.timestamp() if info.recorded_at else None]
    got.setdefault(f"{point.io_address}:{message.cot.name}", []).append(entry)
    return c104.ResponseState.SUCCESS

client = c104.Client()
connection = client.add_connection(ip="127.0.0.1", port=int(sys.argv[1]), init=c104.Init.MUTED)
station = connection.add_station(common_address=1)
for number in range(200):
    point = station.add_point(io_address=100 + number, type=c104.Type.M_ME_NC_1)
    point.on_receive(callable=received)
# c104 knows one type for an address, so this one it only hears spontaneously
station.add_point(io_address=500, type=c104.Type.M_ME_TF_1).on_receive(callable=received)
client.start()
def wait(condition):
    end = time.monotonic() + 10
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
wait(lambda: connection.is_connected)
# with Init.INTERROGATION c104 2.2.1 forgets STARTDT in some runs, whoever it talks to
connection.unmute()
wait(lambda: not connection.is_muted)
connection.interrogation(common_address=1, wait_for_response=True)
wait(lambda: len(got) >= 200)
print("interrogated", flush=True)
wait(lambda: "500:SPONTANEOUS" in got)
client.stop()
print(json.dumps(got), flush=True)
"""


@pytest.mark.skipif(importlib.util.find_spec("c104") is None, reason="c104 is not installed")
async def test_c104_reads_an_interrogation_and_a_spontaneous_event(serve, tmp_path: Path):
    running = await serve(ROWS)
    readings = {f"m/p{n}": Reading(n / 4, NOON) for n in range(200)}
    running.hub.give_all(readings)
    script = tmp_path / "master.py"
    script.write_text(C104_MASTER)
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), str(running.port), stdout=asyncio.subprocess.PIPE, env={"TZ": "UTC"}
    )
    try:
        async with asyncio.timeout(30):
            assert process.stdout is not None
            assert await process.stdout.readline() == b"interrogated\n"
            running.hub.give("m/event", Reading(41.5, NOON + 1_250_000_000, Quality.SUBSTITUTED))
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    got = json.loads(output)
    for number in range(200):
        ((value, quality, _, _),) = got[f"{100 + number}:INTERROGATED_BY_STATION"]
        assert value == number / 4
        assert "Invalid" not in quality
    value, quality, _, recorded = got["500:SPONTANEOUS"][-1]
    assert (value, recorded) == (41.5, NOON / 1e9 + 1.25)
    assert "Substituted" in quality


def pcap(path: Path, port: int, octets: bytes) -> None:
    """Write a capture of one direction of a TCP connection, in segments of 1,000 octets."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
        for first in range(0, len(octets), 1000):
            segment = octets[first : first + 1000]
            tcp = struct.pack(">HHIIBBHHH", port, 40000, 1 + first, 1, 0x50, 0x18, 8192, 0, 0) + segment
            head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0)
            packet = head + socket.inet_aton("127.0.0.1") * 2 + tcp
            file.write(struct.pack("<IIII", 0, first, len(packet), len(packet)) + packet)


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
async def test_wireshark_finds_no_malformed_frame(serve, tmp_path: Path):
    running = await serve(ROWS)
    master = await running.connect()
    captured = bytearray()
    read = master.reader.readexactly

    async def listening(count: int) -> bytes:
        octets = await read(count)
        captured.extend(octets)
        return octets

    master.reader.readexactly = listening  # type: ignore[method-assign]
    await master.start()
    values = {"m/switch": True, "m/tap": 5, "m/share": 0.5, "m/energy": 77, "m/p3": 1.5, "m/p4": 2.5}
    running.hub.give_all({name: Reading(value, NOON) for name, value in values.items()})
    seen = 0
    while seen < 8:
        seen += len((await master.asdu()).objects)
    await master.procedure(100, b"\x14")
    await master.procedure(101, b"\5")
    for type_id, element, more in ((102, b"", {"cause": 5, "ioa": 3}), (103, bytes.fromhex("e803000c81011a"), {})):
        master.ask(type_id, element, **more)
        await master.asdu()
    master.ask(45, b"\1", ioa=1)
    assert (await master.asdu()).cause == 47
    await master.silent()
    path = tmp_path / "station.pcap"
    pcap(path, running.port, bytes(captured))
    types = await tshark(path, running.port, "-T", "fields", "-e", "iec60870_asdu.typeid")
    found = {int(word) for word in types.replace(",", " ").split()}
    assert found == {70, 1, 3, 5, 9, 11, 13, 15, 30, 31, 32, 34, 35, 36, 37, 100, 101, 103, 45}
    assert await tshark(path, running.port, "-Y", "_ws.malformed || _ws.expert.severity >= 0x800000") == ""


async def tshark(path: Path, port: int, *options: str) -> str:
    decode = ("-d", f"tcp.port=={port},iec60870_104", "-o", "tcp.check_checksum:FALSE")
    process = await asyncio.create_subprocess_exec(
        "tshark", "-r", str(path), *decode, *options, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    return output.decode()
