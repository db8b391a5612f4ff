"""Which remote addresses may connect: IPv4 with wildcards per octet, networks, IPv6 with scopes.

::

    class Settings(Config):
        allowed: list[AddressPattern] = field(EVERYBODY, title="Allowed remote addresses", min_length=1, max_length=100)


    if address_of(transport) not in AllowList(config.allowed):
        ...
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Annotated, Any

from meterhub_sdk.config import field
from pydantic import AfterValidator

__all__ = ["EVERYBODY", "AddressPattern", "AllowList", "address_of"]

EVERYBODY = ["*.*.*.*", "::/0"]
"""The patterns of every IPv4 and every IPv6 address."""

_OCTET = r"(?:\*|0|[1-9][0-9]{0,2})"
_OCTETS = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
_MAPPED = IPv6Network("::ffff:0:0/96")


def _check(pattern: str) -> str:
    AllowList([pattern])
    return pattern


AddressPattern = Annotated[str, AfterValidator(_check), field(title="Remote address", max_length=64)]
"""A remote address in settings, as :class:`AllowList` reads it."""


class AllowList:
    """Answers whether a remote address is among the patterns; what it cannot read is not.

    Patterns are IPv4 addresses with ``*`` for any octet (``10.1.*.*``), IPv4 and IPv6 addresses and networks
    (``10.1.0.0/16``, ``fd00::/8``), and IPv6 ones of one interface (``fe80::1%eth0``, ``fe80::%eth0/64``); without
    an interface they hold for all. IPv4 addresses that come mapped (``::ffff:10.1.2.3``) are IPv4 ones.
    ``ValueError`` for anything else, also for ``10.1.2.3/16``, which may mean one address or a whole network.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self._octets: list[tuple[int | None, ...]] = []
        self._networks: list[tuple[IPv4Network | IPv6Network, str]] = []
        for pattern in patterns:
            if "*" in pattern:
                self._octets.append(_octets(pattern))
            else:
                self._networks.append(_network(pattern))

    def __contains__(self, peer: str) -> bool:
        """Whether this address may take part, ``fe80::1%eth0`` with its interface."""
        text, _, scope = peer.partition("%")
        try:
            address = ip_address(text)
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if any(address in network and wanted in ("", scope) for network, wanted in self._networks):
            return True
        return address.version == 4 and any(
            all(want is None or want == have for want, have in zip(pattern, address.packed, strict=True))
            for pattern in self._octets
        )


def address_of(peer: asyncio.BaseTransport | tuple[Any, ...]) -> str:
    """The other side's address without its port, of a transport or of a socket name.

    Link-local IPv6 ones carry the interface by which they are reached: ``fe80::1%eth0``. It is ``unknown`` when the
    other side left already.
    """
    name = peer if isinstance(peer, tuple) else peer.get_extra_info("peername")
    if not name:
        return "unknown"
    address = str(name[0]).partition("%")[0]
    if len(name) < 4 or not name[3]:
        return address
    try:
        return f"{address}%{socket.if_indextoname(name[3])}"
    except OSError:  # the interface went away meanwhile
        return f"{address}%{name[3]}"


def _octets(pattern: str) -> tuple[int | None, ...]:
    if not _OCTETS.fullmatch(pattern):
        raise ValueError(_sentence(pattern))
    octets = tuple(None if part == "*" else int(part) for part in pattern.split("."))
    if any(octet is not None and octet > 255 for octet in octets):
        raise ValueError(_sentence(pattern))
    return octets


def _network(pattern: str) -> tuple[IPv4Network | IPv6Network, str]:
    """The network without its scope, and the scope."""
    rest, slash, prefix = pattern.partition("/")
    address, percent, scope = rest.partition("%")
    try:
        if percent:
            IPv6Address(rest)
        network = ip_network(f"{address}{slash}{prefix}", strict=False)
    except ValueError:
        raise ValueError(_sentence(pattern)) from None
    if str(network.network_address) != str(ip_address(address)):
        raise ValueError(
            f"the allowed remote address {pattern[:60]!r} cannot be read: it has a prefix and bits behind it; write "
            f"{network} for the network, or {address} for the one address"
        )
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        low = int(network.network_address) & 0xFFFF_FFFF
        return IPv4Network((low, network.prefixlen - 96)), ""
    return network, scope


def _sentence(pattern: str) -> str:
    return (
        f"the allowed remote address {pattern[:60]!r} cannot be read; write it as 192.0.2.7, 192.0.2.*, 192.0.2.0/24, "
        "2001:db8::/32 or fe80::1%eth0, an IPv4 pattern with all four octets: 192.0.*.*"
    )
