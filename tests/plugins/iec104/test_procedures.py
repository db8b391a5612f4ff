"""Commands to whole stations: groups, counters, clock, reset, and several common addresses."""

from __future__ import annotations

import asyncio
import struct

import pytest
from meterhub_sdk import NotDone

GI, CI, CLOCK, RESET = 100, 101, 103, 105
CP56 = bytes.fromhex("e803000c81011a")  # 2026-01-01T12:00:01
ONE_SECOND_PAST_NOON = 1_767_268_801


@pytest.fixture
def start(serve):
    """A server with two stations: 1 with groups, 2 without."""
    groups = [
        {"label": "plain", "rows": [{"type": "M_SP", "point": "m/a", "ioa": 1}]},
        {"label": "first", "interrogation_group": 1, "rows": [{"type": "M_SP", "point": "m/b", "ioa": 2}]},
        {"label": "last", "interrogation_group": 16, "rows": [{"type": "M_SP", "point": "m/c", "ioa": 3}]},
        {"label": "counted", "counter_group": 4, "rows": [{"type": "M_IT", "point": "m/d", "ioa": 4}]},
        {"label": "other", "common_address": 2, "rows": [{"type": "M_SP", "point": "m/a", "ioa": 1}]},
    ]

    async def start(**commands):
        return await serve([], groups=groups, commands=commands)

    return start


async def initialized(running, stations=2):
    """A master that has seen the end of initialization of every station."""
    master = await running.master()
    for _ in range(stations - 1):
        assert (await master.asdu()).summary == (70, 4, False)
    return master


def found(got):
    return [(g.common_address, ioa) for g in got for ioa, _ in g.objects]


@pytest.mark.parametrize(("qualifier", "ioa"), [(21, 2), (36, 3)])
async def test_a_group_is_interrogated_alone_with_its_own_cause(start, qualifier, ioa):
    master = await initialized(await start())
    got = await master.procedure(GI, bytes((qualifier,)), originator=9)
    assert [g.cause for g in got] == [7, qualifier, 10]
    assert found(got[1:-1]) == [(1, ioa)]
    assert {g.originator for g in got} == {9}


async def test_a_counter_group_is_interrogated_alone(start):
    master = await initialized(await start())
    got = await master.procedure(CI, b"\4")
    assert [g.cause for g in got] == [7, 41, 10]
    assert found(got[1:-1]) == [(1, 4)]


@pytest.mark.parametrize(("type_id", "qualifier"), [(GI, 22), (GI, 35), (CI, 1), (CI, 3), (CI, 0x44), (CI, 0x85)])
async def test_empty_groups_and_freezing_are_refused(start, type_id, qualifier):
    master = await initialized(await start())
    master.ask(type_id, bytes((qualifier,)))
    assert (await master.asdu()).summary == (type_id, 7, True)
    await master.silent()


async def test_each_station_answers_for_itself(start):
    master = await initialized(await start())
    got = await master.procedure(GI, b"\x14", address=2)
    assert found(got[1:-1]) == [(2, 1)]
    assert {g.common_address for g in got} == {2}


async def test_a_broadcast_is_confirmed_and_ended_by_each_station_with_its_own_address(start):
    master = await initialized(await start())
    master.ask(GI, b"\x14", address=0xFFFF)
    got = [await master.asdu()]
    while sum(g.cause == 10 for g in got) < 2:
        got.append(await master.asdu())
    assert [(g.common_address, g.cause) for g in got if g.type_id == GI] == [(1, 7), (2, 7), (1, 10), (2, 10)]
    assert sorted(found(g for g in got if g.cause == 20)) == [(1, 1), (1, 2), (1, 3), (2, 1)]
    await master.silent()


async def test_a_broadcast_to_a_group_is_refused_by_the_stations_that_have_none(start):
    master = await initialized(await start())
    master.ask(GI, b"\x15", address=0xFFFF)
    got = await master.asdus(4)
    assert [(g.common_address, g.cause, g.negative) for g in got] == [
        (1, 7, False), (2, 7, True), (1, 21, False), (1, 10, False),
    ]  # fmt: skip


async def test_clock_synchronization_by_broadcast_is_confirmed_by_each_station(start):
    master = await initialized(await start(clock_synchronization="confirm"))
    master.ask(CLOCK, CP56, address=0xFFFF)
    assert [(g.common_address, g.summary) for g in await master.asdus(2)] == [
        (1, (CLOCK, 7, False)), (2, (CLOCK, 7, False)),
    ]  # fmt: skip


