"""The client on serial ports: simulated devices on a line with true timing, and a port that others want too."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
from meterhub_modbus.client.rows import Row
from meterhub_modbus.client.rtu_link import LineTiming
from meterhub_modbus.client.service import ModbusClient
from meterhub_modbus.client.settings import Device, ModbusClientConfig
from meterhub_modbus.client.trial import TrialRead
from meterhub_modbus.simulator.settings import ModbusSimulatorConfig
from meterhub_modbus.simulator.simulation import Simulation
from meterhub_sdk import Refused, Requester
from meterhub_sdk.simulation import Faults, InProcess, SimulatedLine, Terminal
from meterhub_sdk.testing import FakeHub, FakeLease

from meterhub.claims import Claims

BAUD = 115_200
ROWS = [{"label": f"r{a}", "address": a, "type": "u16", "writable": True} for a in (0, 8, 200)]
Connect = Callable[..., SimulatedLine]


def simulated(*units: int) -> Simulation:
    """Devices whose registers hold 1000 times the unit plus the address."""
    devices = [
        {
            "label": f"u{unit}",
            "unit": unit,
            "rows": ROWS,
            "gaps": "zero",
            "values": [{"label": row["label"], "value": 1000 * unit + row["address"]} for row in ROWS],
        }
        for unit in units
    ]
    return Simulation(ModbusSimulatorConfig.model_validate({"serial_port": "line", "devices": devices}))


def device(unit: int, port: str = "bus", **more: Any) -> dict[str, Any]:
    given = {"label": f"u{unit}", "interface": "serial", "serial_port": port, "unit": unit, "timeout": 0.3}
    return {**given, "rows": ROWS, **more}


class LendingHub(FakeHub):
    """Grants leases by the core's own rules."""

    def __init__(self, name: str = "modbus-client", claims: Claims | None = None) -> None:
        super().__init__(name)
        self.claims = claims or Claims()
        self.asked: list[tuple[int, float | None]] = []

    @contextlib.asynccontextmanager
    async def lease(
        self, kind: str, name: str, *, priority: int = 0, seconds: float | None = None
    ) -> AsyncIterator[FakeLease]:
        self.asked.append((priority, seconds))
        lease = FakeLease(self.things[kind, name])
        claim = await self.claims.acquire((kind, name), self.name, priority, seconds, lease.want)
        try:
            yield lease
        finally:
            self.claims.release(claim)

    @contextlib.asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """The port for somebody with a higher priority."""
        claim = await self.claims.acquire(("serial", "bus"), "a test", 100, None, lambda: None)
        yield
        self.claims.release(claim)


@pytest.fixture
def hub() -> Iterator[LendingHub]:
    made = LendingHub()
    yield made
    made.close()


@pytest.fixture
def on_bus(hub: LendingHub) -> Iterator[Connect]:
    """``on_bus(simulation)`` starts a line whose terminal is the port ``bus``."""
    with contextlib.ExitStack() as stack:

        def start(simulation: Simulation, baud: int = BAUD, faults: Faults | None = None) -> SimulatedLine:
            station = InProcess(simulation.station, turnaround=0.002)
            line = stack.enter_context(SimulatedLine(Terminal("master"), station, baud=baud, bits=11, faults=faults))
            hub.things["serial", "bus"] = {"device": line.paths["master"], "baud": baud, "parity": "even"}
            return line

        yield start


Run = Callable[..., AbstractAsyncContextManager[ModbusClient]]


@pytest.fixture
def run(hub: LendingHub) -> Run:
    @contextlib.asynccontextmanager
    async def running(*devices: Mapping[str, Any], **settings: Any) -> AsyncIterator[ModbusClient]:
        settings = {"normal": 0.1, "reconnect_delay": 0.1, **settings}
        service = ModbusClient(hub, ModbusClientConfig.model_validate({"devices": devices, **settings}))
        async with hub.running(service), asyncio.timeout(60):
            yield service
        await asyncio.sleep(0)

    return running


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


