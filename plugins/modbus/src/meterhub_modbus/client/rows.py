"""One value of a device as settings and templates describe it."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal, Self

from meterhub_sdk import Config, Label, field
from pydantic import AfterValidator, Field, model_validator

from meterhub_modbus.client.values import TYPE_PATTERN, RegisterFormat, check_type
from meterhub_modbus.formats import ByteOrder
from meterhub_modbus.settings import BankName

GroupName = Literal["fast", "normal", "slow"]
GROUPS: tuple[GroupName, ...] = ("fast", "normal", "slow")
"""In the order in which they go."""

BIT_BANKS = frozenset({"coils", "contacts"})
WRITABLE_BANKS = frozenset({"coils", "holding"})
CONNECTED = "connected"
"""The point of each device that says whether it answers; no row may be called so."""

_REFERENCE_DIGIT: dict[BankName, str] = {"coils": "0", "contacts": "1", "input": "3", "holding": "4"}


class Row(Config):
    """One value in one place of one bank."""

    label: Label = field(title="Label", description="Last part of the point's name, such as energy-import.")
    bank: BankName = field(
        "holding", title="Bank", description="coils and contacts hold bits, input and holding registers of 16 bits."
    )
    address: int = field(
        title="Address",
        description="Of the first register or bit, counted from 0 as on the wire: holding register 40001 is 0.",
        ge=0,
        le=65535,
    )
    type: Annotated[str, AfterValidator(check_type), Field(json_schema_extra={"pattern": TYPE_PATTERN})] = field(
        "f32",
        title="Type",
        description="bool, bit[n] (bit n of a register, 0 is the lowest), i16, u16, i32, u32, i64, u64, f32, f64 or "
        "string[bytes]; bool in the banks of bits.",
    )
    byte_order: ByteOrder | None = field(
        None, title="Byte order", description="In place of the device's, for values longer than a register."
    )
    factor: float = field(
        1.0, title="Factor", description="Point value = register content x factor + offset.", allow_inf_nan=False
    )
    offset: float = field(0.0, title="Offset", description="Added after the factor.", allow_inf_nan=False)
    missing: int | None = field(
        None, title="No value", description="Register content, unscaled, that means that there is no value."
    )
    unit: str = field("", title="Unit", description="Of the point's value, such as Wh.", max_length=32)
    group: GroupName = field("normal", title="Polling group", description="How often it is read: slow, normal or fast.")
    writable: bool = field(False, title="Writable", description="Allow writes; only coils and holding registers.")
    verify: bool = field(
        True,
        title="Verify writes",
        description="A write is refused when the device shows something else afterwards; off for registers that "
        "reset themselves.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.bank in BIT_BANKS and self.type != "bool":
            raise ValueError(f"{self.place} is one bit and cannot hold {self.type}; choose the type bool")
        if self.writable and self.bank not in WRITABLE_BANKS:
            raise ValueError(f"{self.place} cannot be writable: the bank is read-only; use coils or holding")
        if self.factor == 0:
            raise ValueError(f"{self.place} has the factor 0; give another number")
        if (self.factor, self.offset) != (1, 0) and self.format.point_type in ("bool", "str"):
            raise ValueError(f"{self.place} is {self.type} and cannot be scaled; leave factor 1 and offset 0")
        if self.missing is not None and self.type[:1] not in "iu":
            raise ValueError(f"{self.place} is {self.type}; only the integer types can have a number for no value")
        if self.end > 65536:
            raise ValueError(f"{self.place} crosses address 65535; it would end at {self.end - 1}")
        return self

    @property
    def format(self) -> RegisterFormat:
        """How the value stands in its registers."""
        return RegisterFormat(self.type, self.byte_order or "ABCD", self.factor, self.offset, self.missing)

    @property
    def end(self) -> int:
        """The first address behind the value."""
        return self.address + (1 if self.bank in BIT_BANKS else self.format.registers)

    @property
    def place(self) -> str:
        """The row in an error message."""
        return f"{self.label} at {self.bank} {self.address}"

    @property
    def source(self) -> str:
        """Where the value stands, for people: the usual reference number, and the address on the wire."""
        number = self.address + 1
        digits = f"{number:04d}" if number <= 9999 else f"{number:05d}"
        return f"{self.bank} {_REFERENCE_DIGIT[self.bank]}{digits} ({self.address})"


def check_unique(labels: list[str], what: str) -> None:
    """``ValueError`` naming the labels that occur more than once."""
    doubled = [label for label, count in Counter(labels).items() if count > 1]
    if doubled:
        raise ValueError(
            f"{what} {', '.join(map(repr, doubled))} is given more than once; each needs a label of its own"
        )
