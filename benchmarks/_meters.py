"""The meters of a bus as a station of a simulated line, made of the code of ``dlms-server``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlite_utils
from meterhub_dlms.client.counter_store import KeyCounters, SqliteCounters
from meterhub_dlms.server.counters import Counters
from meterhub_dlms.server.credentials import load_credentials
from meterhub_dlms.server.device import build_devices
from meterhub_dlms.server.hdlc_line import HdlcLine
from meterhub_dlms.server.keyring import Keyring
from meterhub_dlms.server.names import DeviceNames
from meterhub_dlms.server.reception import Reception
from meterhub_dlms.server.reporter import Reporter
from meterhub_dlms.server.settings import DlmsServerConfig
from meterhub_dlms.server.site import Served, Site
from meterhub_dlms.server.throttle import Throttle
from meterhub_sdk import Reading
from meterhub_sdk.testing import FakeHub

FIRST_PHYSICAL = 17
CLIENT = 16


def physical(meter: int) -> int:
    """The HDLC address of a meter."""
    return FIRST_PHYSICAL + meter


def logical_name(register: int) -> str:
    """The OBIS code of a register."""
    return f"1-0:{1 + register}.8.0*255"


def value(meter: int, register: int) -> float:
    """What a register of a meter holds, in watt-hours; no two are alike."""
    return float(1_000_000 * (meter + 1) + 1_000 * register)


def asked(frame: bytes) -> int:
    """The physical device that an encoded frame goes to."""
    return frame[4] >> 1


def bus(meters: int, registers: int, frame: int) -> Callable[[bytes], list[bytes]]:
    """Meters with registers of four bytes and frames of so many bytes of information; any client may read them."""
    runner = asyncio.Runner()
    sent: list[bytes] = []
    line = runner.run(_line(meters, registers, frame, sent.append))

    def station(heard: bytes) -> list[bytes]:
        runner.run(line.feed(heard))
        answers = sent.copy()
        sent.clear()
        return answers

    return station


async def _line(meters: int, registers: int, frame: int, send: Callable[[bytes], None]) -> HdlcLine:
    config = DlmsServerConfig.model_validate(_settings(meters, registers, frame))
    hub = FakeHub("meters")
    now = time.time_ns()
    readings = {
        f"meters/{meter}/{register}": Reading(value(meter, register), now, unit="Wh")
        for meter in range(meters)
        for register in range(registers)
    }
    counters = KeyCounters(SqliteCounters(sqlite_utils.Database(memory=True), Path()))  # no message is ciphered
    clients = {client.address: client for client in config.clients}
    credentials = await load_credentials(hub, config.clients)
    throttle = Throttle(config.guesses, time.monotonic)
    site = Site(clients, credentials, Keyring(bytes(8), counters), throttle, Counters())
    served = [
        Served(device, address, DeviceNames(device.objects.values()))
        for device, (address, _) in zip(build_devices(hub, config, readings), config.addresses(), strict=True)
    ]
    return HdlcLine(Reception(config, site, Reporter(hub, config.guesses.lock), served), "line", send)


def _settings(meters: int, registers: int, frame: int) -> dict[str, Any]:
    first, *more = [
        {
            "physical_address": physical(meter),
            "logical_device": 1,
            "objects": [
                {"logical_name": logical_name(register), "point": f"meters/{meter}/{register}", "unit": "Wh"}
                for register in range(registers)
            ],
        }
        for meter in range(meters)
    ]
    clients = [{"address": CLIENT, "referencing": "both"}]
    return first | {
        "devices": more, "clients": clients, "hdlc_max_transmit": frame, "hdlc_max_receive": frame,
    }  # fmt: skip
