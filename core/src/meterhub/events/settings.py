"""Settings of the event log: how much each log keeps, and where entries are sent on to."""

from __future__ import annotations

import ssl
from enum import StrEnum
from typing import Annotated, Literal
from urllib.parse import urlsplit

from meterhub_sdk import Config, Label, Log, SecretName, Severity, field
from pydantic import AfterValidator, Field, model_validator


class View(StrEnum):
    """The ten logs that people see: the eight stored ones and two views over them."""

    SYSTEM = "system"
    AUTHENTICATION = "user-authentication"
    ACCESS = "access-rights"
    COMMUNICATION = "communication"
    UPDATE = "update-and-licence"
    SECURITY = "security"
    FATAL = "fatal-errors"
    DIAGNOSTICS = "diagnostics"
    ALL = "all-events"
    EVERYTHING = "all-events-and-diagnostics"

    @property
    def logs(self) -> frozenset[Log]:
        """The stored logs that this view shows."""
        if self is View.EVERYTHING:
            return frozenset(Log)
        if self is View.ALL:
            return frozenset(Log) - {Log.DIAGNOSTICS}
        return frozenset({Log(self.value)})


Level = Literal["emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"]


def severity(level: Level) -> Severity:
    """The severity that a setting names."""
    return Severity[level.upper()]


def _host(host: str) -> str:
    if not host or any(c.isspace() or c in "/@?#" for c in host):
        raise ValueError(f"{host[:60]!r} is not a host; a name such as siem.example or an address will do")
    return host


def _url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("the address of a webhook begins with https:// or http:// and a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("the address of a webhook holds a password; name a secret instead, it signs each request")
    return url


def _certificates(text: str) -> str:
    if text.strip():
        try:
            ssl.create_default_context(cadata=text)
        except (ssl.SSLError, ValueError) as error:
            raise ValueError("the trusted certificates are not readable; paste them as PEM blocks") from error
    return text


Host = Annotated[str, Field(max_length=253), AfterValidator(_host)]
Certificates = Annotated[str, Field(max_length=100_000), AfterValidator(_certificates)]


class LogBound(Config):
    """How much one log keeps; the oldest entries go first."""

    entries: int = field(100_000, title="Entries", description="At most so many entries.", ge=100, le=1_000_000)
    days: int = field(3650, title="Age", description="At most so old.", unit="d", ge=1, le=36_500)


class LogBounds(Config):
    """How much each of the eight stored logs keeps."""

    system: LogBound = field(LogBound(), title="System")
    authentication: LogBound = field(LogBound(), title="User authentication")
    access: LogBound = field(LogBound(), title="Access rights and user management")
    communication: LogBound = field(LogBound(), title="Communication")
    update: LogBound = field(LogBound(), title="Update and licence")
    security: LogBound = field(LogBound(), title="Security")
    fatal: LogBound = field(LogBound(), title="Fatal errors")
    diagnostics: LogBound = field(LogBound(entries=20_000, days=90), title="Diagnostics")

    def of(self, log: Log) -> LogBound:
        """The bound of one log."""
        bound: LogBound = getattr(self, log.name.lower())
        return bound


class Receiver(Config):
    """What every receiver of entries has."""

    name: Label = field(title="Name")
    log: View = field(View.ALL, title="Log", description="Which entries are sent on.")
    least: Level = field("info", title="Least severity", description="Entries of this severity and worse are sent on.")


class SyslogReceiver(Receiver):
    """A syslog receiver (RFC 5424)."""

    host: Host = field(title="Host")
    port: int | None = field(
        None, title="Port", description="Empty: 514 for UDP, 601 for TCP, 6514 for TLS.", ge=1, le=65535
    )
    transport: Literal["udp", "tcp", "tls"] = field(
        "tls", title="Transport", description="UDP (RFC 5426) loses entries silently and TCP (RFC 6587) is readable."
    )
    trusted: Certificates = field(
        "", title="Trusted certificates", description="PEM; empty: those of the system.", widget="textarea"
    )
    facility: int = field(
        16, title="Facility", description="RFC 5424, table 1: 10 security, 13 audit, 16 local0.", ge=0, le=23
    )
    enterprise: int = field(
        32473,
        title="Enterprise number",
        description="Private enterprise number in structured data; 32473 is the one reserved for examples.",
        ge=1,
        le=4_294_967_295,
    )


class Webhook(Receiver):
    """An HTTP server that takes entries as JSON lines, each at least once; ``sequence`` tells repeats apart."""

    url: Annotated[str, Field(max_length=2000), AfterValidator(_url)] = field(title="Address")
    secret: SecretName | None = field(
        None, title="Secret", description="Signs each request (HMAC-SHA256 in X-Meterhub-Signature)."
    )
    trusted: Certificates = field(
        "", title="Trusted certificates", description="PEM; empty: those of the system.", widget="textarea"
    )
    batch: int = field(100, title="Entries per request", ge=1, le=1000)


class EventLogConfig(Config):
    """Settings of the event log."""

    bounds: LogBounds = field(LogBounds(), title="Limits")
    syslog: list[SyslogReceiver] = field([], title="Syslog receivers", max_length=8)
    webhooks: list[Webhook] = field([], title="Webhooks", max_length=8)

    @model_validator(mode="after")
    def _names_differ(self) -> EventLogConfig:
        names = [receiver.name for receiver in (*self.syslog, *self.webhooks)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two receivers are called {twice[0]!r}; give each a name of its own")
        return self
