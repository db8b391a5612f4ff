"""Push modes, deadbands, and what makes an event of a reading."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_iec104 import cp56
from meterhub_iec104.asdu import header_of
from meterhub_iec104.elements import KINDS
from meterhub_iec104.objects import InformationObject
from meterhub_iec104.push import Push
from meterhub_sdk import Reading

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


def measured(push: Push, kind: str = "M_ME_NC", **more) -> InformationObject:
    return InformationObject(KINDS[kind], 1, ("p",), push=push, **more)


@pytest.mark.parametrize(("push", "values", "sent"), DEADBANDS)
def test_push_modes_and_the_edges_of_deadbands(push, values, sent):
    item = measured(push)
    got = [event[1] for value in values if (event := item.update("p", Reading(value, 0))) is not None]
    assert [struct.unpack("<f", octets[3:7])[0] for octets in got] == pytest.approx(sent)


@given(st.lists(st.floats(-1e6, 1e6), max_size=50), st.sampled_from(DEADBANDS), st.sampled_from(["M_ME_NB", "M_ME_NC"]))
def test_the_image_is_always_the_newest_value(values, deadband, kind):
    item, image = measured(deadband[0], kind), measured(Push(), kind)
    for value in values:
        item.update("p", Reading(value, 0))
        image.update("p", Reading(value, 0))
        assert item.element == image.element


def test_deadbands_count_in_the_unit_sent():
    item = measured(Push("deadband", 1), factor=0.001)
    sent = [value for value in (0, 999, 1000, 1999, 2000) if item.update("p", Reading(value, 0))]
    assert sent == [0, 1000, 2000]


@pytest.mark.parametrize(
    ("kind", "values", "sent"),
    [
        ("M_ME_NB", [12.1, 12.4, 12.6, 13.2], [12.1, 12.6]),
        ("M_ME_NA", [0.5, 0.50001, 0.50004], [0.5, 0.50004]),
        ("M_ME_NC", [230.1, 230.1000000001, 230.2], [230.1, 230.2]),
        ("M_SP", [1, 2, 0], [1, 0]),
        ("M_DP", [True, 2, False, 1, 0], [True, False, 0]),
    ],
)
def test_what_the_type_cannot_show_is_no_change(kind, values, sent):
    item = measured(Push("change"), kind)
    assert [value for value in values if item.update("p", Reading(value, 0)) is not None] == sent


def test_a_change_of_quality_is_always_sent_and_the_start_is_no_event():
    item = measured(ABSOLUTE)
    assert item.update("p", Reading(1.0, 0), seed=True) is None
    steps = [(1.1, 0), (1.1, 2), (1.1, 2), (1.2, 3), (1.2, 0), (1.3, 0), (1.6, 0)]
    sent = [(v, q) for v, q in steps if item.update("p", Reading(v, 0, q)) is not None]
    assert sent == [(1.1, 2), (1.2, 3), (1.2, 0), (1.6, 0)]


@pytest.mark.parametrize(
    ("push", "words"),
    [
        (Push("deadband", 2.5, relative=True), "push mode deadband 2.5 %, last sent: 1.0"),
        (Push("deadband", 0.1), "push mode deadband 0.1, last sent: 1.0"),
        (Push("never"), "push mode never, last sent: nothing"),
    ],
)
def test_an_object_tells_by_which_rule_it_sends(push, words):
    item = measured(push)
    item.update("p", Reading(1.0, 0))
    assert item.rule == words


def test_a_type_without_quality_sends_no_change_of_quality():
    item = measured(Push("change"), "M_ME_ND")
    item.update("p", Reading(0.5, 0))
    assert item.update("p", Reading(0.5, 0, 3)) is None


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("tagged", [True, False])
def test_events_carry_type_cause_address_and_time(kind, tagged):
    item = measured(Push("always"), kind.name, common_address=65_534, tag=cp56.Encoder().encode if tagged else None)
    event = item.update("p", Reading(1, 1_790_000_000 * 10**9))
    assert event is not None
    with_time = tagged and kind.tagged is not None
    assert header_of(event[0]) == (kind.tagged if with_time else kind.untagged, 3, 65_534)
    assert event[1][:3] == b"\1\0\0"
    assert event[1][3 : 3 + kind.size] == item.element
    assert len(event[1]) == 3 + kind.size + (7 if with_time else 0)


TYPES = {"M_SP": (1, 30), "M_DP": (3, 31), "M_ST": (5, 32), "M_BO": (7, 33), "M_ME_NA": (9, 34), "M_ME_NB": (11, 35)}
TYPES |= {"M_ME_NC": (13, 36), "M_IT": (15, 37), "M_PS": (20, None), "M_ME_ND": (21, None)}


def test_every_type_identification_of_the_standard_is_there():
    assert {name: (kind.untagged, kind.tagged) for name, kind in KINDS.items()} == TYPES
    assert {name for name, kind in KINDS.items() if kind.periodic} == {"M_ME_NA", "M_ME_NB", "M_ME_NC", "M_ME_ND"}
