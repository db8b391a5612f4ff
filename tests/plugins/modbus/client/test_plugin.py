"""What the distribution offers."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import resources

import meterhub_modbus
import pytest
from meterhub_modbus.client import report, status
from meterhub_modbus.client.rows import Row
from meterhub_modbus.client.settings import Device, ModbusClientConfig
from meterhub_modbus.client.templates import OwnTemplate, Template
from meterhub_modbus.client.trial import TrialRead, TrialResult
from meterhub_modbus.simulator.service import ModbusSimulatorStatus
from meterhub_modbus.simulator.settings import Given, ModbusSimulatorConfig, SimulatedDevice

MODELS = [
    *(Row, Device, ModbusClientConfig, Template, OwnTemplate, TrialRead, TrialResult),
    *(Given, SimulatedDevice, ModbusSimulatorConfig, ModbusSimulatorStatus),
    *(report.Plan, report.PlannedRequest, status.GroupLoad),
    *(status.ModbusClientStatus, status.DeviceStatus, status.GroupStatus, status.ConnectionStatus),
]


def test_client_and_server_are_offered_and_their_features_are_in_the_manifest():
    services = {service.name: service for service in meterhub_modbus.meterhub_services()}
    assert list(services) == ["modbus-client", "modbus-server", "modbus-simulator"]
    manifest = tomllib.loads(resources.files(meterhub_modbus).joinpath("plugin.toml").read_text())
    assert manifest["features"] == [service.feature.name for service in services.values()]
    assert set(services["modbus-client"].commands()) == {"plan", "test-read"}


def test_event_types_have_numbers_of_their_own_and_say_what_to_do():
    types = list(meterhub_modbus.meterhub_event_types())
    assert len({event.number for event in types}) == len(types)
    assert all(event.help for event in types)


@pytest.mark.parametrize("model", MODELS)
def test_every_field_has_a_title_and_a_description(model):
    for name, info in model.model_fields.items():
        assert info.title, name
        assert info.description, name
    model.model_json_schema()


def test_importing_the_hooks_imports_no_service():
    code = "import sys, meterhub_modbus; sys.exit(any(n.startswith('meterhub_modbus.') for n in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