def assert_right(hub: FakeHub) -> None:
    """Every value that was ever published is the right one of the right device."""
    for name, reading in hub.history:
        unit, _, address = name[1:].partition("/r")
        if address:
            assert reading.value == 1000 * int(unit) + int(address)


async def test_many_devices_share_one_port(hub, on_bus, run):
    line = on_bus(simulated(1, 2, 3))
    async with run(device(1), device(2), device(3), priority=5, window=2.5) as service:
        await until(lambda: all(f"u{unit}/r200" in hub.published for unit in (1, 2, 3)))
        [connection] = service.status().connections
        assert (connection.place, connection.kind) == ("serial port bus", "Modbus RTU")
        assert (connection.used_as, connection.state) == ("RS-485, 115200 Bd 8E1", "open")
        assert {row.state for row in service.status().devices} == {"connected"}
    assert_right(hub)
    assert hub.asked == [(5, 2.5)]
    assert line.statistics.violations == line.statistics.collisions == 0


@pytest.mark.parametrize(("baud", "requests"), [(9600, 2), (115_200, 1)])
async def test_plan_and_prediction_follow_the_ports_speed(hub, on_bus, run, baud, requests):
    """Reading over a gap of 20 registers pays at 115,200 Bd with this turn-around and not at 9,600."""
    rows = [{"label": f"r{a}", "address": a, "type": "u16"} for a in (0, 21)]
    simulation = Simulation(
        ModbusSimulatorConfig.model_validate(
            {"serial_port": "line", "devices": [{"label": "u1", "rows": rows, "gaps": "zero"}]}
        )
    )
    on_bus(simulation, baud)
    async with run(device(1, rows=rows)) as service:
        await until(lambda: "u1/r21" in hub.published)
        plan = await service.plan()
        assert len(plan.requests) == requests
        [group] = plan.groups
        timing = LineTiming(baud, 11)
        counts = [request.count for request in plan.requests]
        least = sum((13 + 2 * count) * timing.character + 2 * timing.silence for count in counts)
        assert least < group.predicted < least + 0.2
        assert group.load == pytest.approx(100 * group.predicted / 0.1, abs=0.01)
        assert group.fits == (group.predicted < 0.1)
        [connection] = service.status().connections
        assert connection.groups[0].group == "normal"


async def test_a_wanted_port_is_given_back_between_two_requests_and_nobody_is_lost(hub, on_bus, run):
    line = on_bus(simulated(1))
    async with run(device(1)) as service:
        await until(lambda: "u1/r200" in hub.published)
        async with hub.taken():
            assert service.status().connections[0].state == "lent"
            before = line.statistics.requests
            await asyncio.sleep(0.1)
            assert line.statistics.requests == before
            count = len(hub.history)
        await until(lambda: len(hub.history) > count + 6)
        assert service.status().connections[0].lendings == 1
        counted = service.status().connections[0].line
        assert min(counted.sent, counted.received, counted.frames) > 0
    assert [event.type.name for event in hub.recorded] == ["modbus-device-connected"]
    assert line.statistics.violations == 0


async def test_two_services_share_a_port_by_their_windows(hub, on_bus, run):
    line = on_bus(simulated(1, 2))
    other = LendingHub("modbus-client@other", hub.claims)
    other.things = hub.things
    settings = {"devices": [device(2)], "normal": 0.1, "window": 0.5}
    second = ModbusClient(other, ModbusClientConfig.model_validate(settings))
    async with run(device(1), window=0.5) as first, other.running(second):
        await until(lambda: min(s.status().connections[0].lendings for s in (first, second)) >= 2)
        assert {s.status().devices[0].state for s in (first, second)} == {"connected"}
    assert_right(hub)
    assert_right(other)
    assert "u1/r200" in hub.published
    assert "u2/r200" in other.published
    assert line.statistics.violations == line.statistics.collisions == 0
    other.close()


