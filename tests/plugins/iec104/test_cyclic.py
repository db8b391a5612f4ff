"""Periodic transmission and background scan, sans clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_iec104.asdu import Asdu, Cause
from meterhub_iec104.cyclic import Cyclic, Transmission
from meterhub_iec104.elements import KINDS
from meterhub_iec104.mapping import stations_of, transmissions_of
from meterhub_iec104.objects import InformationObject
from meterhub_iec104.push import Push
from meterhub_iec104.settings import Iec104Settings
from meterhub_sdk import Reading

ITEM = InformationObject(KINDS["M_ME_NB"], 1, ("p",), push=Push())
ROWS = [
    {"type": "M_ME_NC", "point": "m/power", "ioa": 1},
    {"type": "M_ME_ND", "point": "m/current", "ioa": 2},
    {"type": "M_SP", "point": "m/switch", "ioa": 3},
    {"type": "M_IT", "point": "m/energy", "ioa": 4},
]


def cyclic(*periods: float, now: float = 0.0) -> Cyclic:
    return Cyclic((Transmission(Cause.PERIODIC, n, period, (ITEM,)) for n, period in enumerate(periods, 1)), now)


def addresses(asdus: list[bytes]) -> list[int]:
    return [Asdu.parse(asdu).common_address for asdu in asdus]


def test_without_transmissions_nothing_is_ever_due():
    assert cyclic().deadline() is None
    assert Cyclic([Transmission(Cause.PERIODIC, 1, 5, ())], 0.0).deadline() is None


def test_each_transmission_keeps_its_own_rhythm():
    timer = cyclic(2, 3, now=100)
    due = []
    while (deadline := timer.deadline()) is not None and deadline <= 106:
        due.append((deadline, addresses(timer.take(deadline))))
    assert due == [(102, [1]), (103, [2]), (104, [1]), (106, [1, 2])]


def test_what_was_missed_is_sent_once_and_the_rhythm_stays():
    timer = cyclic(10)
    assert timer.take(9.9) == []
    assert len(timer.take(47)) == 1
    assert timer.take(47) == []
    assert timer.deadline() == 50


@given(st.floats(0.5, 86_400), st.lists(st.floats(0, 1e5), max_size=20))
def test_after_a_transmission_the_next_one_is_within_one_period(period, steps):
    timer, now = cyclic(period), 0.0
    for step in steps:
        now += step
        timer.take(now)
        deadline = timer.deadline()
        assert deadline is not None
        assert now < deadline <= now + period * (1 + 1e-9)


@pytest.mark.parametrize(
    ("settings", "sent"),
    [
        ({"periodic": 5}, [(13, 1, [1]), (21, 1, [2])]),
        ({"background": 5}, [(1, 2, [3]), (13, 2, [1]), (21, 2, [2])]),
        ({"common_address": 9, "periodic": 5, "background": 9}, [(13, 1, [1]), (21, 1, [2])]),
    ],
)
def test_groups_are_sent_with_their_cause_and_the_newest_values(settings, sent):
    config = Iec104Settings.model_validate({"groups": [{"label": "g", "rows": ROWS, **settings}]})
    stations = stations_of(config)
    timer = Cyclic(transmissions_of(config, stations), 0.0)
    stations.update([("m/power", Reading(2.5, 1)), ("m/current", Reading(0.5, 1)), ("m/switch", Reading(True, 1))])
    asdus = [Asdu.parse(octets) for octets in timer.take(5.0)]
    assert [(asdu.type_id, asdu.cause, [asdu.object_address]) for asdu in asdus] == sent
    assert {asdu.common_address for asdu in asdus} == {settings.get("common_address", 1)}
    power = next(asdu for asdu in asdus if asdu.type_id == 13)
    assert power.element == b"\0\0\x20\x40\0"
