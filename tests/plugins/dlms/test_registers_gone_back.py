"""Registers of energy only count up; the meter may think otherwise."""

from __future__ import annotations

import pytest
from meterhub_dlms.client.meter_events import REGISTER_WENT_BACK

READ = {"label": "value", "group": "fast"}


def told(hub):
    return [event.parameters for event in hub.recorded if event.type is REGISTER_WENT_BACK]


async def shown(hub, meter_hub, until, value, unit="Wh"):
    meter_hub.give("a/value", value, unit=unit)
    await until(lambda: "m/value" in hub.published and hub.published["m/value"].value == value)


async def test_each_time_a_register_goes_back_is_told_once_and_the_value_kept_as_it_is(
    meter_hub, hub, serve, poll, until
):
    served = {"logical_name": "1-1:1.8.0*255", "point": "a/value", "unit": "Wh"}
    mapping = {**READ, "logical_name": "1-1:1.8.0*255"}
    ratios = {"values": "secondary", "ct_ratio": 40}
    meter_hub.give("a/value", 0, unit="Wh")
    async with serve(objects=[served]), poll(mapping, meter=ratios) as client:
        for value in (1000, 1001, 7, 8, 8, 3):
            meter_hub.give("a/value", value, unit="Wh")
            await until(
                lambda wanted=40 * value: "m/value" in hub.published and hub.published["m/value"].value == wanted
            )
        assert client.status().meters[0].registers_back == 2
        assert client.status().meters[0].state == "connected"
    assert told(hub) == [
        {"meter": "m", "mapping": "value", "old": 40_040, "new": 280, "unit": "Wh"},
        {"meter": "m", "mapping": "value", "old": 320, "new": 120, "unit": "Wh"},
    ]
    assert all(reading.quality == 0 for name, reading in hub.history if name == "m/value")


async def test_a_register_that_went_back_while_nobody_looked_is_told(meter_hub, hub, serve, poll, until):
    served = {"logical_name": "1-1:1.8.0*255", "point": "a/value", "unit": "Wh"}
    mapping = {**READ, "logical_name": "1-1:1.8.0*255"}
    async with serve(objects=[served]):
        meter_hub.give("a/value", 1000, unit="Wh")
        async with poll(mapping):
            await hub.until_published("m/value")
        await shown_after_restart(hub, meter_hub, poll, mapping, until)
    assert [(event["old"], event["new"]) for event in told(hub)] == [(1000, 5)]


async def shown_after_restart(hub, meter_hub, poll, mapping, until):
    for value, ratios in ((5, {}), (2, {"values": "secondary", "ct_ratio": 2})):
        meter_hub.give("a/value", value, unit="Wh")
        hub.published.pop("m/value")
        async with poll(mapping, meter=ratios):
            await hub.until_published("m/value")


@pytest.mark.parametrize(
    ("name", "unit", "class_id"),
    [
        ("1-1:32.7.0*255", "V", 3),
        ("1-1:16.8.0*255", "Wh", 3),
        ("1-1:1.9.0*255", "Wh", 3),
        ("1-1:1.8.0*255", "Wh", 4),
        ("1-1:1.7.0*255", "W", 3),
    ],
)
async def test_what_may_go_back_is_not_told(meter_hub, hub, serve, poll, until, name, unit, class_id):
    meter_hub.give("a/value", 0, unit=unit)
    served = {"logical_name": name, "point": "a/value", "unit": unit, "class_id": class_id}
    async with serve(objects=[served]), poll({**READ, "logical_name": name, "class_id": class_id}) as client:
        for value in (230, 12):
            await shown(hub, meter_hub, until, value, unit)
        assert client.status().meters[0].registers_back == 0
    assert told(hub) == []
