"""The names and addresses under which this machine is reached."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Sequence
from typing import Self

import msgspec
import psutil
from cryptography import x509

from meterhub_http.settings import HOST

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Names(msgspec.Struct, frozen=True):
    """Host names, and IP addresses."""

    hosts: tuple[str, ...]
    addresses: tuple[Address, ...]

    @classmethod
    def of(cls, texts: Iterable[str]) -> Self:
        """From texts of either kind; ``ValueError`` for one that is neither."""
        hosts: list[str] = []
        addresses: list[Address] = []
        for text in texts:
            try:
                addresses.append(ipaddress.ip_address(text))
            except ValueError:
                if HOST.fullmatch(text.removeprefix("*.")) is None:
                    raise ValueError(f"{text[:80]!r} is neither a host name nor an IP address") from None
                hosts.append(text.lower())
        return cls(tuple(dict.fromkeys(hosts)), tuple(dict.fromkeys(addresses)))

    @classmethod
    def of_machine(cls, listening: Sequence[str], host_names: Sequence[str]) -> Self:
        """What a browser may call a service that listens on these addresses.

        All addresses of the machine, where it listens on all of one kind; those of a single link are left out, as
        nobody is reached by them for long.
        """
        hosts = ["localhost", *(name for name in host_names)]
        own = socket.gethostname().lower()
        if HOST.fullmatch(own):
            hosts.append(own)
        wanted = {ipaddress.ip_address(text.partition("%")[0]) for text in listening}
        loopback = {ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")}
        open_to_all = {address.version for address in wanted if address.is_unspecified}
        here = {address for address in _of_interfaces() if address.version in open_to_all}
        given = {address for address in wanted if not address.is_unspecified}
        found = {address for address in here | given if not address.is_link_local} | loopback
        return cls(
            tuple(dict.fromkeys(name.lower() for name in hosts)),
            tuple(sorted(found, key=lambda address: (address.version, int(address)))),
        )

    def general(self) -> list[x509.GeneralName]:
        """As alternative names of a certificate."""
        return [*map(x509.DNSName, self.hosts), *map(x509.IPAddress, self.addresses)]

    def missing(self, known: Iterable[str]) -> list[str]:
        """Those that are not among the texts."""
        known = set(known)
        return [text for text in (*self.hosts, *map(str, self.addresses)) if text not in known]


def _of_interfaces() -> set[Address]:
    found: set[Address] = set()
    for rows in psutil.net_if_addrs().values():
        for row in rows:
            if row.family in (socket.AF_INET, socket.AF_INET6):
                found.add(ipaddress.ip_address(row.address.partition("%")[0]))
    return found
