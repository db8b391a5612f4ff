"""What the distribution offers."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import resources

import meterhub_dlms
from meterhub_dlms.client.settings import DlmsClientConfig, Mapping, Meter
from meterhub_dlms.client.status import DlmsClientStatus, MeterStatus
from meterhub_dlms.server.settings import ClientAccess, DlmsServerConfig, ServedObject
from meterhub_dlms.server.status import DlmsServerStatus

MODELS = [DlmsClientConfig, Meter, Mapping, DlmsServerConfig, ClientAccess, ServedObject]
STATUS = [DlmsClientStatus, MeterStatus, DlmsServerStatus]


def test_both_services_are_offered_with_their_settings():
    services = {service.name: service for service in meterhub_dlms.meterhub_services()}
    assert list(services) == ["dlms-client", "dlms-server"]
    assert services["dlms-client"].config_type is DlmsClientConfig
    assert services["dlms-server"].config_type is DlmsServerConfig


def test_the_manifest_names_the_features_of_the_services():
    manifest = tomllib.loads(resources.files(meterhub_dlms).joinpath("plugin.toml").read_text())
    assert manifest["features"] == [service.feature.name for service in meterhub_dlms.meterhub_services()]


def test_event_types_have_numbers_of_their_own_and_say_what_to_do():
    types = meterhub_dlms.meterhub_event_types()
    assert len({event.number for event in types}) == len(types)
    assert all(event.help for event in types)


def test_every_field_has_a_title_and_a_description():
    for model in (*MODELS, *STATUS):
        for name, info in model.model_fields.items():
            assert info.title, (model, name)
            assert info.description, (model, name)


def test_importing_the_hooks_imports_no_service():
    code = "import sys, meterhub_dlms; sys.exit(any(n.startswith('meterhub_dlms.') for n in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
