"""Settings of ``modbus-simulator``."""

from __future__ import annotations

from typing import Literal, Self

from meterhub_sdk import Config, Label, PointName, SerialPort, TcpPort, field
from pydantic import model_validator

from meterhub_modbus.client.rows import CONNECTED, Row, check_unique
from meterhub_modbus.client.templates import OwnTemplate, TemplateName, check_own, rows_of
from meterhub_modbus.formats import ByteOrder
from meterhub_modbus.settings import Host


class Given(Config):
    """What one row of a device holds, in place of what it would."""

    label: Label = field(title="Row", description="Label of the row.")
    value: bool | int | float | str | None = field(
        None, title="Value", description="Held until somebody writes another."
    )
    follow: PointName | None = field(None, title="Follow", description="Show what this point of the hub holds.")

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.value is None) == (self.follow is None):
            raise ValueError(f"row {self.label!r} needs either a value or a point to follow")
        return self


class SimulatedDevice(Config):
    """One device: its rows, and what they hold."""

    label: Label = field(title="Label", description="First part of its points' names.")
    unit: int = field(1, title="Unit identifier", description="Its address on the bus.", ge=1, le=247)
    template: TemplateName | None = field(None, title="Template", description="As of the Modbus client.")
    byte_order: ByteOrder | None = field(
        None, title="Byte order", description="Of values longer than a register; empty: the template's, or ABCD."
    )
    rows: list[Row] = field([], title="Rows", description="Beside those of the template.", max_length=10_000)
    motion: Literal["load", "held"] = field(
        "load",
        title="Motion",
        description="load: rows with the usual labels (voltage-l1, power, energy-import) show a load that changes, the "
        "others hold 0. held: all hold 0 until something is written.",
    )
    gaps: Literal["exception", "zero"] = field(
        "exception",
        title="Registers between rows",
        description="exception: a read that touches them is refused with exception 2. zero: they hold 0.",
    )
    values: list[Given] = field([], title="Values", description="Rows that hold something else.", max_length=10_000)

    @model_validator(mode="after")
    def _labels_differ(self) -> Self:
        check_unique([*(row.label for row in self.rows), CONNECTED], f"in device {self.label!r} the row label")
        check_unique([given.label for given in self.values], f"in device {self.label!r} the value of row")
        return self


class ModbusSimulatorConfig(Config):
    """Which devices to simulate, and where they answer."""

    host: Host = field(
        "127.0.0.1", title="Listen on", description="IP address; 0.0.0.0 for all of IPv4, :: for all of IPv6."
    )
    port: TcpPort | None = field(None, title="TCP port", description="For Modbus TCP; empty for none.")
    serial_port: SerialPort | None = field(
        None, title="Serial port", description="Its label, for Modbus RTU; empty for none."
    )
    turnaround: float = field(
        5.0,
        title="Turn-around",
        description="On the serial port, from the end of a request to its answer.",
        unit="ms",
        ge=0,
        le=1000,
    )
    interval: float = field(
        1.0, title="Interval", description="At which loads change and points are published.", unit="s", ge=0.1, le=3600
    )
    templates: list[OwnTemplate] = field(
        [], title="Own templates", description="Beside those that are there already.", max_length=100
    )
    devices: list[SimulatedDevice] = field([], title="Devices", description="All on the same line.", max_length=247)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.port is None and self.serial_port is None:
            raise ValueError("the devices answer nowhere; give a TCP port, a serial port, or both")
        check_own(self.templates)
        check_unique([device.label for device in self.devices], "the device label")
        check_unique([str(device.unit) for device in self.devices], "the unit identifier")
        for device in self.devices:
            labels = {row.label for row in self.rows(device)}
            for given in device.values:
                if given.label not in labels:
                    raise ValueError(f"device {device.label!r} has no row {given.label!r} to give a value to")
        return self

    def rows(self, device: SimulatedDevice) -> list[Row]:
        """The rows of a device's template and its own, each with the byte order that holds for it."""
        return rows_of(device, self.templates)
