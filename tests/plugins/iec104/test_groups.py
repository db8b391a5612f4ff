"""Connection groups: one active master of several, and events that neither a failover nor a stop loses or repeats."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_iec104.apci import Parameters
from meterhub_iec104.asdu import key
from meterhub_iec104.command_settings import CommandSettings
from meterhub_iec104.control import Control
from meterhub_iec104.groups import Group
from meterhub_iec104.journal import Journal
from meterhub_iec104.queue import packed
from meterhub_iec104.session import Session
from meterhub_iec104.station import Station, Stations
from meterhub_sdk import Reading
from meterhub_sdk.testing import FakeHub

STARTDT, STOPDT = b"\x68\x04\x07\0\0\0", b"\x68\x04\x13\0\0\0"
GI, STATION = 100, b"\x14"
POWER = {"type": "M_ME_NC", "point": "m/power", "ioa": 10, "push": "always"}
SOURCES = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
NORTH = {"label": "north", "allowed": ["127.0.0.2", "127.0.0.3"], "connections": 2}
SOUTH = {"label": "south", "allowed": ["127.0.0.4"], "connections": 1}


def reading(value: float) -> Reading:
    return Reading(value, 1_767_225_600_000_000_000)


def values(got) -> list[float]:
    return [struct.unpack("<f", element[:4])[0] for _, element in got.objects]


async def collected(master, count: int) -> list[float]:
    found: list[float] = []
    while len(found) < count:
        got = await master.asdu()
        assert got.summary == (36, 3, False)
        found += values(got)
    return found


@dataclass
class Line:
    """The master's end of one connection, without a socket."""

    session: Session
    received: list[list[int]] = field(default_factory=list)
    confirmed: int = 0

    def read(self, octets: bytes) -> list[int]:
        """The numbers of the events in what the station sent."""
        found: list[int] = []
        at = 0
        while at < len(octets):
            length = octets[at + 1] + 2
            frame, at = octets[at : at + length], at + length
            if frame[2] & 1:
                continue
            body = frame[12:] if frame[6] == 36 else b""
            numbers = [int.from_bytes(body[n : n + 15], "big") for n in range(0, len(body), 15)]
            self.received.append(numbers)
            found += numbers
        return found

    def void(self) -> None:
        """Another connection took over: what is not confirmed comes again there, and counts there."""
        self.received[self.confirmed :] = [[] for _ in self.received[self.confirmed :]]

    def acknowledge(self, frames: int) -> list[int]:
        """Confirm so many more frames; the events in them."""
        upto = min(len(self.received), self.confirmed + frames)
        done = [number for numbers in self.received[self.confirmed : upto] for number in numbers]
        self.confirmed = upto
        self.session.receive(b"\x68\x04\x01\0" + (upto << 1).to_bytes(2, "little"), 0.0)
        return done


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["events", "events", "connect", "start", "start", "acknowledge", "acknowledge", "stop", "kill"]
        ),
        st.integers(0, 2),
        st.integers(1, 20),
    ),
    max_size=80,
)


