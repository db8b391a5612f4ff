"""What the sections say about each other: missing points, things taken twice, circles."""

from __future__ import annotations

import pytest
from meterhub_sdk import Point, Thing
from meterhub_sdk.checking import Need

from meterhub.config.claims import cross_check
from meterhub.config.document import Claims


def claims(offers=(), points=(), **exclusive):
    needs = [Need(["rows", place, "point"], "point", name, False) for place, name in enumerate(points)]
    needs += [Need([kind], kind, value, True) for kind, value in exclusive.items()]
    return Claims(digest="d", points=[Point(name=name) for name in offers], needs=needs)


def check(sections, synthesizers=frozenset(), existing=frozenset()):
    faults = cross_check(sections, frozenset(synthesizers), existing=frozenset(existing))
    return [(".".join(map(str, fault.path)), fault.message) for fault in faults]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("meter/energy", None),
        ("meter/*", None),
        ("**", None),
        ("found/at-run-time", None),
        ("meter/power", "there is no point meter/power"),
        ("other/energy", "there is no point other/energy; no service 'other' is configured"),
        ("other/*", "no point matches other/*"),
        ("meter/*/deep", "no point matches meter/*/deep"),
    ],
)
def test_a_reference_to_a_missing_point_is_told_at_its_field(wanted, said) -> None:
    sections = {"meter": claims(["energy"]), "server": claims(points=["meter/energy", wanted])}
    want = [] if said is None else [("server.rows.1.point", said)]
    assert check(sections, existing={"found/at-run-time"}) == want


def test_two_services_on_one_port_are_told_where_the_other_is() -> None:
    sections = {"a": claims(tcp=502), "b": claims(tcp=502), "c": claims(tcp=503), "d": claims(udp=502)}
    assert check(sections) == [("b.tcp", "TCP port 502 is already taken by a.tcp; choose another one")]


def test_one_service_cannot_take_a_port_twice() -> None:
    twice = Claims(digest="d", needs=[Need(["one"], "tcp", 502, True), Need(["two"], "tcp", 502, True)])
    assert check({"a": twice}) == [("a.two", "TCP port 502 is already taken by a.one; choose another one")]


def test_a_serial_port_is_offered_once_and_may_be_named_by_all() -> None:
    offers = Claims(digest="d", things=[Thing(kind="serial", name="com1", definition={})])
    names = Claims(digest="d", needs=[Need(["port"], "serial", "com1", False)])
    assert check({"serial": offers, "a": names, "b": names}) == []
    assert check({"a": names}) == [("a.port", "there is no serial port 'com1' (none is configured)")]
    again = check({"serial": offers, "serial@2": offers})
    assert again == [("serial@2", "serial offers the serial port 'com1' already; rename one")]


@pytest.mark.parametrize(
    ("uses", "circle"),
    [
        ({"a": ["b/x"], "b": ["c/x"], "c": ["meter/x"]}, False),
        ({"a": ["a/x"]}, True),
        ({"a": ["b/x"], "b": ["a/x"]}, True),
        ({"a": ["b/x"], "b": ["c/x"], "c": ["a/x"]}, True),
        ({"a": ["b/x", "c/x"], "b": ["d/x"], "c": ["d/x"], "d": ["meter/x"]}, False),
        ({"a": ["b/x"], "b": ["c/x"], "c": ["b/x"]}, True),
    ],
)
def test_a_synthesizer_must_not_compute_from_its_own_results(uses, circle) -> None:
    sections = {name: claims(["x"], points) for name, points in uses.items()} | {"meter": claims(["x"])}
    faults = check(sections, synthesizers=uses.keys())
    assert bool(faults) == circle
    assert all("take the circle apart" in message for _, message in faults)


def test_a_circle_through_a_device_is_no_fault() -> None:
    sections = {"a": claims(["x"], ["driver/x"]), "driver": claims(["x"], ["a/x"])}
    assert check(sections, synthesizers={"a"}) == []


def test_all_faults_are_told_at_once() -> None:
    sections = {"a": claims(["x"], ["a/x", "b/y"], tcp=1), "b": claims(points=["c/z"], tcp=1)}
    assert {path for path, _ in check(sections, synthesizers={"a"})} == {
        "a.rows.1.point",
        "b.rows.0.point",
        "b.tcp",
        "a",
    }
