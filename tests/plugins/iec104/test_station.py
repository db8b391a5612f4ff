"""The process image of several common addresses: interrogations of all and of groups, reads, what is silent."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_iec104.asdu import header_of, key
from meterhub_iec104.elements import KINDS
from meterhub_iec104.objects import InformationObject
from meterhub_iec104.push import Push
from meterhub_iec104.station import Station, Stations
from meterhub_sdk import Reading

TYPES = {kind.untagged: kind for kind in KINDS.values()}
MAX_ASDU = 249


def item(kind: str, ioa: int, name: str = "", address: int = 1, **more) -> InformationObject:
    names = (name or f"p/{ioa}",)
    return InformationObject(KINDS[kind], ioa, names, push=Push(), common_address=address, **more)


def split(asdu: bytes) -> tuple[int, int, int, int, list[tuple[int, bytes]]]:
    """Type, cause, originator, common address and objects, taken apart without the codec."""
    assert len(asdu) <= MAX_ASDU
    type_id, qualifier, cause, originator = asdu[:4]
    size, at, objects = TYPES[type_id].size, 6, []
    for number in range(qualifier & 0x7F):
        if qualifier & 0x80 and number:
            ioa = objects[-1][0] + 1
        else:
            ioa = int.from_bytes(asdu[at : at + 3], "little")
            at += 3
        objects.append((ioa, asdu[at : at + size]))
        at += size
    assert at == len(asdu)
    return type_id, cause, originator, int.from_bytes(asdu[4:6], "little"), objects


@given(
    st.dictionaries(
        st.integers(1, 400) | st.integers(1, 2**24 - 1),
        st.tuples(st.sampled_from(sorted(KINDS)), st.integers(0, 16)),
        max_size=300,
    ),
    st.integers(1, 65_534),
    st.integers(0, 255),
)
def test_interrogations_bring_every_object_once_and_groups_their_own(mapped, address, originator):
    objects = [
        item(kind, ioa, address=address, group=(group % 5 if kind == "M_IT" else group) or None)
        for ioa, (kind, group) in mapped.items()
    ]
    station = Station(address, objects)
    Stations([station]).update((each.names[0], Reading(1, 0)) for each in objects)
    procedures = [(station.interrogation, 20, False, range(17)), (station.counter_interrogation, 37, True, range(5))]
    for interrogate, general, counters, groups in procedures:
        for group in groups:
            wanted = {
                each.address: each.element
                for each in objects
                if each.kind.counter == counters and group in (0, each.group)
            }
            seen = Counter[int]()
            for asdu in interrogate(originator, group or None):
                type_id, cause, to, of, found = split(asdu)
                assert (cause, to, of) == (general + group, originator, address)
                for ioa, element in found:
                    assert (TYPES[type_id], element) == (station.objects[ioa].kind, wanted[ioa])
                    seen[ioa] += 1
            assert seen == dict.fromkeys(wanted, 1)


def test_groups_that_have_objects_are_known():
    station = Station(1, [item("M_SP", 1, group=3), item("M_SP", 2), item("M_IT", 3, group=2), item("M_IT", 4)])
    assert (station.groups, station.counter_groups) == ({3}, {2})
    assert list(station.interrogation(0, 2)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_read_answers_with_the_newest_value_without_time(kind):
    station = Station(7, [item(kind, 70_000, "p", 7)])
    Stations([station]).update([("p", Reading(1, 0))])
    element = station.objects[70_000].element
    assert split(station.read(70_000, 9)) == (KINDS[kind].untagged, 5, 9, 7, [(70_000, element)])
    with pytest.raises(KeyError):
        station.read(70_001, 9)


@given(st.integers(0, 255), st.integers(0, 63), st.integers(0, 65_535))
def test_a_key_packs_and_unpacks(type_id, cause, address):
    packed = key(type_id, cause, address)
    assert 0 <= packed < 2**32
    assert header_of(packed) == (type_id, cause, address)


def test_a_point_that_several_stations_show_makes_an_event_for_each():
    stations = Stations(Station(address, [item("M_SP", 5, "p", address)]) for address in (3, 1, 2))
    events = stations.update([("p", Reading(True, 0)), ("other", Reading(True, 0))])
    assert [header_of(common)[2] for common, _ in events] == [3, 1, 2]
    assert stations.points == ["p"]


def test_events_keep_the_order_given():
    stations = Stations([Station(1, [item("M_ME_NB", 1, "a"), item("M_ME_NB", 2, "b")])])
    values = [("a", 1), ("b", 2), ("a", 3), ("a", 4), ("b", 5)]
    events = stations.update((name, Reading(value, value)) for name, value in values)
    assert [octets[3] for _, octets in events] == [1, 2, 3, 4, 5]


def test_points_are_silent_until_they_have_a_value_or_their_device_is_declared_failed():
    stations = Stations([Station(1, [item("M_SP", 1, "a"), item("M_SP", 2, "b"), item("M_SP", 3, "c")])])
    stations.update((name, Reading.missing()) for name in "abc")
    assert stations.silent == 3
    stations.update([("a", Reading(0, 0)), ("b", Reading.missing(time=1))])
    assert stations.silent == 1
    stations.update([("c", Reading(False, 5))])
    assert stations.silent == 0
