"""What a controlled station must do, after the groups of IEC TS 60870-5-604 and the negative tests beside it.

The twenty cases that matter most, and where each is tested:

1. start, stop and test frames; I frames before STARTDT: here (``start_stop``, ``a_frame_against_the_rules``)
2. sequence numbers: here (``wrong_sequence_numbers``); their wrap at 32,767: ``test_link.py``
3. k, w and T2: here (``k_is_never_exceeded``, ``acknowledged_after_w_and_within_t2``)
4. T1 and T3: here (``missing_acknowledgement``, ``silence_brings_a_test_frame``)
5. frames split and joined: here (``split_at_every_octet``)
6. general interrogation of 5,000 points: here (``brings_5000_points_once``)
7. broadcast, unknown common address, unsupported group: here, and ``test_procedures.py``
8. counter interrogation: here (``counters_come``), groups in ``test_procedures.py``
9. read: here (``read_answers_the_requester_only``)
10. clock synchronization: here, forwarded in ``test_procedures.py``
11. direct command, ACT TERM on and off, return information: ``test_commands.py``
12. select and execute, without select, another value: ``test_selections.py``
13. select time-out, cancel, second master, lost connection: ``test_selections.py``
14. deactivation, other causes and the test bit: ``test_commands.py``, ``test_selections.py``, here
15. unknown type, cause, common address and object address: here (``what_is_unknown``), ``test_commands.py``
16. commands with time tags: ``test_commands.py``
17. events while disconnected and unacknowledged: here, over failovers in ``test_groups.py``
18. every master gets every event: here; limits and addresses: ``test_service.py``
19. time, quality, deadband, points before the first poll: here, ``test_objects.py``
20. malformed ASDUs: here (``malformed_requests``); 20,000 mutated: ``test_link.py``, ``test_orders.py``
"""

from __future__ import annotations

import asyncio
import struct

import pytest
from meterhub_sdk import Quality, Reading

NOON = 1_767_225_600_000_000_000  # 2026-01-01T00:00:00Z
GI, CI, READ, CLOCK, RESET, TEST = 100, 101, 102, 103, 105, 107
STATION = b"\x14"
CP56 = bytes.fromhex("e803000c81011a")
POWER = {"type": "M_ME_NC", "point": "m/power", "ioa": 10, "push": "always"}
COUNTER = {"type": "M_IT", "point": "m/energy", "ioa": 30}
SWITCH = {"type": "M_SP", "point": "m/switch", "ioa": 20}
ROWS = [POWER, COUNTER, SWITCH]


def floats(count, step=1):
    return [{"type": "M_ME_NC", "point": f"m/p{n}", "ioa": 100 + n * step} for n in range(count)]


async def test_start_stop_and_test_frames_are_confirmed(serve):
    master = await (await serve(ROWS)).connect()
    for act, con in ((0x43, 0x83), (0x07, 0x0B), (0x07, 0x0B)):
        master.unnumbered(act)
        assert (await master.control())[0] == con
        if con == 0x0B and master.received == 0:
            assert (await master.asdu()).summary == (70, 4, False)
    master.unnumbered(0x13)
    assert (await master.control())[0] == 0x23


async def test_stop_is_confirmed_only_after_everything_sent_was_acknowledged(serve):
    running = await serve(ROWS)
    master = await running.master()
    master.acknowledge = False
    running.hub.give("m/power", 1.0)
    await master.asdu()
    master.unnumbered(0x13)
    await master.silent()
    running.hub.give("m/power", 2.0)
    await running.hub.settle()
    await master.silent()
    master.supervise()
    assert (await master.control())[0] == 0x23
    await master.start(expect_init=False)
    assert (await master.asdu()).values == {10: 2.0}


async def test_no_event_is_sent_before_startdt(serve):
    running = await serve(ROWS)
    master = await running.connect()
    running.hub.give("m/power", 1.0)
    await running.hub.settle()
    await master.silent()


