"""How fast a point changes: from one reading to the next, and over a window."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_calculations.rate_of_change import RateConfig, RateOfChange
from meterhub_sdk import Clock, ConfigError, Quality, Reading

START = datetime(2026, 3, 1, tzinfo=UTC)
SECOND = 1_000_000_000


def config(**changes):
    return RateConfig(**{"point": "m/p", "unit": "W/min", "gap": 100, **changes})


def test_a_rate_needs_two_readings_and_carries_the_worst_of_both(play):
    async def scenario(hub):
        await hub.read(100)
        assert hub.published["value"] == Reading(None, hub.now(), Quality.INVALID, "W/min")
        await hub.read(110, 30, clock=int(Clock.INVALID), quality=int(Quality.SUBSTITUTED))
        worst = Reading(pytest.approx(20), hub.now(), Quality.SUBSTITUTED, "W/min", 0, Clock.INVALID)
        assert hub.published["value"] == worst
        await hub.read(100, 30)
        assert hub.published["value"].quality == Quality.SUBSTITUTED
        await hub.read(100, 30)
        assert hub.published["value"] == Reading(0, hub.now(), unit="W/min")
        hub.give("m/p", hub.readings["m/p"].degraded(Quality.STALE))
        await hub.settle()
        assert hub.published["value"].quality == Quality.STALE

    play(RateOfChange, config(), scenario, start=START)


def test_after_a_gap_or_a_clock_that_went_back_it_begins_anew(play):
    async def scenario(hub):
        await hub.read(100)
        await hub.read(110, 101)
        assert hub.published["value"].value is None
        await hub.read(120, 60)
        assert hub.published["value"].value == pytest.approx(10)
        hub.origin -= 3600 * SECOND
        await hub.read(130, 60)
        assert hub.published["value"].value is None

    play(RateOfChange, config(), scenario, start=START)


def test_a_window_measures_over_its_whole_length(play):
    async def scenario(hub):
        rates = []
        for value in (0, 0, 60, 60, 60, 60):
            await hub.read(value, 10)
            rates.append(hub.published["value"].value)
        assert rates == [None, 0, pytest.approx(180), pytest.approx(120), pytest.approx(120), 0]

    play(RateOfChange, config(window=30), scenario, start=START)


@given(st.floats(-1e3, 1e3), st.lists(st.integers(1, 90), min_size=1, max_size=30), st.sampled_from([0, 10, 300]))
def test_a_straight_line_has_its_slope_however_it_is_read(slope, steps, window):
    service, seconds = RateOfChange(None, config(window=window)), 0
    for step in [0, *steps]:
        seconds += step
        result = service.follow(Reading(slope * seconds, seconds * SECOND, unit="W"))["value"]
    assert result == Reading(pytest.approx(slope * 60, rel=1e-6, abs=1e-6), seconds * SECOND, unit="W/min")


def test_a_register_gives_power_and_another_unit_waits_for_the_administrator(play):
    async def power(hub):
        await hub.read(1000, unit="Wh")
        await hub.read(1010, 36, unit="Wh")
        assert hub.published["value"] == Reading(pytest.approx(1), hub.now(), unit="kW")

    async def wrong(hub):
        await hub.read(1, unit="V")
        await hub.read(1, 1, unit="V")

    play(RateOfChange, config(unit="kW"), power, start=START)
    with pytest.raises(ConfigError, match="m/p counts in V; W/min is no rate of that"):
        play(RateOfChange, config(), wrong, start=START)
