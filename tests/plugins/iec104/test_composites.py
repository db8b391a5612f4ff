"""Information objects of several points: double points from two contacts, packed single points."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_iec104 import cp56
from meterhub_iec104.asdu import Event
from meterhub_iec104.composite import PackedPoints
from meterhub_iec104.elements import KINDS
from meterhub_iec104.objects import InformationObject
from meterhub_iec104.push import Push
from meterhub_iec104.station import Station, Stations
from meterhub_sdk import Quality, Reading

NAMES = tuple(f"p/{n}" for n in range(16))
TIME = 1_789_999_980 * 10**9
"""A full minute."""


def double(**more) -> tuple[Stations, InformationObject]:
    item = InformationObject(KINDS["M_DP"], 1, ("on", "off"), push=Push(), **more)
    return Stations([Station(1, [item])]), item


def packed(count: int = 16, push: Push | None = None) -> tuple[Stations, InformationObject]:
    item = PackedPoints(KINDS["M_PS"], 1, NAMES[:count], push=push or Push())
    return Stations([Station(1, [item])]), item


def given_both(stations: Stations, on: Reading, off: Reading) -> list[Event]:
    return stations.update([("on", on), ("off", off)])


@pytest.mark.parametrize(("on", "off", "state"), [(0, 0, 0), (0, 1, 1), (1, 0, 2), (1, 1, 3)])
def test_two_contacts_make_a_double_point(on, off, state):
    stations, item = double()
    given_both(stations, Reading(bool(on), 0), Reading(off, 0))
    assert item.element == bytes((state,))
    given_both(stations, Reading(bool(on), 0, Quality.STALE), Reading(bool(off), 0, flags=1))
    assert item.element == bytes((state | 0x50,))


@pytest.mark.parametrize("unknown", [Reading.missing(), Reading(float("nan"), 5), Reading("x", 5)])
def test_a_double_point_with_a_contact_that_nobody_knows_is_invalid_and_not_topical(unknown):
    stations, item = double()
    given_both(stations, Reading(True, 0), unknown)
    assert item.element == b"\xc0"


def test_contacts_of_one_instant_make_no_state_in_between():
    stations, _ = double()
    stations.update([("on", Reading(False, 1)), ("off", Reading(True, 1))], seed=True)
    events = given_both(stations, Reading(True, 2), Reading(False, 2))
    assert [octets[3] for _, octets in events] == [2]


def test_contacts_of_different_instants_show_the_state_in_between():
    stations, _ = double()
    stations.update([("on", Reading(False, 1)), ("off", Reading(True, 1))], seed=True)
    events = stations.update([("off", Reading(False, 2)), ("on", Reading(True, 3)), ("other", Reading(1, 3))])
    assert [octets[3] for _, octets in events] == [0, 2]


def test_a_contact_that_changes_twice_in_one_instant_loses_nothing():
    stations, _ = double()
    stations.update([("on", Reading(False, 1)), ("off", Reading(False, 1))], seed=True)
    events = stations.update([("on", Reading(True, 2)), ("on", Reading(False, 2)), ("on", Reading(True, 2))])
    assert [octets[3] for _, octets in events] == [2, 0, 2]


def test_a_double_points_event_has_the_time_of_its_newest_contact():
    stations, _ = double(tag=cp56.Encoder().encode)
    events = given_both(stations, Reading(True, TIME + 10**6), Reading(False, TIME))
    assert events[-1][1][4:6] == b"\1\0"


def test_what_is_known_at_the_start_is_no_event():
    stations, item = packed(2)
    assert stations.update([("p/0", Reading(True, 1)), ("p/1", Reading(True, 1))], seed=True) == []
    assert item.element == bytes.fromhex("0300000000")
    (event,) = stations.update([("p/0", Reading(False, 2))])
    assert event[1][3:] == bytes.fromhex("0200010000")


def test_packed_points_are_invalid_until_all_are_known():
    stations, item = packed(2)
    assert item.element == bytes.fromhex("00000000c0")
    stations.update([("p/1", Reading(True, 1))])
    assert item.element == bytes.fromhex("0200000080")
    stations.update([("p/0", Reading(True, 1, Quality.STALE, flags=1))])
    assert item.element == bytes.fromhex("0300000050")


def test_a_change_of_quality_alone_marks_no_change_of_status():
    stations, _ = packed(1)
    stations.update([("p/0", Reading(True, 1))], seed=True)
    (event,) = stations.update([("p/0", Reading(True, 2, Quality.STALE))])
    assert event[1][3:] == bytes.fromhex("0100000040")


@given(st.lists(st.dictionaries(st.sampled_from(NAMES), st.booleans(), min_size=1), max_size=30))
def test_change_detection_tells_what_changed_since_the_event_before(batches):
    stations, item = packed()
    state = dict.fromkeys(NAMES, False)
    stations.update(((name, Reading(False, 0)) for name in NAMES), seed=True)
    reported = 0
    for time, batch in enumerate(batches, 1):
        events = stations.update((name, Reading(value, time)) for name, value in batch.items())
        state |= batch
        bits = sum(1 << n for n, name in enumerate(NAMES) if state[name])
        assert len(events) == (bits != reported)
        for _, octets in events:
            assert int.from_bytes(octets[3:5], "little") == bits
            assert int.from_bytes(octets[5:7], "little") == bits ^ reported
        reported = bits
        assert item.element == bits.to_bytes(2, "little") + bytes(3)
