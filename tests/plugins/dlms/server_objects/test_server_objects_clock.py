"""The clock object, and setting it where the settings allow it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from meterhub_dlms.codec import axdr, cosem_time
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.ln_action import ActionResult
from meterhub_dlms.codec.xdlms import AccessResult
from meterhub_dlms.server.objects.date_patterns import NEVER
from meterhub_sdk import Clock, nanoseconds

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
NAME = "0-0:1.0.0*255"
POLAND = {"offset": 60, "daylight_saving": "European Union"}
SETTABLE = {**POLAND, "settable": True}


def at(when, deviation=0):
    return Data(axdr.OCTET_STRING, cosem_time.encode(nanoseconds(when), deviation=deviation))


def test_the_clock_shows_local_time_and_its_rules(play):
    async def scenario(meter):
        assert [meter.value(NAME, number) for number in (3, 4, 7, 8, 9)] == [-60, 0, 60, True, 1]
        assert meter.value(NAME).hex() == "07ea0105010d000000ffc400"
        assert [meter.value(NAME, number).hex() for number in (5, 6)] == [
            "ffff03fe0702000000800000",
            "ffff0afe0703000000800000",
        ]
        await meter.until(datetime(2026, 7, 1, 10, tzinfo=UTC))
        assert meter.value(NAME)[5:8].hex() == "0c0000"
        assert meter.value(NAME)[9:].hex() == "ff8880"

    play(scenario, clock=POLAND)


@pytest.mark.parametrize(("validity", "status"), [(Clock.VALID, 0), (Clock.UNKNOWN, 2), (Clock.INVALID, 1)])
def test_the_clock_says_how_far_to_trust_it(play, validity, status):
    async def scenario(meter):
        meter.hub.clock = validity
        assert (meter.value(NAME, 4), meter.value(NAME)[11]) == (status, status)

    play(scenario)


def test_the_machines_clock_cannot_be_set(play):
    async def scenario(meter):
        shown = meter.found(NAME)
        assert all(attribute.set is None for attribute in shown.attributes.values())
        assert shown.methods == {}

    play(scenario, clock=POLAND)


@pytest.mark.parametrize(
    ("data", "result", "hour"),
    [
        (at(NOON.replace(hour=15)), AccessResult.SUCCESS, 15),
        (at(NOON.replace(hour=15), -60), AccessResult.SUCCESS, 15),
        (Data(axdr.DATE_TIME, at(NOON.replace(hour=15)).value), AccessResult.SUCCESS, 15),
        (Data(axdr.OCTET_STRING, at(NOON.replace(hour=15)).value[:9] + b"\x80\x00\xff"), AccessResult.SUCCESS, 14),
        (at(datetime(1999, 1, 1, tzinfo=UTC)), AccessResult.OTHER_REASON, 12),
        (Data(axdr.OCTET_STRING, NEVER), AccessResult.OTHER_REASON, 12),
        (Data(axdr.OCTET_STRING, b"\x07"), AccessResult.TYPE_UNMATCHED, 12),
        (Data(axdr.UINT32, 7), AccessResult.TYPE_UNMATCHED, 12),
    ],
)
def test_a_settable_clock_keeps_its_difference_over_a_restart(play, data, result, hour):
    async def set_it(meter):
        assert await meter.set(NAME, 2, data) is result
        assert meter.time(NAME, 2).hour == hour
        assert meter.hub.now() == nanoseconds(NOON)

    async def look(meter):
        assert meter.time(NAME, 2).hour == hour + 1

    play(set_it, clock=SETTABLE)
    play(look, start=NOON + timedelta(hours=1), clock=SETTABLE)


def test_other_clock_settings_make_a_set_clock_forget(play):
    async def set_it(meter):
        await meter.set(NAME, 2, at(NOON + timedelta(days=1)))

    async def look(meter):
        assert meter.time(NAME, 2) == NOON

    play(set_it, clock=SETTABLE)
    play(look, clock={**SETTABLE, "offset": 120})


@pytest.mark.parametrize(
    ("number", "data", "result"),
    [
        (3, Data(axdr.INT16, 300), AccessResult.SUCCESS),
        (3, Data(axdr.INT16, 900), AccessResult.OTHER_REASON),
        (3, Data(axdr.UINT16, 60), AccessResult.TYPE_UNMATCHED),
        (5, Data(axdr.OCTET_STRING, NEVER), AccessResult.SUCCESS),
        (5, Data(axdr.OCTET_STRING, NEVER[1:]), AccessResult.TYPE_UNMATCHED),
        (6, Data(axdr.OCTET_STRING, NEVER), AccessResult.SUCCESS),
        (6, Data(axdr.DATE_TIME, NEVER), AccessResult.TYPE_UNMATCHED),
        (7, Data(axdr.INT8, 30), AccessResult.SUCCESS),
        (7, Data(axdr.INT8, 121), AccessResult.OTHER_REASON),
        (7, Data(axdr.INT16, 30), AccessResult.TYPE_UNMATCHED),
        (8, Data(axdr.BOOLEAN, False), AccessResult.SUCCESS),
        (8, Data(axdr.UINT8, 0), AccessResult.TYPE_UNMATCHED),
    ],
)
def test_the_rules_of_a_settable_clock_are_set_and_kept(play, number, data, result):
    async def set_it(meter):
        before = meter.read(NAME, number)
        assert await meter.set(NAME, number, data) is result
        assert meter.read(NAME, number) == (data if result is AccessResult.SUCCESS else before)

    async def look(meter):
        assert (meter.read(NAME, number) == data) is (result is AccessResult.SUCCESS)

    play(set_it, clock=SETTABLE)
    play(look, clock=SETTABLE)


@pytest.mark.parametrize(
    ("method", "parameter", "result", "shown"),
    [
        (1, Data(axdr.INT8, 0), ActionResult.SUCCESS, (12, 15, 0)),
        (3, Data(axdr.INT8, 0), ActionResult.SUCCESS, (12, 9, 0)),
        (6, Data(axdr.INT16, -400), ActionResult.SUCCESS, (12, 2, 0)),
        (6, Data(axdr.INT16, 900), ActionResult.SUCCESS, (12, 23, 40)),
        (6, Data(axdr.INT16, 901), ActionResult.OTHER_REASON, (12, 8, 40)),
        (6, Data(axdr.INT32, 9), ActionResult.TYPE_UNMATCHED, (12, 8, 40)),
    ],
)
def test_a_settable_clock_is_adjusted(play, method, parameter, result, shown):
    async def scenario(meter):
        await asyncio.sleep(520)
        assert await meter.call(NAME, method, parameter) is result
        time = meter.time(NAME, 2)
        assert (time.hour, time.minute, time.second) == shown

    play(scenario, clock=SETTABLE)
