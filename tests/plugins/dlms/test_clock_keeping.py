"""Comparing and setting the clocks of meters, with ``dlms-server`` as the meter."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

import pytest
from meterhub_dlms.client.clock.commands import ReadClock, SetClock
from meterhub_dlms.client.meter_events import CLOCK_NOT_READ, CLOCK_NOT_SET, CLOCK_RIGHT, CLOCK_SET, CLOCK_WRONG
from meterhub_sdk import Clock, Quality, Refused

SECOND = 1_000_000_000
NOW = (1_888_888 * 900 + 450) * SECOND
"""In the middle of a quarter-hour, in winter."""
YEAR = 365 * 86_400
NEARLY = partial(pytest.approx, abs=0.5)
"""The clocks of the tests stand still, the exchanges take their time."""

CLOCK = {"settable": True, "offset": 60, "daylight_saving": "European Union"}
ENERGY = {"logical_name": "1-1:1.8.0*255", "point": "a/energy", "unit": "Wh"}
READ_ENERGY = {"label": "energy", "logical_name": "1-1.1.8.0.255", "group": "fast"}
SYNCHRONISED = {"time_synchronisation": True}


@pytest.fixture
def clocks(meter_hub, hub):
    """Sets how many seconds the meter is ahead."""
    hub.fixed_time = NOW
    meter_hub.give("a/energy", 1234, unit="Wh")

    def ahead(seconds):
        meter_hub.fixed_time = NOW + round(seconds * SECOND)

    ahead(0)
    return ahead


@pytest.fixture
def clocked(serve):
    """A server whose clock can be set, with both referencings."""

    def run(rights="read and write", clock=CLOCK, **given):
        client = {"address": 16, "referencing": "both", "rights": rights}
        return serve(clients=[client], objects=[ENERGY], clock=clock, **given)

    return run


def events(hub, *types):
    return [event.type for event in hub.recorded if event.type in types]


def about(hub, kind):
    (event,) = [event for event in hub.recorded if event.type is kind]
    return event.parameters


@pytest.mark.parametrize("referencing", ["logical-names", "short-names"])
@pytest.mark.parametrize("hdlc", [False, True])
@pytest.mark.parametrize("ahead", [10, -10, 700])
async def test_a_clock_that_deviates_is_shifted(hub, clocks, clocked, poll, until, free_port, referencing, hdlc, ahead):
    clocks(ahead)
    meter, served = {"referencing": referencing}, {}
    if hdlc:
        served = {"hdlc_port": free_port()}
        meter |= {"transport": "hdlc-tcp", "port": served["hdlc_port"], "physical_address": 17}
    async with clocked(**served), poll(READ_ENERGY, meter=meter, **SYNCHRONISED) as client:
        await until(lambda: events(hub, CLOCK_SET) == [CLOCK_SET])
        status = client.status().meters[0]
        assert (status.clock, status.clock_deviation) == ("right", NEARLY(0))
        assert status.clock_set == datetime.fromtimestamp(NOW / SECOND, UTC)
        answer = await client.read_clock(ReadClock(meter="m"))
        assert (answer.deviation, answer.valid) == (NEARLY(0), True)
    deviations = [reading.value for name, reading in hub.history if name == "m/clock-deviation"]
    assert deviations[:2] == [NEARLY(ahead), NEARLY(0)]
    assert about(hub, CLOCK_SET) == {
        "meter": "m",
        "old": datetime.fromtimestamp(NOW / SECOND + ahead, UTC).isoformat(),
        "new": datetime.fromtimestamp(NOW / SECOND, UTC).isoformat(),
        "way": "shift_time",
        "answer": "success (0)",
    }


@pytest.mark.parametrize("local", [True, False])
async def test_a_clock_that_jumped_by_a_year_is_wrong_until_it_is_set(hub, clocks, clocked, poll, until, local):
    async with clocked(), poll(READ_ENERGY, local_time=local, **SYNCHRONISED) as client:
        await until(lambda: client.status().meters[0].clock == "right" and "m/energy" in hub.published)
        assert hub.published["m/energy"].clock == Clock.VALID
        clocks(YEAR)
        await until(lambda: events(hub, CLOCK_RIGHT) == [CLOCK_RIGHT])
        published = len(hub.history)
        await until(lambda: "m/energy" in dict(hub.history[published:]))
        assert client.status().meters[0].clock == "right"
    assert events(hub, CLOCK_WRONG, CLOCK_SET, CLOCK_RIGHT) == [CLOCK_WRONG, CLOCK_RIGHT, CLOCK_SET]
    assert about(hub, CLOCK_WRONG)["deviation"] == YEAR
    assert about(hub, CLOCK_SET)["way"] == "attribute time"
    assert Clock.INVALID in [reading.clock for name, reading in hub.history if name == "m/energy"]
    assert hub.published["m/energy"].clock == Clock.VALID
    assert hub.published["m/energy"].time == NOW


async def test_a_wrong_clock_that_nobody_sets_is_told_once_and_so_is_its_recovery(hub, clocks, clocked, poll, until):
    clocks(-YEAR)
    async with clocked(), poll(READ_ENERGY) as client:
        await until(lambda: sum(name == "m/energy" for name, _ in hub.history) >= 4)
        assert client.status().meters[0].clock == "wrong"
        assert hub.published["m/energy"].clock == Clock.INVALID
        assert hub.published["m/energy"].time == NOW - YEAR * SECOND
        clocks(0)
        await until(lambda: hub.published["m/energy"].clock == Clock.VALID)
        await until(lambda: events(hub, CLOCK_RIGHT) == [CLOCK_RIGHT])
    assert events(hub, CLOCK_WRONG, CLOCK_SET) == [CLOCK_WRONG]
    assert "m/clock-deviation" not in hub.declared


@pytest.mark.parametrize(
    ("given", "mode", "ahead", "compared"),
    [
        (SYNCHRONISED, "synchronised", 1.5, True),
        (SYNCHRONISED, "left alone", 60, False),
        (SYNCHRONISED, "time source", 60, True),
        ({}, "time source", 60, True),
        ({}, "synchronised", 60, False),
        ({"read_clocks": True}, "left alone", 60, True),
        ({"time_synchronisation": True, "time_offset": 61}, "synchronised", 60, True),
    ],
)
async def test_only_clocks_that_are_to_be_set_are_set(hub, clocks, clocked, poll, until, given, mode, ahead, compared):
    clocks(ahead)
    async with clocked(), poll(READ_ENERGY, meter={"time_mode": mode}, **given) as client:
        await hub.until_published("m/energy", *["m/clock-deviation"] * compared)
        answer = await client.read_clock(ReadClock(meter="m"))
        assert answer.deviation == NEARLY(ahead)
    assert ("m/clock-deviation" in hub.declared) is compared
    assert events(hub, CLOCK_SET, CLOCK_NOT_SET) == []
    if compared:
        assert hub.published["m/clock-deviation"].value == NEARLY(ahead)
        assert hub.published["m/clock-deviation"].unit == "s"


@pytest.mark.parametrize("validity", [Clock.UNKNOWN, Clock.INVALID])
async def test_an_own_clock_that_may_be_wrong_sets_nothing(hub, clocks, clocked, poll, until, validity):
    hub.clock = validity
    clocks(YEAR)
    async with clocked(), poll(READ_ENERGY, **SYNCHRONISED) as client:
        await until(lambda: events(hub, CLOCK_NOT_SET) == [CLOCK_NOT_SET])
        assert client.status().meters[0].clock == "unknown"
        with pytest.raises(Refused, match="our own clock is not known to be right"):
            await client.set_clock(SetClock(meter="m"))
        given = datetime.fromtimestamp(NOW / SECOND, UTC)
        assert (await client.set_clock(SetClock(meter="m", time=given))).after.time == given
    assert events(hub, CLOCK_WRONG) == []
    assert hub.published["m/clock-deviation"].clock == validity
    assert hub.published["m/clock-deviation"].quality == Quality.GOOD


@pytest.mark.parametrize(
    ("rights", "clock", "ahead", "reason"),
    [
        ("read", CLOCK, 60, "read-write-denied"),
        ("read and write", {"offset": 60}, 60, "read-write-denied"),
        ("read", CLOCK, 86_400, "read-write-denied"),
    ],
)
async def test_a_meter_that_does_not_let_its_clock_be_set_is_told_once(
    hub, clocks, clocked, poll, until, rights, clock, ahead, reason
):
    clocks(ahead)
    async with clocked(rights, clock), poll(READ_ENERGY, **SYNCHRONISED) as client:
        await until(lambda: events(hub, CLOCK_NOT_SET) == [CLOCK_NOT_SET])
        assert reason in about(hub, CLOCK_NOT_SET)["reason"]
        with pytest.raises(Refused, match="the clock of the meter m was not set"):
            await client.set_clock(SetClock(meter="m"))
        assert client.status().meters[0].state == "connected"
    assert events(hub, CLOCK_SET) == []


async def test_no_clock_is_set_close_to_a_quarter_hour(hub, clocks, clocked, poll, until):
    hub.fixed_time = NOW + 448 * SECOND
    clocks(438)
    async with clocked(), poll(READ_ENERGY, **SYNCHRONISED) as client:
        await hub.until_published("m/clock-deviation")
        with pytest.raises(Refused, match=r"a quarter-hour is near; wait 18 s"):
            await client.set_clock(SetClock(meter="m"))
        assert events(hub, CLOCK_SET, CLOCK_NOT_SET) == []


async def test_the_time_source_of_the_unit_is_never_set_by_anybody(hub, clocks, clocked, poll):
    clocks(60)
    async with clocked(), poll(READ_ENERGY, meter={"time_mode": "time source"}) as client:
        await hub.until_published("m/clock-deviation")
        with pytest.raises(Refused, match="this unit takes its time from it"):
            await client.set_clock(SetClock(meter="m"))
        with pytest.raises(Refused, match="this unit takes its time from it"):
            await client.set_clock(SetClock(meter="m", time=datetime(2026, 1, 1, tzinfo=UTC)))


async def test_the_command_sets_a_clock_that_is_left_alone_and_to_any_time(hub, clocks, clocked, poll):
    async with clocked(), poll(READ_ENERGY, meter={"time_mode": "left alone"}) as client:
        await hub.until_published("m/energy")
        wanted = datetime(2026, 7, 1, 12, 5, tzinfo=UTC)
        done = await client.set_clock(SetClock(meter="m", time=wanted))
        assert (done.before.deviation, done.after.time, done.way) == (NEARLY(0), wanted, "attribute time")
        assert done.after.daylight_saving
        back = await client.set_clock(SetClock(meter="m"))
        assert (back.after.deviation, back.answer) == (NEARLY(0), "success (0)")
    with pytest.raises(Refused, match="no meter is called 'x'"):
        await client.read_clock(ReadClock(meter="x"))


async def test_the_commands_need_a_connected_meter(hub, poll):
    async with poll(READ_ENERGY) as client:
        with pytest.raises(Refused, match="the meter m is not connected"):
            await client.read_clock(ReadClock(meter="m"))
        with pytest.raises(Refused, match="the meter m is not connected"):
            await client.set_clock(SetClock(meter="m"))


async def test_years_that_no_clock_can_have_are_refused(hub, clocks, clocked, poll):
    async with clocked(), poll(READ_ENERGY) as client:
        await hub.until_published("m/energy")
        with pytest.raises(Refused, match="not in the years 2000 to 2099"):
            await client.set_clock(SetClock(meter="m", time=datetime(1999, 1, 1, tzinfo=UTC)))
    assert events(hub, CLOCK_NOT_READ) == []
