"""CP56Time2a in UTC and in local time, and when a time tag is marked invalid."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_iec104 import cp56
from meterhub_iec104.elements import KINDS
from meterhub_iec104.objects import InformationObject
from meterhub_iec104.push import Push
from meterhub_sdk import Clock, Reading, nanoseconds

ZONES = ["UTC", "Europe/Warsaw", "Europe/Dublin", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kathmandu"]
TIMES = st.datetimes(datetime(2000, 1, 2), datetime(2099, 12, 30)).map(lambda t: nanoseconds(t.replace(tzinfo=UTC)))


def fields(octets: bytes) -> tuple[datetime, bool, bool, int]:
    """Local time, summer time, invalid and day of week, read off the octets."""
    milliseconds = octets[0] | octets[1] << 8
    when = datetime(
        2000 + (octets[6] & 0x7F), octets[5] & 0x0F, octets[4] & 0x1F, octets[3] & 0x1F, octets[2] & 0x3F
    ) + timedelta(milliseconds=milliseconds)
    return when, bool(octets[3] & 0x80), bool(octets[2] & 0x80), octets[4] >> 5


@given(TIMES, st.booleans(), st.sampled_from(ZONES))
def test_a_time_tag_is_the_wall_clock_of_its_zone(time, invalid, zone):
    octets = cp56.Encoder(ZoneInfo(zone)).encode(time, invalid)
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time // 10**6)).astimezone(ZoneInfo(zone))
    when, summer, marked, weekday = fields(octets)
    assert when == local.replace(tzinfo=None)
    assert (marked, weekday) == (invalid, local.isoweekday())
    if zone not in ("Europe/Dublin", "UTC"):
        assert summer == bool(local.dst())


@given(TIMES, st.sampled_from(ZONES))
def test_times_survive_the_round_trip_also_in_the_hour_that_comes_twice(time, zone):
    encoder = cp56.Encoder(ZoneInfo(zone))
    for moment in (time, time + 1800 * 10**9, time):
        assert cp56.decode(encoder.encode(moment, False), ZoneInfo(zone)) == moment // 10**6 * 10**6
    assert cp56.decode(encoder.encode(time, True), ZoneInfo(zone)) is None


@pytest.mark.parametrize(
    ("zone", "when", "hour", "summer"),
    [
        ("UTC", datetime(2026, 7, 1, 12), 12, False),
        ("Europe/Warsaw", datetime(2026, 7, 1, 12), 14, True),
        ("Europe/Warsaw", datetime(2026, 1, 1, 12), 13, False),
        ("Europe/Warsaw", datetime(2026, 10, 25, 0, 30), 2, True),
        ("Europe/Warsaw", datetime(2026, 10, 25, 1, 30), 2, False),
        ("Europe/Warsaw", datetime(2026, 3, 29, 0, 59), 1, False),
        ("Europe/Warsaw", datetime(2026, 3, 29, 1, 0), 3, True),
        ("Europe/Dublin", datetime(2026, 7, 1, 12), 13, True),
        ("Europe/Dublin", datetime(2026, 1, 1, 12), 12, False),
    ],
)
def test_the_summer_time_bit_is_set_when_the_clock_is_ahead(zone, when, hour, summer):
    time = nanoseconds(when.replace(tzinfo=UTC))
    octets = cp56.Encoder(ZoneInfo(zone)).encode(time, False)
    assert (octets[3] & 0x1F, bool(octets[3] & 0x80)) == (hour, summer)
    assert cp56.decode(octets, ZoneInfo(zone)) == time


@pytest.mark.parametrize("zone", ["UTC", "Europe/Warsaw"])
@pytest.mark.parametrize("time", [0, -1, 4_102_444_800 * 10**9, 2**63, -(2**63), 10**40])
def test_times_outside_the_format_are_marked_invalid(time, zone):
    assert cp56.Encoder(ZoneInfo(zone)).encode(time, False)[2] & 0x80


@given(st.binary(min_size=7, max_size=7), st.sampled_from(ZONES))
def test_any_seven_octets_are_a_time_or_none(octets, zone):
    time = cp56.decode(octets, ZoneInfo(zone))
    assert time is None or time % 10**6 == 0


def test_summer_time_where_the_zone_has_none_is_taken_off():
    octets = cp56.Encoder().encode(nanoseconds(datetime(2026, 7, 1, 12, tzinfo=UTC)), False)
    summer = octets[:3] + bytes((octets[3] | 0x80,)) + octets[4:]
    assert cp56.decode(summer) == nanoseconds(datetime(2026, 7, 1, 11, tzinfo=UTC))


@pytest.mark.parametrize(
    ("clock", "doubtful", "invalid"),
    [
        (Clock.VALID, Clock.INVALID, False),
        (Clock.UNKNOWN, Clock.INVALID, False),
        (Clock.INVALID, Clock.INVALID, True),
        (Clock.VALID, Clock.UNKNOWN, False),
        (Clock.UNKNOWN, Clock.UNKNOWN, True),
    ],
)
def test_time_tags_of_doubtful_clocks_are_invalid(clock, doubtful, invalid):
    item = InformationObject(KINDS["M_SP"], 1, ("p",), push=Push(), tag=cp56.Encoder().encode, doubtful=doubtful)
    event = item.update("p", Reading(True, nanoseconds(datetime(2026, 1, 1, tzinfo=UTC)), clock=clock))
    assert event is not None
    assert bool(event[1][6] & 0x80) == invalid
