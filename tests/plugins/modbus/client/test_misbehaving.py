"""Devices that answer wrongly, late or not at all: no wrong value, no neighbour held up, recovery by itself."""

from __future__ import annotations

import asyncio
import struct

import pytest
from meterhub_sdk import NotDone, Refused, Requester

ROW = {"label": "r", "address": 7, "type": "u16"}


def mbap(transaction: int, unit: int, pdu: bytes) -> bytes:
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu


RIGHT = bytes.fromhex("03020007")
WRONG = {
    "another function": (lambda t, u, p: mbap(t, u, bytes.fromhex("04020000")), "function code 4"),
    "too short": (lambda t, u, p: mbap(t, u, bytes.fromhex("030100")), "3 bytes"),
    "too long": (lambda t, u, p: mbap(t, u, bytes.fromhex("030400070008")), "6 bytes"),
    "a wrong count": (lambda t, u, p: mbap(t, u, bytes.fromhex("03030007")), "counts 3 bytes"),
    "a long exception": (lambda t, u, p: mbap(t, u, bytes.fromhex("830200")), "function code 131"),
    "an exception to something else": (lambda t, u, p: mbap(t, u, bytes.fromhex("8402")), "function code 132"),
    "another transaction": (lambda t, u, p: mbap(t + 1, u, RIGHT), "no answer"),
    "transaction 0": (lambda t, u, p: mbap(0, u, RIGHT), "no answer"),
    "another unit": (lambda t, u, p: mbap(t, u + 1, RIGHT), "no answer"),
    "another protocol": (lambda t, u, p: b"HTTP/1.1 400 Bad Request\r\n\r\n", "not Modbus TCP"),
    "no length": (lambda t, u, p: struct.pack(">HHHB", t, 0, 1, u), "not Modbus TCP"),
    "a huge length": (lambda t, u, p: struct.pack(">HHHB", t, 0, 60000, u), "not Modbus TCP"),
    "half a frame": (lambda t, u, p: mbap(t, u, RIGHT)[:-1], "no answer"),
}


@pytest.mark.parametrize("case", WRONG)
async def test_a_wrong_answer_is_no_value_and_a_right_one_brings_the_device_back(scripted, registers, run_client, case):
    scripted.raw, message = WRONG[case]
    device = {"timeout": 0.05, "retries": 0}
    async with run_client([ROW], port=scripted.port, device=device) as client:
        await client.until(lambda: message in client.device().last_error)
        await client.until(lambda: client.device().state == "lost")
        assert not client.hub.published["d/connected"].value
        assert "d/r" not in client.hub.published
        scripted.raw, scripted.behave = None, registers
        await client.value("d/r", 7)
        await client.value("d/connected", True)
        assert client.events() == ["modbus-device-lost", "modbus-device-connected"]


async def test_late_answers_never_become_those_of_later_requests(scripted, registers, run_client):
    held: list[bytes] = []

    def one_late(transaction: int, unit: int, pdu: bytes) -> bytes:
        held.append(mbap(transaction, unit, registers(unit, pdu)))
        return held.pop(0) if len(held) > 1 else b""

    scripted.raw = one_late
    rows = [{"label": f"r{i}", "address": 300 * i, "type": "u16"} for i in range(3)]
    async with run_client(rows, port=scripted.port, device={"timeout": 0.05, "retries": 5}) as client:
        await client.until(lambda: client.service.status().connections[0].dropped >= 5)
        assert not any(name.startswith("d/r") for name in client.names())
        scripted.raw, scripted.behave = None, registers
        for i in range(3):
            await client.value(f"d/r{i}", 300 * i)
        for name, reading in client.hub.history:
            if name.startswith("d/r"):
                assert reading.value == 300 * int(name[-1])


async def test_a_silent_unit_does_not_hold_up_the_others_behind_its_gateway(scripted, registers, run_client):
    scripted.behave = lambda unit, pdu: None if unit == 2 else registers(unit, pdu)
    devices = [
        {"label": f"u{unit}", "host": "127.0.0.1", "port": scripted.port, "unit": unit, "timeout": 0.1, "rows": [ROW]}
        for unit in (1, 2, 3)
    ]
    async with run_client(devices=devices, reconnect_delay=60) as client:
        await client.until(lambda: client.device("u2").state == "lost")
        probes = client.device("u2").requests
        await client.until(lambda: client.names().count("u3/r") >= 10)
        assert client.device("u2").requests <= probes + 1
        assert {client.device(label).state for label in ("u1", "u3")} == {"connected"}
        assert scripted.connections == 1


@pytest.mark.parametrize("code", [10, 11])
async def test_a_gateway_that_cannot_reach_a_unit_makes_it_lost(scripted, registers, run_client, code):
    scripted.behave = lambda unit, pdu: bytes((0x83, code))
    async with run_client([ROW], port=scripted.port) as client:
        await client.until(lambda: client.device().state == "lost")
        assert f"exception {code}" in client.device().last_error
        scripted.behave = registers
        await client.value("d/r", 7)


