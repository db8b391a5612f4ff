"""Which remote addresses may connect: IPv4 with wildcards per octet, networks, IPv6."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

_OCTETS = re.compile(r"(?:\*|\d{1,3})(?:\.(?:\*|\d{1,3})){3}")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AllowList:
    """Addresses such as ``10.1.*.*``, ``10.1.0.0/16`` or ``fd00::/8``; ``ValueError`` for anything else."""

    def __init__(self, entries: Iterable[str]) -> None:
        self._wildcards: list[tuple[int | None, ...]] = []
        self._networks: list[Network] = []
        for entry in entries:
            if "*" in entry:
                self._wildcards.append(_octets(entry))
            else:
                self._networks.append(_network(entry))

    def admits(self, peer: str) -> bool:
        """Whether a connection from this address is allowed; what cannot be read as one is not."""
        try:
            address: Address = ipaddress.ip_address(peer.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if any(address in network for network in self._networks):
            return True
        if isinstance(address, ipaddress.IPv6Address):
            return False
        return any(
            all(wanted is None or wanted == octet for wanted, octet in zip(pattern, address.packed, strict=True))
            for pattern in self._wildcards
        )


def _octets(entry: str) -> tuple[int | None, ...]:
    octets = tuple(None if part == "*" else int(part) for part in entry.split(".")) if _OCTETS.fullmatch(entry) else ()
    if not octets or any(octet is not None and octet > 255 for octet in octets):
        raise ValueError(_sentence(entry))
    return octets


def _network(entry: str) -> Network:
    try:
        return ipaddress.ip_network(entry, strict=False)
    except ValueError:
        raise ValueError(_sentence(entry)) from None


def _sentence(entry: str) -> str:
    return (
        f"the allowed remote address {entry[:60]!r} cannot be read; "
        "write it as 192.168.1.10, 192.168.1.*, 10.0.0.0/8 or fd00::/8"
    )
