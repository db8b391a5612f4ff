"""The engine without sockets: windows, timers, splitting and what random octets do to it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_iec104.apci import Link, Parameters, ProtocolError, State
from meterhub_iec104.asdu import Asdu, build
from meterhub_iec104.command_settings import CommandSettings
from meterhub_iec104.control import Control
from meterhub_iec104.elements import KINDS
from meterhub_iec104.groups import Group
from meterhub_iec104.journal import Journal
from meterhub_iec104.objects import InformationObject
from meterhub_iec104.push import Push
from meterhub_iec104.queue import packed
from meterhub_iec104.session import Session
from meterhub_iec104.station import Station, Stations
from meterhub_sdk import Reading
from meterhub_sdk.testing import FakeHub

STARTDT = b"\x68\x04\x07\0\0\0"
PARAMETERS = Parameters(t0=30, t1=15, t2=10, t3=20, k=4, w=2)


def made(k: int = 4) -> tuple[Session, Stations]:
    rows = [(name, 10 * n) for n, name in enumerate(KINDS, 1)]
    station = Station(
        1,
        [InformationObject(KINDS[name], ioa, (f"p/{name}",), push=Push("always")) for name, ioa in rows],
    )
    parameters = Parameters(k=k, w=max(1, k * 2 // 3))
    stations, hub = Stations([station]), FakeHub()
    control = Control(hub, stations, CommandSettings(), Journal(hub), common_address=1)
    return Session(parameters, control, Group(0, "g", 1000, 1), 0.0), stations


def i_frame(asdu: bytes, number: int, received: int = 0) -> bytes:
    control = (number << 1).to_bytes(2, "little") + (received << 1).to_bytes(2, "little")
    return bytes((0x68, len(asdu) + 4)) + control + asdu


def i_frames(octets: bytes) -> int:
    """How many I frames there are in correct output."""
    count = at = 0
    while at < len(octets):
        assert octets[at] == 0x68
        count += octets[at + 2] & 1 == 0
        at += octets[at + 1] + 2
    assert at == len(octets)
    return count


def test_timers_have_deadlines_and_do_their_work():
    link = Link(PARAMETERS, 0.0)
    assert link.deadline() == 20
    link.tick(20.0)
    assert link.take() == b"\x68\x04\x43\0\0\0"
    assert link.deadline() == 30
    with pytest.raises(ProtocolError, match="T0"):
        link.tick(30.0)
    list(link.receive(STARTDT, 21.0))
    assert link.deadline() == 35
    list(link.receive(b"\x68\x04\x83\0\0\0", 22.0))
    assert link.deadline() == 42
    list(link.receive(i_frame(bytes(6), 0), 23.0))
    assert link.deadline() == 33
    link.take()
    link.tick(33.0)
    assert link.take() == b"\x68\x04\x01\0\x02\0"
    link.send(bytes(6), 34.0)
    assert link.deadline() == 43
    link.tick(43.0)
    with pytest.raises(ProtocolError, match="T1"):
        link.tick(49.0)


def test_sequence_numbers_wrap_at_32767():
    link = Link(PARAMETERS, 0.0)
    list(link.receive(STARTDT, 0.0))
    for number in range(40_000):
        wrapped = number & 0x7FFF
        assert list(link.receive(i_frame(bytes(6), wrapped, wrapped), 0.0)) == [bytes(6)]
        link.take()
        link.send(bytes(6), 0.0)
        after = (wrapped + 1) & 0x7FFF
        assert link.take()[2:6] == (wrapped << 1).to_bytes(2, "little") + (after << 1).to_bytes(2, "little")
        assert link.in_flight == 1


@given(
    st.lists(st.sampled_from(["event", "interrogate", "ack", "read", "stop", "start"]), max_size=60), st.integers(1, 6)
)
async def test_k_is_never_exceeded_and_nothing_is_lost(steps, k):
    session, station = made(k)
    session.receive(STARTDT, 0.0)
    asked = seen = acknowledged = 0
    for step in steps:
        if step == "event":
            session.group.queue.append(packed(station.update([("p/M_ME_NC", Reading(1.0, 0))]), 1, 0))
        elif step == "ack":
            session.receive(b"\x68\x04\x01\0" + (seen << 1).to_bytes(2, "little"), 0.0)
            acknowledged = seen
        elif step == "stop":
            session.receive(b"\x68\x04\x13\0\0\0", 0.0)
        elif step == "start":
            session.receive(STARTDT, 0.0)
        elif session.started:
            body = b"\x64\x01\x06\0\1\0\0\0\0\x14" if step == "interrogate" else b"\x66\x01\x05\0\1\0\x0a\0\0"
            session.receive(i_frame(body, asked, acknowledged), 0.0)
            asked += 1
        seen += i_frames(session.output(0.0))
        assert seen - acknowledged == session.link.in_flight <= k
    session.group.queue.requeue()


@given(st.data())
async def test_splitting_makes_no_difference(data):
    requests = [b"\x66\x01\x05\0\1\0\x0a\0\0", b"\x64\x01\x06\0\1\0\0\0\0\x14", b"\xff\x01\x06\0\1\0\0\0\0"]
    stream = STARTDT + b"".join(i_frame(body, number) for number, body in enumerate(requests))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    whole, _ = made(100)
    split, _ = made(100)
    whole.receive(stream, 0.0)
    for first, last in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        split.receive(stream[first:last], 0.0)
    assert [list(s.link.receive(b"", 0.0)) for s in (whole, split)] == [[], []]
    assert len(whole.output(0.0)) == len(split.output(0.0))
    assert whole.link.received == split.link.received == 3


@given(st.lists(st.binary(min_size=6, max_size=249), max_size=20))
async def test_random_asdus_raise_nothing_but_protocol_errors(asdus):
    session, _ = made()
    session.receive(STARTDT, 0.0)
    session.output(0.0)
    for number, asdu in enumerate(asdus):
        try:
            session.receive(i_frame(asdu, number, session.link.sent), 0.0)
        except ProtocolError:
            return
        i_frames(session.output(0.0))


async def test_20000_mutated_frames_raise_nothing_but_protocol_errors():
    source = random.Random(104)
    bodies = [bytes.fromhex("640106000100000000") + b"\x14", bytes.fromhex("6601050001000a0000")]
    bodies += [bytes.fromhex("650106000100000000") + b"\5", bytes.fromhex("6b0106000100000000") + bytes(9)]
    bodies += [bytes((kind, 1, 6, 0, 1, 0, 10, 0, 0)) + bytes(3) for kind in range(256)]
    errors = 0
    session, _ = made(1000)
    for _ in range(20_000):
        if session.link.state is State.STOPPED:
            session.receive(STARTDT, 0.0)
            session.output(0.0)
        frame = bytearray(i_frame(source.choice(bodies), session.link.received, session.link.sent & 0x7FFF))
        for _ in range(source.randrange(3)):
            frame[source.randrange(len(frame))] = source.randrange(256)
        try:
            session.receive(
                bytes(frame[: source.choice((len(frame), len(frame), source.randrange(len(frame) + 1)))]), 0.0
            )
        except ProtocolError:
            errors += 1
            session, _ = made(1000)
            continue
        i_frames(session.output(0.0))
    assert 1000 < errors < 20_000


async def test_a_master_that_asks_without_acknowledging_is_cut_off():
    session, _ = made()
    session.receive(STARTDT, 0.0)
    flood = b"".join(i_frame(b"\x66\x01\x05\0\1\0\x0a\0\0", number) for number in range(1100))
    with pytest.raises(ProtocolError, match="1000 requests"):
        session.receive(flood, 0.0)


async def test_more_stations_than_replies_have_room_answer_a_broadcast():
    count, hub = 1500, FakeHub()
    stations = Stations([Station(address, []) for address in range(1, count + 1)])
    control = Control(hub, stations, CommandSettings(), Journal(hub), common_address=1)
    session = Session(Parameters(k=32_767, w=1), control, Group(0, "g", 1000, 1), 0.0)
    session.receive(STARTDT, 0.0)
    session.output(0.0)
    session.receive(i_frame(build(100, 6, 0xFFFF, (bytes(3), b"\x14"), 1), 0), 0.0)
    answers = session.output(0.0)
    causes = [answers[at + 8] for at in range(0, len(answers) - 6, 16)]
    assert causes == [7] * count + [10] * count


@given(
    st.integers(0, 255),
    st.booleans(),
    st.integers(0, 127),
    st.integers(0, 63),
    st.integers(0, 255),
    st.integers(0, 65535),
    st.binary(max_size=243),
)
def test_headers_survive_the_round_trip(type_id, sequence, count, cause, originator, address, body):
    octets = build(type_id, cause, address, [body], count, sequence=sequence, originator=originator)
    asdu = Asdu.parse(octets)
    assert asdu == Asdu(type_id, sequence, count, cause, False, originator, address, body)
    assert asdu.mirrored(cause, address) == octets