@pytest.mark.parametrize(
    "octets",
    [
        b"\x69\x04\x07\0\0\0",
        b"\x68\x03\x07\0\0",
        b"\x68\xfe" + bytes(254),
        b"\x68\x04\x0f\0\0\0",
        b"\x68\x04\x0b\0\0\0",
        b"\x68\x04\x07\0\0\1",
        b"\x68\x05\x07\0\0\0\0",
        b"\x68\x04\x01\0\x02\0",
        b"\x68\x04\x01\0\x01\0",
        b"\x68\x04\x01\x01\0\0",
        b"\x68\x0e\0\0\0\0\x64\x01\x06\0\x01\0\0\0\0\x14",
    ],
    ids=[
        "start",
        "short",
        "long",
        "two-functions",
        "con",
        "reserved",
        "long-u",
        "unsent",
        "reserved-s",
        "reserved-s-2",
        "i-before-startdt",
    ],
)
async def test_a_frame_against_the_rules_closes_the_connection_and_no_other(serve, octets):
    running = await serve(ROWS, connections=2)
    good = await running.master()
    bad = await running.connect()
    bad.write(octets)
    await bad.closed()
    await running.recorded("protocol-error")
    await good.silent()


@pytest.mark.parametrize(("number", "received"), [(1, 1), (0x7FFF, 1), (0, 2), (0, 0x7FFF)])
async def test_wrong_sequence_numbers_close(serve, raw_request, number, received):
    master = await (await serve(ROWS)).master()
    master.write(master.frame_of(raw_request(GI, STATION), number=number, received=received))
    await master.closed()


async def test_what_came_before_a_broken_frame_in_one_segment_is_answered_before_it_closes(serve, raw_request):
    running = await serve(ROWS)
    master = await running.master()
    running.hub.give("m/power", 1.0)
    await master.asdu()
    good = b"".join(master.frame_of(raw_request(READ, ioa=10, cause=5)) for _ in range(3))
    master.write(good + b"\x68\x02\0\0")
    assert [got.summary for got in await master.asdus(3)] == [(13, 5, False)] * 3
    await master.closed()
    assert "length" in (await running.recorded("protocol-error"))["reason"]


async def test_received_frames_are_acknowledged_after_w_and_within_t2(serve, raw_request):
    running = await serve(ROWS, k=3, w=2, t2=0.05)
    master = await running.master()
    master.acknowledge = False

    def ask(count):
        master.write(b"".join(master.frame_of(raw_request(READ, ioa=10, cause=5), received=1) for _ in range(count)))

    ask(3)
    await master.asdus(3)
    ask(1)  # the window is full: no answer can carry the acknowledgement any more
    assert await master.control() == struct.pack("<HH", 1, 4 << 1)
    ask(2)
    assert await master.control() == struct.pack("<HH", 1, 6 << 1)


async def test_missing_acknowledgement_closes_after_t1(serve):
    running = await serve(ROWS, t1=0.1)
    master = await running.master()
    master.acknowledge = False
    running.hub.give("m/power", 1.0)
    await master.asdu()
    await master.closed()
    assert "T1" in (await running.recorded("protocol-error"))["reason"]


async def test_silence_brings_a_test_frame_and_no_answer_closes(serve):
    running = await serve(ROWS, t3=0.05, t1=0.5)
    master = await running.master()
    assert (await master.control())[0] == 0x43
    master.unnumbered(0x83)
    assert (await master.control())[0] == 0x43
    await master.closed()


async def test_a_peer_that_never_starts_is_dropped(serve):
    running = await serve(ROWS, t0=0.05)
    await (await running.connect()).closed()
    await running.until(lambda status: status.connections[0].state == "absent")


async def test_frames_may_be_split_at_every_octet_and_joined(serve, raw_request):
    master = await (await serve(ROWS)).master()
    joined = b"".join(master.frame_of(raw_request(READ, ioa=10, cause=5)) for _ in range(3))
    master.write(joined)
    assert [got.summary for got in await master.asdus(3)] == [(13, 5, False)] * 3
    for octet in master.frame_of(raw_request(READ, ioa=10, cause=5)):
        master.write(bytes((octet,)))
        await master.writer.drain()
        await asyncio.sleep(0.001)
    assert (await master.asdu()).summary == (13, 5, False)


