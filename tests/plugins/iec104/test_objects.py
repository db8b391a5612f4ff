"""Values, qualities, time tags and deadbands, against decoders written apart from the codec."""

from __future__ import annotations

import math
import struct
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_iec104 import cp56
from meterhub_iec104.elements import KINDS
from meterhub_iec104.objects import InformationObject
from meterhub_iec104.push import Push
from meterhub_sdk import Clock, Quality, Reading, nanoseconds

FLOAT_MAX = 3.4028234663852886e38
GOOD = Quality.GOOD


def element(kind: str, *readings: Reading, factor: float = 1.0) -> bytes:
    names = tuple(f"p/{n}" for n in range(len(readings)))
    item = InformationObject(KINDS[kind], 1, names, push=Push(), factor=factor)
    for name, reading in zip(names, readings, strict=True):
        item.update(name, reading)
    return item.element


VALUES = [
    ("M_SP", True, 1.0, b"\1"),
    ("M_SP", 0, 1.0, b"\0"),
    ("M_SP", 17.5, 1.0, b"\1"),
    ("M_SP", None, 1.0, b"\xc0"),
    ("M_SP", math.nan, 1.0, b"\x80"),
    ("M_DP", True, 1.0, b"\2"),
    ("M_DP", False, 1.0, b"\1"),
    ("M_DP", None, 1.0, b"\xc0"),
    ("M_ST", -3, 1.0, b"\x7d\0"),
    ("M_ST", 64, 1.0, b"\x3f\1"),
    ("M_ME_NA", -1, 1.0, b"\0\x80\0"),
    ("M_ME_NA", 0.5, 1.0, b"\0\x40\0"),
    ("M_ME_NA", 1, 1.0, b"\xff\x7f\1"),
    ("M_ME_NB", 12.5, 10.0, b"\x7d\0\0"),
    ("M_ME_NB", 40000, 1.0, b"\xff\x7f\1"),
    ("M_ME_NB", -40000, 1.0, b"\0\x80\1"),
    ("M_ME_NC", 2, 0.25, struct.pack("<fB", 0.5, 0)),
    ("M_ME_NC", math.nan, 1.0, bytes(4) + b"\x80"),
    ("M_ME_NC", math.inf, 1.0, struct.pack("<fB", FLOAT_MAX, 1)),
    ("M_ME_NC", -(10**400), 1.0, struct.pack("<fB", -FLOAT_MAX, 1)),
    ("M_ME_NC", -(10**400), -2.0, struct.pack("<fB", FLOAT_MAX, 1)),
    ("M_ME_NC", "text", 1.0, bytes(4) + b"\xc0"),
    ("M_IT", 2**31 - 1, 1.0, struct.pack("<iB", 2**31 - 1, 0)),
    ("M_IT", 2**31, 1.0, struct.pack("<iB", 2**31 - 1, 0x80)),
    ("M_IT", 1_234_567, 0.001, struct.pack("<iB", 1235, 0)),
]


@pytest.mark.parametrize(("kind", "value", "factor", "octets"), VALUES)
def test_values_become_octets(kind, value, factor, octets):
    assert element(kind, Reading(value, 0), factor=factor) == octets


QUALITIES = [
    (GOOD, 0, 0, 0, 0),
    (Quality.SUBSTITUTED, 0, 0x20, 0x20, 0),
    (Quality.STALE, 0, 0x40, 0x40, 0x80),
    (Quality.INVALID, 0, 0x80, 0x80, 0x80),
    (GOOD, 1, 0x10, 0x10, 0),
    (GOOD, 2, 0x01, 0, 0x20),
    (Quality.STALE, 3, 0x51, 0x50, 0xA0),
]


@pytest.mark.parametrize(("quality", "flags", "measured", "status", "counter"), QUALITIES)
def test_qualities_become_bits(quality, flags, measured, status, counter):
    reading = Reading(0, 0, quality, flags=flags)
    for kind in KINDS.values():
        expected = counter if kind.counter else measured if kind.numeric else status
        given_bits = element(kind.name, reading)[-1]
        assert given_bits & ~1 == expected & ~1 if kind.name == "M_DP" else given_bits == expected


@pytest.mark.parametrize(("on", "off", "state"), [(0, 0, 0), (0, 1, 1), (1, 0, 2), (1, 1, 3)])
def test_two_contacts_make_a_double_point(on, off, state):
    assert element("M_DP", Reading(bool(on), 0), Reading(bool(off), 0)) == bytes((state,))
    assert element("M_DP", Reading(bool(on), 0, Quality.STALE), Reading(bool(off), 0, flags=1))[0] == state | 0x50
    assert element("M_DP", Reading(bool(on), 0), Reading.missing()) == b"\xc0"


