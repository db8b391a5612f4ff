"""Settings of a simulated bus: how many meters, what they hold, and who may read them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple, Self

from meterhub_sdk import Config, field
from pydantic import Field, model_validator

from meterhub_dlms.codec import units
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.server.object_settings import DAY
from meterhub_dlms.server.time_settings import LogicalName
from meterhub_dlms.simulator.load import QUANTITIES

PUBLIC, READER, MANAGEMENT = 16, 32, 1
"""Addresses of the clients: without authentication, with the password, with the keys."""

LAST_ADDRESS = 16_381
"""The highest HDLC address that a physical device may have."""

_FIXED = "fixed"
_KEY = r"^([0-9A-Fa-f]{32})?$"


class Format(NamedTuple):
    """How a register shows a quantity on the line."""

    unit: str
    data_type: str = "double-long-unsigned"
    scaler: int = 0


_FORMATS = {
    "energy": Format("Wh"),
    "reactive-energy": Format("varh"),
    "power-factor": Format("", "long", -3),
    "power": Format("W", "double-long"),
    "reactive-power": Format("var", "double-long"),
    "apparent-power": Format("VA", "double-long"),
    "frequency": Format("Hz", "long-unsigned", -2),
    "voltage": Format("V", "long-unsigned", -1),
    "current": Format("A", "long-unsigned", -2),
}


def format_of(quantity: str) -> Format:
    """The usual one for a quantity of a load."""
    return next(shown for kind, shown in _FORMATS.items() if quantity.startswith(kind))


USUAL_REGISTERS = {
    "1-0:1.8.0*255": "energy-import",
    "1-0:2.8.0*255": "energy-export",
    "1-0:3.8.0*255": "reactive-energy-import",
    "1-0:4.8.0*255": "reactive-energy-export",
    "1-0:16.7.0*255": "power",
    "1-0:131.7.0*255": "reactive-power",
    "1-0:9.7.0*255": "apparent-power",
    "1-0:13.7.0*255": "power-factor",
    "1-0:14.7.0*255": "frequency",
    "1-0:32.7.0*255": "voltage-l1",
    "1-0:52.7.0*255": "voltage-l2",
    "1-0:72.7.0*255": "voltage-l3",
    "1-0:31.7.0*255": "current-l1",
    "1-0:51.7.0*255": "current-l2",
    "1-0:71.7.0*255": "current-l3",
    "1-0:36.7.0*255": "power-l1",
    "1-0:56.7.0*255": "power-l2",
    "1-0:76.7.0*255": "power-l3",
}
"""What the meters hold where the settings do not say otherwise."""


class SimulatedRegister(Config):
    """One register of every meter (class 3)."""

    logical_name: LogicalName = field(title="Logical name", description="OBIS code, such as 1-0:1.8.0*255.")
    quantity: str = field(
        _FIXED, title="Quantity", description="What of the load it shows, such as energy-import; fixed for a number."
    )
    value: float = field(0.0, title="Value", description="With fixed: what the first meter shows.")
    per_meter: float = field(0.0, title="Per meter", description="With fixed: what each further meter shows more.")
    unit: str = field("Wh", title="Unit", description="With fixed; other quantities have their own.")

    @property
    def format(self) -> Format:
        """How it is shown."""
        return Format(self.unit) if self.is_fixed else format_of(self.quantity)

    @property
    def point(self) -> str:
        """The point that it shows, within the meter."""
        return self.logical_name.replace("*", ".")

    @property
    def is_fixed(self) -> bool:
        """Whether it shows a number that never changes."""
        return self.quantity == _FIXED

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not self.is_fixed and self.quantity not in QUANTITIES:
            known = ", ".join((_FIXED, *QUANTITIES))
            raise ValueError(
                f"register {self.logical_name} shows {self.quantity!r}, which no load has; {known} would do"
            )
        try:
            units.code_of(self.unit)
        except CodecError as error:
            raise ValueError(f"register {self.logical_name}: {error}") from None
        return self


def _usual_registers() -> list[SimulatedRegister]:
    return [SimulatedRegister(logical_name=name, quantity=shown) for name, shown in USUAL_REGISTERS.items()]


class MeterBusConfig(Config):
    """Meters with addresses one after the other.

    Client 16 needs no password; where there is a client with password or keys, it sees no values, and those two may
    set the clock.
    """

    meters: int = field(10, title="Meters", description="How many there are.", ge=1, le=250)
    first_address: int = field(
        17, title="First address", description="Physical HDLC address of the first.", ge=16, le=LAST_ADDRESS
    )
    silent: list[int] = field(
        default_factory=list, title="Silent", description="Addresses of those that are switched off.", max_length=250
    )
    site: str = field("site", title="Site", description="Another name gives other loads.", max_length=64)
    registers: list[SimulatedRegister] = field(
        default_factory=_usual_registers, title="Registers", description="The same in each meter.", max_length=1000
    )
    referencing: Literal["logical-names", "short-names", "both"] = field(
        "both", title="Referencing", description="How clients may name objects."
    )
    password: str = field(
        "", title="Password", description="What client 32 must bring (LLS); empty for no such client.", max_length=64
    )
    encryption_key: Annotated[str, Field(pattern=_KEY)] = field(
        "", title="Encryption key", description="With it client 1 reads ciphered, after HLS with GMAC."
    )
    authentication_key: Annotated[str, Field(pattern=_KEY)] = field("", title="Authentication key")
    profile_period: int = field(
        900,
        title="Capture period",
        description="Of the load profile 1-0:99.1.0*255; 0 for none.",
        unit="s",
        ge=0,
        le=DAY,
    )
    profile_days: float = field(
        1.0, title="History", description="What the profile holds at the start.", unit="d", ge=0, le=400
    )
    max_info: int = field(
        128, title="Largest frame", description="Bytes of information in one HDLC frame.", unit="bytes", ge=32, le=2030
    )

    @property
    def addresses(self) -> range:
        """Physical addresses of the meters."""
        return range(self.first_address, self.first_address + self.meters)

    @property
    def clients(self) -> list[dict[str, Any]]:
        """The clients, as ``dlms-server`` takes them; :attr:`secrets` has what they name."""
        clients: list[dict[str, Any]] = [{"address": PUBLIC}]
        if self.password:
            clients.append({"address": READER, "authentication": "password", "password": "password"})
        if self.encryption_key:
            clients.append(
                {
                    "address": MANAGEMENT,
                    "authentication": "gmac",
                    "security": "authenticated and encrypted",
                    "encryption_key": "encryption-key",
                    "authentication_key": "authentication-key",
                }
            )
        for client in clients[1:]:
            clients[0]["may_see"] = ["0-*:*.*.*.*"]
            client["rights"] = "read and write"
        return [{**client, "referencing": self.referencing} for client in clients]

    @property
    def secrets(self) -> dict[str, str]:
        """The secrets by their names."""
        return {
            "password": self.password,
            "encryption-key": self.encryption_key,
            "authentication-key": self.authentication_key,
        }

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.addresses[-1] > LAST_ADDRESS:
            raise ValueError(
                f"{self.meters} meters from address {self.first_address} on go beyond {LAST_ADDRESS}; begin lower"
            )
        if strange := [address for address in self.silent if address not in self.addresses]:
            raise ValueError(f"no meter has the address {strange[0]} that is to be silent")
        if bool(self.encryption_key) != bool(self.authentication_key):
            raise ValueError("one key is given only; give both the encryption key and the authentication key")
        return self
