"""Settings of the mapping: what is refused and in which words, and the process image that they make."""

from __future__ import annotations

import pytest
from meterhub_iec104.asdu import header_of
from meterhub_iec104.elements import KINDS
from meterhub_iec104.mapping import stations_of
from meterhub_iec104.settings import Iec104Settings
from meterhub_sdk import Clock, Reading
from meterhub_sdk.config import references
from pydantic import ValidationError

ROW = {"type": "M_ME_NC", "point": "m/power", "ioa": 10}
TOTAL = {"type": "M_IT", "point": "m/energy", "ioa": 11}
SUMMER_NOON = 1_782_907_200 * 10**9
"""2026-07-01 12:00 UTC."""


def settings(*rows, group=None, **more) -> Iec104Settings:
    return Iec104Settings.model_validate({"groups": [{"label": "a", "rows": list(rows), **(group or {})}], **more})


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"ioa": 0}, "ioa"),
        ({"ioa": 2**24}, "ioa"),
        ({"type": "M_XX"}, "type"),
        ({"point": "no name"}, "point"),
        ({"second_point": "m/b"}, "IOA 10 (M_ME_NC m/power) has a data point 2, which only double points"),
        ({"type": "M_DP", "second_point": "m/power"}, "same data point 1 and 2"),
        ({"more_points": ["m/b"]}, "only packed single points (M_PS) have; leave them empty"),
        ({"type": "M_PS", "more_points": ["m/b", "m/b"]}, "data point m/b twice"),
        ({"type": "M_PS", "more_points": ["m/power"]}, "data point m/power twice"),
        ({"type": "M_PS", "more_points": [f"m/{n}" for n in range(16)]}, "at most 15"),
        *(
            ({"type": kind, **wrong}, "is a status, which has no deadband and scaling")
            for kind in ("M_SP", "M_DP", "M_BO", "M_PS")
            for wrong in ({"push": "deadband", "deadband": 1}, {"scaling": 2})
        ),
        ({"push": "deadband"}, "deadband 0; give one above 0 or choose change"),
        ({"deadband": 2.5}, "deadband 2.5, which only push mode deadband uses"),
        ({"push": "always", "deadband": 2}, "choose push mode deadband, or deadband 0"),
        ({"scaling": 0}, "scaling 0"),
        ({"scaling": float("nan")}, "scaling"),
    ],
)
def test_mappings_that_cannot_work_are_refused(wrong, sentence):
    with pytest.raises(ValidationError) as refused:
        settings({**ROW, **wrong})
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("rows", "group", "sentence"),
    [
        ([ROW], {"common_address": 0}, "common_address"),
        ([ROW], {"common_address": 65_535}, "common_address"),
        ([ROW], {"interrogation_group": 17}, "interrogation_group"),
        ([ROW, TOTAL], {"counter_group": 5}, "counter_group"),
        ([ROW], {"counter_group": 1}, "has a counter group and no row for it; add an integrated total (M_IT)"),
        ([TOTAL], {"interrogation_group": 1}, "has an interrogation group and no row for it"),
        ([TOTAL], {"background": 60}, "has a background scan and no row for it"),
        ([{**ROW, "type": "M_ST"}], {"periodic": 60}, "add a measured value (M_ME), or leave it out"),
        ([ROW], {"periodic": 0.2}, "has periodic transmission every 0.2 s; give at least 0.5 s, or 0 for never"),
        ([ROW], {"background": 0.1}, "has background scan every 0.1 s"),
        ([ROW, ROW], {}, "IOA 10 of common address 1 is used twice, by row 1 of group 'a' (M_ME_NC m/power)"),
    ],
)
def test_groups_that_cannot_work_are_refused(rows, group, sentence):
    with pytest.raises(ValidationError) as refused:
        settings(*rows, group=group)
    assert sentence in str(refused.value)


@pytest.mark.parametrize("zone", ["", "Europe/Nowhere", "../../etc/passwd", "/etc/localtime", "x" * 65])
def test_time_zones_that_do_not_exist_are_refused(zone):
    with pytest.raises(ValidationError, match="time_zone"):
        settings(ROW, time_zone=zone)


def test_an_object_address_may_come_again_under_another_common_address():
    config = Iec104Settings.model_validate(
        {
            "common_address": 5,
            "groups": [
                {"label": "a", "rows": [ROW]},
                {"label": "b", "common_address": 6, "rows": [ROW, TOTAL], "interrogation_group": 2, "counter_group": 4},
            ],
        }
    )
    stations = stations_of(config)
    assert {address: sorted(found.objects) for address, found in stations.by_address.items()} == {5: [10], 6: [10, 11]}
    assert (stations.by_address[6].groups, stations.by_address[6].counter_groups) == ({2}, {4})
    with pytest.raises(ValidationError, match="IOA 10 of common address 5 is used twice"):
        Iec104Settings.model_validate(
            {
                "common_address": 5,
                "groups": [{"label": "a", "rows": [ROW]}, {"label": "b", "common_address": 5, "rows": [ROW]}],
            }
        )


def test_the_servers_own_address_is_a_station_even_without_rows():
    config = settings(ROW, group={"common_address": 2})
    assert list(stations_of(config).by_address) == [1, 2]


def test_all_points_of_a_row_are_references_that_must_exist():
    config = settings({"type": "M_PS", "point": "m/a", "more_points": ["m/b", "m/c"], "ioa": 1})
    assert {found.value for found in references(config) if found.reference.kind == "point"} == {"m/a", "m/b", "m/c"}
    assert sorted(stations_of(config).points) == ["m/a", "m/b", "m/c"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_type_can_be_mapped_and_totals_are_not_spontaneous(kind):
    stations = stations_of(settings({"type": kind, "point": "m/x", "ioa": 1}))
    assert len(stations.update([("m/x", Reading(1, SUMMER_NOON))])) == (kind != "M_IT")


@pytest.mark.parametrize(
    ("more", "clock", "tag"),
    [
        ({}, Clock.VALID, "0000000c61071a"),
        ({}, Clock.UNKNOWN, "0000000c61071a"),
        ({"unknown_clock_invalid": True}, Clock.UNKNOWN, "0000800c61071a"),
        ({}, Clock.INVALID, "0000800c61071a"),
        ({"time_zone": "Europe/Warsaw"}, Clock.VALID, "0000008e61071a"),
        ({"time_tags": False}, Clock.VALID, ""),
    ],
)
def test_time_tags_follow_the_time_policy(more, clock, tag):
    ((common, octets),) = stations_of(settings(ROW, **more)).update(
        [("m/power", Reading(1.0, SUMMER_NOON, clock=clock))]
    )
    assert header_of(common) == (36 if tag else 13, 3, 1)
    assert octets[8:].hex() == tag
