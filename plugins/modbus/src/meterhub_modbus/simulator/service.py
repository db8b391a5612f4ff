"""The service ``modbus-simulator``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from meterhub_sdk import (
    Config,
    Driver,
    Feature,
    Point,
    Reading,
    Refused,
    Requester,
    Value,
    field,
)

from meterhub_modbus.notices import Notices
from meterhub_modbus.serial_end import SerialEnd
from meterhub_modbus.settings import ModbusServerConfig
from meterhub_modbus.simulator.device import points
from meterhub_modbus.simulator.settings import ModbusSimulatorConfig
from meterhub_modbus.simulator.simulation import Simulation
from meterhub_modbus.tcp import TcpServer

_CONNECTIONS = 50


class ModbusSimulatorStatus(Config):
    """How the simulated devices are doing; counts are since the start."""

    devices: int = field(title="Devices", description="Simulated.")
    silent: list[str] = field(title="Silent devices", description="Those that were told not to answer.")
    clients: list[str] = field(title="Connected clients", description="Over TCP.")
    tcp_requests: int = field(title="Requests over TCP", description="To any unit.")
    serial_state: str = field(title="Serial port", description="open, or why it is not; empty without one.")
    serial_requests: int = field(title="Requests on the serial port", description="To these units.")


class ModbusSimulator(Driver[ModbusSimulatorConfig]):
    """Modbus devices made from templates, answering over TCP and on a serial port."""

    name = "modbus-simulator"
    title = "Modbus simulator"
    menu = "Diagnostics/Simulators"
    feature = Feature("modbus.simulator", "Modbus simulator", built_in=True)
    status_type = ModbusSimulatorStatus

    _simulation: Simulation | None = None
    _server: TcpServer | None = None
    _serial: SerialEnd | None = None

    def points(self) -> Iterable[Point]:
        """What each row holds; whoever writes it has it held. And whether a device answers at all."""
        return points(self.config)

    async def run(self) -> None:
        """Simulate until cancelled."""
        self._changed = changed = asyncio.Event()
        self._simulation = simulation = Simulation(self.config, changed.set)
        notices = Notices(self.hub)
        first = next((device.unit for device in self.config.devices), 1)
        settings = ModbusServerConfig(host=self.config.host, unit=first, connections=_CONNECTIONS)
        self._server = server = TcpServer(settings, simulation.handler, notices)
        try:
            if self.config.port is not None:
                await server.start(self.config.port)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(notices.run())
                tasks.create_task(self._move(simulation))
                tasks.create_task(self._follow(simulation))
                if self.config.serial_port is not None:
                    turnaround = self.config.turnaround / 1000
                    self._serial = SerialEnd(self.hub, self.config.serial_port, simulation.station, turnaround)
                    tasks.create_task(self._serial.run())
        finally:
            await server.close()

    async def write(self, name: str, value: Value, requester: Requester) -> None:
        """Have a row hold a value from now on, or a device fall silent."""
        if self._simulation is None:
            raise Refused(f"{name}: the simulator is only just starting")
        self._simulation.set(name, value)
        self._changed.set()

    async def _move(self, simulation: Simulation) -> None:
        """Let the loads change by a clock that nobody sets, and publish what did and what was written."""
        loop = asyncio.get_running_loop()
        offset = self.hub.time.now() / 1e9 - loop.time()
        units = {point.name: point.unit for point in self.points()}
        while True:
            self._changed.clear()
            simulation.move(loop.time() + offset)
            time, clock = self.hub.time.now(), int(self.hub.time.validity())
            changed = simulation.changed()
            await self.hub.points.publish(
                {name: Reading(value, time, 0, units[name], 0, clock) for name, value in changed.items()}
            )
            with suppress(TimeoutError):
                async with asyncio.timeout(self.config.interval):
                    await self._changed.wait()

    async def _follow(self, simulation: Simulation) -> None:
        """Show what the points hold that rows follow."""
        if not simulation.followed:
            return
        async for state in self.hub.points.latest(*simulation.followed):
            for point, reading in state.changed.items():
                simulation.follow(point, reading)
            self._changed.set()

    def status(self) -> ModbusSimulatorStatus | None:
        """Counts; ``None`` before the first start."""
        if self._simulation is None or self._server is None:
            return None
        return ModbusSimulatorStatus(
            devices=len(self.config.devices),
            silent=[label for label, device in self._simulation.devices.items() if not device.answers],
            clients=sorted(connection.peer for connection in self._server.connections),
            tcp_requests=self._server.traffic.requests,
            serial_state=self._serial.state if self._serial is not None else "",
            serial_requests=self._simulation.station.requests,
        )
