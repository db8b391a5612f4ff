"""Settings of one meter: how it is reached, and how it is spoken to."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from meterhub_sdk import Config, Label, SecretName, SerialPort, field
from pydantic import AfterValidator, model_validator

from meterhub_dlms.client.mapping_settings import RESERVED, Mapping, check_unique
from meterhub_dlms.client.profiles.settings import Profile
from meterhub_dlms.codec import obis
from meterhub_dlms.link.errors import LinkError
from meterhub_dlms.link.hdlc_frame import HdlcAddress
from meterhub_dlms.local_time import Deviation, ZoneName
from meterhub_dlms.security import Authentication, Security

TCP_TIMEOUT, HDLC_TIMEOUT = 5.0, 1.0
"""Seconds to wait for an answer where the settings say nothing."""

TimeMode = Literal["synchronised", "left alone", "time source"]


def _counter_object(text: str) -> str:
    name = obis.parse(text) if text else b""
    if name and (name[0], name[2:4], name[5]) != (0, bytes((43, 1)), 255):
        raise ValueError(f"{text[:40]!r} is no invocation counter; its logical name is 0-0:43.1.x*255")
    return obis.text(name) if name else ""


CounterObject = Annotated[str, AfterValidator(_counter_object)]
"""The logical name of an invocation counter, or nothing."""


class Meter(Config):
    """One meter."""

    label: Label = field(title="Label", description="First part of its points' names, such as main-meter.")
    transport: Literal["tcp", "hdlc-tcp", "serial"] = field(
        "tcp",
        title="Transport",
        description="tcp: over TCP with the wrapper; hdlc-tcp: HDLC over TCP, as behind a serial converter; serial: "
        "HDLC on a serial port. Meters with the same port, or the same host and port, share one bus.",
    )
    host: str = field("", title="Host", description="Address or name of the meter or converter.", max_length=253)
    port: int = field(4059, title="Port", description="TCP port of the meter or converter.", ge=1, le=65535)
    serial_port: SerialPort | None = field(
        None, title="Serial port", description="Port that the meter's bus is connected to."
    )
    line_speed: int = field(
        0,
        title="Line speed",
        description="Speed of the serial line behind a converter, for the reckoning of what the bus can do; 0 when it "
        "is not known. A serial port of our own tells it itself.",
        unit="Bd",
        ge=0,
        le=1_000_000,
    )
    physical_address: int = field(
        0,
        title="Physical address",
        description="HDLC address of the meter, often its serial number modulo 10000 plus 1000 or so; 0 for a meter "
        "that is alone on its line.",
        ge=0,
        le=16_383,
    )
    address_bytes: Literal[0, 1, 2, 4] = field(
        0, title="Address length", description="Bytes of the meter's HDLC address; 0 for as few as will do."
    )
    sign_on: Literal["none", "mode-e"] = field(
        "none",
        title="Sign-on",
        description="mode-e: begin at 300 Bd as in IEC 62056-21, as optical ports and many current loops want it.",
    )
    sign_on_address: str = field(
        "",
        title="Sign-on address",
        description="Device address of IEC 62056-21; empty for a meter that is alone on its line.",
        pattern=r"^[0-9A-Za-z ]{0,32}$",
    )
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
    referencing: Literal["logical-names", "short-names"] = field(
        "logical-names",
        title="Referencing",
        description="short-names for older meters such as ZMD400 and LZQJ; their object list is read once.",
    )
    authentication: Authentication = field(
        "none",
        title="Authentication",
        description="none; password for low-level security (LLS); the others for high-level security (HLS).",
    )
    password: SecretName | None = field(
        None, title="Password", description="Secret that holds the password, or the secret of HLS, of this client."
    )
    security: Security = field(
        "none", title="Security", description="How requests and answers are protected with the keys (suite 0)."
    )
    general_ciphering: bool = field(
        False, title="General ciphering", description="Protect whole APDUs with the sender's system title."
    )
    dedicated_key: bool = field(
        False, title="Dedicated key", description="Agree on a key of its own for each association."
    )
    encryption_key: SecretName | None = field(
        None, title="Encryption key", description="Secret that holds the global unicast key: 32 hexadecimal digits."
    )
    authentication_key: SecretName | None = field(
        None, title="Authentication key", description="Secret that holds the authentication key: 32 hexadecimal digits."
    )
    counter_object: CounterObject = field(
        "",
        title="Counter object",
        description="Logical name of the meter's invocation counter for these keys, 0-0:43.1.x*255: before each "
        "association with keys it is read through the public client 16, and ours goes on from there. For meters that "
        "others read with the same keys and our system title. Empty for none.",
    )
    max_info: int = field(
        128,
        title="Largest frame",
        description="Bytes of information in one HDLC frame that are proposed to the meter.",
        unit="bytes",
        ge=32,
        le=2030,
    )
    turnaround_gap: float = field(
        0.0,
        title="Turn-around gap",
        description="Pause between a frame of a meter and the next one of ours, for lines that need it.",
        unit="ms",
        ge=0,
        le=1000,
    )
    timeout: float | None = field(
        None,
        title="Time-out",
        description="How long to wait for each answer; empty for 5 s over TCP and 1 s with HDLC.",
        unit="s",
        ge=0.02,
        le=300,
    )
    retries: int = field(
        2,
        title="Retries",
        description="How many more time-outs a meter has before it counts as lost. HDLC frames are repeated after each "
        "of them, and sooner with a meter that is known to answer fast.",
        ge=0,
        le=10,
    )
    inactivity_timeout: float = field(
        120.0,
        title="Inactivity time-out",
        description="After this time without a request the meter closes the association; half of it is used.",
        unit="s",
        ge=2,
        le=86_400,
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
    ct_ratio: float = field(
        1.0, title="CT ratio", description="Primary over secondary current, such as 40 for 200/5 A.", gt=0, le=1e6
    )
    vt_ratio: float = field(
        1.0, title="VT ratio", description="Primary over secondary voltage, such as 150 for 15/0.1 kV.", gt=0, le=1e6
    )
    values: Literal["primary", "secondary"] = field(
        "primary",
        title="Values of the meter",
        description="secondary when the meter does not know the ratios: what it tells is then multiplied by them once.",
    )
    time_mode: TimeMode = field(
        "synchronised",
        title="Time mode",
        description="synchronised: its clock is set where the service's time synchronisation is on; left alone: never; "
        "time source: this unit takes its time from the meter, so its clock is read and never set, by nobody.",
    )
    zone: ZoneName = field(
        "",
        title="Time zone",
        description="Of a meter that does not tell how far its clock is from UTC, such as Europe/Warsaw.",
    )
    deviation: Deviation = field(
        "as told",
        title="Deviation",
        description="For meters that tell the difference to UTC with the wrong sign, or a wrong one: ignored lets the "
        "time zone decide.",
    )
    mappings: list[Mapping] = field(title="Mappings", description="What to read.", max_length=10_000)
    profiles: list[Profile] = field(
        default_factory=list, title="Load profiles", description="Recordings of the meter to read.", max_length=32
    )

    @property
    def hdlc(self) -> bool:
        """Whether its frames are HDLC, on a line that others may share."""
        return self.transport != "tcp"

    @property
    def bus(self) -> str:
        """What people call the bus it is on; meters with the same one share it."""
        if self.transport == "serial":
            return f"serial port {self.serial_port}"
        return f"{self.host}:{self.port}" if self.hdlc else f"{self.label} at {self.host}:{self.port}"

    @property
    def place(self) -> str:
        """Where it is: for the source of points."""
        at = f"{self.serial_port}" if self.transport == "serial" else f"{self.host}:{self.port}"
        return f"{at} {self.server_address}" if self.hdlc else at

    @property
    def server_address(self) -> HdlcAddress:
        """Its HDLC address; ``LinkError`` when the parts do not fit the length."""
        physical = self.physical_address or None
        if self.address_bytes > 1:
            physical = self.physical_address
        return HdlcAddress.server(self.logical_device, physical, self.address_bytes or None)

    @property
    def patience(self) -> float:
        """Seconds to wait for an answer."""
        return self.timeout or (HDLC_TIMEOUT if self.hdlc else TCP_TIMEOUT)

    @model_validator(mode="after")
    def _check(self) -> Self:
        self._check_transport()
        self._check_secrets()
        if self.deviation == "ignored" and not self.zone:
            raise ValueError(f"meter {self.label!r} has deviation ignored but no time zone; give that of its clock")
        labels = [mapping.label for mapping in self.mappings]
        if taken := RESERVED.intersection(labels):
            raise ValueError(
                f"a mapping of meter {self.label!r} is called {min(taken)!r}, which each meter has already"
            )
        check_unique(labels, f"in meter {self.label!r} the mapping label")
        check_unique([profile.label for profile in self.profiles], f"in meter {self.label!r} the profile label")
        check_unique([profile.logical_name for profile in self.profiles], f"in meter {self.label!r} the profile")
        return self

    def _check_transport(self) -> None:
        if self.transport == "serial" and self.serial_port is None:
            raise ValueError(f"meter {self.label!r} has transport serial but names no serial port")
        if self.transport != "serial" and not self.host:
            raise ValueError(f"meter {self.label!r} has transport {self.transport} but no host; give its address")
        if self.transport != "serial" and self.sign_on != "none":
            raise ValueError(f"meter {self.label!r} has a sign-on, which needs a serial port; choose transport serial")
        if self.hdlc:
            try:
                str(self.server_address)
            except LinkError as error:
                raise ValueError(f"meter {self.label!r}: {error}; choose another address length, or 0") from None

    def _check_secrets(self) -> None:
        if self.authentication not in ("none", "gmac") and self.password is None:
            raise ValueError(
                f"meter {self.label!r} has authentication {self.authentication} but names no secret with the password"
            )
        ciphered = self.security != "none" or self.authentication == "gmac"
        if ciphered and (self.encryption_key is None or self.authentication_key is None):
            raise ValueError(
                f"meter {self.label!r} has security {self.security} and authentication {self.authentication}, which "
                "need both keys; name the secrets with the encryption key and the authentication key"
            )
        if not ciphered and self.counter_object:
            raise ValueError(f"meter {self.label!r} has a counter object, but no security and authentication with keys")
        if not ciphered and (self.general_ciphering or self.dedicated_key):
            raise ValueError(
                f"meter {self.label!r} has general ciphering or a dedicated key, but security none; choose a security"
            )
