"""Polling, planning and writing against servers that behave."""

from __future__ import annotations

import asyncio
import contextlib
import struct

import pytest
from meterhub_modbus.client.trial import TrialRead
from meterhub_sdk import Clock, NotDone, Quality, Refused, Requester
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

WHO = Requester("test")
TYPES = {
    "i16": ("i16", -5),
    "u16": ("u16", 60000),
    "i32": ("i32", -100000),
    "u32": ("u32", 4_000_000_000),
    "i64": ("i64", -(2**40)),
    "f32": ("f32", 0.5),
    "f64": ("f64", 1 / 3),
    "text": ("string[6]", "meter"),
    "flag": ("bool", True),
}


@pytest.mark.parametrize("order", ["ABCD", "DCBA", "CDAB", "BADC"])
async def test_all_types_are_read_from_our_own_server(serve, run_client, order):
    served = [
        {"point": f"x/{name}", "bank": "input", "address": 4 * i, "format": form}
        for i, (name, (form, _)) in enumerate(TYPES.items())
    ] + [{"point": "x/flag", "bank": "contacts", "address": 3, "format": "bool"}]
    rows = [
        {"label": name, "bank": "input", "address": 4 * i, "type": form}
        for i, (name, (form, _)) in enumerate(TYPES.items())
    ] + [{"label": "contact", "bank": "contacts", "address": 3, "type": "bool"}]
    async with serve(served, byte_order=order) as server:
        for name, (_, value) in TYPES.items():
            server.hub.give(f"x/{name}", value)
        async with run_client(rows, port=server.port, device={"byte_order": order}) as client:
            for name, (_, value) in TYPES.items():
                await client.value(f"d/{name}", value)
            await client.value("d/contact", True)
            await client.value("d/connected", True)


async def test_a_value_that_turns_stale_at_our_server_spoils_only_itself(serve, run_client):
    served = [{"point": f"x/{i}", "bank": "input", "address": i, "format": "u16"} for i in range(4)]
    rows = [{"label": f"r{i}", "bank": "input", "address": i, "type": "u16"} for i in range(4)]
    async with serve(served) as server:
        for i in range(4):
            server.hub.give(f"x/{i}", i)
        async with run_client(rows, port=server.port) as client:
            await client.value("d/r3", 3)
            server.hub.give("x/2", 2, quality=Quality.STALE)
            await client.until(lambda: client.hub.published["d/r2"].quality == Quality.INVALID)
            server.hub.give("x/3", 33)
            await client.value("d/r3", 33)
            await client.value("d/r1", 1)
            assert "modbus-row-refused" not in client.events()


async def test_pymodbus_as_server(run_client):
    bits = SimData(0, values=[True, False, True], datatype=DataType.BITS)
    floats = SimData(0, values=[1.5, -2.5], datatype=DataType.FLOAT32)
    device = SimDevice(1, simdata=([bits], [bits], [floats], [floats]))
    server = ModbusTcpServer([device], address=("127.0.0.1", 0))
    task = asyncio.create_task(server.serve_forever())
    try:
        while server.transport is None:
            await asyncio.sleep(0.01)
        port = server.transport.sockets[0].getsockname()[1]
        rows = [
            {"label": "a", "bank": "holding", "address": 0, "writable": True},
            {"label": "b", "bank": "input", "address": 2},
        ]
        async with run_client(rows, port=port) as client:
            await client.value("d/a", 1.5)
            await client.value("d/b", -2.5)
            await client.service.write("d/a", 8.25, WHO)
            assert client.holds("d/a", 8.25)
    finally:
        await server.shutdown()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_values_carry_the_time_of_arrival_and_come_again_unchanged(scripted, registers, run_client, client_hub):
    scripted.behave = registers
    client_hub.fixed_time, client_hub.clock = 12345, Clock.UNKNOWN
    async with run_client([{"label": "r", "address": 7, "type": "u16", "unit": "W"}], port=scripted.port) as client:
        reading = await client.value("d/r", 7)
        assert (reading.time, reading.clock, reading.unit) == (12345, Clock.UNKNOWN, "W")
        await client.until(lambda: client.names().count("d/r") >= 3)
        assert client.device().time == "arrival"


async def test_one_request_reads_neighbours_over_small_gaps(scripted, registers, run_client):
    scripted.behave = registers
    rows = [{"label": f"r{i}", "address": 10 * i, "type": "u16"} for i in range(5)]
    async with run_client(rows, port=scripted.port) as client:
        for i in range(5):
            await client.value(f"d/r{i}", 10 * i)
        assert set(scripted.reads()) == {(3, 0, 41)}
        names = [name for name in client.names() if name.startswith("d/r")]
        assert names[:5] == [f"d/r{i}" for i in range(5)]


