"""A simulated SDM630 on a serial line, through client, hub and server to masters that other people wrote."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import shutil
import struct
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from meterhub_modbus.client import templates
from meterhub_modbus.client.rows import Row
from meterhub_modbus.client.service import ModbusClient
from meterhub_modbus.client.settings import ModbusClientConfig
from meterhub_modbus.service import ModbusServer
from meterhub_modbus.settings import ModbusServerConfig
from meterhub_modbus.simulator.service import ModbusSimulator
from meterhub_modbus.simulator.settings import ModbusSimulatorConfig
from meterhub_sdk import Requester
from meterhub_sdk.simulation import SimulatedLine, Terminal
from meterhub_sdk.testing import FakeHub, free_port
from pymodbus.framer import FramerRTU

BAUD = 19_200
ROWS = templates.load("eastron-sdm630").rows
Values = dict[int, float]
"""What stands in the registers, by address."""


class Chain:
    """The TCP port at its end, and the device at its beginning."""

    def __init__(self, port: int, simulator: ModbusSimulator, hub: FakeHub, line: SimulatedLine) -> None:
        self.port = port
        self.simulator = simulator
        self.hub = hub
        self.line = line

    def held(self) -> Values:
        """What the simulated device holds."""
        assert self.simulator._simulation is not None
        bank = self.simulator._simulation.devices["main"].registers.unit.banks["input"]
        return {row.address: struct.unpack(">f", bank.read(row.address, 2))[0] for row in ROWS}

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0.01)


def shown(row: Row) -> dict[str, object]:
    """The row at its own address of the server, scaled back to what the device holds."""
    point = f"modbus-client/main/{row.label}"
    return {"point": point, "bank": row.bank, "address": row.address, "format": row.type, "scaling": 1 / row.factor}


@pytest.fixture
def hubs() -> Iterator[tuple[FakeHub, FakeHub]]:
    """One hub for client and server, and one of another instance for the simulated device."""
    made = FakeHub("modbus-client"), FakeHub("modbus-simulator")
    yield made
    for hub in made:
        hub.close()


@pytest.fixture
async def chain(hubs: tuple[FakeHub, FakeHub]) -> AsyncIterator[Chain]:
    hub, device_hub = hubs
    values = [{"label": row.label, "value": row.factor * (100 + number)} for number, row in enumerate(ROWS)]
    device = {"label": "main", "unit": 17, "template": "eastron-sdm630", "gaps": "zero", "values": values}
    simulated = ModbusSimulatorConfig.model_validate({"serial_port": "device", "devices": [device], "turnaround": 2})
    polled = {"label": "main", "interface": "serial", "serial_port": "bus", "unit": 17, "timeout": 0.3}
    polled |= {"template": "eastron-sdm630"}
    port = free_port()
    with SimulatedLine(Terminal("master"), Terminal("device"), baud=BAUD, bits=11) as line:
        hub.things["serial", "bus"] = {"device": line.paths["master"], "baud": BAUD, "parity": "even"}
        device_hub.things["serial", "device"] = {"device": line.paths["device"], "baud": BAUD, "parity": "even"}
        simulator = ModbusSimulator(device_hub, simulated)
        client = ModbusClient(
            hub, ModbusClientConfig.model_validate({"devices": [polled], "normal": 0.3, "slow": 0.3, "fast": 0.1})
        )
        groups = [{"label": "meter", "unit": 17, "rows": [shown(row) for row in ROWS]}]
        server = ModbusServer(hub, ModbusServerConfig.model_validate({"port": port, "groups": groups}))
        async with contextlib.AsyncExitStack() as stack:
            for where, service in ((device_hub, simulator), (hub, client), (hub, server)):
                await stack.enter_async_context(where.running(service))
            made = Chain(port, simulator, hub, line)
            await hub.until_published(*(f"main/{row.label}" for row in ROWS), timeout=20)
            yield made


async def test_a_value_is_followed_from_its_frame_to_the_bank_it_is_shown_in(chain):
    row = ROWS[0]
    hub = chain.hub
    hub.trace.points.add(f"modbus-client/main/{row.label}")
    await chain.until(lambda: {"frame", "decoded", "shown"} <= {step.step for step in hub.steps})
    steps = {step.step: step.detail for step in reversed(hub.steps)}
    (bus,) = (channel for channel in hub.recorder.channels if channel.link == "modbus-rtu")
    octets = steps["frame"].partition(" in ")[2]
    assert octets in [frame[-1].hex(" ") for frame in bus.frames if not frame[2]]
    assert steps["shown"].startswith(f"{row.bank} {row.address}, quality good")
    assert {step.point for step in hub.steps} == {f"modbus-client/main/{row.label}"}


async def test_requests_and_answers_are_shown_as_whole_frames(chain):
    question = struct.pack(">HHHBBHH", 7, 0, 6, 17, 4, ROWS[0].address, 2)
    reader, writer = await asyncio.open_connection("127.0.0.1", chain.port)
    for piece in (question[:5], question[5:] + question):
        writer.write(piece)
        await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await reader.readexactly(2 * (9 + 4))
    writer.close()
    links = {channel.link: channel for channel in chain.hub.recorder.channels}
    for frame in links["modbus-rtu"].frames:
        assert FramerRTU.check_CRC(frame[-1][:-2], int.from_bytes(frame[-1][-2:], "big"))
    served = [(sent, octets) for _, _, sent, _, octets in links["modbus-tcp"].frames]
    assert sorted(sent for sent, _ in served) == [False, False, True, True]
    assert all(len(octets) == 6 + int.from_bytes(octets[4:6], "big") for _, octets in served)


async def mbpoll(port: int) -> Values:
    """What mbpoll shows of each run of registers."""
    values: Values = {}
    for first, count in runs():
        arguments = ["-m", "tcp", "-p", str(port), "-a", "17", "-0", "-r", str(first), "-c", str(count // 2)]
        process = await asyncio.create_subprocess_exec(
            *("mbpoll", *arguments, "-t", "3:float", "-B", "-1", "-q", "127.0.0.1"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(20):
            output = (await process.communicate())[0].decode()
        assert process.returncode == 0, output
        for line in output.splitlines():
            if line.startswith("["):
                address, _, value = line.partition("]:")
                values[int(address[1:])] = float(value)
    return values


def runs() -> list[tuple[int, int]]:
    """First address and number of registers of what stands together, 60 at most."""
    found: list[list[int]] = []
    for row in sorted(ROWS, key=lambda row: row.address):
        if found and found[-1][1] == row.address and row.end - found[-1][0] <= 60:
            found[-1][1] = row.end
        else:
            found.append([row.address, row.end])
    return [(first, end - first) for first, end in found]


def libmodbus(port: int) -> Values:
    """What a program with libmodbus reads."""
    library = ctypes.CDLL("libmodbus.so.5")
    library.modbus_new_tcp.restype = ctypes.c_void_p
    library.modbus_get_float_abcd.restype = ctypes.c_float
    context = ctypes.c_void_p(library.modbus_new_tcp(b"127.0.0.1", port))
    registers = (ctypes.c_uint16 * 125)()
    values: Values = {}
    try:
        assert library.modbus_set_slave(context, 17) == 0
        assert library.modbus_connect(context) == 0
        for first, count in runs():
            assert library.modbus_read_input_registers(context, first, count, registers) == count
            for place in range(0, count, 2):
                values[first + place] = library.modbus_get_float_abcd(ctypes.byref(registers, 2 * place))
        library.modbus_close(context)
    finally:
        library.modbus_free(context)
    return values


def has_libmodbus() -> bool:
    try:
        ctypes.CDLL("libmodbus.so.5")
    except OSError:
        return False
    return True


@pytest.mark.skipif(shutil.which("mbpoll") is None, reason="needs mbpoll")
async def test_mbpoll_sees_what_the_meter_holds(chain: Chain):
    held = chain.held()
    assert len(held) == len(ROWS)
    assert await mbpoll(chain.port) == pytest.approx(held, rel=1e-5)
    assert chain.line.statistics.violations == chain.line.statistics.collisions == 0


@pytest.mark.skipif(not has_libmodbus(), reason="needs libmodbus")
async def test_a_libmodbus_client_sees_what_the_meter_holds_and_what_it_holds_later(chain: Chain):
    assert await asyncio.to_thread(libmodbus, chain.port) == chain.held()
    await chain.simulator.write("main/power", -4321.5, Requester("a test"))
    await chain.until(lambda: chain.hub.published["main/power"].value == -4321.5)
    await chain.hub.settle()
    seen = await asyncio.to_thread(libmodbus, chain.port)
    assert seen == chain.held()
    assert seen[52] == -4321.5


@pytest.mark.skipif(not has_libmodbus(), reason="needs libmodbus")
async def test_a_meter_that_falls_silent_is_not_shown_as_fresh(chain: Chain):
    """The hub says that its points are stale; the server then answers with exceptions."""
    await chain.simulator.write("main/connected", False, Requester("a test"))
    await chain.until(lambda: chain.hub.published["main/connected"].value is False)
    stale = {f"modbus-client/main/{row.label}": chain.hub.published[f"main/{row.label}"].degraded(2) for row in ROWS}
    chain.hub.give_all(stale)
    await chain.hub.settle()
    with pytest.raises(AssertionError):
        await asyncio.to_thread(libmodbus, chain.port)
