"""Demand: periods of the clock, blocks and sliding windows, and their maxima."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_calculations.course import SECOND, Segment
from meterhub_calculations.demand import Demand, DemandConfig
from meterhub_calculations.demand_periods import Periods
from meterhub_sdk import ConfigError, Quality, Reading, moment, nanoseconds
from pydantic import ValidationError

WARSAW = ZoneInfo("Europe/Warsaw")
START = datetime(2026, 3, 10, 11, 0, tzinfo=UTC)
CONFIG = DemandConfig(point="m/p", time_zone="Europe/Warsaw", gap=400)
MINUTE = 60 * SECOND


def with_(**changes):
    return DemandConfig.model_validate({**CONFIG.model_dump(), **changes})


async def power(hub, values):
    """These values five minutes apart, the first of them now."""
    await hub.read(values[0])
    for value in values[1:]:
        await hub.read(value, 300)


def close(periods, segments):
    return [demand for segment in segments for demand in periods.add(segment)]


# -- the arithmetic -------------------------------------------------------------------------------


@given(
    st.lists(st.integers(1, 3600 * 5), max_size=40, unique=True).map(sorted),
    st.tuples(st.floats(0, 1e6), st.floats(0, 1e6)),
    st.sampled_from([(15, 1), (15, 3), (60, 4), (5, 5), (30, 1)]),
)
def test_demand_is_the_same_however_the_time_is_cut(cuts, rates, shape):
    period, count = shape
    step = period * MINUTE // count
    start, length = nanoseconds(START), 5 * 3600 * SECOND
    whole = Segment(start, start + length, *rates)

    def at(second):
        return rates[0] + (rates[1] - rates[0]) * second * SECOND / length

    edges = [0, *(cut for cut in cuts if cut < 3600 * 5), 3600 * 5]
    pieces = [Segment(start + a * SECOND, start + b * SECOND, at(a), at(b)) for a, b in itertools.pairwise(edges)]
    one, many = (close(Periods(step, count, WARSAW), segments) for segments in ([whole], pieces))
    assert [(d.end, d.complete) for d in one] == [(d.end, d.complete) for d in many]
    assert [d.mean for d in one] == pytest.approx([d.mean for d in many], rel=1e-9, abs=1e-6)
    complete = [d for d in many if d.complete]
    assert len(complete) == 5 * 60 * count // period - count + 1
    for demand in complete:
        window = whole.between(demand.end - period * MINUTE, demand.end) / (period * 60)
        assert demand.mean == pytest.approx(window, rel=1e-9, abs=1e-6)
    assert sum(d.mean for d in complete[::count]) * period * 60 == pytest.approx(
        whole.between(start, complete[-1].end if count == 1 else complete[::count][-1].end), rel=1e-6, abs=1e-3
    )


@pytest.mark.parametrize(
    "day", [datetime(2026, 3, 29, 0, 7), datetime(2026, 10, 25, 0, 7)], ids=["23 hours", "25 hours"]
)
def test_summer_time_moves_no_boundary(day):
    start = nanoseconds(day.replace(tzinfo=WARSAW))
    end = nanoseconds((day + timedelta(days=1)).replace(tzinfo=WARSAW))
    demands = close(Periods(15 * MINUTE, 1, WARSAW), [Segment(start, end, 5.0, 5.0)])
    hours = (end - start) // (3600 * SECOND)
    assert len(demands) == hours * 4
    assert [demand.complete for demand in demands] == [False] + [True] * (hours * 4 - 1)
    assert {moment(demand.end).minute % 15 for demand in demands} == {0}


def test_an_hour_begins_by_the_local_clock_where_that_is_half_an_hour_off():
    periods = Periods(60 * MINUTE, 1, ZoneInfo("Asia/Kolkata"))
    start = nanoseconds(START)
    demands = close(periods, [Segment(start, start + 120 * MINUTE, 1.0, 1.0)])
    assert [moment(demand.end).minute for demand in demands] == [30, 30]


# -- the service ----------------------------------------------------------------------------------


def test_a_block_of_the_clock_from_power(play):
    async def scenario(hub):
        assert {r.quality for r in hub.published.values()} == {Quality.INVALID}
        await hub.read(1000)
        for _ in range(2):
            await hub.read(1000, 300)
        assert hub.published["current"] == Reading(pytest.approx(1000 * 10 / 15), hub.now(), unit="W")
        assert hub.published["last"].value is None
        await hub.read(1000, 300)
        assert hub.published["last"] == Reading(pytest.approx(1000), hub.now(), unit="W")
        assert hub.published["maximum/day"] == hub.published["maximum/month"] == hub.published["last"]
        top = hub.published["last"]
        for value in (500, 500, 500, 500):
            await hub.read(value, 300)
        assert hub.published["last"].value < 1000
        assert hub.published["maximum/day"] == top

    play(Demand, CONFIG, scenario, start=START)


def test_a_register_gives_the_same_and_in_another_size(play):
    async def scenario(hub):
        for count in range(8):
            await hub.read(100_000 + 250 * count, 0 if count == 0 else 300, unit="Wh")
        assert hub.published["last"].value == pytest.approx(3.0)
        assert hub.published["last"].unit == "kW"
        await hub.read(7, 300, unit="Wh")
        await hub.read(257, 300, unit="Wh")
        assert not hub.published["last"].good
        assert "its register went back" in str(hub.recorded[0].parameters)

    play(Demand, with_(unit="kW"), scenario, start=START)


def test_a_sliding_window_moves_on_by_its_steps(play):
    async def scenario(hub):
        ends = []
        for value in (0, 0, 0, 3000, 3000, 3000, 3000):
            before = hub.published["last"]
            await hub.read(value, 300)
            if hub.published["last"] != before:
                ends.append(hub.published["last"])
        assert [reading.value for reading in ends if reading.good] == pytest.approx([500, 1500, 2500, 3000])

    play(Demand, with_(slides=3), scenario, start=START - timedelta(minutes=5))


def test_a_period_with_a_gap_or_a_late_beginning_gives_no_good_demand_and_no_maximum(play):
    async def scenario(hub):
        await hub.read(9000)
        for _ in range(4):
            await hub.read(9000, 200)
        assert hub.published["last"].quality == Quality.INVALID
        assert hub.published["maximum/day"].value is None
        await hub.read(9000, 700)
        await hub.read(9000, 300)
        assert hub.published["last"].quality == Quality.INVALID
        assert hub.published["maximum/month"].value is None
        assert [event.type.name for event in hub.recorded] == ["calculation-gap"]
        for _ in range(7):
            await hub.read(100, 300)
        assert hub.published["maximum/month"].good

    play(Demand, CONFIG, scenario, start=START + timedelta(minutes=2))


def test_a_gap_over_whole_periods_turns_the_last_demand_invalid(play):
    async def scenario(hub):
        await power(hub, [1000] * 5)
        assert hub.published["last"].good
        await hub.read(1000, 7200)
        await hub.read(1000, 60)
        assert hub.published["last"].quality == Quality.INVALID
        assert hub.published["maximum/day"].good

    play(Demand, CONFIG, scenario, start=START)


def test_while_the_input_is_stale_every_demand_is(play):
    async def scenario(hub):
        await power(hub, [1000] * 5)
        hub.give("m/p", hub.readings["m/p"].degraded(Quality.STALE))
        await hub.settle()
        assert {r.quality for r in hub.published.values() if r.value is not None} == {Quality.STALE}
        await hub.read(1000, 1)
        assert hub.published["last"].good

    play(Demand, CONFIG, scenario, start=START)


def test_maxima_change_with_local_days_and_months(play):
    async def scenario(hub):
        for value in [400] * 12 + [100] * 4:  # 23:00 to 00:00 local time, and 20 minutes of April
            await hub.read(value, 300)
        published = hub.published
        assert published["maximum/previous-day"].value == published["maximum/previous-month"].value == 400
        assert moment(published["maximum/previous-month"].time).astimezone(WARSAW).month in (3, 4)
        assert published["maximum/day"].value < 300
        assert published["maximum/day"].time == nanoseconds(datetime(2026, 4, 1, 0, 15, tzinfo=WARSAW))

    play(Demand, CONFIG, scenario, start=datetime(2026, 3, 31, 22, 55, tzinfo=WARSAW))


def test_a_period_that_ends_at_midnight_belongs_to_the_day_before(play):
    async def scenario(hub):
        for _ in range(4):
            await hub.read(400, 300)
        assert hub.published["maximum/day"].time == nanoseconds(datetime(2026, 4, 1, tzinfo=WARSAW))
        assert hub._service._state.month.label == "2026-03"

    play(Demand, CONFIG, scenario, start=datetime(2026, 3, 31, 23, 40, tzinfo=WARSAW))


def test_everything_stays_over_a_restart_in_the_middle_of_a_period(play, tmp_path):
    async def first(hub):
        await power(hub, [1000] * 5)

    async def second(hub):
        assert hub.published["maximum/month"].value == pytest.approx(1000)
        await hub.read(2000, 300)
        await hub.read(2000, 300)
        assert hub.published["last"].good
        assert hub.published["last"].value == pytest.approx(1500)
        assert hub.published["maximum/month"].value == pytest.approx(1500)

    play(Demand, CONFIG, first, start=START, directory=tmp_path)
    play(Demand, CONFIG, second, start=START + timedelta(minutes=20), directory=tmp_path)


@pytest.mark.parametrize("jump", [timedelta(hours=-5), timedelta(days=400), timedelta(days=-400)])
def test_a_source_clock_that_jumps_gives_no_false_demand(play, jump):
    async def scenario(hub):
        for value in [1000] * 6:
            await hub.read(value, 300)
        hub.set_clock(moment(hub.now()) + jump)
        for value in [1000] * 8:
            await hub.read(value, 300)
        good = [r.value for name, r in hub.history if name.startswith(("last", "max")) and r.good]
        assert good == pytest.approx([1000] * len(good))
        assert hub.published["last"].good

    play(Demand, CONFIG, scenario, start=START)


def test_the_maxima_are_reset_by_command(play):
    async def scenario(hub):
        await power(hub, [1000] * 5)
        await hub._service.reset()
        assert hub.published["maximum/day"].value is None
        assert hub.published["last"].good
        (event,) = hub.recorded
        assert event.type.sentence(event.parameters).endswith("were reset: day 1000.0 W, month 1000.0 W")
        for _ in range(3):
            await hub.read(400, 300)
        assert hub.published["maximum/month"].value < 1000

    play(Demand, CONFIG, scenario, start=START)


def test_settings_and_units_that_make_no_demand(play):
    async def wrong(hub):
        await hub.read(5, unit="V")

    with pytest.raises(ConfigError, match="m/p counts in V, which gives no demand in W"):
        play(Demand, CONFIG, wrong, start=START)
    for changes, sentence in (({"period": 7}, "divisor of 60"), ({"period": 1, "slides": 7}, "do not divide 1 min")):
        with pytest.raises(ValidationError, match=sentence):
            with_(**changes)
    with pytest.raises(ValidationError, match="'Europe/Atlantis' is no time zone"):
        with_(time_zone="Europe/Atlantis")
