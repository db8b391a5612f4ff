"""The plugin as a whole: what it declares fits together."""

from __future__ import annotations

from importlib import resources

import meterhub_calculations
import pytest
from meterhub_calculations.units import ratio, seconds_for_one
from meterhub_sdk import Synthesizer
from meterhub_sdk.declaration import read_plugin_toml
from meterhub_sdk.description import Plugin

PLUGIN = Plugin("meterhub-calculations", [meterhub_calculations])


def test_every_service_is_a_synthesizer_with_a_feature_of_its_own():
    description = PLUGIN.describe()
    assert {service.kind for service in description.services} == {"synthesizer"}
    assert all(issubclass(service, Synthesizer) for service in PLUGIN.services.values())
    declared = read_plugin_toml(resources.files(meterhub_calculations).joinpath("plugin.toml").read_bytes())
    assert sorted(declared.features) == sorted(service.feature for service in description.services)
    assert all(service.description for service in description.services)


@pytest.mark.parametrize(
    ("rate", "amount", "seconds"),
    [
        ("W", "Wh", 3600),
        ("kW", "Wh", 3.6),
        ("W", "kWh", 3.6e6),
        ("var", "Mvarh", 3.6e9),
        ("A", "Ah", 3600),
        ("", "h", 3600),
        ("l/min", "l", 60),
        ("m3/h", "m3", 3600),
        ("°C/s", "°C", 1),
        ("W", "varh", None),
        ("W", "W", None),
        ("kg", "g", None),
    ],
)
def test_rates_and_amounts_belong_together_by_their_units(rate, amount, seconds):
    found = seconds_for_one(rate, amount)
    assert found == (None if seconds is None else pytest.approx(seconds))


def test_only_electrical_units_have_prefixes():
    assert (ratio("kW", "W"), ratio("W", "MW"), ratio("W", "W"), ratio("", "")) == (1000, 1e-6, 1, 1)
    assert (ratio("kg", "g"), ratio("W", "Wh"), ratio("Mbit", "bit")) == (None, None, None)
