"""RTU on a pseudo-terminal with the timing of a real line, and slaves of our own on it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import struct
import threading
import time
import tty
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import serial_asyncio
from meterhub_modbus.client.adapter import read
from meterhub_modbus.client.device import DevicePoller
from meterhub_modbus.client.errors import DeviceException, LinkLost, NoAnswer
from meterhub_modbus.client.medium import Medium
from meterhub_modbus.client.rtu_link import LineTiming, RtuLink
from meterhub_modbus.client.settings import Device, ModbusClientConfig, declaration
from meterhub_sdk import Point
from meterhub_sdk.testing import FakeHub
from pymodbus.framer import FramerRTU

TURNAROUND = 0.002


def framed(unit: int, pdu: bytes) -> bytes:
    body = bytes((unit,)) + pdu
    return body + FramerRTU.compute_CRC(body).to_bytes(2, "big")


Answer = Callable[[int, bytes], tuple[float, bytes] | None]


class Line(threading.Thread):
    """The slaves' side of a half-duplex line: no byte comes before a real line would bring it.

    ``answer(unit, pdu)`` gives turn-around in seconds and the bytes to send, or ``None``.
    """

    def __init__(self, timing: LineTiming, answer: Answer) -> None:
        super().__init__(daemon=True)
        self.timing = timing
        self.answer = answer
        self.requests: list[tuple[int, bytes]] = []
        self.violations = 0
        self.master, self.slave = os.openpty()
        tty.setraw(self.master)
        tty.setraw(self.slave)
        self.url = os.ttyname(self.slave)
        self._ending = threading.Event()
        self._free = 0.0

    def run(self) -> None:
        while not self._ending.is_set():
            if not select.select([self.master], [], [], 0.02)[0]:
                continue
            self.violations += time.monotonic() < self._free + self.timing.silence
            frame = b""
            wire_end = time.monotonic()
            while select.select([self.master], [], [], self.timing.silence)[0]:
                data = os.read(self.master, 512)
                wire_end = max(wire_end, time.monotonic()) + len(data) * self.timing.character
                frame += data
            self._free = wire_end
            if len(frame) >= 4 and FramerRTU.check_CRC(frame[:-2], int.from_bytes(frame[-2:], "big")):
                self.requests.append((frame[0], frame[1:-2]))
                self._respond(wire_end, self.answer(frame[0], frame[1:-2]))

    def _respond(self, wire_end: float, response: tuple[float, bytes] | None) -> None:
        if response is None:
            return
        turnaround, content = response
        begin = wire_end + max(turnaround, self.timing.silence)
        step = max(1, int(0.004 / self.timing.character))
        for at in range(0, len(content), step):
            chunk = content[at : at + step]
            due = begin + (at + len(chunk)) * self.timing.character
            self._ending.wait(max(0.0, due - time.monotonic()))
            self._free = time.monotonic()
            os.write(self.master, chunk)

    def close(self) -> None:
        self._ending.set()
        self.join()
        os.close(self.master)
        os.close(self.slave)


class SerialAccess:
    """Opens the slave end of a pseudo-terminal."""

    kind = "Modbus RTU"
    used_as = ""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.cost = line.timing.cost

    def statistics(self) -> None:
        """Not counted here."""

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[RtuLink]:
        loop = asyncio.get_running_loop()
        _, link = await serial_asyncio.create_serial_connection(
            loop, lambda: RtuLink(self.line.timing), self.line.url, baudrate=self.line.timing.baud
        )
        await link.made.wait()
        try:
            yield link
        finally:
            link.close()
            await asyncio.sleep(0.01)


Lines = Callable[..., Line]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """``lines(answer, baud=…)`` starts a line."""
    opened: list[Line] = []

    def start(answer: Answer, baud: int = 19_200) -> Line:
        opened.append(Line(LineTiming(baud), answer))
        opened[-1].start()
        return opened[-1]

    yield start
    for line in opened:
        line.close()


def reader(registers: Any) -> Answer:
    return lambda unit, pdu: (TURNAROUND, framed(unit, registers(unit, pdu)))


@pytest.mark.parametrize("baud", [9600, 115_200])
async def test_t35_is_kept_before_every_request(lines, registers, baud):
    line = lines(reader(registers), baud)
    async with SerialAccess(line).open() as link:
        for address in range(6):
            answer = await link.ask(read(1 + address % 2, "holding", address, 2), 2)
            assert struct.unpack(">HH", answer.content) == (address, address + 1)
            assert answer.turnaround >= line.timing.silence
    assert line.violations == 0
    assert len(line.requests) == 6


async def test_a_late_answer_is_dropped_and_the_unit_left_alone(lines, registers):
    delays = iter([0.3])
    line = lines(lambda unit, pdu: (next(delays, TURNAROUND), framed(unit, registers(unit, pdu))))
    async with SerialAccess(line).open() as link:
        with pytest.raises(NoAnswer):
            await link.ask(read(1, "holding", 100, 2), 0.1)
        assert link.free_at(1) > link.free_at(2) == 0
        while not link.dropped:
            await asyncio.sleep(0.01)
        answer = await link.ask(read(1, "holding", 10, 2), 2)
        assert struct.unpack(">HH", answer.content) == (10, 11)


@pytest.mark.parametrize(
    "around",
    [
        lambda right: b"\x00\xff" + right,
        lambda right: framed(9, b"\x03\x04\x00\x00\x00\x00") + right,
        lambda right: framed(1, b"\x04\x04\x00\x00\x00\x00") + right,
        lambda right: framed(1, b"\x03\x02\x00\x00") + right,
        lambda right: b"\x01\x03\x04" + right,
    ],
    ids=["noise", "another unit", "another function", "another length", "a broken frame"],
)
async def test_the_answer_is_found_among_foreign_bytes(lines, registers, around):
    line = lines(lambda unit, pdu: (TURNAROUND, around(framed(unit, registers(unit, pdu)))))
    async with SerialAccess(line).open() as link:
        answer = await link.ask(read(1, "holding", 10, 2), 2)
        assert struct.unpack(">HH", answer.content) == (10, 11)
        assert link.dropped == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda right: right[:-1] + bytes((right[-1] ^ 1,)), "checksum"),
        (lambda right: right[:-3], "no answer"),
        (lambda right: framed(2, right[1:-2]), "does not fit: 02 03 04"),
        (lambda right: framed(1, b"\x04" + right[2:-2]), "does not fit: 01 04 04"),
        (lambda right: framed(1, b"\x84\x02"), "no answer"),
        (lambda right: bytes(400), "no answer"),
    ],
    ids=["damaged", "cut short", "another unit", "another function", "exception to another", "zeros"],
)
async def test_a_wrong_frame_is_never_an_answer(lines, registers, wrong, message):
    line = lines(lambda unit, pdu: (TURNAROUND, wrong(framed(unit, registers(unit, pdu)))), 115_200)
    async with SerialAccess(line).open() as link:
        with pytest.raises(Exception, match=message) as raised:
            await link.ask(read(1, "holding", 10, 2), 0.3)
        assert not isinstance(raised.value, DeviceException)


async def test_an_exception_is_told_and_a_lost_port_too(lines, registers):
    line = lines(reader(registers))
    async with SerialAccess(line).open() as link:
        with pytest.raises(DeviceException, match="exception 2"):
            await link.ask(read(1, "holding", 5000, 2), 2)
        link.fail("the adapter was pulled out")
        with pytest.raises(LinkLost, match="pulled out"):
            await link.ask(read(1, "holding", 0, 2), 2)


@contextlib.asynccontextmanager
async def bus(hub: FakeHub, line: Line, devices: list[Device], **settings: Any) -> AsyncIterator[Medium]:
    """A medium that polls devices on a line."""
    config = ModbusClientConfig(devices=devices, **settings)
    access = SerialAccess(line)
    for device in devices:
        hub.declared[f"{device.label}/connected"] = Point(name=f"{device.label}/connected", type="bool")
        for row in config.rows(device):
            hub.declared[f"{device.label}/{row.label}"] = declaration(config, device, row)
    medium = Medium(access, [DevicePoller(hub, config, device, access) for device in devices], 60)
    task = asyncio.create_task(medium.run(0))
    try:
        yield medium
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.01)


def slave(unit: int, **more: Any) -> Device:
    rows = [{"label": f"r{a}", "address": a, "type": "u16"} for a in (0, 8, 200)]
    return Device(**{"label": f"u{unit}", "host": "bus", "unit": unit, "timeout": 0.3, "rows": rows, **more})


async def test_a_dead_slave_does_not_hold_up_the_bus(lines, registers, client_hub):
    line = lines(lambda unit, pdu: None if unit == 2 else (TURNAROUND, framed(unit, registers(unit, pdu))), 115_200)
    async with bus(client_hub, line, [slave(unit, retries=0) for unit in (1, 2, 3)], normal=0.1) as medium:
        async with asyncio.timeout(20):
            while medium.pollers[1].state != "lost":
                await asyncio.sleep(0.01)
            before = len(client_hub.history)
            while [name for name, _ in client_hub.history[before:]].count("u3/r200") < 5:
                await asyncio.sleep(0.01)
        assert medium.pollers[1].counts.requests <= 2
        assert line.violations == 0
    for name, reading in client_hub.history:
        if "/r" in name:
            assert reading.value == int(name.partition("/r")[2])


async def test_lost_damaged_and_late_answers_never_make_a_wrong_value(lines, client_hub):
    count = 0

    def faulty(unit: int, pdu: bytes) -> tuple[float, bytes] | None:
        nonlocal count
        count += 1
        first, registers = struct.unpack(">HH", pdu[1:5])
        values = [1000 * unit + address for address in range(first, first + registers)]
        right = framed(unit, bytes((3, 2 * registers)) + struct.pack(f">{registers}H", *values))
        if count % 7 == 0:
            return None
        if count % 5 == 0:
            return TURNAROUND, right[:4] + bytes((right[4] ^ 1,)) + right[5:]
        return (0.15 if count % 11 == 0 else TURNAROUND), right

    line = lines(faulty, 115_200)
    devices = [slave(unit, timeout=0.1, retries=5) for unit in range(1, 6)]
    async with bus(client_hub, line, devices, normal=0.1) as medium, asyncio.timeout(60):
        while len(line.requests) < 60:
            await asyncio.sleep(0.01)
        assert medium.link is not None
        assert sum(poller.counts.errors for poller in medium.pollers) >= 60 // 7 + 60 // 5
    published = [(name, reading) for name, reading in client_hub.history if "/r" in name]
    assert len(published) > 40
    for name, reading in published:
        unit, _, address = name[1:].partition("/r")
        assert reading.value == 1000 * int(unit) + int(address)


async def test_the_plan_follows_the_line(lines, registers, client_hub):
    line = lines(reader(registers), 19_200)
    async with bus(client_hub, line, [slave(1)], normal=0.5) as medium:
        await client_hub.until_published("u1/r200")
        assert [(b.first, b.count) for b in medium.pollers[0].plans.blocks(0.0)["normal"]] == [(0, 9), (200, 1)]
        mean = medium.pollers[0].plans.turnaround.mean
        assert mean is not None
        assert mean >= line.timing.silence
