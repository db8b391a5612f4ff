"""Settings, batches, schedule and values of the client, without a socket."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meterhub_dlms.client import ratios
from meterhub_dlms.client.cost import LOGICAL_NAMES, SHORT_NAMES, Link
from meterhub_dlms.client.mapped import MappedPoint
from meterhub_dlms.client.planner import Kind, Limits, Planner, value_item
from meterhub_dlms.client.schedule import Schedule
from meterhub_dlms.client.service import DlmsClient
from meterhub_dlms.client.settings import DlmsClientConfig, Mapping, Meter
from meterhub_dlms.client.values import ScalerUnit, ValueMismatch, scaler_unit, to_data, to_value
from meterhub_dlms.codec import axdr, ln
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.server.settings import DlmsServerConfig
from pydantic import ValidationError

METER = Meter(label="m", host="h", mappings=[])
POINTS = [MappedPoint(METER, Mapping(label=f"p{i}", logical_name=f"1-1:{i}.8.0*255")) for i in range(200)]
TCP = Link()
SIZES = st.sampled_from([3, 4, 6, 6, 6, 10, 18, 40])


ROOMY = Limits(65535, 65535, 1001)


def planner_of(limits=ROOMY, link=TCP, shape=LOGICAL_NAMES, clock=True):
    return Planner(shape, limits, link, clock)


@given(st.integers(1, 200), st.integers(40, 3000), st.integers(60, 3000), st.integers(2, 300), st.booleans())
def test_requests_hold_everything_in_order_within_the_limits(count, request, answer, most, clock):
    items = [value_item(point) for point in POINTS[:count]]
    plan = planner_of(Limits(request, answer, most), clock=clock).plan(items, in_order=True)
    assert [item for chunk in plan for item in chunk if item.point is not None] == items
    for chunk in plan:
        encoded = ln.encode_get_list([item.attribute for item in chunk])
        results = sum(item.size for item in chunk)
        assert len(encoded) == LOGICAL_NAMES.request_size(len(chunk)) <= request
        assert LOGICAL_NAMES.answer_size(len(chunk), results) <= answer
        assert len(chunk) <= most
        assert (chunk[0].kind is Kind.CLOCK) == clock


def test_a_thousand_values_are_one_request_where_the_meter_can():
    items = [value_item(POINTS[i % 200]) for i in range(1000)]
    assert len(planner_of().plan(items)) == 1


def test_one_by_one_the_clock_comes_first():
    plan = planner_of(Limits(0, 0, 1)).plan([value_item(point) for point in POINTS[:3]])
    assert [len(chunk) for chunk in plan] == [1] * 4
    assert plan[0][0].kind is Kind.CLOCK


def partitions(items):
    """Every way to split items into lists, whatever their order."""
    if not items:
        yield []
        return
    first, *rest = items
    for split in partitions(rest):
        yield [[first], *split]
        for at in range(len(split)):
            yield [*split[:at], [first, *split[at]], *split[at + 1 :]]


@settings(max_examples=40)
@given(
    st.lists(SIZES, min_size=1, max_size=7), st.sampled_from([(9600, 0.05), (9600, 0.0), (115_200, 0.02), (300, 0.1)]),
    st.sampled_from([(62, 128), (32, 32), (128, 128), (62, 62)]), st.sampled_from([LOGICAL_NAMES, SHORT_NAMES]),
    st.booleans(),
)  # fmt: skip
def test_no_split_into_lists_is_much_faster_than_the_planned_one(sizes, line, frames, shape, clock):
    link = Link(10 / line[0], line[1], 0.0, 3, *frames)
    planner = planner_of(Limits(400, 400, 40), link, shape, clock)
    items = [value_item(point)._replace(size=size) for point, size in zip(POINTS, sizes, strict=False)]
    plan = planner.plan(items)
    chosen = [[item for item in chunk if item.kind is not Kind.CLOCK] for chunk in plan]
    assert sorted(item.point.name for chunk in chosen for item in chunk) == sorted(item.point.name for item in items)
    best = min(planner.cost(split) for split in partitions(items))
    assert planner.cost(chosen) <= 1.05 * best


@settings(max_examples=60)
@given(
    st.integers(1, 60), st.sampled_from([(9600, 0.05), (9600, 0.0), (115_200, 0.02)]),
    st.sampled_from([(62, 128), (32, 32), (128, 128), (2030, 2030)]), st.sampled_from([LOGICAL_NAMES, SHORT_NAMES]),
)  # fmt: skip
def test_equal_values_are_split_in_the_best_way_there_is(count, line, frames, shape):
    """Of equal values only the lengths of the lists count, so all ways can be tried."""
    link = Link(10 / line[0], line[1], 0.0, 3, *frames)
    planner = planner_of(Limits(1024, 1024, 40), link, shape, clock=False)
    items = [value_item(point)._replace(size=6) for point in POINTS[:count]]
    best = [0.0]
    for number in range(1, count + 1):
        costs = (planner.cost([items[:length]]) + best[number - length] for length in range(1, min(number, 40) + 1))
        best.append(min(costs))
    assert planner.cost(planner.plan(items)) <= best[count] + 1e-9


@pytest.mark.parametrize(
    ("request_size", "answer_size", "seconds"),
    [
        (13, 9, (12 + 3 + 13 + 12 + 3 + 9) / 960 + 0.05),
        (4 + 10 * 20, 4 + 6 * 20, (12 + 12 + 10 + 3 + 204 + 12 + 3 + 124) / 960 + 2 * 0.05),
    ],
)
def test_an_exchange_costs_what_its_frames_take(request_size, answer_size, seconds):
    """Single values and a list of twenty with frames of 128 bytes, as in the trace of a real meter."""
    assert Link(1 / 960, 0.05, 0.0, 3, 128, 128).exchange(request_size, answer_size) == pytest.approx(seconds)


def batches_of(group):
    return lambda: [f"{group}-1", f"{group}-2"]


def taken(schedule, now, *, finish=True):
    """What a bus would do next."""
    urgent = schedule.urgent(now)
    if urgent is None:
        return None
    group, _ = urgent
    batch = schedule.take(group, batches_of(group))
    if finish:
        schedule.done(group)
    return batch


def test_fast_goes_before_normal_before_slow():
    schedule = Schedule({"slow": 100.0, "normal": 10.0, "fast": 1.0})
    schedule.restart(0.0)
    assert [taken(schedule, 0.0) for _ in range(3)] == ["fast-1", "fast-2", "normal-1"]
    assert schedule.urgent(0.5) == ("normal", 0.0)
    assert taken(schedule, 1.0) == "fast-1"
    assert [taken(schedule, 1.1) for _ in range(5)] == ["fast-2", "normal-2", "slow-1", "slow-2", None]
    assert schedule.overruns == {"fast": 0, "normal": 0, "slow": 0}
    assert schedule.wait(1.5) == pytest.approx(0.5)


def test_a_poll_that_is_not_done_in_time_is_left_out_and_counted():
    schedule = Schedule({"fast": 1.0})
    schedule.restart(0.0)
    assert taken(schedule, 0.0) == "fast-1"
    assert taken(schedule, 1.2, finish=False) == "fast-2"
    assert schedule.overruns == {"fast": 1}
    assert schedule.urgent(4.3) == ("fast", 0.0)
    assert schedule.overruns == {"fast": 4}
    assert schedule.done("fast")
    assert taken(schedule, 4.9) is None
    assert taken(schedule, 5.0) == "fast-1"
    assert schedule.overruns == {"fast": 4}


SCALED = [
    (axdr.UINT32, 1234567, 0, 1234567.0), (axdr.UINT16, 2301, -1, 230.1), (axdr.INT32, -12345, -3, -12.345),
    (axdr.UINT16, 15, 3, 15000.0), (axdr.UINT32, 3, -1, 0.3), (axdr.INT8, 7, -7, 7e-7), (axdr.FLOAT64, 1.5, 1, 15.0),
]  # fmt: skip


@pytest.mark.parametrize(("tag", "raw", "exponent", "value"), SCALED)
def test_scaling_is_exact(tag, raw, exponent, value):
    assert to_value(Data(tag, raw), "float", exponent) == value
    assert to_data(value, tag, exponent) == Data(tag, raw)


@given(st.integers(0, 2**32 - 1), st.integers(-9, 9))
def test_what_was_read_can_be_written_back(raw, exponent):
    value = to_value(Data(axdr.UINT32, raw), "float", exponent)
    assert to_data(value, axdr.UINT32, exponent) == Data(axdr.UINT32, raw)


@pytest.mark.parametrize(
    ("data", "wanted", "exponent"),
    [
        (Data(axdr.NULL, None), "float", 0), (Data(axdr.FLOAT64, float("nan")), "float", 0),
        (Data(axdr.FLOAT64, 1e300), "float", 100), (Data(axdr.OCTET_STRING, b"1"), "int", 0),
        (Data(axdr.UINT64, 2**63), "int", 2), (Data(axdr.UINT8, 5), "int", -1), (Data(axdr.BOOLEAN, True), "float", 0),
        (Data(axdr.ARRAY, []), "str", 0),
    ],
)  # fmt: skip
def test_values_that_suit_no_point_are_told(data, wanted, exponent):
    with pytest.raises(ValueMismatch):
        to_value(data, wanted, exponent)


@given(st.sampled_from([axdr.NULL, axdr.UINT8, axdr.FLOAT32, axdr.BOOLEAN, axdr.OCTET_STRING, axdr.ARRAY, 99]),
       st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()), st.integers(-128, 127))  # fmt: skip
def test_no_value_breaks_the_write(tag, value, exponent):
    try:
        to_data(value, tag, exponent)
    except ValueMismatch:
        pass


RATIOS = {"ct_ratio": 40, "vt_ratio": 150, "values": "secondary"}


@pytest.mark.parametrize(
    ("unit", "read", "published"),
    [("V", 57.7, 8655.0), ("A", 4.321, 172.84), ("Wh", 10, 60_000), ("W", -0.1, -600.0), ("Hz", 50.01, 50.01),
     ("V", True, True), ("V", "text", "text"), ("A", math.inf, math.inf)],
)  # fmt: skip
def test_secondary_values_are_published_once_scaled(unit, read, published):
    meter = Meter(label="m", host="h", mappings=[], **RATIOS)
    assert ratios.primary(meter, read, unit) == published
    assert ratios.secondary(meter, published, unit) == read
    assert ratios.primary(METER, read, unit) == read


def test_octets_that_are_no_text_are_shown_in_hex():
    assert to_value(Data(axdr.OCTET_STRING, b"\x00\xff"), "str", 0) == "00ff"
    assert to_value(Data(axdr.OCTET_STRING, b"LGZ5\x00"), "str", 0) == "LGZ5"
    assert to_value(Data(axdr.BIT_STRING, "0101"), "str", 0) == "0101"


def test_scaler_and_unit_are_a_structure_of_two():
    good = Data(axdr.STRUCTURE, [Data(axdr.INT8, -3), Data(axdr.ENUM, 30)])
    assert scaler_unit(good) == ScalerUnit(-3, "Wh")
    for bad in (Data(axdr.NULL, None), Data(axdr.STRUCTURE, []), Data(axdr.STRUCTURE, [Data(axdr.NULL, None)] * 2)):
        with pytest.raises(ValueMismatch):
            scaler_unit(bad)


SERVED = {"logical_name": "1-1:1.8.0*255", "point": "a/e"}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"clients": [{"address": 1}, {"address": 1}]}, "client address 1"),
        ({"clients": [{"authentication": "password"}]}, "no secret"),
        ({"objects": [SERVED, SERVED]}, "1-1:1.8.0"),
        ({"objects": [{**SERVED, "logical_name": "0-0:1.0.0*255"}]}, "already"),
        ({"objects": [{**SERVED, "unit": "parsec"}]}, "parsec"),
        ({"objects": [{**SERVED, "class_id": 1, "scaler": 1}]}, "class 1"),
        ({"objects": [{**SERVED, "data_type": "boolean", "scaler": 1}]}, "scaled"),
        ({"device_name": "with space"}, "device_name"),
    ],
)
def test_bad_settings_of_the_server_are_named(settings, said):
    with pytest.raises(ValidationError, match=said):
        DlmsServerConfig.model_validate(settings)


ROW = {"label": "e", "logical_name": "1-1:1.8.0*255"}
ON_BUS = {"label": "a", "transport": "serial", "serial_port": "bus", "mappings": []}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"meters": [{"label": "a", "host": "h", "mappings": []}] * 2}, "meter label 'a'"),
        ({"meters": [{"label": "a", "host": "h", "mappings": [ROW, ROW]}]}, "mapping label 'e'"),
        ({"meters": [{"label": "a", "host": "h", "mappings": [{**ROW, "label": "connected"}]}]}, "'connected'"),
        ({"meters": [{"label": "a", "host": "h", "authentication": "password", "mappings": []}]}, "no secret"),
        ({"meters": [{"label": "a", "host": "h", "mappings": [{**ROW, "logical_name": "1.8.0"}]}]}, "OBIS code"),
        ({"meters": [{"label": "a/b", "host": "h", "mappings": []}]}, "a/b"),
        ({"meters": [{"label": "a", "host": "h", "port": 0, "mappings": []}]}, "port"),
        ({"meters": [{"label": "a", "mappings": []}]}, "no host"),
        ({"meters": [{"label": "a", "transport": "serial", "mappings": []}]}, "no serial port"),
        ({"meters": [{"label": "a", "host": "h", "sign_on": "mode-e", "mappings": []}]}, "sign-on"),
        (
            {"meters": [{**ON_BUS, "physical_address": 17}, {**ON_BUS, "label": "b", "physical_address": 17}]},
            "same phys",
        ),
        ({"meters": [ON_BUS, {**ON_BUS, "label": "b", "physical_address": 17}]}, "'a' has no physical address"),
        ({"meters": [{**ON_BUS, "physical_address": 300, "address_bytes": 2}]}, "address length"),
        (
            {
                "meters": [
                    {**ON_BUS, "label": x, "physical_address": n, "turnaround_gap": n} for n, x in ((1, "a"), (2, "b"))
                ]
            },
            "turn-around gap",
        ),
        ({"meters": [{**ON_BUS, "security": "encrypted"}]}, "both keys"),
        ({"meters": [{**ON_BUS, "dedicated_key": True}]}, "security none"),
        ({"meters": [{**ON_BUS, "mappings": [{**ROW, "kind": "method"}]}]}, "make it writable"),
        ({"system_title": "0123"}, "system_title"),
    ],
)
def test_bad_settings_are_named(settings, said):
    with pytest.raises(ValidationError, match=said):
        DlmsClientConfig.model_validate(settings)


def test_points_are_a_function_of_the_settings():
    rows = [{**ROW, "unit": "Wh"}, {**ROW, "label": "s", "group": "slow", "type": "str", "writable": True}]
    meters = [
        {"label": "a", "host": "h", "mappings": rows},
        {"label": "b", "host": "h", "stale_after": 7, "mappings": rows},
    ]
    config = DlmsClientConfig.model_validate({"meters": meters})
    points = {point.name: point for point in DlmsClient(None, config).points()}
    assert list(points) == ["a/connected", "a/e", "a/s", "b/connected", "b/e", "b/s"]
    assert points["a/connected"].type == "bool"
    energy = points["a/e"]
    assert (energy.unit, energy.source, energy.stale_after, energy.writable) == ("Wh", "1-1:1.8.0*255", 30, False)
    assert (points["a/s"].stale_after, points["a/s"].type, points["a/s"].writable) == (259_200, "str", True)
    assert points["b/e"].stale_after == 7
