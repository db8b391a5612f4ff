"""Settings of the http service."""

from __future__ import annotations

import ipaddress
import re
from typing import Literal

from meterhub_sdk import Config, TcpPort, field
from meterhub_sdk.admission import AllowList
from pydantic import field_validator, model_validator

from meterhub_http.federation import IdentityProvider

HOST = re.compile(
    r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*", re.I | re.A
)
"""A host name, without a dot at its end."""


class HttpConfig(Config):
    """Where browsers and programs reach this device."""

    addresses: list[str] = field(
        default_factory=lambda: ["127.0.0.1"],
        title="Listen on",
        description="Local IP addresses to accept connections on. 127.0.0.1 reaches this device only; 0.0.0.0 stands "
        "for all its IPv4 addresses, :: for all its IPv6 addresses.",
        min_length=1,
        max_length=16,
    )
    https_port: TcpPort | None = field(8443, title="HTTPS port", description="Empty for no HTTPS.")
    http_port: TcpPort | None = field(None, title="HTTP port", description="Empty for no HTTP.")
    http_mode: Literal["redirect", "plain"] = field(
        "redirect",
        title="HTTP",
        description="Redirect: sent on to HTTPS. Plain: served without encryption; passwords and readings can be read "
        "and changed by anybody on the way.",
    )
    host_names: list[str] = field(
        default_factory=list,
        title="Host names",
        description="Names under which browsers reach this device. IP addresses and localhost always work; a request "
        "for any other name is refused, which keeps pages elsewhere from acting through a browser.",
        max_length=32,
    )
    allowed: list[str] = field(
        default_factory=lambda: ["*.*.*.*", "::/0"],
        title="Allowed remote addresses",
        description="Browsers and programs that may connect: 192.168.1.10, 192.168.1.*, 10.0.0.0/8, fd00::/8.",
        min_length=1,
        max_length=256,
    )
    connections: int = field(
        256,
        title="Connections at most",
        description="More are closed at once; one address may have half of them.",
        ge=8,
        le=4096,
    )
    rate: int = field(
        200,
        title="Requests a second",
        description="Of one address, and of one session or token; four times as many may come at once. More are told "
        "to wait.",
        ge=5,
        le=100_000,
    )
    identity_provider: IdentityProvider | None = field(
        None,
        title="Identity provider",
        description="Where people of the utility log in with the account that they have there; own users go on logging "
        "in here.",
    )

    @field_validator("addresses")
    @classmethod
    def _addresses(cls, addresses: list[str]) -> list[str]:
        for text in addresses:
            try:
                ipaddress.ip_address(text)
            except ValueError:
                raise ValueError(f"{text[:80]!r} is no IP address; give one such as 192.168.1.10 or ::") from None
        if twice := next((text for text in addresses if addresses.count(text) > 1), None):
            raise ValueError(f"{twice} is given twice; once will do")
        return addresses

    @field_validator("host_names")
    @classmethod
    def _names(cls, names: list[str]) -> list[str]:
        for name in names:
            if HOST.fullmatch(name) is None:
                raise ValueError(f"{name[:80]!r} is no host name; give one such as meterhub.example, without a port")
        return names

    @field_validator("allowed")
    @classmethod
    def _readable(cls, entries: list[str]) -> list[str]:
        AllowList(entries)
        return entries

    @model_validator(mode="after")
    def _reachable(self) -> HttpConfig:
        if self.https_port is None and self.http_port is None:
            raise ValueError("neither an HTTPS port nor an HTTP port is given; give at least one")
        if self.https_port is not None and self.https_port == self.http_port:
            raise ValueError(f"port {self.https_port} is given for HTTPS and for HTTP; each needs its own")
        if self.http_port is not None and self.https_port is None and self.http_mode == "redirect":
            raise ValueError("HTTP is to redirect to HTTPS, which has no port; give one, or choose plain HTTP")
        return self
