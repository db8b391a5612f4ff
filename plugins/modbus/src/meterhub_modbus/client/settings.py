"""Settings of ``modbus-client``."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, Self

from meterhub_sdk import Config, Label, Point, SerialPort, field
from pydantic import model_validator

from meterhub_modbus.client.rows import BIT_BANKS, CONNECTED, GroupName, Row, check_unique
from meterhub_modbus.client.templates import OwnTemplate, TemplateName, check_own, register_limit_of, rows_of
from meterhub_modbus.formats import ByteOrder

_LAST_BUS_ADDRESS = 247


class TcpPlace(NamedTuple):
    """A host and port: its devices share one connection."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class SerialPlace(NamedTuple):
    """A serial port: its devices share the bus."""

    port: str

    def __str__(self) -> str:
        return f"serial port {self.port}"


MediumKey = TcpPlace | SerialPlace
"""What devices share when they share a medium."""


class Device(Config):
    """One device: a unit identifier behind one connection or on one serial bus."""

    label: Label = field(title="Label", description="First part of its points' names, such as main-meter.")
    interface: Literal["tcp", "serial"] = field(
        "tcp",
        title="Interface",
        description="tcp: Modbus TCP. serial: Modbus RTU on a serial port; RTU over TCP is a serial port whose device "
        "is socket://host:port.",
    )
    host: str = field("", title="Host", description="Address or name of the device, for tcp.", max_length=253)
    port: int = field(
        502,
        title="Port",
        description="TCP port. Devices with the same host and port share one connection, as behind a gateway.",
        ge=1,
        le=65535,
    )
    serial_port: SerialPort | None = field(
        None, title="Serial port", description="Its label, for serial. Devices with the same port share the bus."
    )
    unit: int = field(
        1, title="Unit identifier", description="Its address on the bus, 1 to 247 on a serial port.", ge=0, le=255
    )
    frame_pause: float = field(
        0.0,
        title="Pause between frames",
        description="Silence that the device wants before a request, where the 3.5 characters of the standard are too "
        "short for it; holds for the whole bus.",
        unit="ms",
        ge=0,
        le=1000,
    )
    timeout: float = field(
        1.0, title="Time-out", description="How long to wait for each answer.", unit="s", ge=0.05, le=60
    )
    retries: int = field(
        1, title="Retries", description="Requests repeated before the device counts as lost.", ge=0, le=5
    )
    template: TemplateName | None = field(
        None, title="Template", description="Rows of a well-known device; own rows of the same label replace them."
    )
    byte_order: ByteOrder | None = field(
        None, title="Byte order", description="Of values longer than a register; empty: the template's, or ABCD."
    )
    max_registers: int | None = field(
        None,
        title="Registers per request",
        description="Most that the device answers at once; empty: the template's, or 125. Sixteen times as many bits.",
        ge=1,
        le=125,
    )
    write_multiple: bool = field(
        False,
        title="Write with functions 15 and 16 only",
        description="For devices that know no writing of a single coil or register (functions 5 and 6).",
    )
    stale_after: float | None = field(
        None,
        title="Stale after",
        description="A point without a new value for longer turns stale; empty for three intervals of its group.",
        unit="s",
        gt=0,
        le=31_622_400,
    )
    rows: list[Row] = field([], title="Rows", description="What to read.", max_length=10_000)

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_unique([*(row.label for row in self.rows), CONNECTED], f"in device {self.label!r} the row label")
        if self.interface == "tcp" and (not self.host or self.serial_port is not None):
            raise ValueError(f"device {self.label!r} is reached over tcp: give its host, and no serial port")
        if self.interface == "serial" and (self.host or self.serial_port is None):
            raise ValueError(f"device {self.label!r} is on a serial port: give the port's label, and no host")
        if self.interface == "serial" and not 1 <= self.unit <= _LAST_BUS_ADDRESS:
            raise ValueError(
                f"device {self.label!r} has unit identifier {self.unit}; on a serial port 1 to 247 will do"
            )
        return self

    @property
    def medium(self) -> MediumKey:
        """The connection or bus that it is reached over."""
        return TcpPlace(self.host, self.port) if self.serial_port is None else SerialPlace(self.serial_port)


class ModbusClientConfig(Config):
    """Which devices to read, what and how often."""

    optimise: bool = field(
        True,
        title="Optimise polling",
        description="Read several values with one request where that is quicker; off: one request for each value.",
    )
    slow: float = field(
        86_400.0, title="Slow interval", description="Of the polling group slow.", unit="s", ge=0.1, le=31_622_400
    )
    normal: float = field(
        10.0, title="Normal interval", description="Of the polling group normal.", unit="s", ge=0.1, le=86_400
    )
    fast: float = field(
        1.0, title="Fast interval", description="Of the polling group fast.", unit="s", ge=0.05, le=3_600
    )
    first_poll: float = field(
        0.0, title="First polling after", description="Pause between start and first polling.", unit="s", ge=0, le=3_600
    )
    reconnect_delay: float = field(
        60.0,
        title="Reconnect delay",
        description="Longest pause between tries to reach a lost device; the first come after 1, 2, 4 … seconds.",
        unit="s",
        ge=0.1,
        le=86_400,
    )
    priority: int = field(
        0, title="Priority", description="A service with a higher one gets a serial port first.", ge=-100, le=100
    )
    window: float | None = field(
        10.0,
        title="Time window",
        description="After this time a serial port is given to a service of the same or a lower priority that waits "
        "for it. Empty: it is kept.",
        unit="s",
        ge=0.5,
        le=86_400,
    )
    templates: list[OwnTemplate] = field(
        [], title="Own templates", description="Beside those that are there already.", max_length=100
    )
    devices: list[Device] = field([], title="Devices", description="The devices to read.", max_length=1000)

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_own(self.templates)
        check_unique([device.label for device in self.devices], "the device label")
        for device in self.devices:
            limit = self.register_limit(device)
            for row in self.rows(device):
                if row.bank not in BIT_BANKS and row.format.registers > limit:
                    raise ValueError(
                        f"device {device.label!r} row {row.place} takes {row.format.registers} registers, but the "
                        f"device answers {limit} at once; raise registers per request or choose a shorter type"
                    )
        return self

    def rows(self, device: Device) -> list[Row]:
        """The rows of a device's template and its own, each with the byte order that holds for it."""
        return rows_of(device, self.templates)

    def register_limit(self, device: Device) -> int:
        """Most registers in one request to a device."""
        return device.max_registers or register_limit_of(device.template, self.templates)

    def interval(self, group: GroupName) -> float:
        """Interval of a polling group in seconds."""
        intervals: dict[str, Any] = {"slow": self.slow, "normal": self.normal, "fast": self.fast}
        return float(intervals[group])


def declaration(config: ModbusClientConfig, device: Device, row: Row) -> Point:
    """The point of a row as it exists before the device answered."""
    return Point(
        name=f"{device.label}/{row.label}",
        type=row.format.point_type,
        unit=row.unit,
        title=f"{device.label} {row.label}",
        writable=row.writable,
        source=row.source,
        stale_after=device.stale_after or 3 * config.interval(row.group),
    )
