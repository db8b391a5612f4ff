"""Settings, batches, schedule and values of the client, without a socket."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_dlms.client import planner
from meterhub_dlms.client.mapped import MappedPoint
from meterhub_dlms.client.planner import Limits, plan, value_item
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


@given(st.integers(1, 200), st.integers(40, 3000), st.integers(60, 3000), st.integers(2, 300), st.booleans())
def test_batches_hold_everything_in_order_within_the_limits(count, request, answer, most, clock):
    items = [value_item(point) for point in POINTS[:count]]
    batches = plan(items, Limits(request, answer, most), clock=clock)
    found = [item for batch in batches for item in batch.items if item.point is not None]
    assert found == items
    for batch in batches:
        assert len(batch.request) <= request
        assert len(batch.items) <= most
        assert (batch.items[0].kind is planner.Kind.CLOCK) == clock
        decoded = ln.decode_get_request(bytes(batch.request))
        assert [*decoded.attributes] == [item.attribute for item in batch.items]


def test_a_thousand_values_are_one_request_where_the_meter_can():
    items = [value_item(POINTS[i % 200]) for i in range(1000)]
    assert len(plan(items, Limits(65535, 65535, 1001), clock=True)) == 1


def test_one_by_one_the_clock_comes_first():
    batches = plan([value_item(point) for point in POINTS[:3]], Limits(0, 0, 1), clock=True)
    assert [len(batch.items) for batch in batches] == [1] * 4
    assert batches[0].items[0].kind is planner.Kind.CLOCK


def batches_of(group):
    return [f"{group}-1", f"{group}-2"]


def test_fast_goes_before_normal_before_slow():
    schedule = Schedule({"slow": 100.0, "normal": 10.0, "fast": 1.0})
    schedule.restart(0.0)
    done = [schedule.next(0.0, batches_of) for _ in range(3)]
    assert [work[1] for work in done] == ["fast-1", "fast-2", "normal-1"]
    assert schedule.next(1.0, batches_of)[1] == "fast-1"
    rest = [schedule.next(1.1, batches_of) for _ in range(5)]
    assert [work and work[1] for work in rest] == ["fast-2", "normal-2", "slow-1", "slow-2", None]
    assert schedule.overruns == 0
    assert schedule.wait(1.5) == pytest.approx(0.5)


def test_a_poll_that_is_not_done_in_time_is_left_out_and_counted():
    schedule = Schedule({"fast": 1.0})
    schedule.restart(0.0)
    assert schedule.next(0.0, batches_of)[1] == "fast-1"
    assert schedule.next(1.2, batches_of)[1] == "fast-2"
    assert schedule.overruns == 1
    assert schedule.next(4.3, batches_of) is None
    assert schedule.overruns == 4
    assert schedule.next(5.0, batches_of)[1] == "fast-1"
    assert schedule.overruns == 4


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
