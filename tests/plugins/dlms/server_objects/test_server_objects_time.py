"""Local time and periods: daylight saving as the world has it, and clocks that jump."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_dlms.codec import axdr, cosem_time
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.server.objects.date_patterns import NEVER, check_date, date_pattern, in_year, matches
from meterhub_dlms.server.objects.local_clock import LocalClock, Zone, zone_of
from meterhub_dlms.server.objects.periods import Periods
from meterhub_dlms.server.time_settings import ClockSettings
from meterhub_sdk import Clock, moment, nanoseconds
from pydantic import ValidationError

SECOND = 1_000_000_000
NEW_YORK = {
    "offset": -300,
    "daylight_saving": "own rule",
    "begin": {"month": 3, "week": "second"},
    "end": {"month": 11, "week": "first"},
}
SYDNEY = {
    "offset": 600,
    "daylight_saving": "own rule",
    "begin": {"month": 10, "week": "first"},
    "end": {"month": 4, "week": "first", "hour": 3},
}
ZONES = [
    ("Europe/Warsaw", {"offset": 60, "daylight_saving": "European Union"}),
    ("Europe/Lisbon", {"daylight_saving": "European Union"}),
    ("Atlantic/Azores", {"offset": -60, "daylight_saving": "European Union"}),
    ("America/New_York", NEW_YORK),
    ("Australia/Sydney", SYDNEY),
    ("Asia/Kolkata", {"offset": 330}),
]
TIMES = st.integers(
    nanoseconds(datetime(2015, 1, 2, tzinfo=UTC)) // SECOND, nanoseconds(datetime(2037, 1, 1, tzinfo=UTC)) // SECOND
)


class FixedTime:
    """A clock that shows what it is set to."""

    def __init__(self, time=0):
        self.time = time

    def now(self):
        return self.time

    def validity(self):
        return Clock.VALID


def local_clock(settings):
    return LocalClock(FixedTime(), zone_of(ClockSettings.model_validate(settings)))


@pytest.mark.parametrize(("name", "settings"), ZONES)
def test_local_time_is_that_of_the_zone(name, settings):
    clock, zone = local_clock(settings), ZoneInfo(name)

    @given(TIMES)
    def check(seconds):
        time = seconds * SECOND
        expected = moment(time).astimezone(zone)
        assert clock.local(time) == expected.replace(tzinfo=None)
        deviation, daylight = clock.zone.at(time)
        assert (timedelta(minutes=-deviation), daylight) == (expected.utcoffset(), bool(expected.dst()))

    check()


@pytest.mark.parametrize(("name", "settings"), ZONES)
def test_days_begin_at_local_midnight(name, settings):
    clock, zone = local_clock(settings), ZoneInfo(name)

    @given(TIMES)
    def check(seconds):
        midnight = moment(seconds * SECOND).astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
        assert clock.period_start(seconds * SECOND, 86_400) == nanoseconds(midnight)

    check()


@pytest.mark.parametrize("settings", [settings for _, settings in ZONES])
def test_a_date_time_comes_back_as_it_went(settings):
    clock = local_clock(settings)

    @given(TIMES)
    def check(seconds):
        data = clock.date_time(seconds * SECOND, Clock.VALID)
        assert clock.told(data) == seconds * SECOND
        without_deviation = data.value[:9] + b"\x80\x00" + data.value[11:]
        assert clock.told(Data(axdr.OCTET_STRING, without_deviation)) == seconds * SECOND

    check()


@pytest.mark.parametrize("settings", [settings for _, settings in ZONES])
def test_periods_start_before_now_and_follow_each_other(settings):
    clock = local_clock(settings)

    @given(TIMES, st.sampled_from([60, 900, 1800, 3600, 7200, 21_600, 86_400]))
    def check(seconds, period):
        start = clock.period_start(seconds * SECOND, period)
        assert start <= seconds * SECOND < start + (period + 3600) * SECOND
        assert clock.period_start(start, period) == start
        assert clock.period_start(start - 1, period) < start

    check()


@pytest.mark.parametrize(
    ("pattern", "day", "found"),
    [
        (date_pattern(12, 25), datetime(2026, 12, 25), True),
        (date_pattern(12, 25), datetime(2026, 12, 26), False),
        (date_pattern(12, 25, year=2027), datetime(2026, 12, 25), False),
        (date_pattern(3, 0xFE, 7), datetime(2026, 3, 29), True),
        (date_pattern(3, 0xFE, 7), datetime(2026, 3, 22), False),
        (date_pattern(3, 0xFD, 7), datetime(2026, 3, 22), True),
        (date_pattern(2, 0xFE), datetime(2028, 2, 29), True),
        (date_pattern(2, 0xFD), datetime(2028, 2, 28), True),
        (date_pattern(0xFF, 0xFF, 6), datetime(2026, 11, 21), True),
        (date_pattern(0xFF, 0xFF, 6), datetime(2026, 11, 22), False),
        (date_pattern(0xFF, 1), datetime(2026, 7, 1), True),
        (date_pattern(11, 8, 7), datetime(2026, 11, 8), True),
        (date_pattern(11, 9, 7), datetime(2026, 11, 15), True),
        (date_pattern(11, 9, 7), datetime(2026, 11, 8), False),
        (date_pattern(11, 15, 7, 2026), datetime(2026, 11, 15), True),
    ],
)
def test_a_pattern_stands_for_some_days(pattern, day, found):
    assert matches(pattern, day.date()) is found


@pytest.mark.parametrize(
    "octets",
    [b"", bytes(5), date_pattern(13, 1), date_pattern(0xFE, 1), date_pattern(1, 32), date_pattern(1, 1, 8), bytes(6)],
)
def test_what_is_no_date_is_refused(octets):
    with pytest.raises(CodecError):
        check_date(octets)


@given(st.binary(min_size=12, max_size=12), st.integers(-5, 12_000))
def test_any_twelve_bytes_fall_somewhere_in_a_year_or_nowhere(octets, year):
    found = in_year(octets, year)
    assert found is None or found.year == year


@given(st.binary(min_size=12, max_size=12), st.binary(min_size=12, max_size=12), TIMES)
def test_any_rule_of_daylight_saving_gives_a_local_time(begin, end, seconds):
    clock = LocalClock(FixedTime(), Zone(-60, begin, end, 60, True))
    assert clock.told(clock.date_time(seconds * SECOND, Clock.VALID)) == seconds * SECOND


def test_without_a_rule_there_is_no_daylight_saving():
    assert Zone(-60, NEVER, NEVER, 60, True).at(nanoseconds(datetime(2026, 7, 1, tzinfo=UTC))) == (-60, False)


@pytest.mark.parametrize("octets", [b"", bytes(11), bytes(13)])
def test_what_is_no_date_time_is_refused(octets):
    with pytest.raises(CodecError):
        local_clock({}).told(Data(axdr.OCTET_STRING, octets))


def test_a_time_that_occurs_twice_is_the_one_that_its_status_says():
    clock = local_clock({"offset": 60, "daylight_saving": "European Union"})
    twice = cosem_time.encode(nanoseconds(datetime(2026, 10, 25, 2, 30, tzinfo=UTC)))[:9] + b"\x80\x00"
    hours = [moment(clock.told(Data(9, twice + bytes((status,))))).hour for status in (0x80, 0x00, 0xFF)]
    assert hours == [0, 1, 0]


@pytest.mark.parametrize(
    "settings",
    [
        {"daylight_saving": "own rule"},
        {"daylight_saving": "own rule", "begin": {"month": 3}},
        {"begin": {"month": 3}, "end": {"month": 10}},
        {"offset": 90, "daylight_saving": "European Union"},
        {"offset": -300, "daylight_saving": "European Union"},
        {"offset": 900},
    ],
)
def test_a_clock_that_cannot_be_is_refused(settings):
    with pytest.raises(ValidationError):
        ClockSettings.model_validate(settings)


STEPS = st.lists(
    st.tuples(
        st.integers(1, 40), st.sampled_from([0] * 8 + [-31_536_000, -4000, -700, -20, -2, 2, 20, 700, 4000, 31_536_000])
    ),
    max_size=120,
)


@given(STEPS, st.integers(0, 899), st.sampled_from([60, 300, 900]))
def test_every_period_ends_exactly_once_whatever_the_clock_does(steps, offset, period):
    """No end comes twice within a period of real time, what is odd is marked, and ends are never further apart than
    a period, to which each time that the clock is set adds less than another.
    """
    wall = FixedTime(nanoseconds(datetime(2026, 1, 5, 12, tzinfo=UTC)) + offset * SECOND)
    periods = Periods(LocalClock(wall, Zone()), period, None, 0.0)
    monotonic, ends, jumps = 0.0, [(0.0, None)], []
    periods.ended(0.0)
    for wait, jump in steps:
        for _ in range(wait):
            monotonic += period / 60
            wall.time += period * SECOND // 60
            end = periods.ended(monotonic)
            if end is not None:
                assert monotonic - ends[-1][0] <= (1 + len(jumps)) * period
                assert all(at <= monotonic - period for at, time in ends if time == end.time)
                assert end.time % (period * SECOND) == 0
                assert end.adjusted or not any(abs(jump) > 1 for jump in jumps)
                assert end.time <= wall.time
                ends.append((monotonic, end.time))
                jumps = []
        wall.time += jump * SECOND
        jumps += [jump] if jump else []
    assert monotonic - ends[-1][0] <= (1 + len(jumps)) * period


def test_an_end_that_was_missed_by_long_is_not_made_up():
    wall = FixedTime(nanoseconds(datetime(2026, 1, 5, 12, 14, tzinfo=UTC)))
    periods = Periods(LocalClock(wall, Zone()), 900, nanoseconds(datetime(2026, 1, 5, 11, tzinfo=UTC)), 0.0)
    assert periods.ended(0.0) is None
    wall.time += 60 * SECOND
    assert periods.ended(60.0) == (wall.time, False, True)
