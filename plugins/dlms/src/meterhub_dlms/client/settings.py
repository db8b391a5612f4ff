"""Settings of ``dlms-client``."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Literal, Self

from meterhub_sdk import Config, Label, PointType, SecretName, field
from pydantic import AfterValidator, model_validator

from meterhub_dlms.codec import obis
from meterhub_dlms.codec.ln import Attribute

GroupName = Literal["fast", "normal", "slow"]
CONNECTED = "connected"
"""The point of each meter that says whether it is connected; no mapping may be called so."""

SCALER_ATTRIBUTES = {3: 3, 4: 3, 5: 4}
"""Attribute scaler_unit of each class that has one: register, extended register, demand register."""

SCALED_ATTRIBUTES = {3: {2}, 4: {2}, 5: {2, 3}}
"""Attributes that scaler_unit applies to."""


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
    """One attribute of the meter that becomes a point."""

    label: Label = field(title="Label", description="Last part of the point's name, such as energy-import.")
    class_id: Literal[1, 3, 4, 5] = field(
        3,
        title="Class",
        description="COSEM interface class: 1 data, 3 register, 4 extended register, 5 demand register.",
    )
    logical_name: LogicalName = field(
        title="Logical name",
        description="OBIS code as in the meter's documentation, such as 1-1:1.8.0*255 or 1-1.1.8.0.255.",
    )
    attribute: int = field(
        2, title="Attribute", description="Number of the attribute to read; 2 is the value.", ge=1, le=127
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
    writable: bool = field(False, title="Writable", description="Allow this attribute of the meter to be set.")

    @property
    def target(self) -> Attribute:
        """What to read."""
        return Attribute(self.class_id, obis.parse(self.logical_name), self.attribute)

    @property
    def scaler(self) -> Attribute | None:
        """Where scaler and unit of it stand, if it has any."""
        if self.attribute not in SCALED_ATTRIBUTES.get(self.class_id, ()):
            return None
        return Attribute(self.class_id, obis.parse(self.logical_name), SCALER_ATTRIBUTES[self.class_id])


class Meter(Config):
    """One meter reached over TCP."""

    label: Label = field(title="Label", description="First part of its points' names, such as main-meter.")
    host: str = field(title="Host", description="Address or name of the meter.", min_length=1, max_length=253)
    port: int = field(4059, title="Port", description="TCP port of the meter.", ge=1, le=65535)
    client_address: int = field(
        16,
        title="Client address",
        description="16 is the public client; the meter's rights depend on it.",
        ge=1,
        le=127,
    )
    logical_device: int = field(
        1, title="Logical device address", description="1 is the management logical device.", ge=1, le=16383
    )
    authentication: Literal["none", "password"] = field(
        "none", title="Authentication", description="none, or password for low-level security (LLS)."
    )
    password: SecretName | None = field(
        None, title="Password", description="Secret that holds the password of this client address."
    )
    timeout: float = field(
        5.0, title="Time-out", description="How long to wait for each answer.", unit="s", ge=0.1, le=300
    )
    values_per_request: int = field(
        1000,
        title="Values per request",
        description="Most values asked for at once; fewer for meters that cannot do many. 1 reads each by itself.",
        ge=1,
        le=1000,
    )
    stale_after: float | None = field(
        None,
        title="Stale after",
        description="A point without a new value for longer turns stale; empty for three intervals of its group.",
        unit="s",
        gt=0,
    )
    mappings: list[Mapping] = field(title="Mappings", description="What to read.", max_length=10_000)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.authentication == "password" and self.password is None:
            raise ValueError(f"meter {self.label!r} has authentication password but names no secret with the password")
        labels = [mapping.label for mapping in self.mappings]
        if CONNECTED in labels:
            raise ValueError(f"a mapping of meter {self.label!r} is called {CONNECTED!r}, which each meter has already")
        check_unique(labels, f"in meter {self.label!r} the mapping label")
        return self


class DlmsClientConfig(Config):
    """Which meters to read, what and how often."""

    slow: float = field(
        86_400.0,
        title="Slow interval",
        description="Interval of the polling group slow.",
        unit="s",
        ge=0.1,
        le=31_622_400,
    )
    normal: float = field(
        10.0, title="Normal interval", description="Interval of the polling group normal.", unit="s", ge=0.1, le=86_400
    )
    fast: float = field(
        1.0, title="Fast interval", description="Interval of the polling group fast.", unit="s", ge=0.05, le=3_600
    )
    reconnect_delay: float = field(
        60.0,
        title="Reconnect delay",
        description="Longest pause between tries to reach a lost meter; the first come after 1, 2, 4 … seconds.",
        unit="s",
        ge=0.1,
        le=86_400,
    )
    meter_time: bool = field(
        True,
        title="Time from the meter",
        description="Read the meter's clock with each request, so that values carry the meter's own time. "
        "Otherwise they carry the time of their arrival, and the status says so.",
    )
    meters: list[Meter] = field(
        default_factory=list, title="Meters", description="The meters to read.", max_length=1000
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_unique([meter.label for meter in self.meters], "the meter label")
        return self

    def interval(self, group: GroupName) -> float:
        """Interval of a polling group in seconds."""
        intervals: dict[str, Any] = {"slow": self.slow, "normal": self.normal, "fast": self.fast}
        return float(intervals[group])
