"""Settings of one load profile of a meter."""

from __future__ import annotations

from typing import Literal, Self

from meterhub_sdk import Config, Label, PointType, field
from pydantic import model_validator

from meterhub_dlms.client.mapping_settings import LogicalName, check_unique
from meterhub_dlms.codec import obis
from meterhub_dlms.codec.ln import Attribute
from meterhub_dlms.codec.selection import CaptureObject

CLASS = 7
"""Profile generic."""

_DAY = 86_400
_NANOSECONDS = 1_000_000_000


class ProfileColumn(Config):
    """One column of a profile that becomes a point."""

    label: Label = field(title="Label", description="Last part of the point's name, such as energy-import.")
    class_id: int = field(
        3, title="Class", description="Class of the object that is captured, such as 3 register.", ge=1, le=65_535
    )
    logical_name: LogicalName = field(
        title="Logical name", description="OBIS code of the object that is captured, such as 1-1:1.8.0*255."
    )
    attribute: int = field(
        2, title="Attribute", description="Attribute that is captured; 2 is the value.", ge=1, le=127
    )
    element: int = field(
        0, title="Element", description="Part of the attribute that is captured; 0 for all of it.", ge=0, le=65_535
    )
    type: PointType = field(
        "float", title="Type", description="float for measured values, int for counters without decimals."
    )
    unit: str = field(
        "", title="Unit", description="Shown until the meter has told its own unit, such as Wh.", max_length=32
    )

    @property
    def captured(self) -> CaptureObject:
        """The column as the meter names it."""
        return CaptureObject(self.class_id, obis.parse(self.logical_name), self.attribute, self.element)


class Profile(Config):
    """One load profile or other recording of the meter (class 7)."""

    label: Label = field(title="Label", description="Second part of its points' names, such as load-profile.")
    logical_name: LogicalName = field(
        "1-0:99.1.0*255", title="Logical name", description="OBIS code of the profile in the meter's documentation."
    )
    interval: float | None = field(
        None,
        title="Interval",
        description="How often new entries are looked for; empty for the capture period of the meter.",
        unit="s",
        ge=0.1,
        le=31_622_400,
    )
    first_read: float = field(
        1.0,
        title="First read",
        description="How far back the first read goes. Later ones go back to the last entry that was read.",
        unit="d",
        ge=0,
        le=366,
    )
    columns: list[ProfileColumn] = field(
        default_factory=list,
        title="Columns",
        description="Columns that become points. Empty: all numeric ones, as soon as the meter has told them.",
        max_length=64,
    )
    status_name: LogicalName | None = field(
        None,
        title="Status column",
        description="Logical name of the captured status of the entries (AMR profile status); empty for none.",
    )
    invalid_bits: int = field(
        0x05,
        title="Bits of invalid entries",
        description="Bits of the status that make the values of an entry invalid; 5 is critical error (1) and data "
        "not valid (4).",
        ge=0,
        le=0xFFFF_FFFF,
    )
    clock_bits: int = field(
        0x02,
        title="Bits of an invalid clock",
        description="Bits of the status that say that the meter's clock was not right; usually 2.",
        ge=0,
        le=0xFFFF_FFFF,
    )
    empty_values: Literal["missing", "unchanged"] = field(
        "missing",
        title="Empty values",
        description="What it means when the meter sends nothing (null-data) for a value: that it is missing, or that "
        "it is the same as in the entry before.",
    )

    @property
    def name(self) -> bytes:
        """The logical name in bytes."""
        return obis.parse(self.logical_name)

    @property
    def reach(self) -> int:
        """How far back the first read goes, in nanoseconds."""
        return round(self.first_read * _DAY) * _NANOSECONDS

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_unique([column.label for column in self.columns], f"in profile {self.label!r} the column label")
        doubled = {column.captured for column in self.columns}
        if len(doubled) < len(self.columns):
            raise ValueError(f"profile {self.label!r} has a column twice; take one of them out")
        return self


def attribute(name: bytes, number: int) -> Attribute:
    """An attribute of the profile with this logical name."""
    return Attribute(CLASS, name, number)
