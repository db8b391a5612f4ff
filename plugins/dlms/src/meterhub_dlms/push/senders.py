"""Who a push comes from."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from meterhub_dlms.push.meter import MeterIntake


def plain_host(host: str) -> str:
    """An address without zone, and as IPv4 where it is one in IPv6's clothes."""
    bare = host.partition("%")[0]
    try:
        address = ip_address(bare)
    except ValueError:
        return bare
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


class Senders:
    """Finds the meter that a push is of."""

    def __init__(self, intakes: Sequence[MeterIntake]) -> None:
        self._titles = {
            bytes.fromhex(intake.meter.system_title): intake for intake in intakes if intake.meter.system_title
        }
        self._networks: list[tuple[IPv4Network | IPv6Network | None, MeterIntake]] = [
            (ip_network(intake.meter.host) if intake.meter.host else None, intake) for intake in intakes
        ]

    def by_title(self, title: bytes, host: str) -> MeterIntake | None:
        """The meter of a protected push; one without a title is of the only meter with keys at that address."""
        if title:
            intake = self._titles.get(title)
            return intake if intake is not None and self._sends_from(intake, host) else None
        there = [intake for network, intake in self._at(host) if network is not None and intake.ciphering is not None]
        return there[0] if len(there) == 1 else None

    def in_clear(self, host: str, texts: Collection[str] | None) -> MeterIntake | None:
        """The meter of a push in clear, the most narrowly described one first; ``texts`` are those that it holds.

        ``None`` for the texts when a push holds none by its kind: then the address alone decides.
        """
        ranks: dict[tuple[bool, int, bool], list[MeterIntake]] = {}
        for network, intake in self._at(host):
            device = intake.meter.device
            if network is None and (not device or texts is None):
                continue
            if device and texts is not None and device not in texts:
                continue
            rank = bool(device), -1 if network is None else network.prefixlen, intake.ciphering is None
            ranks.setdefault(rank, []).append(intake)
        best = ranks[max(ranks)] if ranks else []
        return best[0] if len(best) == 1 else None

    def _at(self, host: str) -> list[tuple[IPv4Network | IPv6Network | None, MeterIntake]]:
        address = ip_address(host)
        return [(network, intake) for network, intake in self._networks if network is None or address in network]

    def _sends_from(self, intake: MeterIntake, host: str) -> bool:
        return any(found is intake for _, found in self._at(host))