@given(STEPS, st.integers(1, 4))
async def test_masters_see_each_event_once_whatever_they_do_to_their_connections(steps, k):
    group, hub = Group(0, "north", 10_000, 3), FakeHub()
    stations = Stations([Station(1, [])])
    control = Control(hub, stations, CommandSettings(), Journal(hub), common_address=1)
    lines: list[Line | None] = [None, None, None]
    active: Line | None = None
    given_, done = 0, list[int]()

    def connect() -> Line:
        return Line(Session(Parameters(k=k, w=max(1, k * 2 // 3)), control, group, 0.0))

    def deliver() -> None:
        """Only the active connection brings events, and what it brings goes on where acknowledgements ended."""
        for line in lines:
            if line is not None:
                fresh = line.read(line.session.output(0.0))
                assert not fresh or line is active
        if active is not None:
            open_ = [number for numbers in active.received[active.confirmed :] for number in numbers]
            assert open_ == list(range(len(done), len(done) + len(open_)))

    for step, number, amount in [*steps, ("connect", 0, 1), ("start", 0, 1)]:
        line = lines[number]
        if step == "events":
            events = [(key(36, 3, 1), n.to_bytes(15, "big")) for n in range(given_, given_ + amount)]
            group.queue.append(packed(events, given_ + 1, 0))
            given_ += amount
        elif step == "connect" and line is None:
            lines[number] = connect()
        elif step == "start" and line is not None:
            line.session.receive(STARTDT, 0.0)
            if active is not None and active is not line:
                active.void()
            active = line
        elif step == "stop" and line is not None:
            line.session.receive(STOPDT, 0.0)
        elif step == "acknowledge" and line is not None:
            confirmed = line.acknowledge(amount)
            done += confirmed if line is active else []
        elif step == "kill" and line is not None:
            line.session.close()
            lines[number] = None
            active = None if line is active else active
        deliver()
    while active is not None and len(done) < given_:
        done += active.acknowledge(k)
        deliver()
    assert done == list(range(given_))


async def test_another_master_takes_over_and_gets_what_was_not_acknowledged(serve):
    running = await serve([POWER], connection_groups=[NORTH])
    first = await running.master(SOURCES[0])
    standby = await running.connect(SOURCES[1])
    running.hub.give("m/power", 1.0)
    assert await collected(first, 1) == [1.0]
    await first.silent()
    first.acknowledge = False
    for number in (2.0, 3.0):
        running.hub.give("m/power", number)
        assert await collected(first, 1) == [number]
    await standby.silent()
    await standby.start(expect_init=False)
    assert await collected(standby, 2) == [2.0, 3.0]
    first.supervise()  # late, and without effect
    await first.silent()
    running.hub.give("m/power", 4.0)
    assert await collected(standby, 1) == [4.0]
    await first.silent()
    parameters = await running.recorded("master-took-over")
    assert parameters["group"] == "north"
    status = running.service.status()
    assert [place.state for place in status.connections] == ["stopped", "started"]
    assert (status.groups[0].active, status.groups[0].queue) == (status.connections[1].remote, 0)


async def test_the_former_master_takes_back_what_it_gave(serve):
    running = await serve([POWER], connection_groups=[NORTH])
    one, two = await running.master(SOURCES[0]), await running.connect(SOURCES[1])
    for number in range(1, 9):
        taker = two if number % 2 else one
        taker.unnumbered(0x07)
        assert await taker.control() == b"\x0b\0\0\0"
        running.hub.give("m/power", float(number))
        assert await collected(taker, 1) == [number]
        await taker.silent()


async def test_commands_of_a_master_that_lost_the_lead_close_its_connection(serve):
    running = await serve([POWER], connection_groups=[NORTH])
    one, two = await running.master(SOURCES[0]), await running.connect(SOURCES[1])
    await two.start(expect_init=False)
    one.ask(GI, STATION)
    await one.closed()
    running.hub.give("m/power", 1.0)
    assert await collected(two, 1) == [1.0]


async def test_a_standby_connection_is_tested_and_not_closed_for_being_idle(serve):
    running = await serve([POWER], connection_groups=[NORTH], t0=0.05, t1=20, t3=0.1)
    standby = await running.connect(SOURCES[0])
    for _ in range(3):
        assert (await standby.control())[0] == 0x43
        standby.unnumbered(0x83)
    await standby.start()


async def test_a_stopped_session_keeps_no_interrogation_running(serve):
    rows = [{"type": "M_ME_NC", "point": f"m/{n}", "ioa": n * 2} for n in range(1, 500)]
    running = await serve(rows, k=2, w=1)
    master = await running.master()
    master.acknowledge = False
    master.ask(GI, STATION)
    assert (await master.asdu()).summary == (GI, 7, False)
    await master.asdu()
    master.unnumbered(0x13)
    master.supervise()
    assert await master.control() == b"\x23\0\0\0"
    master.acknowledge = True
    await master.start(expect_init=False)
    await master.silent()
    running.hub.give("m/1", 1.0)
    assert values(await master.asdu()) == [1.0]


async def test_each_group_has_its_own_queue_and_its_own_acknowledgements(serve):
    running = await serve([POWER], connection_groups=[NORTH, SOUTH])
    north, south = await running.master(SOURCES[0]), await running.master(SOURCES[2])
    running.hub.give("m/power", 1.0)
    assert (await collected(north, 1), await collected(south, 1)) == ([1.0], [1.0])
    await south.silent()
    await south.leave()
    await running.until(lambda status: not status.groups[1].active)
    running.hub.give("m/power", 2.0)
    assert await collected(north, 1) == [2.0]
    await north.silent()
    assert [group.queue for group in running.service.status().groups] == [0, 1]
    assert running.service.status().groups[1].oldest >= 0
    again = await running.master(SOURCES[2], expect_init=False)
    assert await collected(again, 1) == [2.0]


async def test_masters_of_no_group_and_more_than_a_group_takes_are_refused(serve):
    running = await serve([POWER], connection_groups=[NORTH, SOUTH])
    await (await running.connect("127.0.0.9")).closed()
    assert "in no connection group" in (await running.recorded("connection-refused"))["reason"]
    await running.master(SOURCES[2])
    await (await running.connect(SOURCES[2])).closed()
    await running.until(lambda status: status.refused == 2)
    await running.master(SOURCES[0])


@pytest.mark.parametrize("groups", [None, [NORTH, SOUTH]])
async def test_queues_outlive_a_restart(serve, fake_hub, groups):
    settings = {"connections": 2} if groups is None else {"connection_groups": groups}
    running = await serve([POWER], **settings)
    north, south = await running.master(SOURCES[0]), await running.master(SOURCES[2])
    for number in (1.0, 2.0, 3.0):
        running.hub.give("m/power", number)
        assert await collected(north, 1) == [number]
    await north.silent()
    await south.leave()
    await running.stop()
    again = await serve([POWER], **settings)
    south = await again.master(SOURCES[2])
    assert await collected(south, 3) == [1.0, 2.0, 3.0]
    north = await again.master(SOURCES[0])
    await north.silent()
    again.hub.give("m/power", 4.0)
    assert (await collected(north, 1), await collected(south, 1)) == ([4.0], [4.0])


async def test_events_of_objects_that_were_taken_out_are_left_out_after_the_restart(serve, fake_hub):
    other = {"type": "M_ME_NC", "point": "m/other", "ioa": 11, "push": "always"}
    running = await serve([POWER, other])
    for number in range(10):
        running.hub.give_all({"m/power": reading(number), "m/other": reading(number)})
        await running.hub.settle(5)
    await running.until(lambda status: status.groups[0].queue == 20)
    await running.stop()
    again = await serve([{**POWER, "type": "M_ME_NB"}, other])
    assert (await again.recorded("events-left-out"))["count"] == 10
    assert await collected(await again.master(), 10) == [float(n) for n in range(10)]


async def test_overflow_and_queue_length_are_points_of_the_server(serve, monkeypatch):
    monkeypatch.setattr("meterhub_iec104.service._PUBLISHING", 0.02)
    running = await serve([POWER], connection_groups=[{**NORTH, "event_queue": 100}])
    assert set(running.hub.declared) == {"north/events-dropped", "north/queue", "north/connected"}
    for number in range(130):
        running.hub.give("m/power", float(number))
        await running.hub.settle(4)
    await running.until(lambda status: status.dropped == 30)
    published = running.hub.published
    await running.published({"north/events-dropped": 30, "north/queue": 100, "north/connected": False})
    await collected(await running.master(SOURCES[0]), 100)
    await running.published({"north/queue": 0, "north/connected": True})
    assert published["north/connected"].good
