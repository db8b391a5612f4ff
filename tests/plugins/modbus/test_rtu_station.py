"""A station on an RTU bus: what it takes for a request, and what it answers."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_modbus.banks import Unit
from meterhub_modbus.identification import DeviceIdentification
from meterhub_modbus.pdu import PduHandler, Write
from meterhub_modbus.rtu import RtuStation, complete, framed, requests
from meterhub_modbus.rtu_port import RtuPort
from meterhub_modbus.settings import Identification

READ = bytes.fromhex("03 0000 0002")
FOREIGN_ANSWER = framed(9, bytes.fromhex("03 04 00010002"))


class Register:
    """A writable register of a unit."""

    bits = False
    count = 1

    def __init__(self, point: str) -> None:
        self.point = point

    def decode(self, content: bytes) -> int:
        return int.from_bytes(content, "big")


@pytest.fixture
def written() -> list[Write]:
    return []


@pytest.fixture
def station(written: list[Write]) -> RtuStation:
    """Units 1 and 2, each with two holding registers."""

    async def write(writes: Sequence[Write], source: str) -> None:
        written.extend(writes)

    units = {1: Unit(), 2: Unit()}
    for number, unit in units.items():
        unit.banks["holding"].put(0, struct.pack(">HH", number, 7))
        unit.writable["holding", 0] = Register(f"unit-{number}")
    return RtuStation(PduHandler(units, write, DeviceIdentification(Identification(), "1")))


def answer(unit: int) -> list[bytes]:
    return [framed(unit, b"\x03\x04" + struct.pack(">HH", unit, 7))]


@pytest.mark.parametrize("unit", [1, 2])
def test_each_unit_answers_for_itself(station, unit):
    assert station(framed(unit, READ)) == answer(unit)
    assert station.requests == 1


@pytest.mark.parametrize(
    "before",
    [
        b"\x00",
        b"\xff\x00\x55",
        framed(1, READ)[:5],
        framed(9, READ),
        FOREIGN_ANSWER,
        framed(9, READ) + FOREIGN_ANSWER,
        framed(9, b"\x83\x02"),
        framed(1, b"\x44\x01\x02"),
        framed(1, READ),
    ],
    ids=["zero", "noise", "half a frame", "other", "its answer", "both", "exception", "unknown function", "twice"],
)
def test_a_request_is_answered_whatever_came_before_it(station, before):
    assert station(before + framed(1, READ)) == answer(1)


@pytest.mark.parametrize(
    "heard",
    [
        b"",
        b"\x01\x03",
        framed(1, READ)[:-1],
        framed(1, READ)[:-1] + b"\x00",
        framed(3, READ),
        FOREIGN_ANSWER,
        framed(0, READ),
        framed(1, READ) + framed(9, READ),
        bytes(600),
    ],
    ids=["nothing", "start", "cut", "damaged", "foreign", "answer", "broadcast read", "too late", "zeros"],
)
def test_what_is_no_request_to_it_is_not_answered(station, heard):
    assert station(heard) == []


def test_an_unknown_function_and_an_absent_register_are_exceptions(station):
    assert station(framed(1, b"\x44\x01\x02")) == [framed(1, b"\xc4\x01")]
    assert station(framed(2, bytes.fromhex("03 0001 0002"))) == [framed(2, b"\x83\x02")]


def test_a_broadcast_is_carried_out_by_all_and_not_answered(station, written):
    assert station(framed(0, bytes.fromhex("06 0000 002A"))) == []
    assert written == [("unit-1", 42), ("unit-2", 42)]


def test_a_write_is_answered_when_it_is_done(station, written):
    request = bytes.fromhex("10 0000 0001 02 1234")
    assert station(framed(2, request)) == [framed(2, request[:5])]
    assert written == [("unit-2", 0x1234)]


async def test_slow_writes_are_done_in_their_order_and_reads_do_not_wait_for_them(written):
    finish = asyncio.Event()

    async def write(writes: Sequence[Write], source: str) -> None:
        await finish.wait()
        written.extend(writes)

    unit = Unit()
    unit.banks["holding"].put(0, bytes(4))
    unit.writable["holding", 0] = Register("r")
    station = RtuStation(PduHandler({1: unit}, write, DeviceIdentification(Identification(), "1")))
    asked = [framed(1, b"\x06\0\0\0" + bytes((value,))) for value in range(8)]
    broadcast = framed(0, bytes.fromhex("06 0000 0063"))
    writes = [asyncio.create_task(station.answer(frame)) for frame in (*asked[:-1], broadcast)]
    await asyncio.sleep(0)
    assert station.answer(framed(1, READ)) == framed(1, bytes.fromhex("0304 00000000"))
    assert station.answer(asked[-1]) == framed(1, b"\x86\x06")
    assert station.answer(broadcast) == b""
    finish.set()
    async with asyncio.timeout(5):
        assert await asyncio.gather(*writes) == [*asked[:-1], b""]
    assert written == [*(("r", value) for value in range(7)), ("r", 0x63)]


async def test_a_master_that_gave_up_is_not_answered_when_its_write_is_done_at_last():
    finish = asyncio.Event()

    async def write(writes: Sequence[Write], source: str) -> None:
        await finish.wait()

    unit = Unit()
    unit.banks["holding"].put(0, bytes(4))
    unit.writable["holding", 0] = Register("r")
    station = RtuStation(PduHandler({1: unit}, write, DeviceIdentification(Identification(), "1")))
    wire, writes = Wire(), set()
    port = RtuPort(station.answer, silence=0.001, turnaround=0.001, writes=writes)
    port.connection_made(wire)
    port.data_received(framed(1, bytes.fromhex("06 0000 0001")))
    async with asyncio.timeout(5):
        while not writes:
            await asyncio.sleep(0.001)
        port.data_received(framed(1, READ))
        await wire.event.wait()
        finish.set()
        await asyncio.gather(*writes)
        await port.between_exchanges()
    await asyncio.sleep(0.01)
    assert wire.sent == [framed(1, bytes.fromhex("0304 00000000"))]


PDUS = [
    *(bytes((function,)) + bytes(4) for function in (1, 2, 3, 4, 5, 6)),
    bytes.fromhex("0F 0000 000A 02 FF03"),
    bytes.fromhex("10 0000 0001 02 1234"),
    bytes.fromhex("16 0000 00F2 0025"),
    bytes.fromhex("17 0003 0006 000E 0001 02 00FF"),
    bytes.fromhex("2B 0E 01 00"),
    b"\x11",
]


@given(st.lists(st.tuples(st.integers(0, 247), st.sampled_from(PDUS)), min_size=1, max_size=6))
def test_requests_are_told_apart_without_silence_between_them(sent):
    stream = b"".join(framed(unit, pdu) for unit, pdu in sent)
    assert list(requests(stream)) == sent
    assert complete(stream) == (len(sent) == 1)


@given(st.binary(max_size=300))
def test_whatever_comes_is_no_request_without_the_checksum(noise):
    for frame in requests(noise):
        assert framed(*frame) in noise


class Wire(asyncio.WriteTransport):
    """Keeps what is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.event = asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent.append(bytes(data))
        self.event.set()


async def test_the_port_answers_after_the_silence_and_a_new_request_makes_an_old_answer_void(station):
    wire = Wire()
    port = RtuPort(station.answer, silence=0.002, turnaround=0.05, writes=set())
    port.connection_made(wire)
    port.data_received(framed(1, READ))
    await asyncio.sleep(0.02)
    assert not wire.sent
    port.data_received(framed(2, READ)[:3])
    port.data_received(framed(2, READ)[3:])
    async with asyncio.timeout(5):
        await wire.event.wait()
    await asyncio.sleep(0.06)
    assert wire.sent == answer(2)
    port.data_received(framed(1, READ))
    port.connection_lost(None)
    await asyncio.sleep(0.06)
    assert wire.sent == answer(2)
