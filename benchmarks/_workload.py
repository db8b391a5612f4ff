"""What the hub benchmark publishes and who follows it: 10,000 points, five overlapping subscribers.

Update number ``k`` (from 0) goes to point ``k % 10,000`` with the value ``k``, so a subscriber can tell without any
record whether it missed one and what the newest state is. 50 neighbours belong to one device.
"""

from __future__ import annotations

import time
from collections import Counter

MODBUS_DEVICES = 160
DLMS_DEVICES = 40
PER_DEVICE = 50
POINTS = (MODBUS_DEVICES + DLMS_DEVICES) * PER_DEVICE
PUBLISHER = "poller"
BIN_NS = 5_000

NAMES = [f"modbus/{device}/r{register}" for device in range(MODBUS_DEVICES) for register in range(PER_DEVICE)] + [
    f"dlms/{device}/1-0:{code}.8.0" for device in range(DLMS_DEVICES) for code in range(PER_DEVICE)
]
"""Names relative to the publisher, by point number."""

LOGGER = "logger"
"""Follows with ``every``; the others with ``latest``, as the protocol servers do."""

SUBSCRIBERS: dict[str, tuple[str, ...]] = {
    LOGGER: (f"{PUBLISHER}/**",),
    "server@modbus": (f"{PUBLISHER}/modbus/**",),
    "server@iec104": (
        f"{PUBLISHER}/dlms/**",
        *(f"{PUBLISHER}/modbus/{device}/r{register}" for device in range(MODBUS_DEVICES) for register in range(25)),
    ),
    "server@synthesizer": (f"{PUBLISHER}/modbus/*/r0", f"{PUBLISHER}/dlms/*/1-0:1.8.0"),
    "server@web": (f"{PUBLISHER}/**",),
}
"""Names and patterns by subscriber: 10,000, 8,000, 6,000, 200 and 10,000 points, 3.42 deliveries for each update."""


def newest(point: int, total: int) -> int | None:
    """The number of the last of ``total`` updates that went to ``point``; ``None`` when there was none."""
    return point + POINTS * ((total - 1 - point) // POINTS) if point < total else None


def histogram(latencies: list[int]) -> dict[int, int]:
    """Latencies in nanoseconds as counts by 5 µs."""
    return Counter(latency // BIN_NS for latency in latencies)


def percentile(counts: dict[int, int], share: float) -> float:
    """The latency in microseconds that ``share`` of the counted ones do not exceed."""
    left = share * sum(counts.values())
    for place in sorted(counts):
        left -= counts[place]
        if left <= 0:
            return (place + 1) * BIN_NS / 1000
    return 0.0


class Pace:
    """When the next publish is due at ``rate`` updates a second; 0 is as fast as it goes.

    With ``busy`` below 1 those of each second come in the first part of it, as a poller's do.
    """

    def __init__(self, rate: int, size: int, busy: float = 1.0) -> None:
        self._step = size / rate if rate else 0.0
        self._busy = busy
        self._begun = time.monotonic()
        self._passed = 0.0

    def wait(self) -> float:
        """Seconds to sleep before the next publish; 0 when it is due."""
        self._passed += self._step
        seconds, rest = divmod(self._passed, 1.0)
        due = self._begun + seconds + rest * self._busy
        return max(0.0, due - time.monotonic()) if self._step else 0.0