async def test_a_write_waits_for_a_lent_port(hub, on_bus, run):
    simulation = simulated(1)
    on_bus(simulation)
    async with run(device(1)) as service:
        await until(lambda: "u1/r200" in hub.published)
        async with hub.taken():
            write = asyncio.create_task(service.write("u1/r8", 77, Requester("somebody")))
            given_up = asyncio.create_task(service.write("u1/r0", 78, Requester("somebody")))
            await asyncio.sleep(0.05)
            given_up.cancel()
            assert not write.done()
        await write
        assert hub.published["u1/r8"].value == 77
        assert simulation.devices["u1"].registers.unit.banks["holding"].read(0, 1) == (1000).to_bytes(2, "big")


@pytest.fixture
def device_links() -> Iterator[Path]:
    """A directory below /dev, where serial devices are."""
    directory = Path("/dev/shm") / f"meterhub-{id(object())}"
    directory.mkdir()
    yield directory
    shutil.rmtree(directory)


async def test_an_adapter_that_comes_back_is_opened_again(hub, run, device_links):
    link = device_links / "adapter"
    hub.things["serial", "bus"] = {"device": str(link), "baud": BAUD}

    def plugged_in() -> SimulatedLine:
        return SimulatedLine(Terminal("master", link=link), InProcess(simulated(1).station), baud=BAUD)

    async with run(device(1)) as service:
        await until(lambda: service.status().connections[0].state == "lost")
        assert "is absent" in service.status().devices[0].last_error
        for _ in range(2):
            with plugged_in():
                await until(lambda: service.status().devices[0].state == "connected")
                hub.history.clear()
                await until(lambda: len(hub.history) > 6)
                assert_right(hub)
            await until(lambda: service.status().devices[0].state == "lost")
            assert str(link) in service.status().devices[0].last_error


async def test_a_port_that_cannot_carry_rtu_says_so(hub, on_bus, run):
    on_bus(simulated(1))
    hub.things["serial", "bus"] |= {"data_bits": 7}
    async with run(device(1)) as service:
        await until(lambda: service.status().connections[0].state == "lost")
        assert "7 data bits; Modbus RTU needs 8" in service.status().devices[0].last_error
        with pytest.raises(Refused, match="not connected"):
            await service.write("u1/r0", 1, Requester("somebody"))


@pytest.mark.parametrize("seed", [1, 2])
async def test_lost_damaged_late_and_foreign_frames_never_make_a_wrong_value(hub, on_bus, run, seed):
    foreign = (bytes.fromhex("0903040001000235F2"), b"\x00\xff\x55")
    faults = Faults(lost=0.05, corrupted=0.05, late=0.05, late_by=0.1, foreign=0.05, frames=foreign, seed=seed)
    line = on_bus(simulated(*range(1, 6)), faults=faults)
    async with run(*(device(unit, timeout=0.05, retries=5) for unit in range(1, 6))) as service:
        await until(lambda: line.statistics.requests > 60)
        assert sum(row.errors for row in service.status().devices) > 0
    assert len([name for name, _ in hub.history if "/r" in name]) > 40
    assert_right(hub)


async def test_a_device_of_a_draft_can_be_tried(hub, on_bus, run):
    on_bus(simulated(1, 2))
    row = Row(label="x", address=8, type="u16")
    async with run(device(1)) as service:
        await until(lambda: "u1/r200" in hub.published)
        tried = await service.test_read(TrialRead(device=Device(**device(2)), row=row))
        assert (tried.value, tried.content) == (2008, "07d8")
    alone = ModbusClient(hub, ModbusClientConfig())
    tried = await alone.test_read(TrialRead(device=Device(**device(1)), row=row))
    assert tried.value == 1008
    hub.things["serial", "gone"] = {"device": "/dev/no-such-device"}
    with pytest.raises(Refused, match="serial port gone cannot be reached: /dev/no-such-device is absent"):
        await alone.test_read(TrialRead(device=Device(**device(1, port="gone")), row=row))
    with pytest.raises(Refused, match="there is no template 'acme'"):
        await alone.test_read(TrialRead(device=Device(**device(1, template="acme")), row=row))
