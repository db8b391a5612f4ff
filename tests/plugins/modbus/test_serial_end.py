"""The server on a serial port: the same units as over TCP, a port that vanishes or is wanted, slow writes."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from meterhub_sdk.simulation import SimulatedLine, Terminal
from pymodbus.client import AsyncModbusSerialClient

BAUD = 115_200
ROWS = [
    {"point": "d/power", "bank": "input", "address": 0, "format": "i32"},
    *({"point": f"d/p{n}", "bank": "holding", "address": n, "format": "u16", "writable": True} for n in range(4)),
]


@asynccontextmanager
async def master(path: str) -> AsyncIterator[AsyncModbusSerialClient]:
    client = AsyncModbusSerialClient(path, baudrate=BAUD, retries=0, timeout=5)
    assert await client.connect()
    try:
        yield client
    finally:
        client.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
def line(fake_hub):
    with SimulatedLine(Terminal("master"), Terminal("server"), baud=BAUD) as line:
        fake_hub.things["serial", "bus"] = {"device": line.paths["server"], "baud": BAUD}
        yield line


async def opened(running) -> None:
    await until(lambda: running.service.status().serial_state == "open")


async def test_the_same_units_answer_over_tcp_and_on_the_serial_port(serve, line):
    async with serve(ROWS, serial_port="bus", turnaround=1) as running:
        running.hub.give("d/power", -5)
        running.hub.give("d/p0", 18)
        await opened(running)
        async with master(line.paths["master"]) as client:
            assert (await client.read_input_registers(0, count=2, device_id=1)).registers == [0xFFFF, 0xFFFB]
            assert (await client.read_holding_registers(1, count=1, device_id=1)).exception_code == 4
            assert not (await client.write_register(1, 7, device_id=1)).isError()
            masked = await client.mask_write_register(address=0, and_mask=0xF2, or_mask=0x25, device_id=1)
            assert not masked.isError()
            both = await client.readwrite_registers(
                read_address=0, read_count=1, write_address=1, values=[9], device_id=1
            )
            assert both.registers == [18]
            identity = await client.read_device_information(read_code=1, object_id=0, device_id=1)
            assert identity.information[0] == b"Meterhub"
        tcp = await running.client()
        assert await tcp.ask("04 0000 0002") == "0404fffffffb"
        written = [("d/p1", 7), ("d/p0", 18 & 0xF2 | 0x25 & ~0xF2), ("d/p1", 9)]
        assert [(name, value) for name, value, _ in running.hub.writes] == written
        assert {reason for _, _, reason in running.hub.writes} == {"Modbus client serial port bus"}
        status = running.service.status()
        assert (status.serial_requests, status.line.frames, status.requests) == (6, 6, 1)
    assert line.statistics.collisions == 0


async def test_a_server_can_answer_on_its_serial_port_alone(fake_hub, line):
    from meterhub_modbus.service import ModbusServer
    from meterhub_modbus.settings import ModbusServerConfig

    config = ModbusServerConfig(port=None, serial_port="bus", groups=[{"label": "g", "rows": ROWS}])
    service = ModbusServer(fake_hub, config)
    async with fake_hub.running(service):
        fake_hub.give("d/p0", 3)
        await until(lambda: service.status() is not None and service.status().serial_state == "open")
        async with master(line.paths["master"]) as client:
            assert (await client.read_holding_registers(0, count=1, device_id=1)).registers == [3]


async def test_a_port_that_was_unplugged_is_served_again_when_it_is_back(serve, fake_hub):
    fake_hub.things["serial", "bus"] = {"device": "/dev/pts/an-adapter-that-is-not-there", "baud": BAUD}
    async with serve(ROWS, serial_port="bus") as running:
        running.hub.give("d/p0", 3)
        assert await (await running.client()).ask("03 0000 0001") == "03020003"
        for _ in range(2):
            with SimulatedLine(Terminal("master"), Terminal("server"), baud=BAUD) as line:
                fake_hub.things["serial", "bus"] = {"device": line.paths["server"], "baud": BAUD}
                await opened(running)
                async with master(line.paths["master"]) as client:
                    assert (await client.read_holding_registers(0, count=1, device_id=1)).registers == [3]
            await until(lambda: running.service.status().serial_state != "open")
            assert await (await running.client()).ask("03 0000 0001") == "03020003"


async def test_a_wanted_port_is_given_after_the_answer_and_taken_again(serve, line, monkeypatch):
    async with serve(ROWS, serial_port="bus") as running:
        started, finish = asyncio.Event(), asyncio.Event()

        async def write(name, value, *, reason, timeout):
            started.set()
            await finish.wait()

        monkeypatch.setattr(running.hub, "write", write)
        await opened(running)
        async with master(line.paths["master"]) as client:
            answer = asyncio.create_task(client.write_register(0, 7, device_id=1))
            await started.wait()
            running.hub.leases["serial", "bus"].want()
            await running.hub.settle()
            assert running.service.status().serial_state == "open"
            finish.set()
            assert not (await answer).isError()
            await until(lambda: running.hub.leases["serial", "bus"].wanted is False)
            await opened(running)
            assert (await client.read_holding_registers(0, count=1, device_id=1)).exception_code == 4


async def test_a_write_that_is_on_its_way_ends_with_the_service(serve, line, monkeypatch):
    async with serve(ROWS, serial_port="bus") as running:
        started = asyncio.Event()

        async def write(name, value, *, reason, timeout):
            started.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(running.hub, "write", write)
        await opened(running)
        async with master(line.paths["master"]) as client:
            answer = asyncio.create_task(client.write_register(0, 7, device_id=1))
            await started.wait()
            answer.cancel()
            await asyncio.gather(answer, return_exceptions=True)
    assert not [task for task in asyncio.all_tasks() if "SerialEnd" in repr(task) or "_in_turn" in repr(task)]


@pytest.mark.skipif(shutil.which("mbpoll") is None, reason="needs mbpoll")
async def test_mbpoll_reads_and_writes_on_the_serial_port(serve, line):
    async with serve(ROWS, serial_port="bus") as running:
        running.hub.give("d/p0", 4711)
        await opened(running)
        start = ["mbpoll", "-m", "rtu", "-b", str(BAUD), "-P", "none", "-a", "1", "-0", "-1", "-q", "-t", "4"]
        outputs = []
        for arguments in (["-r", "0", line.paths["master"]], ["-r", "2", line.paths["master"], "55"]):
            process = await asyncio.create_subprocess_exec(*start, *arguments, stdout=asyncio.subprocess.PIPE)
            async with asyncio.timeout(20):
                outputs.append((await process.communicate())[0].decode())
            assert process.returncode == 0, outputs
        assert "4711" in outputs[0]
        assert running.hub.writes[-1][:2] == ("d/p2", 55)