async def test_without_optimising_each_value_has_its_request(scripted, registers, run_client):
    scripted.behave = registers
    rows = [{"label": f"r{i}", "address": i, "type": "u16"} for i in range(3)]
    async with run_client(rows, port=scripted.port, optimise=False) as client:
        await client.value("d/r2", 2)
        assert set(scripted.reads()) == {(3, 0, 1), (3, 1, 1), (3, 2, 1)}


async def test_a_faster_block_brings_the_slow_values_inside_it(scripted, registers, run_client):
    scripted.behave = registers
    rows = [
        {"label": "a", "address": 0, "type": "u16", "group": "fast"},
        {"label": "b", "address": 4, "type": "u16", "group": "fast"},
        {"label": "inside", "address": 2, "type": "u16", "group": "slow"},
    ]
    async with run_client(rows, port=scripted.port, slow=86_400) as client:
        await client.until(lambda: client.names().count("d/inside") >= 3)
        assert set(scripted.reads()) == {(3, 0, 5)}


async def test_fast_goes_before_normal_before_slow(scripted, registers, run_client):
    scripted.behave = registers
    groups = ["slow", "normal", "fast"]
    rows = [{"label": g, "address": 300 * i, "type": "u16", "group": g} for i, g in enumerate(groups)]
    async with run_client(rows, port=scripted.port, fast=60, normal=60, slow=60) as client:
        await client.value("d/slow", 0)
        assert [address for _, address, _ in scripted.reads()] == [600, 300, 0]


async def test_polling_begins_after_the_pause(scripted, registers, run_client):
    scripted.behave = registers
    async with run_client([{"label": "r", "address": 0, "type": "u16"}], port=scripted.port, first_poll=600) as client:
        await client.until(lambda: scripted.connections == 1)
        await client.until(lambda: client.service.status().connections[0].state == "open")
        assert scripted.requests == []
        assert client.device().state == "waiting"


async def test_units_behind_one_gateway_share_a_connection(scripted, run_client):
    scripted.behave = lambda unit, pdu: struct.pack(">BBH", 3, 2, 100 + unit)
    row = {"label": "r", "address": 0, "type": "u16"}
    devices = [
        {"label": f"u{unit}", "host": "127.0.0.1", "port": scripted.port, "unit": unit, "rows": [row]}
        for unit in (1, 2, 3)
    ]
    async with run_client(devices=devices) as client:
        for unit in (1, 2, 3):
            await client.value(f"u{unit}/r", 100 + unit)
        assert scripted.connections == 1


async def test_a_register_the_device_does_not_have_spoils_only_itself(scripted, registers, run_client):
    registers.exceptions[3] = 2
    scripted.behave = registers
    rows = [{"label": f"r{i}", "address": i, "type": "u16"} for i in range(8)]
    async with run_client(rows, port=scripted.port) as client:
        for i in {*range(8)} - {3}:
            await client.value(f"d/r{i}", i)
        seen = len(scripted.requests)
        await client.until(lambda: len(scripted.requests) > seen + 8)
        assert set(scripted.reads()[seen + 2 :]) == {(3, 0, 3), (3, 4, 4)}
        assert client.hub.published["d/r3"].quality == Quality.INVALID
        assert client.events().count("modbus-row-refused") == 1
        assert client.device().holes == ["holding 3"]


async def test_a_gap_the_device_does_not_have_is_found_and_gone_around(scripted, registers, run_client):
    registers.exceptions.update({5: 2, 6: 3})
    scripted.behave = registers
    rows = [{"label": f"r{i}", "address": i, "type": "u16"} for i in (0, 1, 2, 9, 10, 11)]
    async with run_client(rows, port=scripted.port) as client:
        for i in (0, 1, 2, 9, 10, 11):
            await client.value(f"d/r{i}", i)
        seen = len(scripted.requests)
        await client.until(lambda: len(scripted.requests) > seen + 6)
        assert set(scripted.reads()[seen + 1 :]) == {(3, 0, 3), (3, 9, 3)}
        assert client.device().holes == ["holding 3 to 8"]
        assert "modbus-row-refused" not in client.events()


async def test_a_device_that_answers_fewer_registers_than_set_is_still_read(scripted, registers, run_client):
    registers.limit = 10
    scripted.behave = registers
    rows = [{"label": f"r{i}", "address": i, "type": "u16"} for i in range(35)]
    async with run_client(rows, port=scripted.port) as client:
        for i in range(35):
            await client.value(f"d/r{i}", i)
        await client.until(lambda: client.names().count("d/r34") >= 4)
        exceptions = client.device().exceptions
        await client.until(lambda: client.names().count("d/r34") >= 7)
        assert client.device().exceptions == exceptions
        assert len(client.device().holes) == 3


