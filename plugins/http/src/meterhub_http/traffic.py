"""What was asked and answered since the service started."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter

from aiohttp import web

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds: the upper ends of the classes of the histogram."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
LASTING = "text/event-stream"
"""The kind of answers that last: how long they took says nothing."""


class Traffic:
    """Totals of requests, and how long their answers took."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.classes = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0

    @property
    def total(self) -> int:
        """All requests."""
        return self.requests.total()

    def count(self, request: web.Request, response: web.StreamResponse, seconds: float) -> None:
        """Note an answer."""
        method = request.method if request.method in _METHODS else "other"
        self.requests[method, response.status] += 1
        if response.content_type != LASTING:
            self.classes[bisect_left(BOUNDS, seconds)] += 1
            self.seconds += seconds
