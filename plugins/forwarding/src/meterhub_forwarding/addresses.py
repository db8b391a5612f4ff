"""Which remote addresses may take part."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_WITH_STARS = re.compile(rf"(?:\*|{_OCTET})(?:\.(?:\*|{_OCTET})){{3}}", re.ASCII)


def _check(text: str) -> str:
    if not _WITH_STARS.fullmatch(text):
        try:
            ip_network(text)
        except ValueError as error:
            raise ValueError(
                f"{text!r} is no remote address ({error}); give 192.0.2.7, 192.0.2.*, 192.0.2.0/24 or 2001:db8::/32"
            ) from None
    return text


AddressPattern = Annotated[str, StringConstraints(max_length=64), AfterValidator(_check)]
"""An IPv4 address with ``*`` for any octet, an address, or a network in CIDR notation."""


class Allowed:
    """Answers whether a remote address is among the patterns."""

    def __init__(self, patterns: Iterable[str]) -> None:
        patterns = list(patterns)
        self._networks = [ip_network(pattern) for pattern in patterns if "*" not in pattern]
        self._stars = [
            re.compile(pattern.replace(".", r"\.").replace("*", r"\d+"), re.ASCII)
            for pattern in patterns
            if "*" in pattern
        ]

    def __contains__(self, peer: str) -> bool:
        try:
            address = ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks) or any(
            stars.fullmatch(str(address)) for stars in self._stars
        )
