"""Registers, extended registers, and what a device says about itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from meterhub_dlms.codec import axdr
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.ln_action import ActionResult
from meterhub_dlms.codec.xdlms import AccessResult
from meterhub_dlms.server.settings import DlmsServerConfig
from meterhub_sdk import Clock, NotDone, Quality, QualityFlag, Reading, nanoseconds
from pydantic import ValidationError

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
NAME = "1-0:1.6.0*255"
ROW = {"logical_name": NAME, "class_id": 4, "point": "a/max", "unit": "W", "writable": True}
SETUP, SAP = "0-0:22.0.0*255", "0-0:41.0.0*255"


def reading(value=1500, **more):
    return Reading(value, nanoseconds(NOON - timedelta(hours=3)), unit="W", **more)


@pytest.mark.parametrize(
    ("given", "value", "status", "clock_status"),
    [
        (reading(), 1500, 0, 0),
        (reading(quality=Quality.SUBSTITUTED), 1500, 1, 0),
        (reading(quality=Quality.STALE), AccessResult.TEMPORARY_FAILURE, 2, 0),
        (reading(quality=Quality.INVALID), AccessResult.TEMPORARY_FAILURE, 3, 0),
        (reading(flags=QualityFlag.BLOCKED), 1500, 4, 0),
        (reading(flags=QualityFlag.OVERFLOW), AccessResult.TEMPORARY_FAILURE, 8, 0),
        (reading(clock=Clock.UNKNOWN), 1500, 16, 2),
        (reading(clock=Clock.INVALID), 1500, 32, 1),
    ],
)
def test_an_extended_register_carries_the_quality_and_time_of_its_point(play, given, value, status, clock_status):
    async def scenario(meter):
        assert meter.value(NAME) == value
        assert [part.value for part in meter.value(NAME, 3)] == [0, 27]
        assert meter.read(NAME, 4) == Data(axdr.UINT8, status)
        assert meter.time(NAME, 5) == NOON - timedelta(hours=3)
        assert meter.value(NAME, 5)[11] == clock_status

    play(scenario, objects=[ROW], at_first={"a/max": given})


def test_an_extended_register_without_a_reading_has_nothing_to_tell(play):
    async def scenario(meter):
        assert [meter.value(NAME, number) for number in (2, 4, 5)] == [AccessResult.TEMPORARY_FAILURE] * 3

    play(scenario, objects=[ROW])


@pytest.mark.parametrize("class_id", [3, 4])
def test_a_reset_writes_zero_to_the_point(play, class_id):
    async def scenario(meter):
        assert await meter.call(NAME, 1) is ActionResult.SUCCESS
        assert meter.hub.writes == [("a/max", 0, "DLMS client 1 at 192.0.2.7")]
        meter.hub.refusals["a/max"] = "not now"
        assert await meter.call(NAME, 1) is ActionResult.READ_WRITE_DENIED

    play(scenario, objects=[{**ROW, "class_id": class_id}])


@pytest.mark.parametrize(("class_id", "writable"), [(1, True), (3, False), (4, False)])
def test_what_cannot_be_reset_has_no_such_method(play, class_id, writable):
    async def scenario(meter):
        assert meter.found(NAME).methods == {}

    play(scenario, objects=[{**ROW, "class_id": class_id, "writable": writable, "unit": ""}])


def test_a_write_of_which_nobody_knows_is_not_acknowledged(play, monkeypatch):
    async def scenario(meter):
        async def lost(name, value, *, reason, timeout=10.0):
            raise NotDone("the owner died")

        monkeypatch.setattr(meter.hub, "write", lost)
        assert await meter.set(NAME, 2, Data(axdr.UINT32, 5)) is AccessResult.OTHER_REASON

    play(scenario, objects=[ROW])


def test_the_sap_assignment_lists_the_logical_devices_of_its_meter(play):
    devices = [
        {"logical_device": 2, "device_name": "MHB2", "objects": [ROW]},
        {"logical_device": 3, "device_name": "MHB3", "physical_address": 99},
    ]

    async def scenario(meter):
        seen = [[tuple(p.value for p in row.value) for row in meter.value(SAP, 2, device)] for device in range(3)]
        assert seen == [[(1, b"MHB1"), (2, b"MHB2")], [(1, b"MHB1"), (2, b"MHB2")], [(3, b"MHB3")]]
        assert [device.name for device in meter.service.devices] == ["MHB1", "MHB2", "MHB3"]
        assert meter.value("0-0:42.0.0*255", 2, 1) == b"MHB2"

    play(scenario, device_name="MHB1", devices=devices)


def test_the_hdlc_setup_tells_the_parameters_of_the_link(play):
    async def scenario(meter):
        assert [meter.value(SETUP, number) for number in range(3, 10)] == [1, 1, 200, 62, 25, 60, 17]
        assert meter.value(SETUP, 2) is AccessResult.TEMPORARY_FAILURE
        for baud, number in ((300, 0), (9600, 5), (14_400, 5), (115_200, 9)):
            meter.service.devices[0].line_speed = baud
            assert meter.value(SETUP, 2) == number

    play(scenario, hdlc_port=4060, hdlc_max_transmit=200, hdlc_max_receive=62, hdlc_inactivity=60)


def test_there_is_no_hdlc_setup_without_hdlc_and_no_security_setup_without_keys(play):
    async def scenario(meter):
        assert len(meter.service.devices[0].objects) == 3

    play(scenario, clients=[{"address": 16}])


ENERGY = {"logical_name": "1-0:1.8.0*255", "point": "a/energy", "unit": "Wh"}
DEMAND = {"logical_name": "1-0:1.4.0*255", "point": "a/power", "unit": "W"}
DAY = {"day_id": 1, "switches": [{"time": "06:00", "tariff": 1}]}
CALENDAR = {"seasons": [{"name": "s", "week": "w"}], "weeks": [{"name": "w"}], "days": [DAY]}
SPECIAL = {"index": 1, "month": 1, "day": 1, "day_id": 2}
MASK = {"name": "m", "registers": [DEMAND["logical_name"]]}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"objects": [ENERGY], "demands": [{**DEMAND, "logical_name": "1-0:1.8.0*255"}]}, "given more than once"),
        ({"objects": [{**ENERGY, "logical_name": "0-0:43.0.0*255"}]}, "is there already"),
        ({"demands": [{**DEMAND, "period": 700}]}, "does not divide a day"),
        ({"demands": [{**DEMAND, "data_type": "boolean"}]}, "cannot hold an average"),
        ({"profiles": [{"columns": [{"logical_name": "1-0:1.8.0*255"}]}]}, "no object it can capture"),
        ({"profiles": [{"columns": [{"logical_name": "1-0:99.1.0*255"}]}]}, "no object it can capture"),
        ({"profiles": [{"columns": [{"logical_name": "0-0:1.0.0*255"}], "period": 7}]}, "does not divide a day"),
        ({"calendars": [{**CALENDAR, "seasons": [{"name": "s", "week": "x"}]}]}, "has week x"),
        ({"calendars": [{**CALENDAR, "days": [{**DAY, "day_id": 2}]}]}, "uses day 1"),
        ({"calendars": [{**CALENDAR, "special_days": [SPECIAL]}]}, "uses day 2"),
        ({"calendars": [{**CALENDAR, "days": [DAY, DAY]}]}, "a day twice"),
        ({"calendars": [{**CALENDAR, "days": [{**DAY, "switches": [{"time": "24:00", "tariff": 1}]}]}]}, "pattern"),
        ({"calendars": [{**CALENDAR, "tariff_point": "t"}, {**CALENDAR, "logical_name": "0-0:13.0.1*255",
          "special_days_name": "0-0:11.0.1*255", "tariff_point": "t"}]}, "each its own"),
        ({"activations": [{"masks": [MASK], "active": "m"}]}, "names register"),
        ({"activations": [{"masks": [MASK], "active": "n"}], "demands": [DEMAND]}, "no mask n"),
        ({"activations": [{"masks": [MASK, MASK], "active": "m"}], "demands": [DEMAND]}, "a mask twice"),
        ({"activations": [{"masks": [MASK], "active": "m", "calendar": "0-0:13.0.0*255"}], "demands": [DEMAND]},
         "names calendar"),
    ],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused_with_one_sentence(given, sentence):
    with pytest.raises(ValidationError, match=sentence):
        DlmsServerConfig.model_validate(given)


def test_a_profile_of_an_attribute_that_is_not_there_waits_for_the_administrator(play):
    async def scenario(meter):
        raise AssertionError("it must not run")

    columns = [{"logical_name": ENERGY["logical_name"], "attribute": 9}]
    with pytest.raises(Exception, match="attribute 9 of 1-0:1"):
        play(scenario, objects=[ENERGY], profiles=[{"columns": columns}])
