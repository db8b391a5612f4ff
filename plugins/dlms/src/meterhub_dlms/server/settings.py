"""Settings of ``dlms-server``."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal, Self

from meterhub_sdk import Config, SerialPort, TcpPort, field
from pydantic import model_validator

from meterhub_dlms.security import SystemTitle
from meterhub_dlms.server.client_settings import ClientAccess
from meterhub_dlms.server.object_settings import DeviceObjects


def _device_name() -> Any:
    return field(
        "",
        title="Logical device name",
        description="Up to 16 characters, empty for one made of the service's name.",
        max_length=16,
        pattern=r"^[\x21-\x7e]*$",
    )


class GuessRules(Config):
    """How wrong passwords are supervised, for each client address and each peer."""

    failures: int = field(5, title="Wrong passwords until the lock", ge=1, le=20)
    window: int = field(120, title="Time in which they count", unit="s", ge=10, le=3600)
    lock: int = field(600, title="Duration of the lock", unit="s", ge=10, le=86_400)


class Device(DeviceObjects):
    """One more logical device, in the same physical device or in one of its own."""

    logical_device: int = field(title="Logical device address", ge=1, le=16383)
    device_name: str = _device_name()
    physical_address: int | None = field(
        None,
        title="Physical address",
        description="HDLC address of a meter of its own on the same line; empty for the one of this server. Meters "
        "of their own are not reached by the TCP wrapper, which knows no physical addresses.",
        ge=16,
        le=16381,
    )


class DlmsServerConfig(DeviceObjects):
    """What to show to which clients, and where."""

    tcp: bool = field(True, title="TCP", description="Serve the wrapper of IEC 62056-47 over TCP.")
    host: str = field(
        "127.0.0.1", title="Address", description="Address to listen on; 0.0.0.0 for all interfaces.", max_length=253
    )
    port: TcpPort = field(4059, title="Port", description="TCP port to listen on with the wrapper.")
    hdlc_port: TcpPort | None = field(
        None, title="Port for HDLC", description="TCP port to listen on for HDLC frames; empty for none."
    )
    serial_port: SerialPort | None = field(
        None, title="Serial port", description="Serial port on which HDLC is answered; empty for none."
    )
    sign_on: Literal["none", "mode-e"] = field(
        "none",
        title="Sign-on",
        description="mode-e: the serial port waits at 300 Bd for the sign-on of IEC 62056-21 and then changes to "
        "the port's speed. none: HDLC at the port's speed from the beginning.",
    )
    logical_device: int = field(
        1, title="Logical device address", description="1 is the management logical device.", ge=1, le=16383
    )
    device_name: str = _device_name()
    physical_address: int = field(
        17, title="Physical address", description="HDLC address of this meter on a line.", ge=16, le=16381
    )
    devices: list[Device] = field(
        default_factory=list,
        title="More devices",
        description="Further logical devices, or whole meters on the same line.",
        max_length=250,
    )
    clients: list[ClientAccess] = field(
        default_factory=list, title="Clients", description="Who may associate.", max_length=127
    )
    system_title: SystemTitle = field(
        "",
        title="System title",
        description="16 hexadecimal digits that no other device with the same keys has; empty for one that is drawn "
        "once and kept.",
    )
    connections: int = field(
        8, title="Most connections", description="On each TCP port; more are closed at once.", ge=1, le=256
    )
    idle_timeout: float = field(
        300.0,
        title="Idle time-out",
        description="A connection without a request for longer is closed.",
        unit="s",
        ge=1,
        le=86_400,
    )
    hdlc_inactivity: float = field(
        120.0,
        title="HDLC inactivity time-out",
        description="A link without a frame for longer is closed.",
        unit="s",
        ge=1,
        le=86_400,
    )
    hdlc_max_transmit: int = field(
        128, title="HDLC information sent", description="Most bytes in one frame.", unit="bytes", ge=32, le=2030
    )
    hdlc_max_receive: int = field(
        128, title="HDLC information received", description="Most bytes in one frame.", unit="bytes", ge=32, le=2030
    )
    max_pdu_size: int = field(
        65_535,
        title="Largest APDU",
        description="Longest request that is accepted; what is longer closes the connection.",
        unit="bytes",
        ge=64,
        le=65_535,
    )
    guesses: GuessRules = field(
        default_factory=GuessRules, title="Wrong passwords", description="When a client is locked out."
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        _refuse_doubled("the client address", [str(client.address) for client in self.clients])
        _refuse_doubled("the address", [f"{physical}/{logical}" for physical, logical in self.addresses()])
        if not self.tcp and self.hdlc_port is None and self.serial_port is None:
            raise ValueError("nothing is served: switch TCP on, or give a port for HDLC or a serial port")
        if self.tcp and self.hdlc_port == self.port:
            raise ValueError(f"port {self.port} is given both for the wrapper and for HDLC; each needs its own")
        return self

    def addresses(self) -> list[tuple[int, int]]:
        """Physical and logical address of each logical device, the first one's first."""
        more = [(device.physical_address or self.physical_address, device.logical_device) for device in self.devices]
        return [(self.physical_address, self.logical_device), *more]


def _refuse_doubled(what: str, names: list[str]) -> None:
    if doubled := [name for name, count in Counter(names).items() if count > 1]:
        raise ValueError(f"{what} {', '.join(doubled)} is given more than once; each may occur once")
