"""How much one sender may send: a bucket of tokens for each address."""

from __future__ import annotations

from collections import OrderedDict

_MAX_ADDRESSES = 4096
_SECONDS = 10.0
"""How much a sender that was quiet may send at once, in seconds of its rate."""


class Pace:
    """Counts what comes from each address; all times are monotonic seconds."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, address: str, now: float) -> float:
        """One more of an address: seconds by which it came too early, 0 when it is within its rate."""
        most = self._rate * _SECONDS
        tokens, at = self._buckets.pop(address, (most, now))
        tokens = min(most, tokens + (now - at) * self._rate) - 1
        self._buckets[address] = (max(tokens, -most), now)
        if len(self._buckets) > _MAX_ADDRESSES:
            self._buckets.popitem(last=False)
        return max(0.0, -tokens / self._rate)
