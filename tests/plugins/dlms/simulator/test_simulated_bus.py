"""Simulated meters on a simulated line, read by ``dlms-client``."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from meterhub_dlms.client.service import DlmsClient
from meterhub_dlms.client.settings import DlmsClientConfig
from meterhub_dlms.link.hdlc_frame import HdlcAddress, HdlcFrame, Kind
from meterhub_dlms.simulator import meters
from meterhub_dlms.simulator.settings import USUAL_REGISTERS, format_of
from meterhub_sdk.simulation import InProcess, SimulatedLine, Terminal

BAUD = 115_200
KEYS = {"encryption_key": "00112233445566778899AABBCCDDEEFF", "authentication_key": "D0" * 16}
CIPHERED = {
    "client_address": 1, "authentication": "gmac", "security": "authenticated and encrypted",
    "encryption_key": "encryption-key", "authentication_key": "authentication-key",
}  # fmt: skip
WITH_PASSWORD = {"client_address": 32, "authentication": "password", "password": "password"}
SHORT = {"referencing": "short-names"}


def settings_of(address, **meter):
    rows = [{"label": label, "logical_name": name, "group": "fast"} for name, label in USUAL_REGISTERS.items()]
    common = {"label": f"m{address}", "transport": "serial", "serial_port": "bus", "physical_address": address}
    return {**common, "mappings": rows, **meter}


@pytest.mark.parametrize("access", [{}, SHORT, WITH_PASSWORD, WITH_PASSWORD | SHORT, CIPHERED, CIPHERED | SHORT])
async def test_dlms_client_reads_what_the_load_has_at_the_time_that_the_meter_tells(hub, access):
    given = {} if access.get("client_address", 16) == 16 else {"password": "00000000", **KEYS}
    bus = meters(meters=2, profile_period=0, **given)
    hub.secrets = {"password": "00000000", "encryption-key": KEYS["encryption_key"]}
    hub.secrets["authentication-key"] = KEYS["authentication_key"]
    names = [f"m{address}/{label}" for address in bus.meters for label in USUAL_REGISTERS.values()]
    with SimulatedLine(Terminal("master"), InProcess(bus, turnaround=0.005), baud=BAUD) as line:
        hub.things["serial", "bus"] = {"device": line.paths["master"], "baud": BAUD}
        config = {"fast": 0.2, "meters": [settings_of(address, **access) for address in bus.meters]}
        async with hub.running(DlmsClient(hub, DlmsClientConfig.model_validate(config))):
            await hub.until_published(*names, timeout=20)
    for address, meter in bus.meters.items():
        for name, label in USUAL_REGISTERS.items():
            reading = hub.published[f"m{address}/{label}"]
            shown = format_of(label)
            assert reading.value == pytest.approx(meter.value(name, reading.time), abs=0.501 * 10**shown.scaler)
            assert reading.unit == shown.unit


def test_the_program_of_the_sdk_runs_the_meters(tmp_path: Path):
    link = tmp_path / "bus"
    line = [
        sys.executable, "-m", "meterhub_sdk.simulation", "--station", "meterhub_dlms.simulator:meters",
        "--arguments", json.dumps({"meters": 31, "profile_days": 0}), "--baud", "115200", "--link", str(link),
    ]  # fmt: skip
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert json.loads(program.stdout.readline()) == {"terminals": {"bus": os.readlink(link)}}
        terminal = os.open(link, os.O_RDWR | os.O_NOCTTY)
        try:
            asked = HdlcFrame(HdlcAddress.server(1, 47), HdlcAddress.client(16), Kind.SNRM, True).encode()
            os.write(terminal, asked)
            assert select.select([terminal], [], [], 20)[0]
        finally:
            os.close(terminal)
            program.send_signal(signal.SIGINT)
        counted = json.loads(program.stdout.readline())["statistics"]
    assert (counted["requests"], counted["replies"]) == (1, 1)
    assert program.returncode == 0
    assert not link.is_symlink()
