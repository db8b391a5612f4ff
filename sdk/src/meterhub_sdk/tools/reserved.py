"""Names of services that a third party's plugin cannot take.

The core refuses a plugin whose service has a name of the core's own or of a first-party plugin; saying so when the
plugin is written saves its author that surprise.
"""

from __future__ import annotations

import re

CORE = frozenset(
    {
        "access",
        "backup",
        "clock",
        "commands",
        "configuration",
        "configuration-history",
        "configuration-revision",
        "description",
        "descriptions",
        "diagnostics",
        "download",
        "downloads",
        "event-log",
        "features",
        "frame-recorder",
        "frames",
        "hub",
        "identifiers",
        "instance",
        "licences",
        "plugins",
        "point-trace",
        "points",
        "protocol-conversion",
        "second-factor",
        "secrets",
        "services",
        "session",
        "sessions",
        "substitutions",
        "synthesizer",
        "synthesizers",
        "tokens",
        "upload",
        "uploads",
        "users",
        "workers",
    }
)
"""The core's own nodes in the tree of paths."""

FIRST_PARTY = frozenset(
    {
        "data-logger",
        "demand",
        "difference",
        "dlms-client",
        "dlms-explain",
        "dlms-push",
        "dlms-server",
        "extremes",
        "formula",
        "forwarding",
        "http",
        "iec104-client",
        "iec104-server",
        "integral",
        "load-curve",
        "losses",
        "lp1",
        "mean",
        "modbus-client",
        "modbus-server",
        "modbus-simulator",
        "network",
        "openvpn",
        "prepaid",
        "rate-of-change",
        "readout-client",
        "sel",
        "serial",
        "spel",
        "sum",
        "system",
        "tariff-zones",
        "threshold",
        "time",
        "update",
    }
)
"""Services of Meterhub's own plugins."""

PREFIX = "meterhub"
"""Distributions of the name or beginning with it and a hyphen are Meterhub's own."""

_SERVICE = re.compile(r"(?=.{1,64}\Z)[a-z][a-z0-9]*(-[a-z0-9]+)*")


def is_first_party(distribution: str) -> bool:
    """True for the normalised name of one of Meterhub's own distributions."""
    return distribution == PREFIX or distribution.startswith(f"{PREFIX}-")


def service_fault(service: str, distribution: str) -> str | None:
    """What is wrong with the name of a service of that distribution, in one sentence."""
    if not _SERVICE.fullmatch(service):
        return f"the service name {service[:80]!r} is not well formed; small letters, digits and hyphens will do"
    if service in CORE:
        return f"the service name {service!r} belongs to the core; put your own name before it, such as acme-{service}"
    if service in FIRST_PARTY and not is_first_party(distribution):
        return f"the service name {service!r} belongs to Meterhub; put your own name before it, such as acme-{service}"
    return None
