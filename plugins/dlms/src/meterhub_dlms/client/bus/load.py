"""How much of its time a bus is in use."""

from __future__ import annotations

import math

_SPAN = 60.0
"""Seconds that the mean reaches back, or so."""


class Load:
    """A sliding mean between 0 and 1; times are monotonic seconds."""

    def __init__(self, now: float) -> None:
        self._value = 0.0
        self._began = self._last = now

    def add(self, seconds: float, now: float) -> None:
        """The bus was in use for so long, up to now."""
        self._value = self._faded(now) + seconds / _SPAN
        self._last = now

    def mean(self, now: float) -> float:
        """The load up to now; soon after the beginning it is that of the time since."""
        reached = 1.0 - math.exp(-max(now - self._began, 1e-3) / _SPAN)
        return min(1.0, self._faded(now) / reached)

    def _faded(self, now: float) -> float:
        return self._value * math.exp(-(now - self._last) / _SPAN)
