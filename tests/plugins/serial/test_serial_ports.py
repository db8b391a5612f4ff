"""The serial ports' settings, table, discovery and events."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from meterhub_sdk import Borrowers
from meterhub_sdk.serial import PortSettings, open_line
from meterhub_sdk.testing import FakeHub
from meterhub_serial.devices import Devices
from meterhub_serial.service import SerialPorts
from meterhub_serial.settings import SerialConfig
from pydantic import ValidationError


@pytest.fixture
def pty() -> Iterator[str]:
    far, near = os.openpty()
    yield os.ttyname(near)
    os.close(far)
    os.close(near)


@pytest.fixture
def machine(tmp_path: Path, pty: str) -> Path:
    """/dev and /sys with one FTDI adapter on ttyUSB0 (a pseudo-terminal behind a link) and one empty ttyS0."""
    usb = tmp_path / "sys/devices/usb1/1-1"
    port = usb / "1-1:1.0/ttyUSB0"
    (port / "tty/ttyUSB0").mkdir(parents=True)
    for name, text in {"idVendor": "0403", "idProduct": "6001", "manufacturer": "FTDI", "product": "FT232R USB UART",
                       "serial": "A50285BI"}.items():  # fmt: skip
        (usb / name).write_text(text + "\n")
    (tmp_path / "sys/bus/usb-serial/drivers/ftdi_sio").mkdir(parents=True)
    (port / "driver").symlink_to(tmp_path / "sys/bus/usb-serial/drivers/ftdi_sio")
    (port / "latency_timer").write_text("16\n")
    (port / "tty/ttyUSB0/device").symlink_to(port)
    (tmp_path / "sys/bus/usb-serial/devices").mkdir()
    (tmp_path / "sys/bus/usb-serial/devices" / Path(pty).name).symlink_to(port)
    (tmp_path / "sys/class/tty/ttyS0").mkdir(parents=True)
    (tmp_path / "sys/class/tty/ttyS0/type").write_text("0\n")
    (tmp_path / "sys/class/tty/ttyUSB0").symlink_to(port / "tty/ttyUSB0")
    (tmp_path / "dev/serial/by-id").mkdir(parents=True)
    (tmp_path / "dev/ttyUSB0").symlink_to(pty)
    (tmp_path / "dev/ttyS0").symlink_to(pty)
    (tmp_path / "dev/serial/by-id/usb-FTDI_A50285BI-if00-port0").symlink_to("../../ttyUSB0")
    return tmp_path


def config(*ports: dict[str, object]) -> SerialConfig:
    return SerialConfig.model_validate({"ports": ports})


def test_every_port_is_lent_under_its_label_with_its_settings(fake_hub: FakeHub) -> None:
    service = SerialPorts(fake_hub, config({"label": "bus-1", "device": "/dev/ttyS4", "baud": 1200}))
    (thing,) = service.things()
    assert (thing.kind, thing.name) == ("serial", "bus-1")
    assert PortSettings.model_validate(thing.definition).baud == 1200


@pytest.mark.parametrize(
    ("ports", "words"),
    [
        ([("a", "/dev/ttyS0"), ("a", "/dev/ttyS1")], "two ports are labelled a"),
        ([("a", "/dev/ttyS0"), ("b", "/dev/ttyS0")], "a and b both are /dev/ttyS0"),
        ([("a b", "/dev/ttyS0")], "label"),
    ],
)
def test_labels_and_devices_are_there_once(ports: list[tuple[str, str]], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        config(*({"label": label, "device": device} for label, device in ports))


def test_the_label_stands_first_in_the_form() -> None:
    port = SerialConfig.model_json_schema()["$defs"]["Port"]
    assert next(iter(port["properties"])) == "label"


async def test_discovery_tells_names_and_usb_and_leaves_empty_sockets_out(
    fake_hub: FakeHub, machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SerialPorts, "devices", Devices(machine / "dev", machine / "sys"))
    (row,) = (await SerialPorts(fake_hub, config()).discover()).devices
    assert row.device == str(machine / "dev/ttyUSB0")
    assert row.by_id.endswith("usb-FTDI_A50285BI-if00-port0")
    assert (row.driver, row.vendor, row.product) == ("ftdi_sio", "0403", "6001")
    assert (row.description, row.serial_number) == ("FTDI FT232R USB UART", "A50285BI")


async def test_a_slow_adapter_and_an_absent_device_are_told_once(
    fake_hub: FakeHub, machine: Path, pty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SerialPorts, "devices", Devices(machine / "dev", machine / "sys"))
    monkeypatch.setattr("meterhub_serial.service.WATCH_INTERVAL", 0.01)
    ports = config(
        {"label": "slow", "device": pty},
        {"label": "gone", "device": "/dev/ttyUSB99"},
        {"label": "far", "device": "socket://192.0.2.1:5000"},
    )
    fake_hub.borrowed = {("serial", "slow"): Borrowers(["dlms-client", "forwarding"], "forwarding")}
    service = SerialPorts(fake_hub, ports)
    async with fake_hub.running(service):
        await asyncio.sleep(0.1)
        rows = {row.port: row for row in service.status().ports}
    assert sorted(event.type.name for event in fake_hub.recorded) == ["serial-device-absent", "serial-latency-timer"]
    assert (rows["slow"].present, rows["gone"].present, rows["far"].present) == (True, False, None)
    assert rows["slow"].latency_ms == 16
    assert rows["slow"].line == "9600 Bd 8N1"
    assert (rows["slow"].used_by, rows["slow"].held_by) == ("dlms-client, forwarding", "forwarding")
    assert (rows["gone"].used_by, rows["gone"].held_by) == ("", "")


async def test_a_device_that_comes_back_is_told(fake_hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"/dev/ttyUSB0": False}

    class Scripted(Devices):
        def present(self, device: str) -> bool:
            return there[device]

    monkeypatch.setattr(SerialPorts, "devices", Scripted())
    monkeypatch.setattr("meterhub_serial.service.WATCH_INTERVAL", 0.01)
    async with fake_hub.running(SerialPorts(fake_hub, config({"label": "a", "device": "/dev/ttyUSB0"}))):
        await asyncio.sleep(0.05)
        there["/dev/ttyUSB0"] = True
        await asyncio.sleep(0.05)
    assert [event.type.name for event in fake_hub.recorded] == ["serial-device-absent", "serial-device-back"]


async def test_a_closed_dev_directory_does_not_fail(tmp_path: Path) -> None:
    assert list(Devices(tmp_path / "closed", tmp_path / "sys").all()) == []


async def test_what_the_service_lends_can_be_opened(fake_hub: FakeHub, pty: str) -> None:
    (thing,) = SerialPorts(fake_hub, config({"label": "bus-1", "device": pty})).things()
    fake_hub.things[thing.kind, thing.name] = thing.definition
    async with open_line(fake_hub, "bus-1") as line:
        assert line.settings.device == pty
