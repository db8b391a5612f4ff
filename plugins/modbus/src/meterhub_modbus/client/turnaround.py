"""How long a device takes to answer, measured."""

from __future__ import annotations

_WEIGHT = 0.1
"""Of a new sample in the exponentially weighted mean; the first ten count alike."""
_MOVED = 0.3
_SHORTEST = 1e-4


class Turnaround:
    """Mean of the measured turn-around in seconds, and whether the plans made with it still fit."""

    def __init__(self) -> None:
        self.mean: float | None = None
        self._planned: float | None = None
        self._samples = 0

    def add(self, seconds: float) -> None:
        """Take a measured value."""
        self._samples += 1
        mean = self.mean or 0.0
        self.mean = mean + max(_WEIGHT, 1 / self._samples) * (seconds - mean)

    def used(self) -> float | None:
        """The value to plan with; :attr:`moved` compares with it from now on."""
        self._planned = self.mean
        return self.mean

    @property
    def moved(self) -> bool:
        """True when it differs from what was planned with by more than 30 %."""
        if self.mean is None or self._planned is None:
            return self.mean is not self._planned
        return abs(self.mean - self._planned) > _MOVED * max(self._planned, _SHORTEST)
