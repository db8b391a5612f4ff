"""A time that a short float holds exactly: the monotonic clock in units of 10 µs, modulo 2^24 (168 s)."""

from __future__ import annotations

import time

_TICK_NS = 10_000
_TICKS = 1 << 24


def stamp() -> int:
    """The time now."""
    return time.monotonic_ns() // _TICK_NS % _TICKS


def passed_ms(since: int, until: int) -> float:
    """Milliseconds from one stamp to another."""
    return (until - since) % _TICKS * _TICK_NS / 1e6
