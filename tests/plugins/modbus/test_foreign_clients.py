"""Other people's clients: pymodbus and mbpoll."""

from __future__ import annotations

import asyncio
import shutil

import pytest
from meterhub_sdk import Quality

ROWS = [
    {"point": "m/power", "bank": "input", "address": 100, "format": "f32"},
    {"point": "m/energy", "bank": "input", "address": 102, "format": "i64"},
    {"point": "m/limit", "bank": "holding", "address": 10, "format": "u16", "writable": True},
    {"point": "m/factor", "bank": "holding", "address": 11, "format": "f32", "writable": True},
    {"point": "m/relay", "bank": "coils", "address": 0, "format": "bool", "writable": True},
    {"point": "m/alarm", "bank": "contacts", "address": 5, "format": "bool"},
]
VALUES = {"power": 123.456, "energy": 5_000_000_000, "limit": 40, "factor": 0.5, "relay": True, "alarm": False}


def give_all(hub):
    for name, value in VALUES.items():
        hub.give(f"m/{name}", value)


async def test_pymodbus_reads_and_writes_everything(serve):
    client_module = pytest.importorskip("pymodbus.client")
    async with serve(ROWS) as running:
        give_all(running.hub)
        client = client_module.AsyncModbusTcpClient("127.0.0.1", port=running.port, retries=0)
        assert await client.connect()
        try:
            answer = await client.read_input_registers(100, count=6, device_id=1)
            kind = client.DATATYPE
            assert client.convert_from_registers(answer.registers[:2], kind.FLOAT32) == pytest.approx(123.456)
            assert client.convert_from_registers(answer.registers[2:], kind.INT64) == 5_000_000_000
            assert (await client.read_coils(0, count=1, device_id=1)).bits[0] is True
            assert (await client.read_discrete_inputs(5, count=1, device_id=1)).bits[0] is False
            assert not (await client.write_register(10, 77, device_id=1)).isError()
            factor = client.convert_to_registers(2.25, kind.FLOAT32)
            assert not (await client.write_registers(11, factor, device_id=1)).isError()
            assert not (await client.write_coil(0, False, device_id=1)).isError()
            assert not (await client.write_coils(0, [True], device_id=1)).isError()
            assert not (await client.mask_write_register(address=10, and_mask=0, or_mask=9, device_id=1)).isError()
            both = await client.readwrite_registers(read_address=10, read_count=1, address=10, values=[5], device_id=1)
            assert both.registers == [40]
            assert (await client.read_holding_registers(900, count=1, device_id=1)).exception_code == 2
            identity = await client.read_device_information(read_code=1, object_id=0, device_id=1)
            assert identity.information == {0: b"Meterhub", 1: b"modbus-server", 2: b"0.1.0"}
        finally:
            client.close()
        assert [(name, value) for name, value, _ in running.hub.writes] == [
            ("m/limit", 77),
            ("m/factor", 2.25),
            ("m/relay", False),
            ("m/relay", True),
            ("m/limit", 9),
            ("m/limit", 5),
        ]


async def mbpoll(port: int, *arguments: str) -> tuple[int, str]:
    program = shutil.which("mbpoll")
    if program is None:
        pytest.skip("mbpoll is not installed")
    line = [program, "-m", "tcp", "-p", str(port), "-a", "1", "-0", "-1", "-q", *arguments]
    process = await asyncio.create_subprocess_exec(
        *line, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def test_mbpoll_reads_and_writes(serve):
    async with serve(ROWS) as running:
        give_all(running.hub)
        code, output = await mbpoll(running.port, "-t", "3:float", "-B", "-r", "100", "127.0.0.1")
        assert code == 0, output
        assert "123.456" in output
        code, output = await mbpoll(running.port, "-t", "4", "-r", "10", "127.0.0.1", "55")
        assert code == 0, output
        assert running.hub.writes[-1][:2] == ("m/limit", 55)


async def test_mbpoll_is_told_of_a_stale_value(serve):
    async with serve(ROWS) as running:
        give_all(running.hub)
        running.hub.give("m/power", 1.0, quality=Quality.STALE)
        code, output = await mbpoll(running.port, "-t", "3:float", "-B", "-r", "100", "127.0.0.1")
        assert code != 0
        assert "Slave device or server failure" in output
