"""Settings and templates."""

from __future__ import annotations

from itertools import pairwise

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


def test_own_rows_replace_those_of_a_template_and_take_its_byte_order():
    own = {"label": "power", "address": 7, "type": "i32"}
    device = Device(**DEVICE, template="carlo-gavazzi-em24-ethernet", rows=[own])
    rows = {row.label: row for row in device.all_rows}
    assert rows["power"].address == 7
    assert {row.format.order for row in rows.values()} == {"CDAB"}
    swapped = Device(**DEVICE, template="carlo-gavazzi-em24-ethernet", byte_order="ABCD")
    assert {row.format.order for row in swapped.all_rows} == {"ABCD"}


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
        ({"type": "bit[16]"}, "type"),
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
    ],
)
def test_devices_that_cannot_be(device, message):
    with pytest.raises(ValidationError, match=message):
        Device(**DEVICE, **device)


def test_two_devices_cannot_share_a_label():
    with pytest.raises(ValidationError, match="device label 'd'"):
        ModbusClientConfig(devices=[DEVICE, DEVICE])
