"""The settings of the Modbus server, and what must hold between them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Literal, NamedTuple, Self

from meterhub_sdk import Config, Label, PointName, SerialPort, TcpPort, field
from meterhub_sdk.admission import EVERYBODY, AddressPattern
from meterhub_sdk.tls import TlsServer
from pydantic import AfterValidator, StringConstraints, model_validator

from meterhub_modbus.formats import FORMAT_PATTERN, STRING_LIMIT, ByteOrder, Format, NotRepresentable

BankName = Literal["coils", "contacts", "input", "holding"]
StaleBehaviour = Literal["exception", "sentinel", "last"]
Ascii = Annotated[str, StringConstraints(pattern=r"^[ -~]*$", max_length=120)]

REGISTER_BANK: dict[BankName, BankName] = {
    "coils": "holding",
    "contacts": "input",
    "input": "input",
    "holding": "holding",
}
"""The bank in which a row's quality and time registers stand."""


def _check_format(text: str) -> str:
    if text.startswith("string") and Format(text).length > STRING_LIMIT:
        raise ValueError(f"{text} is too long; a string has 1 to {STRING_LIMIT} bytes")
    return text


def _check_host(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise ValueError(f"{text!r} is no IP address; give one of this machine's, or 0.0.0.0 or :: for all") from None


Host = Annotated[str, AfterValidator(_check_host)]
"""An IP address to listen on."""


class Row(Config):
    """One point in one place of one bank."""

    point: PointName = field(title="Data point")
    bank: BankName = field(title="Bank", description="Coils and holding registers can be written, the others cannot.")
    address: int = field(title="Address", description="Of the first register or bit, counted from 0.", ge=0, le=65535)
    format: Annotated[str, StringConstraints(pattern=FORMAT_PATTERN), AfterValidator(_check_format)] = field(
        "f32",
        title="Format",
        description="bool, i16, u16, i32, u32, i64, f32, f64 or string[bytes]; bool in bit banks.",
    )
    scaling: float = field(1.0, title="Scaling", description="Register = point value x scaling.", allow_inf_nan=False)
    writable: bool = field(False, title="Writable")
    quality_address: int | None = field(
        None,
        title="Quality register",
        description="Shows 0 good, 1 substituted, 2 stale, 3 invalid. It stands in the holding registers for coils "
        "and holding registers, in the input registers for the others.",
        ge=0,
        le=65535,
    )
    time_address: int | None = field(
        None,
        title="Time registers",
        description="Two registers (u32) with the source's own time of the value shown, in seconds since 1970 UTC; "
        "0 before the first value. They stand in the same bank as the quality register.",
        ge=0,
        le=65535,
    )
    sentinel: float | None = field(
        None,
        title="Own sentinel",
        description="What the registers hold, unscaled, when there is no value to show, in place of the usual "
        "NaN, 0x8000 (signed), 0xFFFF (unsigned, bool) or empty text; 0 or 1 for a bit, which has no usual one.",
        allow_inf_nan=False,
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        bits = self.bank in ("coils", "contacts")
        if bits and self.format != "bool":
            raise ValueError(f"{self.place} is one bit and cannot hold {self.format}; choose the format bool")
        if self.writable and REGISTER_BANK[self.bank] == "input":
            raise ValueError(f"{self.place} cannot be writable: the bank is read-only; use coils or holding")
        if self.scaling == 0 or (self.scaling != 1 and self.format[0] in "bs"):
            raise ValueError(f"{self.place} has scaling {self.scaling:g}; not 0, and 1 for bool and string")
        if self.sentinel is not None:
            self._check_sentinel(self.sentinel)
        for span in self.spans():
            if span.last > 65535:
                raise ValueError(f"{self.place} crosses address 65535: its {span.what} would end at {span.last}")
        return self

    def _check_sentinel(self, sentinel: float) -> None:
        if self.format[0] == "s" or (self.format[0] not in "f" and not sentinel.is_integer()):
            raise ValueError(f"{self.place} has the sentinel {sentinel:g}, which {self.format} cannot hold")
        try:
            Format(self.format).sentinel(sentinel)
        except NotRepresentable as error:
            raise ValueError(f"{self.place} has a sentinel that does not fit: {error}") from None

    @property
    def place(self) -> str:
        """The row in an error message."""
        return f"{self.point} at {self.bank} {self.address}"

    def spans(self) -> Iterator[Span]:
        """All the addresses that this row takes."""
        size = 1 if self.bank in ("coils", "contacts") else Format(self.format).registers
        beside = REGISTER_BANK[self.bank]
        yield Span(self.bank, self.address, self.address + size - 1, "value")
        if self.quality_address is not None:
            yield Span(beside, self.quality_address, self.quality_address, "quality register")
        if self.time_address is not None:
            yield Span(beside, self.time_address, self.time_address + 1, "time registers")


class Span(NamedTuple):
    """Addresses from ``first`` to ``last``, both included, of one bank."""

    bank: BankName
    first: int
    last: int
    what: str


class Group(Config):
    """Rows that belong together and treat missing values alike."""

    label: Label = field(title="Label")
    unit: int | None = field(None, title="Unit identifier", description="In place of the server's.", ge=1, le=247)
    stale: StaleBehaviour = field(
        "exception",
        title="When a value is stale or invalid",
        description="exception: a read that touches it is answered with exception 4. sentinel: the registers hold "
        "a pattern that is no value. last: they keep the last value, and the quality register tells.",
    )
    rows: list[Row] = field([], title="Rows", max_length=10000)

    @model_validator(mode="after")
    def _quality_beside_last_values(self) -> Self:
        for number, row in enumerate(self.rows, 1):
            if self.stale == "last" and row.quality_address is None:
                raise ValueError(
                    f"group {self.label} row {number} ({row.place}) shows last values but has no quality register; "
                    "give its address, so that nobody takes an old value for a fresh one"
                )
        return self


class Identification(Config):
    """What read device identification (function code 43 / 14) answers; ASCII."""

    vendor: Ascii = field("Meterhub", title="Vendor name", min_length=1)
    product_code: Ascii = field("modbus-server", title="Product code", min_length=1)
    product: Ascii = field("Meterhub Modbus server", title="Product name")
    model: Ascii = field("", title="Model name")
    application: Ascii = field("", title="Application name")


class ModbusServerConfig(TlsServer):
    """Settings of one Modbus server, over TCP, on a serial port, or both."""

    host: Host = field(
        "127.0.0.1", title="Listen on", description="IP address; 0.0.0.0 for all of IPv4, :: for all of IPv6."
    )
    port: TcpPort | None = field(
        1502,
        title="TCP port",
        description="Empty for none: only on the serial port. With TLS (Modbus/TCP Security) the usual one is 802.",
    )
    unit: int = field(1, title="Unit identifier", ge=1, le=247)
    byte_order: ByteOrder = field("ABCD", title="Byte order of 32-bit and 64-bit values")
    allowed: list[AddressPattern] = field(EVERYBODY, title="Allowed remote addresses", min_length=1, max_length=100)
    connections: int = field(10, title="Connections at the same time", ge=1, le=200)
    idle_timeout: float = field(
        600.0, title="Close idle connections after", unit="s", ge=1, le=86400, allow_inf_nan=False
    )
    write_timeout: float = field(
        3.0, title="Time for a write", description="For all that one request writes.", unit="s", ge=0.1, le=300
    )
    serial_port: SerialPort | None = field(
        None, title="Serial port", description="Its label, to answer over Modbus RTU too; empty for none."
    )
    turnaround: float = field(
        5.0,
        title="Turn-around",
        description="On the serial port, from the end of a request to its answer, at least.",
        unit="ms",
        ge=0,
        le=1000,
        allow_inf_nan=False,
    )
    priority: int = field(
        0, title="Priority", description="A service with a higher one gets the serial port first.", ge=-100, le=100
    )
    identification: Identification = field(Identification(), title="Device identification")
    groups: list[Group] = field([], title="Groups", max_length=500)

    @model_validator(mode="after")
    def _nothing_overlaps(self) -> Self:
        taken: list[tuple[int, Span, str]] = []
        for group in self.groups:
            for number, row in enumerate(group.rows, 1):
                name = f"group {group.label} row {number} ({row.place})"
                taken.extend((group.unit or self.unit, span, name) for span in row.spans())
        taken.sort(key=lambda entry: entry[:2])
        for (unit, span, name), (next_unit, after, next_name) in pairwise(taken):
            if (unit, span.bank) == (next_unit, after.bank) and after.first <= span.last:
                raise ValueError(
                    f"the {span.what} of {name} and the {after.what} of {next_name} overlap at {after.bank} "
                    f"{after.first} of unit {unit}; move one of them"
                )
        return self

    @model_validator(mode="after")
    def _answers_somewhere(self) -> Self:
        if self.port is None and self.serial_port is None:
            raise ValueError("the server answers nowhere; give a TCP port, a serial port, or both")
        return self

    @model_validator(mode="after")
    def _labels_differ(self) -> Self:
        for label in {group.label for group in self.groups}:
            if sum(group.label == label for group in self.groups) > 1:
                raise ValueError(f"two groups are labelled {label}; give each its own label")
        return self
