"""Settings of ``modbus-client``."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple, Self

from meterhub_sdk import Config, Label, Point, field
from pydantic import AfterValidator, Field, model_validator

from meterhub_modbus.client import templates
from meterhub_modbus.client.rows import BIT_BANKS, CONNECTED, GroupName, Row, check_unique
from meterhub_modbus.formats import ByteOrder

TemplateName = Annotated[
    str, AfterValidator(templates.check_name), Field(json_schema_extra={"enum": list(templates.names())})
]


class MediumKey(NamedTuple):
    """What devices share when they share a medium."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Device(Config):
    """One device: a unit identifier behind one connection."""

    label: Label = field(title="Label", description="First part of its points' names, such as main-meter.")
    interface: Literal["tcp"] = field("tcp", title="Interface", description="tcp: Modbus TCP.")
    host: str = field(title="Host", description="Address or name of the device.", min_length=1, max_length=253)
    port: int = field(
        502,
        title="Port",
        description="TCP port. Devices with the same host and port share one connection, as behind a gateway.",
        ge=1,
        le=65535,
    )
    unit: int = field(1, title="Unit identifier", description="Behind a gateway, the address on its bus.", ge=0, le=255)
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
        for row in self.all_rows:
            if row.bank not in BIT_BANKS and row.format.registers > self.register_limit:
                raise ValueError(
                    f"device {self.label!r} row {row.place} takes {row.format.registers} registers, but the device "
                    f"answers {self.register_limit} at once; raise registers per request or choose a shorter type"
                )
        return self

    @property
    def all_rows(self) -> list[Row]:
        """The template's rows and its own, each with the byte order that holds for it."""
        known = templates.load(self.template) if self.template is not None else None
        own = {row.label for row in self.rows}
        rows = [row for row in known.rows if row.label not in own] if known is not None else []
        order = self.byte_order or (known.byte_order if known is not None else "ABCD")
        return [row if row.byte_order else row.model_copy(update={"byte_order": order}) for row in (*rows, *self.rows)]

    @property
    def register_limit(self) -> int:
        """Most registers in one request."""
        if self.max_registers is not None:
            return self.max_registers
        return templates.load(self.template).max_registers if self.template is not None else 125

    @property
    def medium(self) -> MediumKey:
        """The connection that it is reached over."""
        return MediumKey(self.host, self.port)


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
    devices: list[Device] = field([], title="Devices", description="The devices to read.", max_length=1000)

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_unique([device.label for device in self.devices], "the device label")
        return self

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
