"""Settings and templates."""

from __future__ import annotations

import json
from importlib.resources import files
from itertools import pairwise
from typing import Any

import pytest
from meterhub_modbus.client import templates
from meterhub_modbus.client.rows import Row
from meterhub_modbus.client.service import ModbusClient
from meterhub_modbus.client.settings import Device, ModbusClientConfig
from meterhub_sdk.testing import FakeHub
from pydantic import ValidationError

DEVICE = {"label": "d", "host": "192.0.2.1"}


@pytest.mark.parametrize("name", templates.names())
def test_a_template_makes_points_with_units_and_without_overlaps(name, client_hub: FakeHub):
    config = ModbusClientConfig(devices=[{**DEVICE, "template": name}])
    points = list(ModbusClient(client_hub, config).points())
    template = templates.load(name)
    assert len(points) == len(template.rows) + 1
    assert template.manual
    for one, other in pairwise(sorted(template.rows, key=lambda row: (row.bank, row.address))):
        assert one.bank != other.bank or one.end <= other.address
    for row in template.rows:
        assert row.unit or row.label.startswith("power-factor")
        assert ("energy" in row.label) == row.unit.endswith("h")


def test_there_are_at_least_six_templates():
    assert len(templates.names()) >= 6


@pytest.mark.parametrize(
    ("name", "label", "bank", "address", "registers"),
    [
        ("eastron-sdm630", "power", "input", 52, 2),
        ("eastron-sdm120", "energy-total", "input", 342, 2),
        ("schneider-pm5000", "energy-import", "holding", 3203, 4),
        ("carlo-gavazzi-em24-ethernet", "energy-import", "holding", 0x34, 2),
        ("carlo-gavazzi-em24-rs485", "energy-import", "holding", 0x3E, 2),
        ("abb-b23-b24", "power", "holding", 0x5B14, 2),
        ("janitza-umg", "power", "holding", 19026, 2),
    ],
)
def test_landmarks_of_the_manuals(name, label, bank, address, registers):
    row = next(row for row in templates.load(name).rows if row.label == label)
    assert (row.bank, row.address, row.end - row.address) == (bank, address, registers)


def all_rows(device: dict[str, Any], **settings: Any) -> list[Row]:
    config = ModbusClientConfig(devices=[device], **settings)
    return config.rows(config.devices[0])


def test_own_rows_replace_those_of_a_template_and_take_its_byte_order():
    own = {"label": "power", "address": 7, "type": "i32"}
    device = {**DEVICE, "template": "carlo-gavazzi-em24-ethernet"}
    rows = {row.label: row for row in all_rows({**device, "rows": [own]})}
    assert rows["power"].address == 7
    assert {row.format.order for row in rows.values()} == {"CDAB"}
    assert {row.format.order for row in all_rows({**device, "byte_order": "ABCD"})} == {"ABCD"}


OWN = {"name": "acme-m3", "title": "Acme M3", "manual": "M3 manual, chapter 7"}
OWN_ROWS = [{"label": "power", "address": 10, "type": "i32"}]


def test_an_own_template_is_as_good_as_one_of_the_package():
    template = {**OWN, "byte_order": "CDAB", "max_registers": 32, "rows": OWN_ROWS}
    config = ModbusClientConfig(templates=[template], devices=[{**DEVICE, "template": "acme-m3"}])
    [device] = config.devices
    [row] = config.rows(device)
    assert (row.label, row.address, row.format.order) == ("power", 10, "CDAB")
    assert config.register_limit(device) == 32


@pytest.mark.parametrize("name", templates.names())
def test_a_file_of_the_package_is_an_own_template_once_it_has_a_name(name):
    content = json.loads((files("meterhub_modbus.client") / "templates" / f"{name}.json").read_text())
    config = ModbusClientConfig(
        templates=[{**content, "name": "mine"}], devices=[{**DEVICE, "template": "mine"}, {**DEVICE, "label": "e"}]
    )
    assert len(config.rows(config.devices[0])) == len(templates.load(name).rows)
    assert content["source"]


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ([{**OWN, "name": "janitza-umg", "rows": OWN_ROWS}], "there is a template 'janitza-umg' already"),
        ([{**OWN, "rows": OWN_ROWS}] * 2, "the template name 'acme-m3' is given more than once"),
        ([{**OWN, "rows": []}], "rows"),
        ([{**OWN, "rows": [{"label": "power", "address": 10, "type": "i33"}]}], "'i33' is no type"),
        ([{**OWN, "max_registers": 1, "rows": OWN_ROWS}], "device 'd' row power at holding 10 takes 2 registers"),
    ],
)
def test_own_templates_that_cannot_be(own, message):
    with pytest.raises(ValidationError, match=message):
        ModbusClientConfig(templates=own, devices=[{**DEVICE, "template": "acme-m3"}])


@pytest.mark.parametrize(
    ("bank", "address", "source"),
    [
        ("holding", 0, "holding 40001 (0)"),
        ("input", 52, "input 30053 (52)"),
        ("coils", 9, "coils 00010 (9)"),
        ("contacts", 9, "contacts 10010 (9)"),
        ("holding", 19026, "holding 419027 (19026)"),
    ],
)
def test_sources_show_the_usual_number_and_the_address(bank, address, source):
    assert Row(label="x", bank=bank, address=address, type="bool").source == source


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"bank": "coils", "type": "u16"}, "choose the type bool"),
        ({"bank": "input", "writable": True}, "read-only"),
        ({"factor": 0}, "factor 0"),
        ({"type": "bool", "factor": 2}, "cannot be scaled"),
        ({"type": "f32", "missing": 1}, "integer types"),
        ({"address": 65535, "type": "u32"}, "crosses address 65535"),
        ({"type": "bit[16]"}, r"'bit\[16\]' is no type; give bool"),
        ({"type": "string[247]"}, "too long"),
        ({"label": "connected"}, "connected"),
        ({"label": "a/b"}, "holds '/'"),
    ],
)
def test_rows_that_cannot_be(row, message):
    with pytest.raises(ValidationError, match=message):
        Device(**DEVICE, rows=[{"label": "x", "address": 0, **row}])


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ({"template": "no-such"}, "there is no template 'no-such'; there are abb-b23-b24"),
        ({"rows": [{"label": "x", "address": 0}] * 2}, "given more than once"),
        ({"max_registers": 1, "rows": [{"label": "x", "address": 0, "type": "u32"}]}, "answers 1 at once"),
        ({"port": 0}, "port"),
        ({"unit": 256}, "unit"),
        ({"host": ""}, "give its host"),
        ({"serial_port": "bus-1"}, "no serial port"),
        ({"interface": "serial", "serial_port": "bus-1"}, "no host"),
        ({"interface": "serial", "host": ""}, "give the port's label"),
        ({"interface": "serial", "host": "", "serial_port": "bus-1", "unit": 0}, "1 to 247"),
    ],
)
def test_devices_that_cannot_be(device, message):
    with pytest.raises(ValidationError, match=message):
        ModbusClientConfig(devices=[{**DEVICE, **device}])


def test_two_devices_cannot_share_a_label():
    with pytest.raises(ValidationError, match="device label 'd'"):
        ModbusClientConfig(devices=[DEVICE, DEVICE])
