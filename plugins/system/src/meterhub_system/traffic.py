"""Network interfaces and what went through them.

They are read below /sys/class/net: it shows the interfaces of the machine, while /proc/net/dev shows only those of the
empty network namespace in which a worker without the capability ``network`` lives.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from meterhub_system.rates import Rates
from meterhub_system.sysfs import SYS, entries_of, number_of, text_of

MOST = 64
LOOPBACK = "lo"
_SOUND = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@-]{0,14}")

COUNTERS = {
    "received": ("rx_bytes",),
    "sent": ("tx_bytes",),
    "received-packets": ("rx_packets",),
    "sent-packets": ("tx_packets",),
    "errors": ("rx_errors", "tx_errors"),
    "dropped": ("rx_dropped", "tx_dropped"),
}
"""What is shown, and the counters of the kernel that add up to it (Documentation/networking/statistics.rst)."""


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface at one look: ``speed`` in Mbit/s, rates in bytes a second."""

    name: str
    up: bool
    state: str
    device: bool
    speed: int | None
    address: str
    counters: dict[str, int] = field(default_factory=dict)
    receive_rate: float | None = None
    send_rate: float | None = None


class Traffic:
    """Looks at the interfaces; ``wanted`` are their names, none for all but the loopback."""

    def __init__(self, wanted: Sequence[str] = (), sys: Path = SYS) -> None:
        self._wanted = frozenset(wanted)
        self._sys = sys
        self._rates = Rates()

    def look(self, at: float) -> list[Interface]:
        """The interfaces that are there now, by name; ``at`` is monotonic seconds."""
        found = [self._interface(path, at) for path in self._paths()]
        self._rates.keep((one.name, counter) for one in found for counter in ("received", "sent"))
        return found

    def _paths(self) -> list[Path]:
        paths = [path for path in entries_of(self._sys / "class/net") if (path / "statistics").is_dir()]
        if self._wanted:
            return [path for path in paths if path.name in self._wanted]
        # Names that Linux allows and nobody gives would not do as elements of the names of points.
        return [path for path in paths if path.name != LOOPBACK and _SOUND.fullmatch(path.name)][:MOST]

    def _interface(self, path: Path, at: float) -> Interface:
        statistics = path / "statistics"
        counters = {
            name: sum(number_of(statistics / counter) or 0 for counter in together)
            for name, together in COUNTERS.items()
        }
        state, speed = text_of(path / "operstate") or "unknown", number_of(path / "speed")
        return Interface(
            name=path.name,
            # Drivers without a notion of a link say unknown, and tell by the carrier.
            up=state == "up" or (state == "unknown" and number_of(path / "carrier") == 1),
            state=state,
            device=(path / "device").exists(),
            speed=speed if speed is not None and speed > 0 else None,
            address=text_of(path / "address") or "",
            counters=counters,
            receive_rate=self._rates.of((path.name, "received"), counters["received"], at),
            send_rate=self._rates.of((path.name, "sent"), counters["sent"], at),
        )
