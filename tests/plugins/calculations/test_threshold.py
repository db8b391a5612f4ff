"""A threshold: hysteresis, delays, events, and inputs that are not to be trusted."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meterhub_calculations.threshold import Threshold, ThresholdConfig
from meterhub_sdk import Clock, ConfigError, Quality, Reading

START = datetime(2026, 3, 1, tzinfo=UTC)
CONFIG = ThresholdConfig(point="m/p", unit="W", limit=100, hysteresis=10)


def with_(**changes):
    return CONFIG.model_copy(update=changes)


def test_it_trips_beyond_the_limit_and_clears_behind_the_hysteresis(play):
    async def scenario(hub):
        assert hub.published["tripped"].quality == Quality.INVALID
        states = []
        for value in (100, 101, 95, 90.1, 90, 100, 100.1):
            await hub.read(value, 1)
            states.append(hub.published["tripped"].value)
            assert hub.published["tripped"].time == hub.now()
        assert states == [False, True, True, True, False, False, True]
        assert [e.type.name for e in hub.recorded] == ["threshold-tripped", "threshold-cleared", "threshold-tripped"]
        sentence = hub.recorded[0].type.sentence(hub.recorded[0].parameters)
        assert sentence == "m/p is above 100.0 W: 101 W"

    play(Threshold, CONFIG, scenario, start=START)


def test_below_is_the_mirror_of_above(play):
    async def scenario(hub):
        states = []
        for value in (100, 99, 109, 110):
            await hub.read(value, 1)
            states.append(hub.published["tripped"].value)
        assert states == [False, True, True, False]

    play(Threshold, with_(direction="below"), scenario, start=START)


def test_delays_run_without_further_readings_and_begin_anew_after_each_return(play):
    async def scenario(hub):
        await hub.read(200)
        await hub.pass_(9)
        await hub.read(95, 0.5)
        await hub.read(200, 0.5)
        await hub.pass_(9.9)
        assert hub.published["tripped"].value is False
        await hub.pass_(0.2)
        assert hub.published["tripped"].value is True
        await hub.read(0, 1)
        await hub.pass_(19.9)
        assert hub.published["tripped"].value is True
        await hub.pass_(0.2)
        assert hub.published["tripped"].value is False

    play(Threshold, with_(trip_delay=10, clear_delay=20), scenario, start=START)


def test_a_clock_that_is_set_does_not_shorten_a_delay(play):
    async def scenario(hub):
        await hub.read(200)
        hub.set_clock(datetime(2030, 1, 1, tzinfo=UTC))
        await hub.read(200, 5)
        assert hub.published["tripped"].value is False
        hub.set_clock(datetime(2020, 1, 1, tzinfo=UTC))
        await hub.pass_(5.1)
        assert hub.published["tripped"].value is True

    play(Threshold, with_(trip_delay=10), scenario, start=START)


@pytest.mark.parametrize("quality", [Quality.STALE, Quality.INVALID])
def test_a_bad_input_changes_nothing_but_the_quality_and_stops_a_delay(play, quality):
    async def scenario(hub):
        await hub.read(200)
        await hub.read(200, 5, quality=int(quality), clock=int(Clock.INVALID))
        await hub.pass_(20)
        assert hub.published["tripped"].value is False
        assert (hub.published["tripped"].quality, hub.published["tripped"].clock) == (quality, Clock.INVALID)
        await hub.read(200)
        await hub.pass_(9.9)
        assert hub.published["tripped"].value is False
        await hub.pass_(0.2)
        assert hub.published["tripped"].good
        assert hub.published["tripped"].value is True

    play(Threshold, with_(trip_delay=10), scenario, start=START)


def test_between_limit_and_hysteresis_a_restart_changes_nothing(play, tmp_path):
    async def first(hub):
        await hub.read(95)
        assert hub.published["tripped"].value is False
        await hub.read(200, 1)

    async def second(hub):
        await hub.read(95)
        assert hub.published["tripped"].value is True
        assert hub.recorded == []

    play(Threshold, CONFIG, first, start=START, directory=tmp_path)
    play(Threshold, CONFIG, second, start=START, directory=tmp_path)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(80, 120), min_size=1, max_size=30))
def test_it_is_what_the_last_value_outside_the_hysteresis_says(play, values):
    async def scenario(hub):
        expected = False
        for value in values:
            expected = value > 100 or (expected and value > 90)
            await hub.read(value, 1)
            assert hub.published["tripped"] == Reading(expected, hub.now())

    play(Threshold, CONFIG, scenario, start=START)


def test_another_unit_waits_for_the_administrator(play):
    async def scenario(hub):
        await hub.read(1, unit="kW")

    with pytest.raises(ConfigError, match="m/p counts in kW; the limit is in W"):
        play(Threshold, CONFIG, scenario, start=START)
