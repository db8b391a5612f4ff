"""Simulated devices, as other people's clients see them."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
from meterhub_modbus.client import templates
from meterhub_modbus.simulator.motion import QUANTITIES, Load
from meterhub_modbus.simulator.service import ModbusSimulator
from meterhub_modbus.simulator.settings import ModbusSimulatorConfig
from meterhub_modbus.simulator.simulation import Simulation, station
from meterhub_sdk import Refused, Requester
from meterhub_sdk.simulation import InProcess, SimulatedLine, Terminal
from meterhub_sdk.testing import FakeHub
from pydantic import ValidationError
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient

METER = {"label": "m", "unit": 5, "template": "eastron-sdm630"}
SWITCH = {
    "label": "s",
    "unit": 6,
    "motion": "held",
    "rows": [
        {"label": "relay", "bank": "coils", "address": 0, "type": "bool", "writable": True},
        {"label": "limit", "address": 10, "type": "i32", "factor": 0.1, "unit": "A", "writable": True},
        {"label": "low", "address": 20, "type": "bit[0]", "writable": True},
        {"label": "high", "address": 20, "type": "bit[15]", "writable": True},
        {"label": "name", "address": 30, "type": "string[8]"},
    ],
    "values": [{"label": "limit", "value": 16}, {"label": "name", "value": "pump"}],
}
ME = Requester("a test")


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    made = FakeHub("modbus-simulator")
    yield made
    made.close()


Simulate = Callable[..., AbstractAsyncContextManager[tuple[ModbusSimulator, int]]]


@pytest.fixture
def simulate(hub: FakeHub) -> Simulate:
    """``async with simulate(devices, ...)`` gives the running service and its TCP port."""

    @contextlib.asynccontextmanager
    async def run(*devices: dict[str, Any], **settings: Any) -> AsyncIterator[tuple[ModbusSimulator, int]]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        config = ModbusSimulatorConfig.model_validate(
            {"port": port, "interval": 0.1, "devices": devices or [METER, SWITCH], **settings}
        )
        service = ModbusSimulator(hub, config)
        async with hub.running(service), asyncio.timeout(30):
            await hub.until_published(f"{config.devices[0].label}/connected")
            yield service, port

    return run


@contextlib.asynccontextmanager
async def client(port: int) -> AsyncIterator[AsyncModbusTcpClient]:
    made = AsyncModbusTcpClient("127.0.0.1", port=port, retries=0, timeout=5)
    assert await made.connect()
    yield made
    made.close()


def number(registers: list[int]) -> float:
    return AsyncModbusTcpClient.convert_from_registers(registers, AsyncModbusTcpClient.DATATYPE.FLOAT32)


async def test_a_device_shows_its_template_and_nothing_else(simulate, hub):
    async with simulate() as (_, port), client(port) as master:
        answer = await master.read_input_registers(0, count=2, device_id=5)
        assert 220 < number(answer.registers) < 240
        assert hub.published["m/voltage-l1"].value == pytest.approx(number(answer.registers), rel=0.02)
        assert hub.published["m/voltage-l1"].unit == "V"
        for address, count in ((36, 2), (0, 40), (5000, 1)):
            refused = await master.read_input_registers(address, count=count, device_id=5)
            assert refused.exception_code == 2
        assert (await master.read_holding_registers(0, count=2, device_id=5)).exception_code == 2
        assert (await master.read_input_registers(0, count=2, device_id=9)).exception_code == 11


async def test_gaps_can_hold_zero_and_a_device_answers_no_more_than_it_can(simulate):
    devices = [{**METER, "gaps": "zero"}, {"label": "c", "unit": 1, "template": "carlo-gavazzi-em24-rs485"}]
    async with simulate(*devices) as (_, port), client(port) as master:
        assert (await master.read_input_registers(36, count=16, device_id=5)).registers == [0] * 16
        limit = templates.load("carlo-gavazzi-em24-rs485").max_registers
        assert not (await master.read_holding_registers(0, count=limit, device_id=1)).isError()
        assert (await master.read_holding_registers(0, count=limit + 1, device_id=1)).exception_code == 3


async def test_what_is_written_through_the_hub_is_held(simulate, hub):
    async with simulate() as (service, port), client(port) as master:
        await service.write("m/power", 1234.5, ME)
        await service.write("s/relay", True, ME)
        await service.write("s/high", True, ME)
        await asyncio.sleep(0.25)
        assert number((await master.read_input_registers(52, count=2, device_id=5)).registers) == 1234.5
        assert (await master.read_coils(0, count=1, device_id=6)).bits[0] is True
        assert (await master.read_holding_registers(20, count=1, device_id=6)).registers == [0x8000]
        assert (await master.read_holding_registers(10, count=2, device_id=6)).registers == [0, 160]
        assert (await master.read_holding_registers(30, count=4, device_id=6)).registers[:2] == [0x7075, 0x6D70]
        assert (hub.published["m/power"].value, hub.published["s/high"].value) == (1234.5, True)
        for name, value in (("s/limit", "much"), ("s/none", 1), ("none/x", 1), ("s/connected", 2)):
            with pytest.raises(Refused):
                await service.write(name, value, ME)


async def test_what_a_client_writes_is_held_and_published(simulate, hub):
    async with simulate() as (_, port), client(port) as master:
        assert not (await master.write_coil(0, True, device_id=6)).isError()
        assert not (await master.write_registers(10, [0xFFFF, 0xFFFF], device_id=6)).isError()
        assert not (await master.write_register(20, 1, device_id=6)).isError()
        assert (await master.write_register(10, 1, device_id=6)).exception_code == 2
        assert (await master.write_register(30, 1, device_id=6)).exception_code == 2
        while hub.published["s/low"].value is not True:
            await asyncio.sleep(0.01)
        assert hub.published["s/relay"].value is True
        assert hub.published["s/limit"].value == -0.1
        assert hub.published["s/high"].value is False


async def test_a_row_follows_a_point_and_a_device_falls_silent(simulate, hub):
    follows = {**METER, "values": [{"label": "power", "follow": "other/power"}]}
    async with simulate(follows, SWITCH) as (service, port), client(port) as master:
        await hub.settle()
        hub.give("other/power", 42.0)
        while hub.published["m/power"].value != 42:
            await asyncio.sleep(0.01)
        assert number((await master.read_input_registers(52, count=2, device_id=5)).registers) == 42
        await service.write("m/connected", False, ME)
        assert (await master.read_input_registers(52, count=2, device_id=5)).exception_code == 11
        assert service.status().silent == ["m"]
        await service.write("m/connected", True, ME)
        assert not (await master.read_input_registers(52, count=2, device_id=5)).isError()


async def test_devices_answer_on_a_serial_port(simulate, hub):
    with SimulatedLine(Terminal("master"), Terminal("devices"), baud=115_200) as line:
        hub.things["serial", "bus"] = {"device": line.paths["devices"], "baud": 115_200}
        async with simulate(serial_port="bus", turnaround=1) as (service, _):
            while service.status().serial_state != "open":
                await asyncio.sleep(0.01)
            master = AsyncModbusSerialClient(line.paths["master"], baudrate=115_200, retries=0, timeout=5)
            assert await master.connect()
            answer = await master.read_holding_registers(10, count=2, device_id=6)
            assert answer.registers == [0, 160]
            await asyncio.sleep(0.01)
            assert (await master.read_input_registers(36, count=1, device_id=5)).exception_code == 2
            master.close()
            hub.leases["serial", "bus"].want()
            while service.status().serial_state == "open":
                await asyncio.sleep(0)
            while service.status().serial_state != "open":
                await asyncio.sleep(0.01)
            assert service.status().serial_requests == 2


@pytest.mark.skipif(shutil.which("mbpoll") is None, reason="needs mbpoll")
async def test_mbpoll_reads_and_writes_on_a_serial_line():
    simulation = Simulation(ModbusSimulatorConfig.model_validate({"serial_port": "line", "devices": [SWITCH]}))
    with SimulatedLine(Terminal("master"), InProcess(simulation.station), baud=115_200) as line:
        start = ["mbpoll", "-m", "rtu", "-b", "115200", "-P", "none", "-a", "6", "-0", "-1", "-q"]
        for arguments in (["-r", "20", "-t", "4", line.paths["master"], "32768"], ["-r", "20", "-t", "4"]):
            command = [*start, *arguments] if len(arguments) > 4 else [*start, *arguments, line.paths["master"]]
            process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
            async with asyncio.timeout(20):
                output = (await process.communicate())[0].decode()
            assert process.returncode == 0, output
    assert "32768" in output
    assert simulation.changed()["s/high"] is True


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"devices": [METER]}, "answer nowhere"),
        ({"port": 1502, "devices": [METER, METER]}, "device label 'm'"),
        ({"port": 1502, "devices": [METER, {**METER, "label": "n"}]}, "unit identifier '5'"),
        ({"port": 1502, "devices": [{**METER, "values": [{"label": "x", "value": 1}]}]}, "has no row 'x'"),
        ({"port": 1502, "devices": [{**METER, "values": [{"label": "power"}]}]}, "either a value or a point"),
        ({"port": 1502, "devices": [{**METER, "template": "acme"}]}, "there is no template 'acme'"),
    ],
)
def test_settings_that_cannot_be(settings, message):
    with pytest.raises(ValidationError, match=message):
        ModbusSimulatorConfig.model_validate(settings)


# -- the load -----------------------------------------------------------------------------------

NOW = 1_790_000_000.0


def test_the_load_fits_together():
    load = Load("meter", 3)
    shown = {label: value(NOW) for label in LABELS if (value := load.value(label)) is not None}
    assert shown["power"] == pytest.approx(sum(shown[f"power-l{n}"] for n in (1, 2, 3)))
    assert shown["apparent-power-l1"] == pytest.approx(shown["voltage-l1"] * shown["current-l1"])
    assert shown["apparent-power-l2"] ** 2 == pytest.approx(shown["power-l2"] ** 2 + shown["reactive-power-l2"] ** 2)
    assert shown["power-factor"] == pytest.approx(shown["power"] / shown["apparent-power"])
    assert shown["voltage-l1-l2"] == pytest.approx(400, abs=8)
    assert shown["current-average"] * 3 == pytest.approx(shown["current-sum"])
    assert 0 <= shown["current-n"] < shown["current-sum"]
    assert 49.9 < shown["frequency"] < 50.1
    assert load.value("energy-export") is load.value("relay") is None


LABELS = [
    *(f"{quantity}-l{n}" for quantity in QUANTITIES for n in (1, 2, 3)),
    *QUANTITIES,
    *("voltage-l1-l2", "current-n", "current-sum", "current-average", "energy-export"),
]


def test_counters_are_the_integral_of_the_power_and_never_go_back():
    power, energy = Load("meter", 3).value("power"), Load("meter", 3).value("energy-import")
    steps = 3600
    integral = sum(power(NOW + second + 0.5) for second in range(steps)) / 3600
    assert energy(NOW + steps) - energy(NOW) == pytest.approx(integral, rel=1e-3)
    assert all(energy(NOW + second + 1) > energy(NOW + second) for second in range(steps))


@pytest.mark.parametrize("name", templates.names())
def test_every_template_can_be_simulated(name):
    simulation = Simulation(
        ModbusSimulatorConfig.model_validate({"port": 1502, "devices": [{"label": "d", "template": name}]})
    )
    simulation.move(NOW)
    shown = simulation.changed()
    assert len(shown) == len(templates.load(name).rows) + 1
    assert shown["d/energy-import"] > 1e6
    assert simulation.changed() == {"d/connected": True}


def test_a_line_in_a_process_of_its_own_gets_a_station_that_moves():
    first = station(devices=[METER])(bytes.fromhex("0504 0034 0002 3181"))
    assert len(first[0]) == 9
    assert number([int.from_bytes(first[0][at : at + 2], "big") for at in (3, 5)]) > 100
