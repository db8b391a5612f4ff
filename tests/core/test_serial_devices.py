"""A worker may open the serial ports of the settings, also after an adapter was plugged in again, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from meterhub.serial_devices import SerialDevices, openable


@pytest.fixture
def terminals() -> Iterator[list[str]]:
    pairs = [os.openpty() for _ in range(2)]
    yield [os.ttyname(theirs) for _, theirs in pairs]
    for pair in pairs:
        for end in pair:
            os.close(end)


def test_a_link_leads_to_the_device_itself(terminals: list[str], tmp_path: Path) -> None:
    (tmp_path / "by-id").symlink_to(terminals[0])
    assert openable([str(tmp_path / "by-id"), str(tmp_path / "absent")]) == [terminals[0]]


@pytest.mark.parametrize(
    "path", ["/dev/null", "/dev/tty", "/dev/tty1", "/dev/console", "/dev/vda", "/etc/passwd", "/dev", "/dev/a\0b"]
)
def test_what_is_no_serial_port_is_not_granted(path: str) -> None:
    assert openable([path]) == []
    assert SerialDevices().of([path]) == ()


def test_a_device_that_turns_up_later_is_a_change_once(terminals: list[str], tmp_path: Path) -> None:
    port, devices = tmp_path / "port", SerialDevices()
    assert devices.of([str(port)]) == ()
    assert not devices.changed()
    port.symlink_to(terminals[0])
    assert devices.changed()
    assert not devices.changed()
    first = devices.of([str(port)])
    port.unlink()
    assert not devices.changed()
    assert devices.of([str(port)]) == first
    port.symlink_to(terminals[1])
    assert devices.changed()
    assert set(devices.of([str(port)])) > set(first)


def test_a_device_nobody_asked_for_is_no_change(terminals: list[str]) -> None:
    devices = SerialDevices()
    devices.of([terminals[0]])
    assert not devices.changed()
