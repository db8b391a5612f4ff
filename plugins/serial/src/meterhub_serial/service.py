"""The service that holds the serial ports' settings, lends them, and watches whether their devices are there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import ClassVar

from meterhub_sdk import Borrowers, Feature, Hub, Rights, Service, Thing, command
from pydantic import BaseModel, Field

from meterhub_serial.devices import Devices
from meterhub_serial.events import DEVICE_ABSENT, DEVICE_BACK, SLOW_ADAPTER
from meterhub_serial.settings import Port, SerialConfig

WATCH_INTERVAL = 2.0
_SLOW = 16
_NOBODY = Borrowers([], None)
_USES = {"rs485": "RS-485", "rs422": "RS-422", "rs232": "RS-232", "base-meter": "base-meter channel"}


class PortStatus(BaseModel):
    """One port."""

    port: str = Field(title="Port")
    device: str = Field(title="Device")
    used_as: str = Field(title="Used as")
    used_by: str = Field(title="Used by", description="The services whose settings name it.")
    held_by: str = Field(title="In use by", description="The service that has it open at the moment.")
    line: str = Field(title="Line")
    present: bool | None = Field(title="Present", description="Not known of a port of another machine.")
    latency_ms: int | None = Field(None, title="Latency timer", description="Of FTDI adapters, in ms; 1 is best.")


class SerialStatus(BaseModel):
    """The table of serial ports."""

    ports: list[PortStatus] = Field(title="Ports")


class DeviceRow(BaseModel):
    """A serial device of the machine."""

    device: str = Field(title="Device")
    by_id: str = Field(title="Name that stays")
    driver: str = Field(title="Driver")
    vendor: str = Field(title="USB vendor", description="Hexadecimal.")
    product: str = Field(title="USB product", description="Hexadecimal.")
    description: str = Field(title="Description")
    serial_number: str = Field(title="Serial number")
    port: str | None = Field(title="Configured as")


class Discovered(BaseModel):
    """The serial devices of the machine."""

    devices: list[DeviceRow] = Field(title="Devices")


class SerialPorts(Service[SerialConfig]):
    """Named serial ports, lent to one service at a time."""

    name = "serial"
    title = "Serial ports"
    menu = "Communication"
    feature = Feature("serial", "Serial ports", built_in=True)
    single = True
    rights = Rights(write="R2 R5")
    status_type = SerialStatus
    devices: ClassVar[Devices] = Devices()

    def __init__(self, hub: Hub, config: SerialConfig) -> None:
        super().__init__(hub, config)
        self._present: dict[str, bool] = {}
        self._latency: dict[str, int] = {}
        self._borrowers: Mapping[str, Borrowers] = {}

    def things(self) -> Iterable[Thing]:
        """Every port by its label."""
        return [Thing("serial", port.label, port.definition()) for port in self.config.ports]

    async def run(self) -> None:
        """Watch the devices until cancelled."""
        local = [port for port in self.config.ports if not port.remote]
        while True:
            self._borrowers = await self.hub.borrowers("serial")
            for port in local:
                await self._look(port)
            await asyncio.sleep(WATCH_INTERVAL)

    async def _look(self, port: Port) -> None:
        """Note whether a device is there, and say what changed."""
        before, now = self._present.get(port.label, True), self.devices.present(port.device)
        self._present[port.label] = now
        if now != before:
            await self.hub.events.record(DEVICE_BACK if now else DEVICE_ABSENT, port=port.label, device=port.device)
        latency = self.devices.latency(port.device) if now else None
        if latency is None:
            return
        if latency >= _SLOW > self._latency.get(port.label, 0):
            await self.hub.events.record(SLOW_ADAPTER, port=port.label, device=port.device, milliseconds=latency)
        self._latency[port.label] = latency

    def status(self) -> SerialStatus:
        """The table of ports."""
        return SerialStatus(
            ports=[
                PortStatus(
                    port=port.label,
                    device=port.device,
                    used_as=_USES[port.kind],
                    used_by=", ".join(self._borrowers.get(port.label, _NOBODY).named_by),
                    held_by=self._borrowers.get(port.label, _NOBODY).holder or "",
                    line=f"{port.baud} Bd {port.data_bits}{port.parity[0].upper()}{port.stop_bits}",
                    present=self._present.get(port.label),
                    latency_ms=self._latency.get(port.label),
                )
                for port in self.config.ports
            ]
        )

    @command(title="Find serial devices", rights="R2 R3 R5")
    async def discover(self) -> Discovered:
        """List the serial devices of the machine, with names that survive replugging and what USB tells of them."""
        labels = {port.device: port.label for port in self.config.ports}
        return Discovered(
            devices=[
                DeviceRow(
                    device=found.device,
                    by_id=found.by_id,
                    driver=found.driver,
                    vendor=found.vendor,
                    product=found.product,
                    description=found.description,
                    serial_number=found.serial_number,
                    port=labels.get(found.device) or labels.get(found.by_id),
                )
                for found in self.devices.all()
            ]
        )
