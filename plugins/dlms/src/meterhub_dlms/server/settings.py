"""Settings of ``dlms-server``."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Literal, Self

from meterhub_sdk import Config, PointName, SecretName, TcpPort, field
from pydantic import AfterValidator, model_validator

from meterhub_dlms.codec import axdr, obis, units
from meterhub_dlms.codec.errors import CodecError

DATA_TYPES = {
    "boolean": axdr.BOOLEAN,
    "integer": axdr.INT8,
    "long": axdr.INT16,
    "double-long": axdr.INT32,
    "long64": axdr.INT64,
    "unsigned": axdr.UINT8,
    "long-unsigned": axdr.UINT16,
    "double-long-unsigned": axdr.UINT32,
    "long64-unsigned": axdr.UINT64,
    "enum": axdr.ENUM,
    "float32": axdr.FLOAT32,
    "float64": axdr.FLOAT64,
    "octet-string": axdr.OCTET_STRING,
    "visible-string": axdr.VISIBLE_STRING,
    "utf8-string": axdr.UTF8_STRING,
}
"""Tag of each data type that an object can have."""

_UNSCALED = frozenset({"boolean", "enum", "octet-string", "visible-string", "utf8-string"})

CLOCK_NAME = obis.parse("0-0:1.0.0*255")
ASSOCIATION_NAME = obis.parse("0-0:40.0.0*255")
SAP_NAME = obis.parse("0-0:41.0.0*255")
DEVICE_NAME = obis.parse("0-0:42.0.0*255")
_ALWAYS_THERE = {obis.text(name) for name in (CLOCK_NAME, ASSOCIATION_NAME, SAP_NAME, DEVICE_NAME)}


def _canonical(text: str) -> str:
    return obis.text(obis.parse(text))


class ClientAccess(Config):
    """One client address that may associate."""

    address: int = field(16, title="Client address", description="16 is the public client.", ge=1, le=127)
    authentication: Literal["none", "password"] = field(
        "none", title="Authentication", description="none, or password for low-level security (LLS)."
    )
    password: SecretName | None = field(None, title="Password", description="Secret that holds this client's password.")
    rights: Literal["read", "read and write"] = field(
        "read", title="Rights", description="read, or read and write: the latter may set writable objects."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.authentication == "password" and self.password is None:
            raise ValueError(f"client {self.address} has authentication password but names no secret with the password")
        return self


class ServedObject(Config):
    """One point as a COSEM object."""

    logical_name: Annotated[str, AfterValidator(_canonical)] = field(
        title="Logical name", description="OBIS code of the object, such as 1-1:1.8.0*255."
    )
    class_id: Literal[1, 3] = field(
        3, title="Class", description="COSEM interface class: 1 data (value only), 3 register (with scaler and unit)."
    )
    point: PointName = field(title="Point", description="Where the value comes from.")
    scaler: int = field(
        0,
        title="Scaler",
        description="Power of ten: the raw number is the value divided by it. -3 sends thousandths.",
        ge=-9,
        le=9,
    )
    unit: str = field(
        "",
        title="Unit",
        description="Unit to send, such as Wh, varh, W, var, V, A or Hz. kWh and the like are converted.",
    )
    data_type: Literal[
        "boolean", "integer", "long", "double-long", "long64", "unsigned", "long-unsigned", "double-long-unsigned",
        "long64-unsigned", "enum", "float32", "float64", "octet-string", "visible-string", "utf8-string",
    ] = field("double-long-unsigned", title="Data type", description="Data type of the value on the line.")  # fmt: skip
    writable: bool = field(False, title="Writable", description="Clients with the right to write may set the point.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        try:
            units.code_of(self.unit)
        except CodecError as error:
            raise ValueError(f"object {self.logical_name}: {error}") from None
        if self.logical_name in _ALWAYS_THERE:
            raise ValueError(f"object {self.logical_name} is there already; choose another logical name")
        if self.class_id == 1 and (self.scaler or self.unit):
            raise ValueError(
                f"object {self.logical_name} is of class 1, which has neither scaler nor unit; use class 3"
            )
        if self.data_type in _UNSCALED and self.scaler:
            raise ValueError(
                f"object {self.logical_name}: the data type {self.data_type} cannot be scaled; use scaler 0"
            )
        return self


class DlmsServerConfig(Config):
    """What to show to which clients."""

    host: str = field(
        "127.0.0.1", title="Address", description="Address to listen on; 0.0.0.0 for all interfaces.", max_length=253
    )
    port: TcpPort = field(4059, title="Port", description="TCP port to listen on.")
    logical_device: int = field(
        1, title="Logical device address", description="1 is the management logical device.", ge=1, le=16383
    )
    device_name: str = field(
        "",
        title="Logical device name",
        description="Up to 16 characters, empty for one made of the service's name.",
        max_length=16,
        pattern=r"^[\x21-\x7e]*$",
    )
    clients: list[ClientAccess] = field(
        default_factory=list, title="Clients", description="Who may associate.", max_length=127
    )
    objects: list[ServedObject] = field(
        default_factory=list, title="Objects", description="Points shown as objects.", max_length=10_000
    )
    connections: int = field(8, title="Most connections", description="More are closed at once.", ge=1, le=256)
    idle_timeout: float = field(
        300.0,
        title="Idle time-out",
        description="A connection without a request for longer is closed.",
        unit="s",
        ge=1,
        le=86_400,
    )
    max_pdu_size: int = field(
        65_535,
        title="Largest APDU",
        description="Longest request that is accepted; what is longer closes the connection.",
        unit="bytes",
        ge=64,
        le=65_535,
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        for what, names in (
            ("the client address", [str(client.address) for client in self.clients]),
            ("the logical name", [served.logical_name for served in self.objects]),
        ):
            if doubled := [name for name, count in Counter(names).items() if count > 1]:
                raise ValueError(f"{what} {', '.join(doubled)} is given more than once; each may occur once")
        return self
