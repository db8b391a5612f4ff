"""Integral: power to energy over any readings, with gaps, restarts and clocks that jump."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meterhub_calculations.course import SECOND, Break, Course, Gap, Segment, power, register
from meterhub_calculations.integral import Integral, IntegralConfig, Totals
from meterhub_sdk import Clock, ConfigError, Quality, QualityFlag, Reading

START = datetime(2026, 3, 1, tzinfo=UTC)
CONFIG = IntegralConfig(point="m/p", unit="Wh", gap=100, period=1)
times = st.lists(st.integers(1, 10**12), min_size=2, max_size=30, unique=True).map(sorted)
rates = st.floats(-1e6, 1e6)


def course(points, gap=10**6):
    """What a course makes of (time, value) pairs."""
    followed = Course(gap)
    return [followed.take(Reading(value, time, unit="W"), power(1.0)) for time, value in points][1:]


# -- the arithmetic -------------------------------------------------------------------------------


@given(times, rates)
def test_the_integral_of_a_constant_is_the_constant_times_the_time(moments, rate):
    segments = course([(time, rate) for time in moments])
    positive, negative = (sum(parts) for parts in zip(*(segment.parts() for segment in segments), strict=True))
    assert positive - negative == pytest.approx(rate * (moments[-1] - moments[0]) / SECOND, rel=1e-9, abs=1e-9)
    assert min(positive, negative) == 0


@given(st.tuples(rates, rates), st.lists(st.integers(1, 999), max_size=8, unique=True).map(sorted))
def test_parts_of_a_segment_add_up_however_it_is_cut(ends, cuts):
    whole = Segment(0, 1000 * SECOND, *ends)
    edges = [0, *(cut * SECOND for cut in cuts), whole.end]
    pieces = [whole.between(a, b) for a, b in itertools.pairwise(edges)]
    positive, negative = whole.parts()
    assert min(positive, negative) >= 0
    scale = abs(ends[0]) + abs(ends[1])
    assert sum(pieces) == pytest.approx(whole.between(0, whole.end), abs=1e-6 * scale)
    assert positive - negative == pytest.approx(whole.between(0, whole.end), abs=1e-6 * scale)


def test_power_that_changes_its_sign_counts_in_both_directions():
    assert Segment(0, 4 * SECOND, 3.0, -1.0).parts() == (4.5, 0.5)
    assert Segment(0, 4 * SECOND, -1.0, 3.0).parts() == (4.5, 0.5)


def test_what_lies_between_two_readings():
    assert course([(0, 1), (5 * SECOND, 3)]) == [Segment(0, 5 * SECOND, 1, 3)]
    assert course([(0, 1), (101 * SECOND, 3)], gap=100) == [Gap(Break.SILENCE, 101)]
    assert course([(9 * SECOND, 1), (5 * SECOND, 3), (6 * SECOND, 3)])[0] == Gap(Break.CLOCK, 0)
    assert course([(5, 1), (5, 2)]) == [None]
    back = Course(100, Reading(9, 0, unit="Wh"))
    assert back.take(Reading(5, SECOND, unit="Wh"), register(3600)) == Gap(Break.REGISTER, 1)
    assert back.take(Reading(6, 3 * SECOND, unit="Wh"), register(3600)) == Segment(SECOND, 3 * SECOND, 1800, 1800)
    assert back.take(Reading(6, 4 * SECOND, unit="kWh"), register(3600)) is None
    for bad in (Reading.missing(), Reading(7, 5 * SECOND, Quality.STALE), Reading("x", 5 * SECOND)):
        assert back.take(bad, register(3600)) is None


# -- the service ----------------------------------------------------------------------------------


def test_energy_grows_with_power_and_carries_time_and_worth(play):
    async def scenario(hub):
        assert hub.published["positive"] == Reading(0.0, 0, Quality.INVALID, "Wh", 0, Clock.UNKNOWN)
        await hub.read(3600)
        await hub.read(3600, 10)
        await hub.read(-3600, 10, quality=int(Quality.SUBSTITUTED), flags=int(QualityFlag.OVERFLOW))
        totals = hub.published
        assert (totals["positive"].value, totals["negative"].value) == (pytest.approx(12.5), pytest.approx(2.5))
        assert totals["positive"].time == hub.now()
        assert (totals["positive"].quality, totals["positive"].flags) == (Quality.SUBSTITUTED, QualityFlag.OVERFLOW)
        await hub.read(-3600, 5, clock=int(Clock.INVALID))
        assert (totals["negative"].quality, totals["negative"].clock) == (Quality.SUBSTITUTED, Clock.INVALID)
        await hub.read(-3600, 5)
        await hub.read(-3600, 5)
        assert totals["negative"] == Reading(pytest.approx(17.5), hub.now(), unit="Wh")

    play(Integral, CONFIG, scenario, start=START)


def test_a_stale_or_invalid_input_makes_the_total_so_and_adds_nothing(play):
    async def scenario(hub):
        await hub.read(3600)
        await hub.read(3600, 10)
        good = hub.published["positive"]
        assert good.good
        for quality in (Quality.STALE, Quality.INVALID):
            hub.give("m/p", hub.readings["m/p"].degraded(quality))
            await hub.settle()
            assert hub.published["positive"] == good.degraded(quality)
        for broken in ("broken", float("nan"), float("inf"), -1e300):
            await hub.read(broken, 1)
            assert hub.published["positive"].quality == Quality.INVALID
        await hub.read(3600, 6)
        assert hub.published["positive"].value == pytest.approx(20)
        assert hub.published["positive"].good

    play(Integral, CONFIG, scenario, start=START)


def test_a_gap_is_left_out_counted_and_told(play):
    async def scenario(hub):
        await hub.read(3600)
        await hub.read(3600, 10)
        await hub.read(3600, 500)
        await hub.read(3600, 10)
        assert hub.published["positive"].value == pytest.approx(20)
        assert hub.published["left-out"].value == 500
        assert [event.type.name for event in hub.recorded] == ["calculation-gap"]
        assert "left 500.0 s out: of m/p" in hub.recorded[0].type.sentence(hub.recorded[0].parameters)

    play(Integral, CONFIG, scenario, start=START)


@pytest.mark.parametrize("jump", [-3600, -1, 3600, 10**8])
def test_a_source_clock_that_jumps_adds_nothing_and_never_turns_the_total_back(play, jump):
    async def scenario(hub):
        await hub.read(3600)
        await hub.read(3600, 10)
        hub.origin += jump * SECOND
        await hub.read(3600, 10 if jump > 0 else 0)
        assert hub.published["positive"].value == pytest.approx(10)
        await hub.read(3600, 10)
        await hub.read(3600, 10)
        assert hub.published["positive"].value == pytest.approx(30)

    play(Integral, CONFIG, scenario, start=START)


def test_our_own_clock_does_not_matter(play):
    async def scenario(hub):
        times = [hub.now() + n * 10 * SECOND for n in range(3)]
        for time in times:
            hub.set_clock(START + timedelta(days=-1000 if time == times[1] else 5))
            await hub.pass_(10)
            hub.give("m/p", Reading(3600, time, unit="W"))
            await hub.settle()
        assert hub.published["positive"] == Reading(pytest.approx(20), times[-1], unit="Wh")

    play(Integral, CONFIG, scenario, start=START)


def test_the_total_stays_over_restarts_and_a_short_one_is_bridged(play, tmp_path):
    async def first(hub):
        assert hub.published["positive"].quality == Quality.INVALID
        await hub.read(3600)
        await hub.read(3600, 10)

    async def second(hub):
        assert hub.published["positive"].value == pytest.approx(10)
        assert not hub.published["positive"].good
        await hub.read(3600)
        assert hub.published["positive"] == Reading(pytest.approx(60), hub.now(), unit="Wh")

    async def third(hub):
        await hub.read(3600)
        assert (hub.published["positive"].value, hub.published["left-out"].value) == (pytest.approx(60), 3540)

    play(Integral, CONFIG, first, start=START, directory=tmp_path)
    play(Integral, CONFIG, second, start=START + timedelta(seconds=60), directory=tmp_path)
    play(Integral, CONFIG, third, start=START + timedelta(hours=1), directory=tmp_path)


def test_another_point_begins_with_its_first_reading_and_another_unit_from_nothing(play, tmp_path):
    async def first(hub):
        await hub.read(3600)
        await hub.read(3600, 10)

    async def other(hub):
        await hub.read(-3600, point="m/other")
        await hub.read(-3600, 10, point="m/other")
        assert (hub.published["positive"].value, hub.published["negative"].value) == (pytest.approx(10),) * 2

    async def kilo(hub):
        await hub.read(3600)
        assert hub.published["positive"].value == 0
        await hub.read(3600, 10)
        assert hub.published["positive"] == Reading(pytest.approx(0.01), hub.now(), unit="kWh")

    play(Integral, CONFIG, first, start=START, directory=tmp_path)
    play(Integral, CONFIG.model_copy(update={"point": "m/other"}), other, start=START, directory=tmp_path)
    play(Integral, CONFIG.model_copy(update={"unit": "kWh"}), kilo, start=START, directory=tmp_path)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(-5000, 5000), min_size=4, max_size=40), st.data())
def test_no_total_ever_goes_down_even_when_killed_between_saves(play, tmp_path_factory, powers, data):
    directory, config = tmp_path_factory.mktemp("killed"), CONFIG.model_copy(update={"period": 30})
    seen = []

    class Mortal(Integral):
        def end(self):
            """A kill leaves no time for it."""

    cuts = sorted(data.draw(st.lists(st.integers(1, len(powers)), max_size=3)))
    for begin, end in zip([0, *cuts], [*cuts, len(powers)], strict=True):

        async def life(hub, begin=begin, end=end):
            for value in powers[begin:end]:
                await hub.read(value, 10)

        hub = play(Mortal, config, life, start=START + timedelta(seconds=10 * begin), directory=directory)
        seen += [reading.value for name, reading in hub.history if name == "positive"]
    assert seen == sorted(seen)


def test_it_is_saved_and_published_once_in_its_period(play):
    async def scenario(hub):
        for _ in range(31):
            await hub.read(3600, 10)
        values = [reading.value for name, reading in hub.history if name == "positive"]
        assert sorted(set(values)) == pytest.approx([0, 60, 120, 180, 240, 300])

    play(Integral, CONFIG.model_copy(update={"period": 60}), scenario, start=START)


def test_the_totals_can_be_set_and_that_is_told(play):
    async def scenario(hub):
        await hub.read(3600)
        await hub.read(3600, 10)
        await hub._service.set(Totals(positive=5000))
        assert hub.published["positive"].value == 5000
        await hub.read(3600, 10)
        assert hub.published["positive"].value == pytest.approx(5010)
        (event,) = hub.recorded
        assert event.type.sentence(event.parameters).endswith("were set from 10.0 and 0.0 to 5000.0 and 0.0 Wh")

    play(Integral, CONFIG, scenario, start=START)


def test_a_switch_gives_hours_and_a_unit_that_is_no_rate_waits_for_the_administrator(play):
    async def hours(hub):
        for _ in range(73):
            await hub.read(True, 50, unit="")
        assert hub.published["positive"] == Reading(pytest.approx(1), hub.now(), unit="h")

    async def wrong(hub):
        await hub.read(1, unit="V")
        assert {reading.quality for reading in hub.published.values()} == {Quality.INVALID}

    play(Integral, CONFIG.model_copy(update={"unit": "h"}), hours, start=START)
    with pytest.raises(ConfigError, match="m/p counts in V, which over time does not give Wh"):
        play(Integral, CONFIG, wrong, start=START)
