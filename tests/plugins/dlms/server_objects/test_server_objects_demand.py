"""Demand registers: averages of a power or an energy, sliding, over gaps, restarts and jumps of the clock."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_dlms.codec.ln_action import ActionResult
from meterhub_dlms.codec.xdlms import AccessResult
from meterhub_dlms.server.objects.accumulation import Accumulation, EnergyAccumulation
from meterhub_sdk import Quality, Reading

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
NAME = "1-0:1.4.0*255"
POWER = {"logical_name": NAME, "point": "a/power", "unit": "W", "period": 900}
ENERGY = {**POWER, "point": "a/energy", "source": "energy"}
CURRENT, LAST, STATUS, CAPTURED, STARTED = 2, 3, 5, 6, 7
SUBSTITUTED, INCOMPLETE, CLOCK_SET = 1, 0x40, 0x80


def test_the_average_of_a_power_over_a_period(play):
    """1 kW for five minutes, then 4 kW for ten: 3 kW."""

    async def scenario(meter):
        meter.hub.give("a/power", 1.0, unit="kW")
        await asyncio.sleep(300)
        assert meter.value(NAME, CURRENT) == 333
        assert meter.value(NAME, LAST) is meter.value(NAME, CAPTURED) is AccessResult.TEMPORARY_FAILURE
        assert meter.time(NAME, STARTED) == NOON
        meter.hub.give("a/power", 4.0, unit="kW")
        await asyncio.sleep(600.5)
        assert (meter.value(NAME, LAST), meter.value(NAME, STATUS)) == (3000, 0)
        assert meter.time(NAME, CAPTURED) == meter.time(NAME, STARTED) == NOON + timedelta(minutes=15)
        assert [meter.value(NAME, number) for number in (8, 9)] == [900, 1]
        assert meter.value(NAME, CURRENT) == pytest.approx(2, abs=1)

    play(scenario, demands=[POWER])


def test_the_average_of_an_energy_over_a_period(play):
    """0.5 kWh more in a quarter of an hour are 2 kW: the reading at an end of a period is the last one before it."""

    async def scenario(meter):
        for minute in range(35):
            meter.hub.give("a/energy", 1000.0 + minute / 30, unit="kWh")
            await asyncio.sleep(60)
        assert meter.value(NAME, LAST) == 2000
        assert meter.value(NAME, STATUS) == 0
        assert meter.value(NAME, CURRENT) == pytest.approx(2000 * 5 / 15, abs=1)

    play(scenario, demands=[ENERGY])


def test_a_sliding_average_takes_in_the_last_periods(play):
    async def scenario(meter):
        seen = []
        for value in (300, 600, 900, 0):
            meter.hub.give("a/power", value, unit="W")
            await meter.until(NOON + timedelta(minutes=5 * (len(seen) + 1)))
            seen.append((meter.value(NAME, LAST), meter.value(NAME, STATUS)))
        assert seen[0] == (300, INCOMPLETE)
        assert seen[1] == (450, INCOMPLETE)
        assert seen[2] == (pytest.approx(600, abs=1), 0)
        assert seen[3] == (pytest.approx(500, abs=1), 0)
        assert meter.time(NAME, STARTED) == NOON + timedelta(minutes=10)
        assert meter.value(NAME, CURRENT) == pytest.approx(300, abs=1)

    play(scenario, demands=[{**POWER, "period": 300, "number_of_periods": 3}])


def test_a_gap_leaves_the_average_of_the_rest_and_says_so(play):
    async def scenario(meter):
        meter.hub.give("a/power", 1000, unit="W")
        await asyncio.sleep(400)
        meter.hub.give("a/power", Reading(1000, meter.hub.now(), Quality.STALE, "W"))
        assert meter.value(NAME, CURRENT) != AccessResult.TEMPORARY_FAILURE
        await asyncio.sleep(1)
        assert meter.value(NAME, CURRENT) is AccessResult.TEMPORARY_FAILURE
        await asyncio.sleep(500)
        assert (meter.value(NAME, LAST), meter.value(NAME, STATUS)) == (1000, INCOMPLETE)
        await asyncio.sleep(900)
        assert meter.value(NAME, LAST) is AccessResult.TEMPORARY_FAILURE

    play(scenario, demands=[POWER])


def test_an_energy_that_was_silent_within_a_period_loses_nothing(play):
    async def scenario(meter):
        meter.hub.give("a/energy", 100.0, unit="Wh")
        await asyncio.sleep(60)
        meter.hub.give("a/energy", Reading(100.0, meter.hub.now(), Quality.STALE, "Wh"))
        await asyncio.sleep(600)
        meter.hub.give("a/energy", 350.0, unit="Wh")
        await asyncio.sleep(241)
        assert (meter.value(NAME, LAST), meter.value(NAME, STATUS)) == (1000, 0)

    play(scenario, demands=[ENERGY])


def test_an_energy_that_was_reset_is_no_negative_power(play):
    async def scenario(meter):
        for value in (900.0, 950.0, 0.0, 50.0):
            meter.hub.give("a/energy", value, unit="Wh")
            await asyncio.sleep(225)
        await asyncio.sleep(1)
        assert 0 < meter.value(NAME, LAST) < 600

    play(scenario, demands=[ENERGY])


@pytest.mark.parametrize("value", ["text", float("inf"), None])
def test_what_is_no_power_is_not_counted(play, value):
    async def scenario(meter):
        meter.hub.give("a/power", value, unit="W")
        await asyncio.sleep(901)
        assert meter.value(NAME, LAST) is AccessResult.TEMPORARY_FAILURE

    play(scenario, demands=[POWER])


@pytest.mark.parametrize(("unit", "given"), [("V", 5), ("Wh", 5)])
def test_another_unit_is_not_counted(play, unit, given):
    async def scenario(meter):
        meter.hub.give("a/power", given, unit=unit)
        await asyncio.sleep(901)
        assert meter.value(NAME, LAST) is AccessResult.TEMPORARY_FAILURE

    play(scenario, demands=[POWER])


def test_substituted_readings_show_in_the_status(play):
    async def scenario(meter):
        meter.hub.give("a/power", 10, unit="W", quality=Quality.SUBSTITUTED)
        await asyncio.sleep(901)
        assert (meter.value(NAME, LAST), meter.value(NAME, STATUS)) == (10, SUBSTITUTED)

    play(scenario, demands=[POWER])


@pytest.mark.parametrize(("jump", "status"), [(3600, INCOMPLETE), (-3600, CLOCK_SET), (300, CLOCK_SET | INCOMPLETE)])
def test_a_clock_that_is_set_does_not_change_the_average(play, jump, status):
    async def scenario(meter):
        meter.hub.give("a/power", 500, unit="W")
        await asyncio.sleep(450)
        meter.hub.jump(seconds=jump)
        await asyncio.sleep(455)
        assert (meter.value(NAME, LAST), meter.value(NAME, STATUS)) == (500, status)

    play(scenario, demands=[POWER])


def test_the_next_period_begins_when_a_client_says_so(play):
    async def scenario(meter):
        meter.hub.give("a/power", 600, unit="W")
        await asyncio.sleep(100)
        assert await meter.call(NAME, 2) is ActionResult.SUCCESS
        assert (meter.value(NAME, LAST), meter.value(NAME, STATUS), meter.value(NAME, CURRENT)) == (600, INCOMPLETE, 0)
        assert meter.time(NAME, CAPTURED) == NOON + timedelta(seconds=100)

    play(scenario, demands=[POWER])


def test_a_reset_begins_at_zero(play):
    async def scenario(meter):
        meter.hub.give("a/power", 600, unit="W")
        await asyncio.sleep(1000)
        assert await meter.call(NAME, 1) is ActionResult.SUCCESS
        assert [meter.value(NAME, number) for number in (CURRENT, LAST, STATUS)] == [0, 0, 0]
        assert meter.time(NAME, CAPTURED) == meter.time(NAME, STARTED) == NOON + timedelta(seconds=1000)
        await asyncio.sleep(90)
        assert meter.value(NAME, CURRENT) == 60

    play(scenario, demands=[POWER])


def test_the_last_average_outlives_a_restart(play):
    async def before(meter):
        meter.hub.give("a/power", 600, unit="W")
        await asyncio.sleep(1000)

    async def after(meter):
        assert (meter.value(NAME, LAST), meter.value(NAME, STATUS)) == (600, 0)
        assert meter.time(NAME, CAPTURED) == NOON + timedelta(minutes=15)
        meter.hub.give("a/power", 100, unit="W")
        await asyncio.sleep(700)
        assert (meter.value(NAME, LAST), meter.value(NAME, STATUS)) == (100, INCOMPLETE)

    play(before, demands=[POWER])
    play(after, start=NOON + timedelta(minutes=20), demands=[POWER])


@given(st.lists(st.tuples(st.floats(0.1, 100), st.floats(0, 1e6)), min_size=1, max_size=30), st.integers(1, 29))
def test_power_and_energy_of_the_same_course_come_to_the_same(course, cut):
    power, energy = Accumulation(0.0), EnergyAccumulation(0.0)
    monotonic = told = 0.0
    energy.feed(told, monotonic)
    taken = []
    for place, (seconds, watts) in enumerate(course):
        power.feed(watts, monotonic)
        monotonic += seconds
        told += watts * seconds / 3600
        energy.feed(told, monotonic)
        if place == cut:
            taken.append((power.take(monotonic), energy.take(monotonic)))
    taken.append((power.take(monotonic), energy.take(monotonic)))
    for ours, theirs in taken:
        assert ours.product == pytest.approx(theirs.product, rel=1e-6, abs=1e-3)
        assert ours.watched == pytest.approx(theirs.watched)
