"""The meters of the pipeline benchmark, and what a gateway needs to read them."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from _process import free_port
from _stamp import stamp
from meterhub_dlms.codec import obis
from meterhub_dlms.server.service import DlmsServer
from meterhub_dlms.server.settings import DlmsServerConfig
from meterhub_sdk.testing import FakeHub

FIRST_IOA = 1
DEVICES = 10

Services = dict[str, Any]


def server(port: int, points: list[str]) -> Services:
    """``iec104-server`` with so many short floats."""
    rows = [{"type": "M_ME_NC", "point": name, "ioa": ioa} for ioa, name in enumerate(points, FIRST_IOA)]
    return {"iec104-server": {"port": port, "groups": [{"label": "all", "rows": rows}]}}


# -- DLMS -----------------------------------------------------------------------------------------


def logical_name(number: int) -> str:
    """The logical name of a register: value groups C and D count."""
    return obis.text(bytes([1, 0, 1 + number // 250, 1 + number % 250, 0, 255]))


def dlms_client(port: int, registers: int) -> tuple[Services, list[str]]:
    """``dlms-client`` that reads every register every second, and its points."""
    mappings = [{"label": f"r{n}", "logical_name": logical_name(n), "group": "fast"} for n in range(registers)]
    meter = {"label": "meter", "host": "127.0.0.1", "port": port, "client_address": 16, "mappings": mappings}
    return {"dlms-client": {"fast": 1, "meters": [meter]}}, [f"dlms-client/meter/r{n}" for n in range(registers)]


@asynccontextmanager
async def dlms_meter(port: int, registers: int, directory: Path) -> AsyncIterator[asyncio.Event]:
    """``dlms-server`` in this process; while the event is set, every register counts up by one a second."""
    objects = [{"logical_name": logical_name(n), "point": f"source/r{n}", "unit": "Wh"} for n in range(registers)]
    client = {"address": 16, "authentication": "none", "rights": "read"}
    hub, changing = FakeHub(directory=directory), asyncio.Event()
    settings = DlmsServerConfig.model_validate({"port": port, "clients": [client], "objects": objects})

    async def count_up() -> None:
        number = 0
        while True:
            number += 1
            for n in range(registers):
                hub.give(f"source/r{n}", number, unit="Wh")
            await asyncio.sleep(1.0)
            await changing.wait()

    async with hub.running(DlmsServer(hub, settings)):
        counter = asyncio.create_task(count_up())
        yield changing
        counter.cancel()
    hub.close()


# -- Modbus ---------------------------------------------------------------------------------------


class Answer(NamedTuple):
    """What a device told at one moment: all values of these are the stamp of that moment."""

    device: int
    first: int
    values: int
    stamp: int


class Devices:
    """Modbus TCP devices; of the first ``changing`` ones every value is new at each read."""

    def __init__(self) -> None:
        self.ports = [free_port() for _ in range(DEVICES)]
        self.changing = 0
        self.answers: list[Answer] = []

    def read(self, device: int, first: int, values: int) -> float:
        """What all values of a device that are read at one moment are."""
        if device >= self.changing:
            return 0.0
        now = stamp()
        self.answers.append(Answer(device, first, values, now))
        return now


class _Device(asyncio.Protocol):
    """A connection to one of them, whose registers are short floats (function 3)."""

    def __init__(self, devices: Devices, number: int) -> None:
        self._devices = devices
        self._number = number
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        while len(data) >= 12:
            transaction, _, _, unit, _, first, registers = struct.unpack_from(">HHHBBHH", data)
            data = data[12:]
            values = registers // 2
            content = struct.pack(">f", self._devices.read(self._number, first // 2, values)) * values
            head = struct.pack(">HHHBBB", transaction, 0, 3 + len(content), unit, 3, len(content))
            self._transport.write(head + content)
        self._rest = data


def modbus_client(ports: list[int], values: int) -> tuple[Services, list[str]]:
    """``modbus-client`` that reads so many values of these devices every second, and its points."""
    rows = [{"label": f"v{n}", "address": 2 * n, "type": "f32", "group": "fast"} for n in range(values)]
    template = {"name": "clock", "title": "Clock", "manual": "this benchmark", "rows": rows}
    devices = [
        {"label": f"d{number}", "host": "127.0.0.1", "port": port, "template": "clock"}
        for number, port in enumerate(ports)
    ]
    names = [f"modbus-client/d{number}/v{n}" for number in range(len(ports)) for n in range(values)]
    return {"modbus-client": {"fast": 1, "first_poll": 0.5, "templates": [template], "devices": devices}}, names


@asynccontextmanager
async def modbus_devices() -> AsyncIterator[Devices]:
    """Ten devices in this process."""
    devices = Devices()
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        for number, port in enumerate(devices.ports):
            listening = await loop.create_server(lambda number=number: _Device(devices, number), "127.0.0.1", port)
            stack.callback(listening.close)
        yield devices