@pytest.mark.parametrize("step", [1, 2])
async def test_general_interrogation_brings_5000_points_once_within_k(serve, step):
    running = await serve([*floats(5000, step), COUNTER, SWITCH], k=3, w=2)
    running.hub.give_all({f"m/p{n}": Reading(n / 2, NOON) for n in range(5000)})
    await running.hub.settle()
    master = await running.connect()
    await running.until(lambda status: status.points_without_value == 2)
    await master.start()
    events = 0
    while events < 5000:
        events += len((await master.asdu()).objects)
    got = await master.procedure(GI, STATION, originator=7)
    assert [g.summary for g in (got[0], got[-1])] == [(GI, 7, False), (GI, 10, False)]
    assert {g.cause for g in got[1:-1]} == {20}
    assert {g.originator for g in got} == {7}
    assert all(g.sequence == (step == 1) for g in got[1:-1] if g.type_id == 13)
    addresses = [ioa for g in got[1:-1] for ioa, _ in g.objects]
    assert sorted(addresses) == sorted([20, *(100 + n * step for n in range(5000))])
    values = {ioa: value for g in got[1:-1] if g.type_id == 13 for ioa, value in g.values.items()}
    assert values == {100 + n * step: n / 2 for n in range(5000)}
    await master.silent()


async def test_k_is_never_exceeded_while_nothing_is_acknowledged(serve):
    running = await serve(floats(500, 2), k=4, w=2)
    master = await running.master()
    master.acknowledge = False
    master.ask(GI, STATION)
    assert len(await master.asdus(4)) == 4
    await master.silent()
    master.supervise(master.received - 1)
    assert len(await master.asdus(3)) == 3
    await master.silent()


async def test_interrogation_of_all_stations_is_answered_with_the_own_address(serve):
    master = await (await serve(ROWS, common_address=300)).master()
    got = await master.procedure(GI, STATION, address=0xFFFF)
    assert {g.common_address for g in got} == {300}
    assert len(got) == 4


@pytest.mark.parametrize("qualifier", [0, 1, 19, 21, 36, 37, 255])
async def test_unsupported_interrogation_groups_are_confirmed_negatively(serve, qualifier):
    master = await (await serve(ROWS)).master()
    for type_id in (GI, CI):
        master.ask(type_id, bytes((qualifier,)))
        got = await master.asdu()
        assert got.summary == (type_id, 7, True)
        assert got.objects == [(0, bytes((qualifier,)))]
    await master.silent()


async def test_counters_come_by_counter_interrogation_only(serve):
    running = await serve(ROWS)
    master = await running.master()
    running.hub.give("m/energy", 123_456)
    await running.until(lambda status: status.points_without_value == 2)
    got = await master.procedure(CI, b"\5")
    assert [g.summary for g in got] == [(CI, 7, False), (15, 37, False), (CI, 10, False)]
    assert got[1].objects == [(30, struct.pack("<iB", 123_456, 0))]
    assert {g.type_id for g in (await master.procedure(GI, STATION))[1:-1]} == {1, 13}


@pytest.mark.parametrize("frozen", [0x45, 0x85, 0xC5, 1, 4])
async def test_freezing_counters_and_counter_groups_are_refused(serve, frozen):
    master = await (await serve(ROWS)).master()
    master.ask(CI, bytes((frozen,)))
    assert (await master.asdu()).summary == (CI, 7, True)


async def test_an_interrogation_can_be_cancelled(serve):
    running = await serve(floats(500, 2), k=2, w=1)
    master = await running.master()
    master.acknowledge = False
    master.ask(GI, STATION)
    await master.asdus(2)
    master.ask(GI, STATION, cause=8)
    await master.silent()
    master.acknowledge = True
    master.supervise()
    assert (await master.asdu()).summary == (GI, 9, False)
    await master.silent()
    master.ask(GI, STATION, cause=8)
    assert (await master.asdu()).summary == (GI, 9, True)


async def test_too_many_interrogations_at_once_are_refused(serve):
    running = await serve(floats(500, 2), k=2, w=1)
    master = await running.master()
    for _ in range(6):
        master.ask(GI, STATION)
    got = [await master.asdu()]
    while sum(g.cause == 10 for g in got) < 4:
        got.append(await master.asdu())
    assert sum(g.summary == (GI, 7, True) for g in got) == 2
    assert sum(len(g.objects) for g in got if g.type_id == 13) == 4 * 500


