"""The settings of forwarding, and what must hold between them."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from meterhub_sdk import Config, Label, SerialPort, TcpPort, UdpPort, field
from meterhub_sdk.admission import EVERYBODY, AddressPattern
from meterhub_sdk.tls import TlsClient, TlsServer
from pydantic import AfterValidator, Field, StringConstraints, model_validator

MOST_CHANNELS = 10
MOST_BUSES = 4


def _check_host(text: str) -> str:
    try:
        text.encode("idna")
    except UnicodeError:
        raise ValueError(f"{text!r} is no host; give a name such as meter.example, or an IP address") from None
    return text


Host = Annotated[
    str,
    StringConstraints(min_length=1, max_length=253, pattern=r"^[A-Za-z0-9.:_-]+$"),
    AfterValidator(_check_host),
]
PortNumber = Annotated[int, Field(ge=1, le=65535)]


class TcpListen(TlsServer):
    """A TCP port that others connect to."""

    kind: Literal["tcp-listen"] = field("tcp-listen", title="Kind")
    host: Host = field("0.0.0.0", title="Listen on", description="0.0.0.0 for all of IPv4, :: for all of IPv6.")
    port: TcpPort = field(title="TCP port")
    allowed: list[AddressPattern] = field(EVERYBODY, title="Allowed remote addresses", min_length=1, max_length=100)
    max_clients: int = field(4, title="Clients at the same time", ge=1, le=32)
    replace_oldest: bool = field(
        False, title="A new client replaces the oldest", description="Otherwise it is refused when there are enough."
    )
    hear_each_other: bool = field(False, title="Clients hear each other")
    idle_timeout: float | None = field(None, title="Close idle clients after", unit="s", ge=1, le=86400)

    @property
    def title(self) -> str:
        """The endpoint in events and the status."""
        return f"TCP port {self.port}"


class TcpConnect(TlsClient):
    """A TCP port of another machine that this one connects to."""

    kind: Literal["tcp-client"] = field("tcp-client", title="Kind")
    host: Host = field(title="Host")
    port: PortNumber = field(title="TCP port of the host")
    reconnect: float = field(
        10.0, title="Longest time between two tries", description="They begin at one second.", unit="s", ge=1, le=3600
    )
    idle_timeout: float | None = field(None, title="Connect anew when idle for", unit="s", ge=1, le=86400)

    @property
    def title(self) -> str:
        """The endpoint in events and the status."""
        return f"TCP to {self.host}:{self.port}"


class Udp(Config):
    """Datagrams to and from one peer."""

    kind: Literal["udp"] = field("udp", title="Kind")
    host: Host = field("0.0.0.0", title="Listen on")
    port: UdpPort | None = field(None, title="UDP port", description="Empty for any, when there is a peer.")
    peer_host: Host | None = field(None, title="Peer", description="Empty: whoever sent the last datagram.")
    peer_port: PortNumber | None = field(None, title="UDP port of the peer")
    allowed: list[AddressPattern] = field(EVERYBODY, title="Allowed remote addresses", min_length=1, max_length=100)
    datagram: int = field(1200, title="Longest datagram", unit="B", ge=1, le=65507)

    @property
    def title(self) -> str:
        """The endpoint in events and the status."""
        return f"UDP port {self.port}" if self.port is not None else f"UDP to {self.peer_host}:{self.peer_port}"

    @model_validator(mode="after")
    def _has_an_end(self) -> Self:
        if (self.peer_host is None) != (self.peer_port is None):
            raise ValueError("a UDP endpoint has only one of peer and the peer's port; give both, or neither")
        if self.port is None and self.peer_host is None:
            raise ValueError("a UDP endpoint needs a port to listen on, or a peer to send to")
        return self


class SerialEnd(Config):
    """A serial port or a channel of the base meter, leased for as long as the forwarding channel may have it."""

    kind: Literal["serial", "base-meter"] = field(
        "serial", title="Kind", description="base-meter: a serial port of that kind."
    )
    port: SerialPort = field(title="Serial port", description="Its label among the serial ports.")
    priority: int = field(
        0, title="Priority", description="A service with a higher one gets the port first.", ge=-100, le=100
    )
    window: float | None = field(
        None,
        title="Time window",
        description="After this time the port is given to a service of the same or a lower priority that waits for "
        "it. Empty: it is kept.",
        unit="s",
        ge=0.5,
        le=86400,
    )
    on_demand: bool = field(
        False,
        title="Only while somebody is connected",
        description="The port is taken when a TCP or UDP endpoint has a peer, and given back when the last one leaves.",
    )
    follow_mode_e: bool = field(
        False,
        title="Follow the speed of IEC 62056-21",
        description="After a sign-on that passes through, the port goes to the speed that it agreed on; with the "
        "next sign-on it goes back.",
    )

    @property
    def title(self) -> str:
        """The endpoint in events and the status."""
        return f"{'serial port' if self.kind == 'serial' else 'base-meter channel'} {self.port}"


End = Annotated[TcpListen | TcpConnect | Udp | SerialEnd, Field(discriminator="kind")]


class Channel(Config):
    """A bus: what one endpoint receives goes to all others."""

    label: Label = field(title="Label")
    enabled: bool = field(True, title="Enabled")
    endpoints: list[End] = field(title="Endpoints", min_length=2, max_length=8)
    packet_gap: float | None = field(
        None,
        title="Packet gap",
        description="What an endpoint receives is collected until nothing more came for this time, and then sent as "
        "one piece. Empty: sent at once.",
        unit="ms",
        ge=1,
        le=1000,
    )

    @property
    def serial_ends(self) -> list[SerialEnd]:
        """Its serial ports and base-meter channels."""
        return [end for end in self.endpoints if isinstance(end, SerialEnd)]

    @model_validator(mode="after")
    def _sound(self) -> Self:
        ports = [end.port for end in self.serial_ends]
        for port in ports:
            if ports.count(port) > 1:
                raise ValueError(f"channel {self.label} has the serial port {port} twice; remove one of them")
        if len(ports) == len(self.endpoints) and any(end.on_demand for end in self.serial_ends):
            raise ValueError(
                f"channel {self.label} has serial ports only, so nobody ever connects; switch 'only while somebody is "
                "connected' off"
            )
        return self


class ForwardingConfig(Config):
    """All forwarding channels."""

    channels: list[Channel] = field([], title="Channels", max_length=MOST_CHANNELS)

    @model_validator(mode="after")
    def _together(self) -> Self:
        labels = [channel.label for channel in self.channels]
        for label in labels:
            if labels.count(label) > 1:
                raise ValueError(f"two channels are labelled {label}; give each its own label")
        enabled = [channel for channel in self.channels if channel.enabled]
        buses = [channel.label for channel in enabled if channel.serial_ends]
        if len(buses) > MOST_BUSES:
            raise ValueError(
                f"{len(buses)} enabled channels have serial endpoints ({', '.join(buses)}); at most {MOST_BUSES} can "
                "run at the same time: disable the others"
            )
        _check_shared_ports(enabled)
        _check_listeners(enabled)
        return self


def _check_shared_ports(channels: list[Channel]) -> None:
    users: dict[str, tuple[str, SerialEnd]] = {}
    for channel in channels:
        for end in channel.serial_ends:
            label, other = users.setdefault(end.port, (channel.label, end))
            shares = (end.window or end.on_demand) and (other.window or other.on_demand)
            if label != channel.label and not shares:
                raise ValueError(
                    f"the channels {label} and {channel.label} both have the serial port {end.port}; give both a time "
                    "window, or take it only while somebody is connected"
                )


def _check_listeners(channels: list[Channel]) -> None:
    taken: dict[tuple[str, int], str] = {}
    for channel in channels:
        for end in channel.endpoints:
            if not isinstance(end, TcpListen | Udp) or end.port is None:
                continue
            if (end.kind, end.port) in taken:
                first = taken[end.kind, end.port]
                raise ValueError(f"{end.title} is taken twice, in the channels {first} and {channel.label}; change one")
            taken[end.kind, end.port] = channel.label
