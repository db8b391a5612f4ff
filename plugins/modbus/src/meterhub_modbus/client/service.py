"""The service ``modbus-client``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial

from meterhub_sdk import Conversion, Driver, Feature, MeterhubError, Point, Refused, Requester, Value, command

from meterhub_modbus.client import report, templates, writing
from meterhub_modbus.client.device import DevicePoller
from meterhub_modbus.client.errors import LinkLost
from meterhub_modbus.client.medium import Medium
from meterhub_modbus.client.plans import Access
from meterhub_modbus.client.rows import CONNECTED
from meterhub_modbus.client.serial_access import SerialAccess
from meterhub_modbus.client.settings import Device, MediumKey, ModbusClientConfig, SerialPlace, declaration
from meterhub_modbus.client.status import ModbusClientStatus
from meterhub_modbus.client.tcp_link import TcpAccess
from meterhub_modbus.client.trial import TrialRead, TrialResult, try_read

_TRIAL_PATIENCE = 20.0
"""Seconds that a trial waits for a serial port."""


class ModbusClient(Driver[ModbusClientConfig]):
    """Reads Modbus devices over TCP and serial ports, each connection and each bus in a task of its own."""

    name = "modbus-client"
    title = "Modbus client"
    menu = "Protocol conversion/Clients"
    feature = Feature("modbus.client", "Modbus client", built_in=True)
    status_type = ModbusClientStatus

    _media: dict[MediumKey, Medium] | None = None

    def points(self) -> Iterator[Point]:
        """One point for each row, and one for each device that says whether it answers."""
        for device in self.config.devices:
            yield Point(
                name=f"{device.label}/{CONNECTED}",
                type="bool",
                title=f"{device.label} connected",
                source=f"{device.medium} unit {device.unit}",
            )
            for row in self.config.rows(device):
                yield declaration(self.config, device, row)

    async def run(self) -> None:
        """Poll all devices until cancelled."""
        self._media = media = {key: self._medium(key) for key in {device.medium for device in self.config.devices}}
        async with asyncio.TaskGroup() as tasks:
            for key, medium in media.items():
                tasks.create_task(medium.run(self.config.first_poll), name=f"modbus {key}")
            await asyncio.Event().wait()

    def _medium(self, key: MediumKey) -> Medium:
        devices = [device for device in self.config.devices if device.medium == key]
        access = self._access(key, devices)
        pollers = [DevicePoller(self.hub, self.config, device, access) for device in devices]
        return Medium(access, pollers, self.config.reconnect_delay)

    def _access(self, key: MediumKey, devices: Sequence[Device]) -> Access:
        if isinstance(key, SerialPlace):
            pause = max(device.frame_pause for device in devices) / 1000
            return SerialAccess(self.hub, key.port, self.config.priority, self.config.window, pause)
        return TcpAccess(self.hub.frames, key.host, key.port, max(device.timeout for device in devices))

    async def write(self, name: str, value: Value, requester: Requester) -> None:
        """Write a row of a device; returns when the device confirmed it and shows it."""
        label, _, row_label = name.partition("/")
        for medium in (self._media or {}).values():
            for poller in medium.pollers:
                if poller.device.label == label:
                    await self._write(medium, poller, row_label, value)
                    return
        raise Refused(f"{name}: no device is called {label!r}")

    async def _write(self, medium: Medium, poller: DevicePoller, label: str, value: Value) -> None:
        row = poller.plans.rows.get(label)
        if row is None or not row.row.writable:
            raise Refused(f"{poller.device.label}/{label} is read-only")
        if poller.state == "lost":
            raise Refused(f"{row.name}: the device is not connected: {poller.last_error}")
        full = f"{self.hub.name}/{row.name}"
        self.hub.trace.step(full, "write", str(value))
        try:
            await medium.do(poller.device.unit, partial(writing.write, poller=poller, row=row, value=value))
        except LinkLost as error:
            raise Refused(f"{row.name}: nothing was written, because the device was lost: {error}") from None
        self.hub.trace.step(full, "acknowledged", "the device confirmed the write")

    @command(title="Test reading", timeout=60.0)
    async def test_read(self, trial: TrialRead) -> TrialResult:
        """Read one row from a device of the draft, whether or not it is applied."""
        place = trial.device.medium
        try:
            work = partial(try_read, trial=trial, template=templates.find(trial.device.template, self.config.templates))
            medium = (self._media or {}).get(place)
            if medium is not None and medium.state in ("open", "lent"):
                return await medium.do(trial.device.unit, work)
            async with asyncio.timeout(_TRIAL_PATIENCE), self._access(place, [trial.device]).open() as link:
                return await work(link)
        except Refused:
            raise
        except TimeoutError:
            raise Refused(f"{place} cannot be reached: no connection within the time-out") from None
        except (OSError, UnicodeError, LinkLost, MeterhubError) as error:
            raise Refused(f"{place} cannot be reached: {error}") from None
        except ValueError as error:
            raise Refused(f"{error}; or give the byte order and no template") from None

    @command(title="Show the plan", rights="R2 R3 R5")
    async def plan(self) -> report.Plan:
        """The requests of one poll of each group, and how long they take by the model of the line."""
        return report.plan_of(self._media or {})

    def conversion(self) -> Conversion:
        """One row for each device."""
        return report.conversion_of([poller for medium in (self._media or {}).values() for poller in medium.pollers])

    def status(self) -> ModbusClientStatus:
        """One row for each connection and each device."""
        media = self._media or {}
        by_label = {poller.device.label: poller for medium in media.values() for poller in medium.pollers}
        return ModbusClientStatus(
            connections=[report.connection_status(key, medium) for key, medium in media.items()],
            devices=[
                report.device_status(by_label[device.label])
                for device in self.config.devices
                if device.label in by_label
            ],
        )
