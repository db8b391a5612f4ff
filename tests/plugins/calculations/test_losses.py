"""Losses: two-line tests of the arithmetic, and the service with a fake hub."""

from __future__ import annotations

import pytest
from meterhub_calculations import meterhub_services
from meterhub_calculations.losses import LossConfig, Losses
from meterhub_sdk import ConfigError, Quality, Reading
from pydantic import ValidationError

CONFIG = LossConfig(incoming="in/energy", outgoing=["out/a", "out/b"])


def compute(sent, *used):
    now = dict(zip(("in/energy", "out/a", "out/b"), (sent, *used), strict=False))
    return Losses(None, LossConfig(incoming="in/energy", outgoing=list(now)[1:])).compute(now)


def wh(value, time=5, **more):
    return Reading(value, time, unit="Wh", **more)


def test_losses_are_incoming_less_outgoing():
    assert compute(wh(1000), wh(900), wh(50))["energy"] == wh(50)
    assert compute(wh(1000), wh(900), wh(50))["share"] == Reading(5, 5, unit="%")


def test_results_carry_the_oldest_time_and_the_worst_quality():
    result = compute(wh(10, 8), wh(4, 3, quality=int(Quality.SUBSTITUTED)), wh(4, 9, quality=int(Quality.STALE)))
    assert {(reading.time, reading.quality) for reading in result.values()} == {(3, Quality.STALE)}


def test_without_a_value_of_every_input_the_results_are_invalid():
    for inputs in ((Reading.missing(), wh(1)), (wh(1), Reading.missing()), (Reading.missing("kWh"), Reading.missing())):
        assert {(r.value, r.quality, r.unit) for r in compute(*inputs).values()} == {
            (None, Quality.INVALID, "Wh"),
            (None, Quality.INVALID, "%"),
        }


def test_a_share_of_nothing_is_invalid():
    result = compute(wh(0), wh(0))
    assert (result["energy"].value, result["share"].value, result["share"].quality) == (0, None, Quality.INVALID)


@pytest.mark.parametrize(
    ("units", "sentence"),
    [
        (("kWh", "Wh"), "in/energy counts in kWh and out/a in Wh; all inputs must count in Wh"),
        (("Wh", "kWh"), "out/a counts in kWh and in/energy in Wh; all inputs must count in Wh"),
        (("Wh", ""), "out/a counts in no unit and in/energy in Wh; all inputs must count in Wh"),
        (("kWh", "kWh"), "in/energy counts in kWh; all inputs must count in Wh"),
    ],
)
def test_another_unit_waits_for_the_administrator_and_names_the_points(units, sentence):
    with pytest.raises(ConfigError) as caught:
        compute(*(Reading(1, 1, unit=unit) for unit in units))
    assert str(caught.value) == sentence


async def test_the_service_publishes_when_an_input_changes(fake_hub):
    (offered,) = (service for service in meterhub_services() if service.name == "losses")
    async with fake_hub.running(offered(fake_hub, CONFIG)):
        assert fake_hub.published["energy"].quality == Quality.INVALID
        fake_hub.give("in/energy", 200, unit="Wh")
        fake_hub.give("out/a", 90, unit="Wh")
        fake_hub.give("out/b", 100, unit="Wh")
        await fake_hub.settle()
        assert (fake_hub.published["energy"].value, fake_hub.published["share"].value) == (10, 5)
        fake_hub.give("in/energy", 210, unit="Wh", quality=Quality.STALE)
        await fake_hub.settle()
        assert (fake_hub.published["energy"].value, fake_hub.published["energy"].quality) == (20, Quality.STALE)


async def test_a_wrong_unit_turns_the_results_invalid_before_the_service_waits(fake_hub):
    fake_hub.give("in/energy", 1, unit="kWh")
    service = Losses(fake_hub, CONFIG)
    fake_hub.declared.update({point.name: point for point in service.points()})
    with pytest.raises(ConfigError, match="in/energy counts in kWh"):
        await service.run()
    assert {reading.quality for reading in fake_hub.published.values()} == {Quality.INVALID}


def test_its_points_carry_units_and_settings_need_an_outgoing_meter():
    assert {point.name: point.unit for point in Losses(None, CONFIG).points()} == {"energy": "Wh", "share": "%"}
    with pytest.raises(ValidationError, match="outgoing"):
        LossConfig(incoming="a/b", outgoing=[])
