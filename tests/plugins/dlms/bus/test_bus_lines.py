"""Meters on a shared line: real pseudo-terminals and sockets, and what goes wrong on them."""

from __future__ import annotations

import asyncio

import pytest
from meterhub_dlms.codec import acse
from meterhub_dlms.events import (
    BUS_LOST,
    BUS_OPEN,
    METER_CONNECTED,
    METER_GARBLED,
    METER_REFUSED,
    METER_SILENT,
)
from meterhub_dlms.link.hdlc_deframer import HdlcDeframer
from meterhub_dlms.link.hdlc_frame import HdlcAddress, HdlcFrame, Kind
from meterhub_sdk import NotDone, Refused, Requester

SOMEBODY = Requester("somebody")


def expected(line, registers):
    return {f"m{number}/r{n}": number * 1000 + n for number in line.meters for n in range(1, registers + 1)}


def assert_right(hub, line):
    """Every value that was ever published is the one of its register in its meter."""
    right = expected(line, 30)
    wrong = [
        (name, reading.value)
        for name, reading in hub.history
        if name in right and reading.value not in (right[name], None)
    ]
    assert wrong == []


async def polled(hub, until, line, registers, times=3):
    for name in expected(line, registers):
        await until(lambda name=name: sum(n == name for n, _ in hub.history) >= times)
    assert_right(hub, line)


@pytest.fixture
def serial(hub, pty):
    """Puts a line behind the serial port ``bus``."""

    def put(line, **settings):
        made = pty(line)
        hub.things["serial", "bus"] = {"device": made.device, **settings}
        return {"transport": "serial", "serial_port": "bus"}

    return put


@pytest.mark.parametrize("names", ["logical-names", "short-names"])
@pytest.mark.parametrize("address_bytes", [0, 2, 4])
async def test_meters_on_a_serial_port_are_read(meters, serial, rows, read, hub, until, names, address_bytes):
    line = meters(3)
    where = serial(line)
    async with read(rows(line, registers=25, referencing=names, address_bytes=address_bytes, **where)) as client:
        await polled(hub, until, line, 25)
        status = client.status()
    assert [(row.state, row.device) for row in status.meters] == [("connected", f"METER{n}") for n in (17, 18, 19)]
    assert [(bus.bus, bus.meters, bus.connected, bus.state) for bus in status.buses] == [
        ("serial port bus", 3, 3, "open")
    ]
    assert [event.type for event in hub.recorded] == [METER_CONNECTED] * 3
    assert line.bus.links == []
    assert [meter.associations for meter in line.meters.values()] == [1, 1, 1]


async def test_a_lone_meter_needs_no_physical_address(meters, serial, rows, read, hub, until):
    line = meters(1)
    async with read([{**rows(line)[0], "physical_address": 0, **serial(line)}]):
        await polled(hub, until, line, 3)
    assert line.heard[4:6] == bytes((1 << 1 | 1, 16 << 1 | 1)) or line.heard[3] == 1 << 1 | 1


async def test_meters_behind_one_converter_share_its_connection(meters, converter, rows, read, hub, until):
    line = meters(4)
    async with converter(line) as port:
        rows_ = rows(line, transport="hdlc-tcp", host="127.0.0.1", port=port)
        async with read(rows_) as client:
            await polled(hub, until, line, 3)
            assert [bus.connected for bus in client.status().buses] == [4]


async def test_a_dead_meter_costs_single_probes_and_its_neighbours_keep_their_interval(
    meters, serial, rows, read, hub, until
):
    line = meters(3)
    line.bus._stations.pop(18)
    async with read(rows(line, group="normal", **serial(line)), reconnect_delay=30) as client:
        await until(lambda: sum(name == "m17/r1" for name, _ in hub.history) >= 10)
        status = client.status()
    assert [row.state for row in status.meters] == ["connected", "silent", "connected"]
    assert [row.overruns for row in status.meters] == [0, 0, 0]
    snrm = HdlcFrame(HdlcAddress.server(1, 18), HdlcAddress.client(16), Kind.SNRM).encode()[3:7]
    assert 1 <= bytes(line.heard).count(snrm[:3]) <= 3
    assert [e.parameters["meter"] for e in hub.recorded if e.type == METER_SILENT] == ["m18"]


