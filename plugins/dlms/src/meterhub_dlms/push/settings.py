"""Settings of ``dlms-push``."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import Annotated, Literal, Self

from meterhub_sdk import Config, Label, PointType, SecretName, TcpPort, UdpPort, field
from pydantic import AfterValidator, model_validator

from meterhub_dlms.client.mapping_settings import check_unique
from meterhub_dlms.codec import obis
from meterhub_dlms.local_time import Deviation, ZoneName
from meterhub_dlms.security import SystemTitle

_PLACE = re.compile(r"#[1-9]\d{0,3}(?:\.[1-9]\d{0,3}){0,7}", re.ASCII)


def _source(text: str) -> str:
    if _PLACE.fullmatch(text.strip()):
        return text.strip()
    try:
        return obis.text(obis.parse(text))
    except ValueError:
        raise ValueError(
            f"{text[:40]!r} is neither an OBIS code such as 1-0:1.8.0*255 nor a place in the push such as #4 or #2.1"
        ) from None


def _network(text: str) -> str:
    try:
        return str(ip_network(text.strip())) if text else ""
    except ValueError:
        raise ValueError(
            f"{text[:60]!r} is no address; give one such as 192.0.2.7, or a network such as 192.0.2.0/24"
        ) from None


SourceText = Annotated[str, AfterValidator(_source)]
"""An OBIS code, or ``#`` and a place in the push."""

NetworkText = Annotated[str, AfterValidator(_network)]
"""An address or a network in CIDR notation, or nothing."""


class PushMapping(Config):
    """One value of the pushes that becomes a point."""

    label: Label = field(title="Label", description="Last part of the point's name, such as energy-import.")
    source: SourceText = field(
        title="Source",
        description="OBIS code such as 1-0:1.8.0*255 where the push carries names; otherwise the place of the value: "
        "#4 is the fourth, #2.1 the first within the second.",
    )
    attribute: int = field(
        2, title="Attribute", description="Where the push names attributes; 2 is the value.", ge=1, le=127
    )
    count: int | None = field(
        None,
        title="Length of the list",
        description="For meters that send several lists: take it only from pushes of so many values on the uppermost "
        "level. Empty for all.",
        ge=1,
        le=5000,
    )
    type: PointType = field(
        "float",
        title="Type",
        description="float for measured values, int for counters without decimals, bool for states, str for texts.",
    )
    unit: str = field(
        "",
        title="Unit",
        description="Of the value; where the push carries one, it is converted to this.",
        max_length=32,
    )
    scaler: int = field(
        0,
        title="Scaler",
        description="Where the push carries none: the value is multiplied by ten to the power of this.",
        ge=-20,
        le=20,
    )

    @property
    def place(self) -> str | None:
        """The place in the push, or ``None`` when it is found by its name."""
        return self.source[1:] if self.source.startswith("#") else None

    @property
    def logical_name(self) -> bytes:
        """The name that it is found by, empty when it is found by its place."""
        return b"" if self.place is not None else obis.parse(self.source)