@pytest.mark.parametrize(("form", "written"), [("text", "2026-01-01T12:00:01.000Z"), ("seconds", ONE_SECOND_PAST_NOON)])
async def test_the_time_is_forwarded_once_and_confirmed_when_the_device_has_it(start, form, written):
    running = await start(clock_synchronization="forward", clock_point="clock/time", clock_format=form)
    master = await initialized(running)
    going, write = asyncio.Event(), running.hub.write

    async def held(name, value, **more):
        await going.wait()
        await write(name, value, **more)

    running.hub.write = held
    master.ask(CLOCK, CP56, address=0xFFFF, originator=2)
    await master.silent()
    going.set()
    assert [(g.summary, g.originator) for g in await master.asdus(2)] == [((CLOCK, 7, False), 2)] * 2
    assert [(name, value) for name, value, _ in running.hub.writes] == [("clock/time", written)]


async def test_a_time_that_the_device_does_not_take_or_that_is_none_is_refused(start):
    running = await start(clock_synchronization="forward", clock_point="clock/time")
    master = await initialized(running)

    async def refusing(name, value, **more):
        raise NotDone("no answer")

    running.hub.write = refusing
    for octets in (CP56, b"\xff" * 7):
        master.ask(CLOCK, octets)
        assert (await master.asdu()).summary == (CLOCK, 7, True)


@pytest.mark.parametrize("zone", ["UTC", "Europe/Warsaw"])
async def test_the_time_is_that_of_the_zone_in_the_settings(serve, zone):
    commands = {"clock_synchronization": "forward", "clock_point": "clock/time", "clock_format": "seconds"}
    running = await serve([{"type": "M_SP", "point": "m/a", "ioa": 1}], commands=commands, time_zone=zone)
    master = await running.master()
    master.ask(CLOCK, CP56)
    assert (await master.asdu()).summary == (CLOCK, 7, False)
    ((_, written, _),) = running.hub.writes
    assert ONE_SECOND_PAST_NOON - written == (0 if zone == "UTC" else 3600)


@pytest.mark.parametrize(
    ("setting", "qualifier", "negative"),
    [("refuse", 1, True), ("confirm", 1, False), ("confirm", 2, True), ("confirm", 0, True)],
)
async def test_a_reset_of_the_process_is_refused_unless_allowed_and_never_deletes_events(
    start, setting, qualifier, negative
):
    running = await start(reset_process=setting)
    master = await initialized(running)
    master.ask(RESET, bytes((qualifier,)), address=0xFFFF)
    got = await master.asdus(2)
    assert [(g.common_address, g.summary) for g in got] == [(1, (RESET, 7, negative)), (2, (RESET, 7, negative))]
    if not negative:
        announced = await master.asdus(2)
        assert [(g.common_address, g.summary, g.objects) for g in announced] == [
            (1, (70, 4, False), [(0, b"\2")]), (2, (70, 4, False), [(0, b"\2")]),
        ]  # fmt: skip
    await master.silent()


async def test_a_station_with_nothing_but_commands_takes_them(serve):
    row = {"type": "C_SE_NB", "point": "m/level", "ioa": 9}
    commands = {"groups": [{"label": "c", "common_address": 77, "rows": [row]}]}
    running = await serve([{"type": "M_SP", "point": "m/a", "ioa": 1}], commands=commands)
    master = await initialized(running)
    master.ask(49, struct.pack("<hB", 5, 0), ioa=9, address=77)
    assert [(g.common_address, g.cause, g.negative) for g in await master.asdus(2)] == [(77, 7, False), (77, 10, False)]
    master.ask(49, struct.pack("<hB", 5, 0), ioa=9, address=1)
    assert (await master.asdu()).cause == 47
    assert [write[:2] for write in running.hub.writes] == [("m/level", 5)]


async def test_cancelling_one_stations_interrogation_leaves_the_others_alone(start, raw_request):
    master = await initialized(await start())
    asked = [raw_request(GI, b"\x14", address=address, cause=cause) for address, cause in ((1, 6), (2, 6), (1, 8))]
    master.write(b"".join(map(master.frame_of, asked)))
    got = [(g.type_id, g.common_address, g.cause) for g in await master.asdus(5)]
    assert got == [(GI, 1, 7), (GI, 2, 7), (GI, 1, 9), (1, 2, 20), (GI, 2, 10)]
    await master.silent()
