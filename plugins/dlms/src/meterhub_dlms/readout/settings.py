"""Settings of ``readout-client``."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, NamedTuple, Self

from meterhub_sdk import Config, Label, PointType, SerialPort, field
from pydantic import model_validator

from meterhub_dlms.client.mapping_settings import CONNECTED, GroupName, check_unique
from meterhub_dlms.link.mode_e import MAX_ADDRESS
from meterhub_dlms.local_time import ZoneName
from meterhub_dlms.readout.addresses import AddressText

GROUPS: tuple[GroupName, ...] = ("fast", "normal", "slow")
"""The more urgent first."""

Speed = Literal[300, 600, 1200, 2400, 4800, 9600, 19200]


class MediumKey(NamedTuple):
    """What meters share when they are on the same line: a serial port, or a host and its TCP port."""

    serial_port: str | None
    host: str
    port: int

    def __str__(self) -> str:
        """For people."""
        return f"{self.host}:{self.port}" if self.serial_port is None else f"serial port {self.serial_port}"


class Connection(Config):
    """How a meter is reached and signed on to."""

    serial_port: SerialPort | None = field(
        None, title="Serial port", description="Its label among the serial ports; empty for a converter on the network."
    )
    host: str = field("", title="Host", description="Address or name of a serial converter.", max_length=253)
    port: int = field(2000, title="Port", description="TCP port of the converter.", ge=1, le=65535)
    converter_parity: bool = field(
        False,
        title="Parity by the converter",
        description="The converter's line is set to 7 data bits and even parity. Otherwise it is set to 8 data bits "
        "without parity, and the parity is made here.",
    )
    address: str = field(
        "",
        title="Device address",
        description="Of IEC 62056-21, often the serial number; empty for a meter that is alone on its line.",
        pattern=rf"^[0-9A-Za-z ]{{0,{MAX_ADDRESS}}}$",
    )
    start_speed: Speed = field(
        300, title="Start speed", description="300 by the standard; other meters want their own.", unit="Bd"
    )
    max_speed: Speed = field(
        9600,
        title="Highest speed",
        description="The readout goes as fast as the meter offers, at most so fast. A converter cannot change its "
        "speed: give its speed here and as start speed.",
        unit="Bd",
    )
    timeout: float = field(
        2.0,
        title="Time-out",
        description="How long to wait for the meter to begin or to go on; the standard allows it 1.5 s.",
        unit="s",
        ge=0.05,
        le=60,
    )
    longest: float = field(
        240.0,
        title="Longest readout",
        description="A readout that takes longer is broken off.",
        unit="s",
        ge=1,
        le=3600,
    )

    @property
    def medium(self) -> MediumKey:
        """What meters of one line have in common."""
        serial = self.serial_port is not None
        return MediumKey(self.serial_port, "" if serial else self.host, 0 if serial else self.port)

    def check_connection(self) -> None:
        """``ValueError`` when the meter cannot be reached so."""
        if (self.serial_port is None) == (not self.host):
            raise ValueError("a meter is reached by a serial port or by host and port; give one of the two")
        if self.serial_port is None and self.start_speed != self.max_speed:
            raise ValueError(
                f"start speed {self.start_speed} and highest speed {self.max_speed} differ, but a converter cannot "
                "change its speed; give its speed as both"
            )


class ReadoutMapping(Config):
    """One value of the readout that becomes a point."""

    label: Label = field(title="Label", description="Last part of the point's name, such as energy-import.")
    address: AddressText = field(
        title="Address",
        description="As the meter tells it: 1.8.0, 1-0:1.8.0*255 or F.F; with *01 for what was stored at reset 01.",
    )
    place: int = field(
        1,
        title="Place in the line",
        description="1 for the first value behind the address; 2 for the time stamp of a maximum, for instance.",
        ge=1,
        le=20,
    )
    group: GroupName = field("normal", title="Polling group", description="How often it is read: slow, normal or fast.")
    type: PointType = field(
        "float",
        title="Type",
        description="float for measured values, int for counters without decimals, bool for states, str for texts.",
    )
    unit: str = field(
        "",
        title="Unit",
        description="Of the point, such as Wh: kWh of the meter are converted. Empty for the meter's own unit.",
        max_length=16,
    )
    scale: float = field(
        1.0, title="Scale", description="What the meter tells is multiplied by this.", gt=0, ge=1e-9, le=1e9
    )

    @property
    def factor(self) -> Decimal:
        """The scale as people wrote it, exactly."""
        return Decimal(repr(self.scale))


class _Labelled(Config):
    """Puts the label before the connection."""

    label: Label = field(title="Label", description="First part of its points' names, such as main-meter.")


class ReadoutMeter(Connection, _Labelled):
    """One meter."""

    serial_number: str = field(
        "",
        title="Serial number",
        description="What the meter tells as 0.0.0, C.1.0 or the like; the readout of another meter is then refused.",
        max_length=32,
    )
    retries: int = field(2, title="Retries", description="Further tries before the meter counts as lost.", ge=0, le=10)
    meter_time: bool = field(
        False,
        title="Time from the meter",
        description="Values carry the time of the meter's clock (0.9.1 and 0.9.2). Otherwise, and where the meter does "
        "not tell it, they carry the time of their arrival, and the status says so.",
    )
    zone: ZoneName = field("", title="Time zone", description="Of the meter's clock, such as Europe/Warsaw.")
    stale_after: float | None = field(
        None,
        title="Stale after",
        description="A point without a new value for longer turns stale; empty for three intervals of its group.",
        unit="s",
        gt=0,
    )
    mappings: list[ReadoutMapping] = field(
        default_factory=list, title="Mappings", description="What to take of it.", max_length=1000
    )

    @property
    def groups(self) -> list[GroupName]:
        """The polling groups that are in use, the more urgent first."""
        used = {mapping.group for mapping in self.mappings}
        return [group for group in GROUPS if group in used] or ["normal"]

    @model_validator(mode="after")
    def _check(self) -> Self:
        self.check_connection()
        if self.meter_time and not self.zone:
            raise ValueError(f"meter {self.label!r} has time from the meter but no time zone; give that of its clock")
        labels = [mapping.label for mapping in self.mappings]
        if CONNECTED in labels:
            raise ValueError(f"a mapping of meter {self.label!r} is called {CONNECTED!r}, which each meter has already")
        check_unique(labels, f"in meter {self.label!r} the mapping label")
        return self


class ReadoutClientConfig(Config):
    """Which meters to read out, and how often."""

    slow: float = field(
        86_400.0, title="Slow interval", description="Of the polling group slow.", unit="s", ge=1, le=31_622_400
    )
    normal: float = field(
        900.0, title="Normal interval", description="Of the polling group normal.", unit="s", ge=1, le=86_400
    )
    fast: float = field(
        60.0,
        title="Fast interval",
        description="Of the polling group fast. A readout takes seconds at 9600 Bd, and minutes at 300 Bd.",
        unit="s",
        ge=0.05,
        le=3_600,
    )
    retry_delay: float = field(
        300.0,
        title="Retry delay",
        description="Longest pause between tries to reach a lost meter; the first come after 1, 2, 4 … seconds.",
        unit="s",
        ge=0.05,
        le=86_400,
    )
    priority: int = field(
        0, title="Priority", description="A service with a higher one gets a serial port first.", ge=-100, le=100
    )
    meters: list[ReadoutMeter] = field(
        default_factory=list, title="Meters", description="The meters to read out.", max_length=1000
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        check_unique([meter.label for meter in self.meters], "the meter label")
        taken: dict[tuple[MediumKey, str], str] = {}
        for meter in self.meters:
            first = taken.setdefault((meter.medium, meter.address.lstrip("0")), meter.label)
            if first != meter.label:
                raise ValueError(
                    f"the meters {first!r} and {meter.label!r} have the same device address {meter.address!r} on "
                    f"{meter.medium}; give each its own"
                )
        return self

    def interval(self, group: GroupName) -> float:
        """Interval of a polling group in seconds."""
        return {"slow": self.slow, "normal": self.normal, "fast": self.fast}[group]