class PushMeter(Config):
    """One meter, and how its pushes are known: by system title and keys, by address, by what they tell."""

    label: Label = field(title="Label", description="First part of its points' names, such as main-meter.")
    host: NetworkText = field(
        "", title="Address", description="IP address or network that it sends from; empty for any.", max_length=64
    )
    device: str = field(
        "",
        title="Name in the push",
        description="Text that each push of this meter holds, such as its logical device name or serial number; empty "
        "when the address or the system title is enough.",
        max_length=64,
    )
    system_title: SystemTitle = field(
        "",
        title="System title",
        description="Of the meter, 16 hexadecimal digits; with the keys. Pushes in clear are then refused.",
    )
    protection: Literal["authenticated and encrypted", "authenticated", "encrypted"] = field(
        "authenticated and encrypted",
        title="Protection",
        description="What is demanded at least. encrypted alone protects against listeners only: for meters that "
        "cannot do better.",
    )
    encryption_key: SecretName | None = field(
        None, title="Encryption key", description="Secret that holds the global unicast key: 32 hexadecimal digits."
    )
    authentication_key: SecretName | None = field(
        None, title="Authentication key", description="Secret that holds the authentication key: 32 hexadecimal digits."
    )
    meter_time: bool = field(
        True,
        title="Time from the meter",
        description="Values carry the time of the push, or of the clock in it. Otherwise, and where it cannot be told, "
        "they carry the time of their arrival, and the status says so.",
    )
    zone: ZoneName = field(
        "",
        title="Time zone",
        description="Of meters that do not tell how far their clock is from UTC, such as Europe/Warsaw.",
    )
    deviation: Deviation = field(
        "as told",
        title="Deviation",
        description="For meters that tell the difference to UTC with the wrong sign, or a wrong one: ignored lets the "
        "time zone decide.",
    )
    stale_after: float | None = field(
        None,
        title="Stale after",
        description="Without a push for longer its points turn stale, and an event says so; three times its push "
        "interval is a good choice. Empty for never.",
        unit="s",
        gt=0,
        le=31_622_400,
    )
    mappings: list[PushMapping] = field(
        default_factory=list, title="Mappings", description="What to take of its pushes.", max_length=1000
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not (self.host or self.device or self.system_title):
            raise ValueError(
                f"meter {self.label!r} cannot be told from others; give its address, its name in the push, or its "
                "system title and keys"
            )
        if bool(self.system_title) != (self.encryption_key is not None):
            raise ValueError(f"meter {self.label!r} needs both a system title and an encryption key, or neither")
        if self.encryption_key is not None and self.protection != "encrypted" and self.authentication_key is None:
            raise ValueError(f"meter {self.label!r} has protection {self.protection} but no authentication key")
        if self.deviation == "ignored" and not self.zone:
            raise ValueError(f"meter {self.label!r} has deviation ignored but no time zone; give that of its clock")
        check_unique([mapping.label for mapping in self.mappings], f"in meter {self.label!r} the mapping label")
        return self


class DlmsPushConfig(Config):
    """Where to listen, and which meters send."""

    host: str = field("0.0.0.0", title="Listen on", description="0.0.0.0 for all of IPv4, :: for all of IPv6.")
    tcp_port: TcpPort | None = field(
        None, title="TCP port", description="For the wrapper and for HDLC, which are told apart. Empty for none."
    )
    udp_port: UdpPort | None = field(None, title="UDP port", description="For the wrapper. Empty for none.")
    connections: int = field(
        100, title="Connections", description="Over TCP at the same time; further ones are refused.", ge=1, le=1000
    )
    idle_timeout: float = field(
        7200.0,
        title="Idle time-out",
        description="A TCP connection over which nothing came for so long is closed.",
        unit="s",
        ge=1,
        le=604_800,
    )
    rate: float = field(
        20.0,
        title="Rate",
        description="Frames that one address may send in a second, on average over ten seconds. TCP is slowed down to "
        "it, over UDP what is too much is lost and counted.",
        unit="1/s",
        gt=0,
        le=10_000,
    )
    max_length: int = field(
        65_535, title="Longest push", description="In bytes, also in blocks.", unit="bytes", ge=64, le=262_144
    )
    meters: list[PushMeter] = field(
        default_factory=list, title="Meters", description="The meters that send.", max_length=1000
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.tcp_port is None and self.udp_port is None:
            raise ValueError("neither a TCP port nor a UDP port is given; pushes need one to come to")
        check_unique([meter.label for meter in self.meters], "the meter label")
        check_unique([m.system_title for m in self.meters if m.system_title], "the system title")
        known: dict[tuple[str, str], str] = {}
        for meter in self.meters:
            if meter.system_title:
                continue
            first = known.setdefault((meter.host, meter.device), meter.label)
            if first != meter.label:
                raise ValueError(
                    f"the meters {first!r} and {meter.label!r} have the same address and name in the push; they could "
                    "not be told apart"
                )
        return self