async def test_a_busy_device_keeps_its_last_value_and_is_asked_again(scripted, registers, run_client):
    scripted.behave = registers
    async with run_client([ROW], port=scripted.port) as client:
        await client.value("d/r", 7)
        scripted.behave = lambda unit, pdu: b"\x83\x06"
        await client.until(lambda: client.device().exceptions >= 2)
        assert client.device().state == "connected"
        assert client.holds("d/r", 7)
        registers.values[7] = 9
        scripted.behave = registers
        await client.value("d/r", 9)


async def test_a_function_the_device_does_not_know_leaves_out_its_rows_at_once(scripted, registers, run_client):
    scripted.behave = lambda unit, pdu: b"\x84\x01" if pdu[0] == 4 else registers(unit, pdu)
    rows = [ROW, *({"label": f"i{i}", "bank": "input", "address": i, "type": "u16"} for i in range(4))]
    async with run_client(rows, port=scripted.port) as client:
        await client.until(lambda: client.names().count("d/r") >= 3)
        assert client.device().exceptions == 1
        assert client.device().invalid == 4


async def test_a_lost_connection_is_made_again(scripted, registers, run_client):
    scripted.behave = registers
    async with run_client([ROW], port=scripted.port) as client:
        await client.value("d/r", 7)
        registers.values[7] = 8
        for writer in scripted.writers:
            writer.transport.abort()
        await client.value("d/r", 8)
        assert scripted.connections == 2
        assert client.events() == ["modbus-device-connected", "modbus-device-lost", "modbus-device-connected"]


async def test_a_device_that_comes_up_later_is_found(run_client, registers, scripted):
    server = await asyncio.start_server(scripted.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    scripted.behave = registers
    async with run_client([{**ROW, "writable": True}], port=port) as client:
        await client.until(lambda: client.device().state == "lost")
        with pytest.raises(Refused, match="not connected"):
            await client.service.write("d/r", 1, Requester("test"))
        server = await asyncio.start_server(scripted.serve, "127.0.0.1", port)
        await client.value("d/r", 7)
        assert client.events()[0] == "modbus-device-lost"
        assert client.events().count("modbus-device-lost") == 1
    server.close()


async def test_a_host_name_that_cannot_be_one_is_a_lost_device(run_client):
    async with run_client([ROW], port=1, device={"host": "a" * 100 + ".example"}) as client:
        await client.until(lambda: client.device().state == "lost")
        assert client.device().last_error


async def test_a_connection_that_swallows_requests_is_made_again(scripted, registers, run_client):
    async with run_client([ROW], port=scripted.port, device={"timeout": 0.05}) as client:
        await client.until(lambda: scripted.connections >= 2)
        scripted.behave = registers
        await client.value("d/r", 7)


async def test_a_device_slower_than_its_interval_is_counted_as_overrun(scripted, registers, run_client):
    async def slowly(unit: int, pdu: bytes) -> bytes | None:
        await asyncio.sleep(0.05)
        return registers(unit, pdu)

    scripted.behave = slowly
    rows = [{"label": f"r{i}", "address": 300 * i, "type": "u16"} for i in range(3)]
    async with run_client(rows, port=scripted.port) as client:
        await client.until(lambda: client.device().groups[0].overruns >= 2)
        assert client.names().count("d/r0") <= client.names().count("d/r2") + 1


async def test_a_write_under_way_when_the_connection_breaks_is_not_known_to_be_done(scripted, registers, run_client):
    def break_off(unit: int, pdu: bytes) -> bytes | None:
        if pdu[0] > 4:
            scripted.writers[-1].transport.abort()
            return None
        return registers(unit, pdu)

    scripted.behave = break_off
    async with run_client([{**ROW, "writable": True}], port=scripted.port) as client:
        await client.value("d/r", 7)
        with pytest.raises(NotDone, match="did not confirm"):
            await client.service.write("d/r", 1, Requester("test"))
        await client.until(lambda: scripted.connections == 2)


async def test_a_write_goes_before_polls_that_are_waiting(scripted, registers, run_client):
    started = asyncio.Event()

    async def slowly(unit: int, pdu: bytes) -> bytes | None:
        started.set()
        await asyncio.sleep(0.02)
        return registers(unit, pdu)

    scripted.behave = slowly
    rows = [{"label": f"r{i}", "address": 200 * i, "type": "u16", "writable": True} for i in range(5)]
    async with run_client(rows, port=scripted.port) as client:
        await started.wait()
        await client.service.write("d/r4", 1, Requester("test"))
        functions = [pdu[0] for _, pdu in scripted.requests]
        assert functions.index(6) == 1
