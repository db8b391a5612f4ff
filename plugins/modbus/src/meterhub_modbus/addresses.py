"""Which remote addresses may connect."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Annotated

from meterhub_sdk import field
from pydantic import AfterValidator

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_OCTET = r"(?:\*|25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_OCTETS = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")


def check_pattern(pattern: str) -> str:
    """The pattern itself, or ``ValueError`` with a sentence that says what would do."""
    if _OCTETS.fullmatch(pattern):
        return pattern
    try:
        ipaddress.ip_network(pattern)
    except ValueError as error:
        raise ValueError(
            f"{pattern!r} is no remote address ({error}); give one such as 192.0.2.7, 192.0.2.*, 192.0.2.0/24 or "
            "2001:db8::/32, an IPv4 pattern with all four octets: 192.0.*.*"
        ) from None
    return pattern


AddressPattern = Annotated[str, AfterValidator(check_pattern), field(title="Remote address", max_length=64)]
"""A remote address: IPv4 with ``*`` for any octet, an IPv4 or IPv6 address, or a network in CIDR notation."""


class AllowList:
    """Answers whether a remote address may connect; what it does not understand may not."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self._octets: list[list[str]] = []
        self._networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        for pattern in patterns:
            if "*" in pattern:
                self._octets.append(check_pattern(pattern).split("."))
            else:
                self._networks.append(ipaddress.ip_network(pattern))

    def __contains__(self, peer: str) -> bool:
        try:
            address: Address = ipaddress.ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        if any(address in network for network in self._networks):
            return True
        octets = str(address).split(".")
        return any(
            len(octets) == 4 and all(want in ("*", have) for want, have in zip(pattern, octets, strict=True))
            for pattern in self._octets
        )
