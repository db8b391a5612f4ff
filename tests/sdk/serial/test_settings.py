"""Settings of a serial port: what is refused, and in which words."""

from __future__ import annotations

import subprocess
import sys

import pytest
from meterhub_sdk.serial import LineMode, PortSettings
from pydantic import ValidationError


@pytest.mark.parametrize(
    "device",
    [
        "/dev/ttyUSB0",
        "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A50285BI-if00-port0",
        "rfc2217://192.0.2.1:4001",
        "socket://host.example:5000",
        "socket://[2001:db8::1]:5000",
    ],
)
def test_devices_of_this_and_other_machines_are_accepted(device: str) -> None:
    assert PortSettings(device=device).device == device


@pytest.mark.parametrize(
    "device",
    ["ttyUSB0", "/etc/passwd", "/dev/../etc/passwd", "socket://host", "http://host:1", "socket://u:p@host:1",
     "socket://host:99999", "socket://host:1?logging=debug", "loop://", "socket://a..b:1", ""],
)  # fmt: skip
def test_anything_else_is_refused_with_what_would_do(device: str) -> None:
    with pytest.raises(ValidationError, match="/dev/ttyUSB0"):
        PortSettings(device=device)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"kind": "rs232", "kernel_direction": True}, "only for an RS-485 port"),
        ({"kernel_direction": True, "flow_control": "rts-cts"}, "RTS cannot both"),
        ({"delay_before": 1.0}, "need direction by the kernel"),
        ({"software_parity": True}, "7 data bits"),
        (
            {"software_parity": True, "data_bits": 7, "parity": "even", "flow_control": "xon-xoff"},
            "XON and XOFF are not recognised",
        ),
        ({"baud": 9601}, "9600"),
    ],
)
def test_contradictions_are_refused(given: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        PortSettings.model_validate({"device": "/dev/ttyS0", **given})


@pytest.mark.parametrize(
    ("mode", "bits"), [(LineMode(9600), 10), (LineMode(300, 7, "even"), 10), (LineMode(9600, 8, "even", 2), 12)]
)
def test_a_character_takes_its_bits(mode: LineMode, bits: int) -> None:
    assert mode.character * mode.baud == pytest.approx(bits)


def test_importing_the_sdk_imports_no_serial_library() -> None:
    code = "import sys, meterhub_sdk.serial; sys.exit(any(m.split('.')[0].startswith('serial') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
