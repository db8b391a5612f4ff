"""A tariff calendar: weekdays, holidays, seasons, and the days on which the clock is put forward and back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_calculations.calendar_settings import CalendarConfig
from meterhub_calculations.tariff_calendar import TariffCalendar
from meterhub_sdk import moment, nanoseconds
from pydantic import ValidationError

WARSAW = ZoneInfo("Europe/Warsaw")
SECOND = 1_000_000_000
ALL = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
# a Polish distributor's tariff of three zones: holidays, Easter Monday and Corpus Christi among them, are off-peak
POLISH = {
    "time_zone": "Europe/Warsaw",
    "tariffs": ["morning", "afternoon", "rest"],
    "seasons": [{"label": "summer", "begins": "04-01"}, {"label": "winter", "begins": "10-01"}],
    "holidays": ["01-01", "01-06", "easter", "easter+1", "easter+49", "easter+60", "05-01", "12-25", "2018-11-12"],
    "tables": [
        {"days": ["sat", "sun", "holiday"], "switches": [{"at": "00:00", "tariff": "rest"}]},
        {
            "seasons": ["winter"],
            "days": ALL[:5],
            "switches": [
                {"at": "00:00", "tariff": "rest"},
                {"at": "07:00", "tariff": "morning"},
                {"at": "13:00", "tariff": "rest"},
                {"at": "16:00", "tariff": "afternoon"},
                {"at": "21:00", "tariff": "rest"},
            ],
        },
        {
            "seasons": ["summer"],
            "days": ALL[:5],
            "switches": [
                {"at": "00:00", "tariff": "rest"},
                {"at": "07:00", "tariff": "morning"},
                {"at": "13:00", "tariff": "rest"},
                {"at": "19:00", "tariff": "afternoon"},
                {"at": "22:00", "tariff": "rest"},
            ],
        },
    ],
}


def calendar(**changes):
    return TariffCalendar(CalendarConfig.model_validate({**POLISH, **changes}))


def switched(*times, zone="Europe/Warsaw", tariffs=("a", "b")):
    """Every day alike, the tariffs in turn."""
    switches = [{"at": at, "tariff": tariffs[n % len(tariffs)]} for n, at in enumerate(("00:00", *times))]
    tables = [{"days": ALL, "switches": switches}]
    return calendar(time_zone=zone, tariffs=list(tariffs), seasons=[], tables=tables)


def at(text):
    """Local time in Warsaw; a ``+`` behind it means the second time of an hour that comes twice."""
    return nanoseconds(datetime.fromisoformat(text.rstrip("+")).replace(tzinfo=WARSAW, fold=int(text.endswith("+"))))


@pytest.mark.parametrize(
    ("when", "tariff"),
    [
        ("2026-01-07 06:59:59", "rest"),
        ("2026-01-07 07:00", "morning"),
        ("2026-01-07 12:59:59", "morning"),
        ("2026-01-07 13:00", "rest"),
        ("2026-01-07 16:00", "afternoon"),
        ("2026-01-07 21:00", "rest"),
        ("2026-03-31 17:00", "afternoon"),  # the last day of winter
        ("2026-04-01 17:00", "rest"),
        ("2026-04-01 19:00", "afternoon"),
        ("2026-10-01 17:00", "afternoon"),
        ("2026-01-10 08:00", "rest"),  # a Saturday
        ("2026-01-06 08:00", "rest"),  # Epiphany, a Tuesday
        ("2026-04-06 08:00", "rest"),  # Easter Monday
        ("2027-03-29 08:00", "rest"),  # Easter Monday of another year
        ("2026-06-04 08:00", "rest"),  # Corpus Christi
        ("2026-06-05 08:00", "morning"),
        ("2018-11-12 08:00", "rest"),  # a holiday once
        ("2019-11-12 08:00", "morning"),
    ],
)
def test_season_weekday_and_holiday_decide(when, tariff):
    assert calendar().tariff(at(when)) == tariff


def test_a_holiday_is_its_weekday_where_no_table_names_holidays():
    tables = [{**POLISH["tables"][0], "days": ["sat", "sun"]}, *POLISH["tables"][1:]]
    assert calendar(tables=tables).tariff(at("2026-01-06 08:00")) == "morning"


def hours(calendar, day):
    """Seconds of each tariff of a local day in Warsaw."""
    start = at(f"{day}")
    end = at(f"{date.fromisoformat(day) + timedelta(days=1)}")
    total = {}
    for since, until, tariff in calendar.spans(start, end):
        total[tariff] = total.get(tariff, 0) + (until - since) / SECOND / 3600
    return total


@pytest.mark.parametrize(
    ("day", "times", "expected"),
    [
        ("2026-03-28", ("02:30", "06:00"), {"a": 20.5, "b": 3.5}),
        ("2026-03-29", ("02:30", "06:00"), {"a": 20.0, "b": 3.0}),  # 02:30 does not exist: from 03:00 on
        ("2026-03-29", ("02:10", "02:50"), {"a": 23.0}),  # the whole of it falls out
        ("2026-03-29", ("02:00", "03:00"), {"a": 23.0}),
        ("2026-10-25", ("02:30", "06:00"), {"a": 21.0, "b": 4.0}),  # from 02:30, back to 02:00, and from 02:30 again
        ("2026-10-25", ("02:00", "03:00"), {"a": 23.0, "b": 2.0}),  # the hour comes twice
        ("2026-10-25", ("03:00", "06:00"), {"a": 22.0, "b": 3.0}),
    ],
)
def test_on_the_days_of_summer_time_the_clock_on_the_wall_decides(day, times, expected):
    assert hours(switched(*times), day) == expected


def test_an_hour_that_comes_twice_has_its_tariff_twice():
    autumn = switched("02:30", "06:00")
    moments = ["2026-10-25 02:29", "2026-10-25 02:30", "2026-10-25 02:29+", "2026-10-25 02:30+", "2026-10-25 06:00"]
    assert [autumn.tariff(at(when)) for when in moments] == ["a", "b", "a", "b", "a"]


starts = st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1)).map(lambda t: nanoseconds(t.replace(tzinfo=UTC)))
zones = st.sampled_from(
    ["Europe/Warsaw", "America/New_York", "Australia/Lord_Howe", "Asia/Beirut", "Asia/Kolkata", "Africa/Casablanca"]
)
clocks = st.lists(st.times(), min_size=1, max_size=6).map(lambda ts: sorted({f"{t:%H:%M}" for t in ts} - {"00:00"}))


@given(starts, st.integers(1, 4 * 86_400), zones, clocks, st.data())
def test_spans_cover_the_time_and_within_one_the_tariff_never_changes(start, seconds, zone, times, data):
    every = switched(*times, zone=zone)
    end = start + seconds * SECOND
    spans = list(every.spans(start, end))
    assert [spans[0][0], *(until for _, until, _ in spans)] == [*(since for since, _, _ in spans), end]
    for since, until, tariff in spans:
        inside = data.draw(st.integers(since, until - 1))
        assert every.tariff(since) == every.tariff(inside) == every.tariff(until - 1) == tariff


@given(starts)
def test_an_easter_holiday_is_as_far_from_a_sunday_as_it_says(start):
    day = moment(start).date()
    one = calendar(holidays=["easter"])
    assert not one.holiday(day) or (day.weekday() == 6 and 3 <= day.month <= 4)
    assert calendar(holidays=["easter+1"]).holiday(day + timedelta(days=1)) == one.holiday(day)
    assert calendar(holidays=["easter-2"]).holiday(day - timedelta(days=2)) == one.holiday(day)


def table(**changes):
    return {**POLISH, "tables": [{**POLISH["tables"][1], "seasons": [], "days": ALL, **changes}]}


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({**POLISH, "tables": POLISH["tables"][:2]}, "no table says which tariffs apply on mon of the season summer"),
        (table(days=ALL[1:]), "apply on mon of the season summer; add one"),
        (table(seasons=["spring"]), "spring is none of the seasons; they are summer, winter"),
        (table(switches=[{"at": "00:00", "tariff": "x"}]), "x is none of the tariffs; they are morning"),
        (table(switches=[{"at": "07:00", "tariff": "rest"}]), "the first switch is at 07:00; the day begins at 00:00"),
        (table(switches=[{"at": "00:00", "tariff": "rest"}] * 2), "00:00 is not after the one before it"),
        (table(switches=[{"at": "24:00", "tariff": "rest"}]), "'24:00' is no time of a day"),
        ({**POLISH, "holidays": ["31-12"]}, "'31-12' is no holiday; give one such as 12-25"),
        ({**POLISH, "holidays": ["easter+"]}, "'easter\\+' is no holiday"),
        ({**POLISH, "seasons": [{"label": "s", "begins": "02-29"}]}, "'02-29' is no month and day"),
        ({**POLISH, "tariffs": ["rest", "rest"]}, "tariffs: a name stands there twice"),
        ({**POLISH, "time_zone": "../etc"}, "'../etc' is no time zone"),
    ],
)
def test_settings_that_leave_something_open_are_refused(settings, sentence):
    with pytest.raises(ValidationError, match=sentence):
        CalendarConfig.model_validate(settings)