def test_a_double_points_event_has_the_time_of_its_newest_contact():
    item = InformationObject(KINDS["M_DP"], 1, ("on", "off"), push=Push(), tag=cp56.Encoder().encode)
    time = nanoseconds(datetime(2026, 5, 4, tzinfo=UTC))
    item.update("on", Reading(True, time + 10**6))
    event = item.update("off", Reading(False, time))
    assert event is not None
    assert event[1][4:6] == b"\1\0"


@given(st.floats() | st.integers() | st.booleans() | st.none() | st.text(), st.integers(0, 3), st.integers(0, 3))
def test_no_reading_breaks_the_codec(value, quality, flags):
    for name, kind in KINDS.items():
        for factor in (1.0, -1e300, 1e-300):
            assert len(element(name, Reading(value, 0, quality, flags=flags), factor=factor)) == kind.size


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_short_floats_arrive_unchanged(value):
    assert struct.unpack("<fB", element("M_ME_NC", Reading(value, 0))) == (value, 0)


@given(st.integers(-(2**31), 2**31 - 1))
def test_counts_arrive_unchanged(value):
    assert struct.unpack("<iB", element("M_IT", Reading(value, 0))) == (value, 0)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31, 23, 59, 59)), st.booleans())
def test_times_survive_the_round_trip(when, invalid):
    time = nanoseconds(when.replace(tzinfo=UTC))
    octets = cp56.Encoder().encode(time, invalid)
    assert bool(octets[2] & 0x80) == invalid
    assert octets[4] >> 5 == when.isoweekday()
    assert cp56.decode(octets) == (None if invalid else time // 10**6 * 10**6)


@pytest.mark.parametrize("time", [0, -1, 4_102_444_800 * 10**9, 2**63, -(2**63), 10**40])
def test_times_outside_the_format_are_marked_invalid(time):
    assert cp56.Encoder().encode(time, False)[2] & 0x80


@given(st.binary(min_size=7, max_size=7))
def test_any_seven_octets_are_a_time_or_none(octets):
    time = cp56.decode(octets)
    assert time is None or time % 10**6 == 0


def test_summer_time_is_taken_off():
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


ABSOLUTE, PERCENT = Push("deadband", 0.3), Push("deadband", 10, relative=True)
DEADBANDS = [
    (ABSOLUTE, [1.1, 1.3, 1.39, 1.4, 1.2, 1.1], [1.1, 1.4, 1.1]),
    (ABSOLUTE, [0.0, 0.2, 0.4, 0.2, 0.0], [0.0, 0.4, 0.0]),
    (ABSOLUTE, [5.0, 5.0, 5.0], [5.0]),
    (PERCENT, [100.0, 109.9, 110.0, 120.9, 121.0], [100.0, 110.0, 121.0]),
    (PERCENT, [-100.0, -90.1, -90.0], [-100.0, -90.0]),
    (PERCENT, [0.0, 0.0, 1e-9, 0.0], [0.0, 1e-9, 0.0]),
    (Push("change"), [1.0, 1.0, 2.0, 2.0, 1.0], [1.0, 2.0, 1.0]),
    (Push("always"), [1.0, 1.0, 2.0], [1.0, 1.0, 2.0]),
    (Push("never"), [1.0, 2.0], []),
]


@pytest.mark.parametrize(("push", "values", "sent"), DEADBANDS)
def test_push_modes_and_the_edges_of_deadbands(push, values, sent):
    item = InformationObject(KINDS["M_ME_NC"], 1, ("p",), push=push)
    got = [event[1] for value in values if (event := item.update("p", Reading(value, 0))) is not None]
    assert [struct.unpack("<f", octets[3:7])[0] for octets in got] == pytest.approx(sent)


def test_deadbands_count_in_the_unit_sent():
    item = InformationObject(KINDS["M_ME_NC"], 1, ("p",), push=Push("deadband", 1), factor=0.001)
    sent = [value for value in (0, 999, 1000, 1999, 2000) if item.update("p", Reading(value, 0))]
    assert sent == [0, 1000, 2000]


def test_a_change_of_quality_is_always_sent_and_the_start_is_no_event():
    item = InformationObject(KINDS["M_ME_NC"], 1, ("p",), push=ABSOLUTE)
    assert item.update("p", Reading(1.0, 0), seed=True) is None
    steps = [(1.1, 0), (1.1, 2), (1.1, 2), (1.2, 3), (1.2, 0), (1.3, 0), (1.6, 0)]
    sent = [(v, q) for v, q in steps if item.update("p", Reading(v, 0, q)) is not None]
    assert sent == [(1.1, 2), (1.2, 3), (1.2, 0), (1.6, 0)]