@pytest.mark.parametrize(
    ("row", "value", "function"),
    [
        ({"bank": "coils", "type": "bool", "address": 5}, True, 5),
        ({"bank": "holding", "type": "u16", "address": 5}, 17, 6),
        ({"bank": "holding", "type": "i16", "address": 5, "factor": 0.1}, -1.5, 6),
        ({"bank": "holding", "type": "f32", "address": 5}, 2.25, 16),
        ({"bank": "holding", "type": "string[5]", "address": 5}, "hello", 16),
        ({"bank": "holding", "type": "bit[3]", "address": 5}, True, 6),
    ],
)
@pytest.mark.parametrize("multiple", [False, True])
async def test_writes_are_confirmed_and_read_back(scripted, registers, run_client, row, value, function, multiple):
    scripted.behave = registers
    rows = [{"label": "w", "writable": True, **row}]
    device = {"write_multiple": multiple}
    async with run_client(rows, port=scripted.port, device=device, normal=600) as client:
        await client.value("d/connected", True)
        await client.service.write("d/w", value, WHO)
        assert client.holds("d/w", value)
        written = [pdu[0] for _, pdu in scripted.requests if pdu[0] > 4]
        assert written == [{5: 15, 6: 16}.get(function, function) if multiple else function]
        if row["type"] == "bit[3]":
            assert registers.values[5] == 5 | 8


async def test_refused_writes_say_why(scripted, registers, run_client):
    registers.exceptions[5] = 4
    scripted.behave = registers
    rows = [
        {"label": "w", "address": 5, "type": "u16", "writable": True},
        {"label": "ro", "address": 6, "type": "u16"},
    ]
    async with run_client(rows, port=scripted.port) as client:
        await client.value("d/ro", 6)
        with pytest.raises(Refused, match=r"exception 4 \(device failure"):
            await client.service.write("d/w", 1, WHO)
        with pytest.raises(Refused, match="out of the range of u16"):
            await client.service.write("d/w", 70000, WHO)
        for name in ("d/ro", "d/nothing", "d/connected"):
            with pytest.raises(Refused, match="read-only"):
                await client.service.write(name, 1, WHO)
        with pytest.raises(Refused, match="no device"):
            await client.service.write("e/w", 1, WHO)


async def test_a_write_without_an_answer_is_not_known_to_be_done(scripted, registers, run_client):
    scripted.behave = lambda unit, pdu: None if pdu[0] > 4 else registers(unit, pdu)
    rows = [{"label": "w", "address": 5, "type": "u16", "writable": True}]
    async with run_client(rows, port=scripted.port, device={"timeout": 0.1}) as client:
        await client.value("d/w", 5)
        with pytest.raises(NotDone, match="did not confirm"):
            await client.service.write("d/w", 1, WHO)


@pytest.mark.parametrize("verify", [True, False])
async def test_a_device_that_confirms_and_does_not_hold_is_found_out(scripted, registers, run_client, verify):
    scripted.behave = lambda unit, pdu: pdu if pdu[0] == 6 else registers(unit, pdu)
    rows = [{"label": "w", "address": 5, "type": "u16", "writable": True, "verify": verify}]
    async with run_client(rows, port=scripted.port) as client:
        await client.value("d/w", 5)
        if verify:
            with pytest.raises(Refused, match="holds 00 05 in place of 00 01"):
                await client.service.write("d/w", 1, WHO)
        else:
            await client.service.write("d/w", 1, WHO)


async def test_a_draft_row_can_be_read_with_and_without_a_running_connection(scripted, registers, run_client):
    scripted.behave = registers
    device = {"label": "draft", "host": "127.0.0.1", "port": scripted.port, "timeout": 1}
    row = {"label": "r", "address": 300, "type": "u32", "unit": "W"}
    async with run_client([{"label": "x", "address": 0, "type": "u16"}], port=scripted.port) as client:
        await client.value("d/x", 0)
        result = await client.service.test_read(TrialRead(device=device, row=row))
        assert (result.value, result.unit, result.content) == (300 * 65536 + 301, "W", "012c 012d")
        assert scripted.connections == 1
    async with run_client(devices=[]) as client:
        assert (await client.service.test_read(TrialRead(device=device, row=row))).value == result.value
        with pytest.raises(Refused, match="exception 2"):
            await client.service.test_read(TrialRead(device=device, row={**row, "address": 5000}))
        with pytest.raises(Refused, match="cannot be reached"):
            await client.service.test_read(TrialRead(device={**device, "port": 1}, row=row))


async def test_the_plan_shows_requests_and_cycle_times(scripted, registers, run_client):
    scripted.behave = registers
    rows = [{"label": f"r{i}", "address": 10 * i, "type": "u16"} for i in range(3)]
    async with run_client(rows, port=scripted.port) as client:
        await client.value("d/r2", 20)
        plan = await client.service.plan()
        [request], [group] = plan.requests, plan.groups
        assert (request.first, request.count, request.rows) == (0, 21, ["r0", "r1", "r2"])
        assert group.predicted == pytest.approx(request.predicted / 1000)
        await client.until(lambda: client.device().groups[0].cycle)
        status = client.device().groups[0]
        assert status.requests == 1
        assert status.predicted > 0
