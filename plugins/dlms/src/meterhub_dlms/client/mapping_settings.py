"""Settings of one mapping: an attribute or method of a meter that becomes a point."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal, Self

from meterhub_sdk import Config, Label, PointType, field
from pydantic import AfterValidator, model_validator

from meterhub_dlms.codec import axdr, obis
from meterhub_dlms.codec.ln import Attribute

GroupName = Literal["fast", "normal", "slow"]
CONNECTED = "connected"
"""The point of each meter that says whether it is connected."""

CLOCK_DEVIATION = "clock-deviation"
"""The point of each meter whose clock is watched: how far it is ahead of ours."""

RESERVED = frozenset({CONNECTED, CLOCK_DEVIATION})
"""Points that a meter has without a mapping; no mapping may be called so."""

SCALER_ATTRIBUTES = {3: 3, 4: 3, 5: 4}
"""Attribute scaler_unit of each class that has one: register, extended register, demand register."""

SCALED_ATTRIBUTES = {3: {2}, 4: {2}, 5: {2, 3}}
"""Attributes that scaler_unit applies to."""

PARAMETERS = {
    "integer": axdr.INT8,
    "long": axdr.INT16,
    "double-long": axdr.INT32,
    "unsigned": axdr.UINT8,
    "long-unsigned": axdr.UINT16,
    "double-long-unsigned": axdr.UINT32,
    "boolean": axdr.BOOLEAN,
    "octet-string": axdr.OCTET_STRING,
    "visible-string": axdr.VISIBLE_STRING,
}
"""Tag of each data type that the parameter of a method can have."""


def _canonical(text: str) -> str:
    return obis.text(obis.parse(text))


LogicalName = Annotated[str, AfterValidator(_canonical)]
"""An OBIS code in any usual spelling; kept as ``1-1:1.8.0*255``."""


def check_unique(labels: list[str], what: str) -> None:
    """``ValueError`` naming the labels that occur more than once."""
    doubled = [label for label, count in Counter(labels).items() if count > 1]
    if doubled:
        raise ValueError(
            f"{what} {', '.join(map(repr, doubled))} is given more than once; each needs a label of its own"
        )


class Mapping(Config):
    """One attribute of the meter that becomes a point, or one method that writing a point calls."""

    label: Label = field(title="Label", description="Last part of the point's name, such as energy-import.")
    kind: Literal["attribute", "method"] = field(
        "attribute",
        title="Kind",
        description="attribute: read, and set where writable; method: never read, called with what is written.",
    )
    class_id: int = field(
        3,
        title="Class",
        description="COSEM interface class, such as 1 data, 3 register, 4 extended register, 5 demand register, "
        "8 clock, 70 disconnect control. Values of classes 3 to 5 are scaled.",
        ge=1,
        le=65_535,
    )
    logical_name: LogicalName = field(
        title="Logical name",
        description="OBIS code as in the meter's documentation, such as 1-1:1.8.0*255 or 1-1.1.8.0.255.",
    )
    attribute: int = field(
        2, title="Attribute", description="Number of the attribute or method; 2 is the value.", ge=1, le=127
    )
    group: GroupName = field("normal", title="Polling group", description="How often it is read: slow, normal or fast.")
    type: PointType = field(
        "float",
        title="Type",
        description="float for measured values, int for counters without decimals, bool for states, str for texts.",
    )
    unit: str = field(
        "", title="Unit", description="Shown until the meter has told its own unit, such as Wh.", max_length=32
    )
    writable: bool = field(
        False, title="Writable", description="Allow this attribute of the meter to be set, or this method to be called."
    )
    parameter: Literal[
        "none", "integer", "long", "double-long", "unsigned", "long-unsigned", "double-long-unsigned", "boolean",
        "octet-string", "visible-string",
    ] = field(
        "integer",
        title="Parameter",
        description="For methods: data type of what is written, as the meter's documentation names it; "
        "disconnecting and reconnecting take an integer, written as 0.",
    )  # fmt: skip

    @property
    def target(self) -> Attribute:
        """What to read or call."""
        return Attribute(self.class_id, obis.parse(self.logical_name), self.attribute)

    @property
    def scaler(self) -> Attribute | None:
        """Where scaler and unit of it stand, if it has any."""
        if self.kind == "method" or self.attribute not in SCALED_ATTRIBUTES.get(self.class_id, ()):
            return None
        return Attribute(self.class_id, obis.parse(self.logical_name), SCALER_ATTRIBUTES[self.class_id])

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.kind == "method" and not self.writable:
            raise ValueError(f"mapping {self.label!r} is a method, which can only be written; make it writable")
        return self