async def test_read_answers_the_requester_only(serve):
    running = await serve(ROWS, connections=2)
    one, two = await running.master(), await running.master()
    running.hub.give("m/energy", 5)
    await running.until(lambda status: status.points_without_value == 2)
    one.ask(READ, ioa=30, cause=5)
    got = await one.asdu()
    assert (got.summary, got.objects) == ((15, 5, False), [(30, struct.pack("<iB", 5, 0))])
    await one.silent()
    await two.silent()


@pytest.mark.parametrize(("setting", "negative"), [("refuse", True), ("confirm", False)])
async def test_clock_synchronization_is_confirmed_as_set(serve, setting, negative):
    master = await (await serve(ROWS, commands={"clock_synchronization": setting})).master()
    master.ask(CLOCK, CP56)
    got = await master.asdu()
    assert (got.summary, got.objects) == ((CLOCK, 7, negative), [(0, CP56)])
    master.ask(CLOCK, b"\xff" * 7)
    assert (await master.asdu()).summary == (CLOCK, 7, True)


async def test_test_command_comes_back_as_it_was(serve):
    master = await (await serve(ROWS)).master()
    master.ask(TEST, b"\x34\x12" + CP56)
    got = await master.asdu()
    assert (got.summary, got.objects) == ((TEST, 7, False), [(0, b"\x34\x12" + CP56)])


UNKNOWN = [
    *[(type_id, b"\0" * 3, {}, 44) for type_id in (0, 9, 52, 104, 106, 110, 120, 127, 128, 255)],
    *[(GI, STATION, {"cause": cause}, 45) for cause in (0, 3, 5, 7, 10, 20, 63)],
    *[(TEST, b"\0\0" + CP56, {"cause": cause}, 45) for cause in (3, 8)],
    (CLOCK, CP56, {"cause": 8}, 45),
    (RESET, b"\1", {"cause": 8}, 45),
    (READ, b"", {"cause": 6, "ioa": 10}, 45),
    (45, b"\1", {"cause": 3, "ioa": 10}, 45),
    *[(GI, STATION, {"address": address}, 46) for address in (0, 2, 65534)],
    (READ, b"", {"cause": 5, "ioa": 10, "address": 65535}, 46),
    (45, b"\1", {"address": 65535, "ioa": 10}, 46),
    (GI, STATION, {"ioa": 1}, 47),
    (CI, b"\5", {"ioa": 1}, 47),
    (READ, b"", {"cause": 5, "ioa": 11}, 47),
    (READ, b"", {"cause": 5, "ioa": 0}, 47),
    *[(type_id, bytes(size), {"ioa": 10}, 47) for type_id, size in ((45, 1), (48, 3), (50, 5), (51, 4))],
    *[(type_id, bytes(size), {"ioa": 99}, 47) for type_id, size in ((58, 8), (61, 10), (63, 12), (64, 11))],
]


@pytest.mark.parametrize(("type_id", "element", "more", "cause"), UNKNOWN)
async def test_what_is_unknown_is_mirrored_once_with_its_cause(serve, raw_request, type_id, element, more, cause):
    master = await (await serve(ROWS)).master()
    asked = raw_request(type_id, element, **more, originator=9)
    master.write(master.frame_of(asked))
    got = await master.asdu()
    assert (got.cause, got.negative, got.originator) == (cause, True, 9)
    assert got.raw[:2] + got.raw[6:] == asked[:2] + asked[6:]
    await master.silent()


@pytest.mark.parametrize(("type_id", "element"), [(GI, STATION), (CI, b"\5"), (CLOCK, CP56), (RESET, b"\1")])
async def test_the_test_bit_never_executes(serve, type_id, element):
    settings = {"clock_synchronization": "confirm", "reset_process": "confirm"}
    master = await (await serve(ROWS, commands=settings)).master()
    master.ask(type_id, element, cause=0x86)
    got = await master.asdu()
    assert (got.cause, got.negative, got.test) == (7, True, True)
    await master.silent()
    master.ask(READ, cause=0x85, ioa=10)
    got = await master.asdu()
    assert (got.type_id, got.cause, got.negative, got.test) == (READ, 45, True, True)