async def test_a_meter_that_falls_silent_comes_back(meters, serial, rows, read, hub, until):
    line = meters(2)
    async with read(rows(line, **serial(line))) as client:
        await polled(hub, until, line, 3)
        line.meters[17].silent = True
        await until(lambda: client.status().meters[0].state == "silent")
        assert hub.published["m17/connected"].value is False
        assert hub.published["m18/connected"].value is True
        line.meters[17].silent = False
        hub.history.clear()
        await polled(hub, until, line, 3)
    kinds = [e.type for e in hub.recorded if e.parameters["meter"] == "m17"]
    assert kinds == [METER_CONNECTED, METER_SILENT, METER_CONNECTED]
    assert [e.type for e in hub.recorded if e.parameters["meter"] == "m18"] == [METER_CONNECTED]


@pytest.mark.parametrize("garbage", [bytes(range(256)), b"\x7e" * 60, b"\x7e\xa0\x07\x21\x23\x73\x00\x00\x7e"])
async def test_a_meter_that_sends_garbage_is_told_apart_and_comes_back(meters, serial, rows, read, hub, until, garbage):
    line = meters(2)
    async with read(rows(line, retries=1, **serial(line))) as client:
        await polled(hub, until, line, 3)
        line.foreign = lambda answer: garbage if answer[5] == 17 << 1 | 1 else b""
        transmit = line.transmit
        line.transmit = lambda data: transmit(garbage if data.startswith(garbage) else data)
        await until(lambda: client.status().meters[0].state == "garbled")
        assert client.status().meters[1].state == "connected"
        line.foreign = lambda answer: b""
        hub.history.clear()
        await polled(hub, until, line, 3)
    kinds = [e.type for e in hub.recorded if e.parameters["meter"] == "m17"]
    assert kinds == [METER_CONNECTED, METER_GARBLED, METER_CONNECTED]


