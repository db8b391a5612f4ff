"""What the distribution offers."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
import tomllib
from importlib import resources

import meterhub_dlms
from meterhub_dlms.client.settings import DlmsClientConfig, Mapping, Meter
from meterhub_dlms.client.status import DlmsClientStatus, MeterStatus
from meterhub_dlms.server.client_settings import ClientAccess
from meterhub_dlms.server.object_settings import ServedObject
from meterhub_dlms.server.settings import DlmsServerConfig
from meterhub_dlms.server.status import DlmsServerStatus
from meterhub_sdk import EventType

MODELS = [DlmsClientConfig, Meter, Mapping, DlmsServerConfig, ClientAccess, ServedObject]
STATUS = [DlmsClientStatus, MeterStatus, DlmsServerStatus]


def test_the_services_are_offered_with_their_settings():
    services = {service.name: service for service in meterhub_dlms.meterhub_services()}
    assert list(services) == ["dlms-client", "dlms-server", "readout-client", "dlms-push"]
    assert services["dlms-client"].config_type is DlmsClientConfig
    assert services["dlms-server"].config_type is DlmsServerConfig


def test_the_manifest_names_the_features_of_the_services():
    manifest = tomllib.loads(resources.files(meterhub_dlms).joinpath("plugin.toml").read_text())
    assert manifest["features"] == [service.feature.name for service in meterhub_dlms.meterhub_services()]


def test_event_types_have_numbers_of_their_own_and_say_what_to_do():
    types = meterhub_dlms.meterhub_event_types()
    assert len({event.number for event in types}) == len(types)
    assert all(event.help for event in types)


def test_every_event_type_that_a_module_defines_is_offered():
    modules = pkgutil.walk_packages(meterhub_dlms.__path__, "meterhub_dlms.")
    named = [value for each in modules for value in vars(importlib.import_module(each.name)).values()]
    defined = {(each.number, each.name) for each in named if isinstance(each, EventType)}
    assert defined == {(each.number, each.name) for each in meterhub_dlms.meterhub_event_types()}


def test_every_field_has_a_title_and_a_description():
    for model in (*MODELS, *STATUS):
        for name, info in model.model_fields.items():
            assert info.title, (model, name)
            assert info.description, (model, name)


def test_importing_the_hooks_imports_no_service():
    code = "import sys, meterhub_dlms; sys.exit(any(n.startswith('meterhub_dlms.') for n in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
