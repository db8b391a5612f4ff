"""Simulated devices behind one request handler: no hub, no ports, no clock of their own.

:attr:`Simulation.station` goes on a simulated line of the SDK as it is::

    simulation = Simulation(ModbusSimulatorConfig.model_validate(settings))
    with SimulatedLine(Terminal("master"), InProcess(simulation.station, turnaround=0.005), baud=9600) as line: ...
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Any

from meterhub_sdk import Reading, Refused, Value

from meterhub_modbus.banks import Unit
from meterhub_modbus.identification import DeviceIdentification
from meterhub_modbus.pdu import PduHandler, Write
from meterhub_modbus.rtu import RtuStation
from meterhub_modbus.settings import Identification
from meterhub_modbus.simulator.device import Simulated
from meterhub_modbus.simulator.settings import ModbusSimulatorConfig

_STEP = 1.0
"""Seconds after which a station of its own lets the loads go on."""
_IDENTIFICATION = Identification(product_code="modbus-simulator", product="Meterhub simulated device")


class Simulation:
    """All devices of the settings. ``on_write`` is called when a client wrote something."""

    def __init__(self, config: ModbusSimulatorConfig, on_write: Callable[[], None] | None = None) -> None:
        self.devices = {device.label: Simulated(config, device) for device in config.devices}
        self._units: dict[int, Unit] = {device.number: device.registers.unit for device in self.devices.values()}
        self._on_write = on_write
        identification = DeviceIdentification(_IDENTIFICATION, version("meterhub-modbus"))
        self.handler = PduHandler(self._units, self._written, identification)
        self.station = RtuStation(self.handler)

    def move(self, time: float) -> None:
        """Let the loads go on to a time in seconds since 1970."""
        for device in self.devices.values():
            device.move(time)

    @property
    def followed(self) -> set[str]:
        """The points that rows follow."""
        return {point for device in self.devices.values() for point in device.followed}

    def follow(self, point: str, reading: Reading) -> None:
        """Show what a point holds."""
        for device in self.devices.values():
            device.follow(point, reading)

    def set(self, name: str, value: Value) -> None:
        """Have a row (``device/row``) hold a value, or a device fall silent (``device/connected``); or ``Refused``."""
        label, _, row = name.partition("/")
        device = self.devices.get(label)
        if device is None:
            raise Refused(f"{name}: no device is called {label!r}")
        device.set(row, value)
        if device.answers:
            self._units[device.number] = device.registers.unit
        else:
            self._units.pop(device.number, None)

    def changed(self) -> dict[str, Value]:
        """What the rows hold that changed since the last call."""
        return {name: value for device in self.devices.values() for name, value in device.changed().items()}

    async def _written(self, writes: Sequence[Write], source: str) -> None:
        for name, content in writes:
            label, _, row = name.partition("/")
            self.devices[label].written(row, int(content))
        if self._on_write is not None:
            self._on_write()


def station(**settings: Any) -> Callable[[bytes], list[bytes]]:
    """A station whose loads follow the wall clock, for the SDK's simulated line in a process of its own.

    ``settings`` are those of ``modbus-simulator``, without where it answers.
    """
    simulation = Simulation(ModbusSimulatorConfig.model_validate({"serial_port": "line", **settings}))
    moved = float("-inf")

    def answer(heard: bytes) -> list[bytes]:
        nonlocal moved
        if (now := time.monotonic()) >= moved + _STEP:
            moved = now
            simulation.move(time.time())
        return simulation.station(heard)

    return answer