async def test_a_converter_that_closes_at_once_is_one_event(rows, meters, read, hub, until):
    accepted = []

    async def close(_, writer):
        accepted.append(writer)
        writer.close()

    server = await asyncio.start_server(close, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        async with read(rows(meters(2), transport="hdlc-tcp", host="127.0.0.1", port=port)) as client:
            await until(lambda: len(accepted) >= 3)
            assert {row.state for row in client.status().meters} <= {"lost", "connecting"}
    finally:
        server.close()
        await server.wait_closed()
    assert [e.type for e in hub.recorded if e.type in (BUS_LOST, BUS_OPEN)] == [BUS_LOST]


async def test_a_refusal_is_told_once_and_harms_no_neighbour(meters, serial, rows, read, hub, until):
    line = meters(2)
    line.meters[17].refuse = acse.Diagnostic.AUTHENTICATION_FAILURE
    async with read(rows(line, **serial(line))) as client:
        await until(lambda: line.meters[17].associations >= 3)
        await until(lambda: sum(name == "m18/r1" for name, _ in hub.history) >= 3)
        assert [row.state for row in client.status().meters] in (["refused", "connected"], ["connecting", "connected"])
    assert [e.type for e in hub.recorded if e.parameters["meter"] == "m17"] == [METER_REFUSED]


async def test_lost_changed_and_late_answers_of_ten_meters_never_become_wrong_values(
    meters, serial, rows, read, hub, until
):
    line = meters(10)
    print("seed", line.faults.seed)
    async with read(rows(line, registers=20, timeout=0.06, retries=3, **serial(line))) as client:
        await until(lambda: client.status().buses[0].connected == 10)
        line.faults.rate, line.late = 0.05, 0.08
        await polled(hub, until, line, 20, times=3)
        status = client.status()
    assert min(line.faults.seen[kind] for kind in ("lost", "changed", "late")) > 0
    assert status.buses[0].dropped_frames + sum(row.dropped_frames for row in status.meters) > 0


async def test_frames_of_other_meters_are_never_taken(meters, serial, rows, read, hub, until):
    line = meters(3)

    def neighbours(answer):
        """The same answer as if it came from the next meter, or went to another client, before the right one."""
        (frame,) = HdlcDeframer().feed(answer)
        other = HdlcAddress.server(1, 17 + (frame.source.lower - 16) % 3)
        if frame.kind is not Kind.I:
            return b""
        wrong = frame.information[:-1] + bytes((frame.information[-1] ^ 1,))
        return b"".join(
            changed.encode()
            for changed in (
                frame._replace(source=other, information=wrong),
                frame._replace(destination=HdlcAddress(17), information=wrong),
                frame._replace(send=(frame.send + 1) % 8, information=wrong),
                frame._replace(receive=(frame.receive + 3) % 8, information=wrong),
            )
        )

    line.foreign = neighbours
    async with read(rows(line, **serial(line))) as client:
        await polled(hub, until, line, 3, times=5)
        assert all(row.dropped_frames > 10 for row in client.status().meters)
        assert all(row.state == "connected" for row in client.status().meters)


async def test_a_write_goes_before_the_polls_and_is_done_when_it_returns(meters, serial, rows, read, hub, until):
    line = meters(2)
    extra = [
        {"label": "limit", "logical_name": "1-1:5.8.0*255", "writable": True, "group": "slow"},
        {"label": "off", "logical_name": "0-0:96.3.10*255", "class_id": 70, "kind": "method", "attribute": 1,
         "type": "int", "writable": True},
    ]  # fmt: skip
    settings = rows(line, **serial(line))
    settings[0]["mappings"] = [*settings[0]["mappings"], *extra]
    async with read(settings) as client:
        await polled(hub, until, line, 3)
        async with asyncio.timeout(5):
            await client.write("m17/limit", 12.5, SOMEBODY)
            await client.write("m17/off", 0, SOMEBODY)
            with pytest.raises(Refused, match="read-only"):
                await client.write("m17/r1", 1, SOMEBODY)
    ((name, data),) = line.meters[17].sets
    assert (name[2], data.value) == (5, 125)
    ((_, method, data),) = line.meters[17].calls
    assert (method, data.value) == (1, 0)
    assert "m17/off" not in {name for name, _ in hub.history}


async def test_a_write_whose_answer_never_comes_is_not_known_to_be_done(meters, serial, rows, read, hub, until):
    line = meters(1)
    settings = rows(line, **serial(line))
    settings[0]["mappings"][0]["writable"] = True
    async with read(settings, reconnect_delay=5) as client:
        await polled(hub, until, line, 3)
        answer = line.meters[17].answer

        def mute(apdu):
            if apdu[0] == 0xC1:
                line.meters[17].silent = True
                line.transmit = lambda data: None
            return answer(apdu)

        line.meters[17].answer = mute
        async with asyncio.timeout(5):
            with pytest.raises(NotDone):
                await client.write("m17/r1", 1, SOMEBODY)
            with pytest.raises(Refused, match="not connected"):
                await client.write("m17/r1", 1, SOMEBODY)


async def test_whoever_waits_for_a_turn_may_leave(meters, serial, rows, read, hub, until):
    line = meters(2)
    async with read(rows(line, **serial(line))) as client:
        await polled(hub, until, line, 3)
        bus = client._buses["m17"]
        started, go = asyncio.Event(), asyncio.Event()

        async def long(association):
            started.set()
            await go.wait()

        async def never(association):
            raise AssertionError("nobody waited for this")

        first = asyncio.create_task(bus.perform("m17", 0, long))
        async with asyncio.timeout(5):
            await started.wait()
            second = asyncio.create_task(bus.perform("m18", 0, never))
            await asyncio.sleep(0.02)
            second.cancel()
            await asyncio.gather(second, return_exceptions=True)
            go.set()
            await first
        hub.history.clear()
        await polled(hub, until, line, 3)
    assert [meter.associations for meter in line.meters.values()] == [1, 1]


async def test_work_that_is_broken_off_ends_its_association_only(meters, serial, rows, read, hub, until):
    line = meters(2)
    async with read(rows(line, **serial(line))) as client:
        await polled(hub, until, line, 3)
        started = asyncio.Event()

        async def endless(association):
            started.set()
            await asyncio.Event().wait()

        work = asyncio.create_task(client._buses["m17"].perform("m17", 0, endless))
        async with asyncio.timeout(5):
            await started.wait()
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
        hub.history.clear()
        await polled(hub, until, line, 3)
    assert [meter.associations for meter in line.meters.values()] == [2, 1]
    assert [e.type for e in hub.recorded] == [METER_CONNECTED] * 2


async def test_the_port_is_given_back_when_it_is_wanted_and_taken_again(meters, serial, rows, read, hub, until):
    line = meters(2)
    async with read(rows(line, **serial(line))):
        await polled(hub, until, line, 3)
        first = hub.leases["serial", "bus"]
        first.want()
        await until(lambda: hub.leases.get(("serial", "bus")) not in (None, first))
        hub.history.clear()
        await polled(hub, until, line, 3)
    assert [meter.associations for meter in line.meters.values()] == [2, 2]
    assert [e.type for e in hub.recorded] == [METER_CONNECTED] * 2


async def test_an_absent_port_is_one_event_and_heals(meters, serial, rows, read, hub, until):
    line = meters(2)
    where = serial(line)
    there, hub.things["serial", "bus"] = hub.things["serial", "bus"], {"device": "/dev/pts/absent"}
    async with read(rows(line, **where)) as client:
        await until(lambda: client.status().buses[0].state == "lost")
        assert "absent" in client.status().buses[0].reason
        hub.things["serial", "bus"] = there
        assert client.status().buses[0].line.sent == 0
        await polled(hub, until, line, 3)
        assert client.status().buses[0].reason == ""
        counted = client.status().buses[0].line
        assert min(counted.sent, counted.received, counted.frames) > 0
    assert [e.type for e in hub.recorded] == [BUS_LOST, METER_CONNECTED, BUS_OPEN, METER_CONNECTED]


async def test_an_unplugged_converter_is_one_event(meters, converter, rows, read, hub, until):
    line = meters(3)
    async with converter(line) as port:
        settings = rows(line, transport="hdlc-tcp", host="127.0.0.1", port=port)
        async with read(settings) as client:
            await polled(hub, until, line, 3)
    async with read(settings) as client:
        await until(lambda: client.status().buses[0].state == "lost")
    assert [e.type for e in hub.recorded].count(BUS_LOST) == 1


async def test_an_idle_meter_hears_from_us_before_it_closes_the_link(meters, serial, rows, read, hub, until):
    line = meters(1, inactivity=2.5)
    async with read(rows(line, group="slow", inactivity_timeout=2, **serial(line))):
        await polled(hub, until, line, 3, times=1)
        heard = len(line.heard)
        await until(lambda: len(line.heard) >= heard + 2 * 9)
        assert len(line.bus.links) == 1
    assert line.meters[17].associations == 1


async def test_a_meter_that_lost_the_link_is_connected_anew(meters, serial, rows, read, hub, until):
    line = meters(2)
    async with read(rows(line, **serial(line))) as client:
        await polled(hub, until, line, 3)
        line.bus._links.clear()
        await until(lambda: line.meters[17].associations == 2 and line.meters[18].associations == 2)
        hub.history.clear()
        await polled(hub, until, line, 3)
        assert [row.state for row in client.status().meters] == ["connected"] * 2