@pytest.mark.parametrize(
    "asdu",
    [
        "640006000100 000000 14",
        "647f06000100 000000 14",
        "648106000100 000000 14",
        "640206000100 000000 14 000000 14",
        "640106000100 000000",
        "640106000100 000000 1414",
        "6b0103000100 000000",
        "6b0106000100",
        "2d8106000100 0a0000 01",
        "2d0106000100 0a00",
    ],
)
async def test_malformed_requests_close_and_the_station_lives(serve, asdu):
    running = await serve(ROWS, connections=2)
    good, bad = await running.master(), await running.master()
    bad.write(bad.frame_of(bytes.fromhex(asdu)))
    await bad.closed()
    assert len(await good.procedure(GI, STATION)) == 4


async def test_events_while_disconnected_come_in_order_after_startdt(serve):
    running = await serve(ROWS)
    for number in range(100):
        running.hub.give("m/power", Reading(float(number), NOON + number))
        await running.hub.settle(3)
    master = await running.master()
    values: list[float] = []
    while len(values) < 100:
        got = await master.asdu()
        assert got.summary == (36, 3, False)
        values += [struct.unpack("<f", element[:4])[0] for _, element in got.objects]
    assert values == [float(number) for number in range(100)]


async def test_unacknowledged_events_are_repeated_after_reconnect(serve, monkeypatch):
    monkeypatch.setattr("meterhub_iec104.service._GATHERING", 0.0)  # an ASDU for each of them
    running = await serve(ROWS, k=4, w=2)
    first = await running.master()
    first.acknowledge = False
    for number in range(6):
        running.hub.give("m/power", float(number))
        await running.hub.settle(3)
    seen = [(await first.asdu()).values[10] for _ in range(4)]
    first.supervise(first.received - 2)
    assert len((await first.asdu()).objects) == 2
    await first.leave()
    await running.until(lambda status: status.connections[0].state == "absent")
    again = await running.master(expect_init=False)
    values: list[float] = []
    while len(values) < 4:
        values += [struct.unpack("<f", element[:4])[0] for _, element in (await again.asdu()).objects]
    assert (seen, values) == ([0.0, 1.0, 2.0, 3.0], [2.0, 3.0, 4.0, 5.0])


async def test_every_master_gets_every_event(serve):
    running = await serve(ROWS, connections=3)
    masters = [await running.master() for _ in range(3)]
    for value in (1.0, 2.0):
        running.hub.give("m/power", value)
        assert [(await master.asdu()).values for master in masters] == [{10: value}] * 3


async def test_events_carry_the_sources_time_and_quality(serve):
    running = await serve(ROWS)
    master = await running.master()
    time = NOON + 3_661_234_000_000
    for reading, quality, minute in (
        (Reading(1.5, time), 0, 1),
        (Reading(1.5, time, Quality.STALE), 0x40, 1),
        (Reading(1.5, time, Quality.INVALID, clock=2), 0x80, 0x81),
        (Reading(1.5, time, Quality.SUBSTITUTED, clock=1), 0x20, 1),
        (Reading(1.5, time, flags=3), 0x11, 1),
    ):
        running.hub.give("m/power", reading)
        got = await master.asdu()
        element = got.objects[0][1]
        assert (got.summary, element[:5]) == ((36, 3, False), struct.pack("<fB", 1.5, quality))
        assert element[5:] == struct.pack("<H", 1234) + bytes((minute, 1, 1 | 4 << 5, 1, 26))


async def test_points_are_invalid_and_not_topical_before_the_first_poll(serve):
    master = await (await serve([*ROWS, {"type": "M_DP", "point": "m/d", "ioa": 40}])).master()
    got = await master.procedure(GI, STATION)
    assert {g.objects[0] for g in got[1:-1]} == {(20, b"\xc0"), (40, b"\xc0"), (10, bytes(4) + b"\xc0")}
    counters = await master.procedure(CI, b"\5")
    assert counters[1].objects == [(30, bytes(4) + b"\x80")]
