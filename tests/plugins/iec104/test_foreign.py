"""Other people's programs: the masters of c104 and hat-drivers, and Wireshark's opinion of every frame."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import shutil
import socket
import struct
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

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


C104_COMMANDER = """
import datetime, json, sys, time
import c104

client = c104.Client()
connection = client.add_connection(ip="127.0.0.1", port=int(sys.argv[1]), init=c104.Init.MUTED)
station = connection.add_station(common_address=1)
client.start()
end = time.monotonic() + 10
while not connection.is_connected and time.monotonic() < end:
    time.sleep(0.01)
connection.unmute()
while connection.is_muted and time.monotonic() < end:
    time.sleep(0.01)
told = []
def command(ioa, kind, info, mode):
    point = station.add_point(io_address=ioa, type=kind, command_mode=mode)
    point.info = info
    told.append(point.transmit(cause=c104.Cot.ACTIVATION))
DIRECT, SELECT = c104.CommandMode.DIRECT, c104.CommandMode.SELECT_AND_EXECUTE
now = datetime.datetime.now(datetime.timezone.utc)
command(1, c104.Type.C_SC_NA_1, c104.SingleCmd(True), SELECT)
command(2, c104.Type.C_DC_NA_1, c104.DoubleCmd(c104.Double.OFF), DIRECT)
command(3, c104.Type.C_RC_NA_1, c104.StepCmd(c104.Step.HIGHER), SELECT)
command(4, c104.Type.C_SE_NA_1, c104.NormalizedCmd(c104.NormalizedFloat(-0.5)), DIRECT)
command(5, c104.Type.C_SE_NB_1, c104.ScaledCmd(c104.Int16(-7)), SELECT)
command(6, c104.Type.C_SE_NC_1, c104.ShortCmd(2.5), SELECT)
command(7, c104.Type.C_BO_NA_1, c104.BinaryCmd(c104.Byte32((0xF00F).to_bytes(4, "little"))), DIRECT)
command(8, c104.Type.C_SC_TA_1, c104.SingleCmd(True, recorded_at=now), SELECT)
command(9, c104.Type.C_SC_NA_1, c104.SingleCmd(True), DIRECT)
command(10, c104.Type.C_SC_NA_1, c104.SingleCmd(True), DIRECT)
told.append(connection.clock_sync(common_address=1))
client.stop()
print(json.dumps(told), flush=True)
"""
COMMANDS = [
    {"type": "C_SC", "point": "m/sc", "ioa": 1, "execution": "select"},
    {"type": "C_DC", "point": "m/dc", "ioa": 2},
    {"type": "C_RC", "point": "m/rc", "ioa": 3},
    {"type": "C_SE_NA", "point": "m/na", "ioa": 4},
    {"type": "C_SE_NB", "point": "m/nb", "ioa": 5},
    {"type": "C_SE_NC", "point": "m/nc", "ioa": 6, "execution": "select"},
    {"type": "C_BO", "point": "m/bo", "ioa": 7},
    {"type": "C_SC", "point": "m/tagged", "ioa": 8},
    {"type": "C_SC", "point": "m/select-only", "ioa": 9, "execution": "select"},
    {"type": "C_SC", "point": "m/interlocked", "ioa": 10},
]
DONE = [("m/sc", True), ("m/dc", False), ("m/rc", True), ("m/na", -0.5), ("m/nb", -7), ("m/nc", 2.5), ("m/bo", 0xF00F)]


def commanded(**more):
    return {"groups": [{"label": "c", "rows": COMMANDS}], "clock_synchronization": "confirm", **more}


@contextlib.asynccontextmanager
async def unhurried(port: int) -> AsyncIterator[int]:
    """A port that hands on what comes, answers a little later: c104 2.2.1 misses those that it does not await yet."""

    async def hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
        with contextlib.closing(writer), contextlib.suppress(ConnectionError):
            while octets := await reader.read(4096):
                await asyncio.sleep(delay)
                writer.write(octets)

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(hand_on(reader, back, 0), hand_on(there, writer, 0.05))

    async with await asyncio.start_server(relay, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.skipif(importlib.util.find_spec("c104") is None, reason="c104 is not installed")
async def test_c104_commands_directly_and_by_select(serve, tmp_path: Path):
    running = await serve(ROWS, commands=commanded())
    running.hub.refusals["m/interlocked"] = "the earthing switch is closed"
    script = tmp_path / "commander.py"
    script.write_text(C104_COMMANDER)
    async with unhurried(running.port) as port, asyncio.timeout(30):
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(script), str(port), stdout=asyncio.subprocess.PIPE, env={"TZ": "UTC"}
        )
        try:
            output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    told = json.loads(output)
    assert told == [True] * 8 + [False] * 2 + [True]
    assert [(name, value) for name, value, _ in running.hub.writes] == [*DONE, ("m/tagged", True)]
    assert [(c.name, c.outcome, c.selected is not None) for c in running.hub.commands if c.because] == [
        ("m/select-only", "refused", False),
        ("m/interlocked", "refused", False),
    ]


@pytest.mark.skipif(importlib.util.find_spec("hat") is None, reason="hat-drivers is not installed")
async def test_hat_drivers_interrogates_selects_executes_and_cancels(serve):
    from hat.drivers import iec104, net

    running = await serve(ROWS, commands=commanded())
    running.hub.give("m/p7", Reading(1.75, NOON))
    await running.until(lambda status: status.points_without_value < 205)
    connection = await iec104.connect(net.TcpAddress("127.0.0.1", running.port))
    received: list[Any] = []

    async def until(condition: Callable[[Any], bool]) -> Any:
        async with asyncio.timeout(10):
            while not (found := [message for message in received if condition(message)]):
                received.extend(await connection.receive())
        received.clear()
        return found[0]

    async def command(ioa: int, order: Any, cause: Any, time: Any = None) -> tuple[str, bool]:
        await connection.send([iec104.CommandMsg(False, 3, 1, ioa, order, False, time, cause)])
        answer = await until(lambda m: isinstance(m, iec104.CommandMsg) and m.cause.name != "ACTIVATION_TERMINATION")
        assert (answer.io_address, answer.originator_address) == (ioa, 3)
        return answer.cause.name, answer.is_negative_confirm

    def single(*, select: bool) -> Any:
        return iec104.SingleCommand(iec104.SingleValue.ON, select=select, qualifier=0)

    try:
        act, stop = iec104.CommandReqCause.ACTIVATION, iec104.CommandReqCause.DEACTIVATION
        await connection.send([iec104.InterrogationMsg(False, 0, 1, 20, False, iec104.ActivationReqCause.ACTIVATION)])
        shown = await until(lambda m: isinstance(m, iec104.DataMsg) and m.io_address == 107)
        assert shown.data.value.value == 1.75
        assert await command(1, single(select=True), act) == ("ACTIVATION_CONFIRMATION", False)
        assert await command(1, single(select=True), stop) == ("DEACTIVATION_CONFIRMATION", False)
        assert await command(1, single(select=False), act) == ("ACTIVATION_CONFIRMATION", True)
        assert await command(1, single(select=True), act) == ("ACTIVATION_CONFIRMATION", False)
        assert await command(1, single(select=False), act) == ("ACTIVATION_CONFIRMATION", False)
        level = iec104.FloatingCommand(iec104.FloatingValue(2.5), select=True)
        assert await command(6, level, act) == ("ACTIVATION_CONFIRMATION", False)
        assert await command(6, level._replace(select=False), act) == ("ACTIVATION_CONFIRMATION", False)
        now = iec104.time_from_datetime(datetime.now(UTC))
        assert await command(8, single(select=False), act, now) == ("ACTIVATION_CONFIRMATION", False)
        old = iec104.time_from_datetime(datetime.now(UTC) - timedelta(minutes=5))
        assert await command(8, single(select=False), act, old) == ("ACTIVATION_CONFIRMATION", True)
    finally:
        await connection.async_close()
    assert [write[:2] for write in running.hub.writes] == [("m/sc", True), ("m/nc", 2.5), ("m/tagged", True)]


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
    running = await serve(ROWS, commands=commanded(reset_process="confirm"))
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
    for type_id, ioa, element in (
        (46, 2, b"\1"),
        (47, 3, b"\2"),
        (48, 4, bytes(3)),
        (49, 5, bytes(3)),
        (51, 7, bytes(4)),
    ):
        master.ask(type_id, element, ioa=ioa)
        assert [g.cause for g in await master.asdus(2)] == [7, 10]
    for type_id, ioa, element in ((45, 99, b"\1"), (58, 8, b"\1" + bytes(7)), (50, 6, bytes(5)), (105, 0, b"\1")):
        master.ask(type_id, element, ioa=ioa)
        await master.asdu()
    await master.asdu()
    await master.silent()
    path = tmp_path / "station.pcap"
    pcap(path, running.port, bytes(captured))
    types = await tshark(path, running.port, "-T", "fields", "-e", "iec60870_asdu.typeid")
    found = {int(word) for word in types.replace(",", " ").split()}
    answered = {*range(45, 52), 58, 100, 101, 103, 105}
    assert found == {70, 1, 3, 5, 9, 11, 13, 15, 30, 31, 32, 34, 35, 36, 37, *answered}
    assert await tshark(path, running.port, "-Y", "_ws.malformed || _ws.expert.severity >= 0x800000") == ""


async def tshark(path: Path, port: int, *options: str) -> str:
    decode = ("-d", f"tcp.port=={port},iec60870_104", "-o", "tcp.check_checksum:FALSE")
    process = await asyncio.create_subprocess_exec(
        "tshark", "-r", str(path), *decode, *options, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    return output.decode()
