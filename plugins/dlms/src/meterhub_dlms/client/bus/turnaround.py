"""How long a meter takes to answer, measured."""

from __future__ import annotations

_WEIGHT = 0.1
"""Of a new sample in the exponentially weighted mean; the first ten count alike."""

_SMOOTH, _SPREAD = 1 / 8, 1 / 4
"""Weights of a new sample in the faster mean, and of its distance from it (as RFC 6298 has them)."""
_SPREADS = 4
_FEWEST = 4
"""Samples before they say anything about the next one."""
_GROWTH, _SLOWEST = 1.5, 1000.0


class Turnaround:
    """Mean of the measured turn-around in seconds, ``None`` before the first answer."""

    def __init__(self) -> None:
        self.mean: float | None = None
        self._samples = 0
        self._smooth = self._spread = 0.0
        self._slower = 1.0

    def longest(self, usual: Turnaround) -> float | None:
        """Seconds within which nearly every answer begins, ``None`` while too few came; longer after :meth:`missed`.

        A meter that nothing is known of yet is thought to be no slower than twice the ``usual`` on its line.
        """
        if self._samples >= _FEWEST:
            return self._slower * self._reach
        return 2 * self._slower * usual._reach if usual._samples >= _FEWEST else None

    @property
    def _reach(self) -> float:
        return self._smooth + _SPREADS * self._spread

    def add(self, seconds: float) -> None:
        """Take a measured value; the clock of this machine may make it negative, which no meter is.

        Only answers to frames that were sent once: of others nobody knows to which sending they belong.
        """
        seconds = max(0.0, seconds)
        self._samples += 1
        mean = self.mean or 0.0
        self.mean = mean + max(_WEIGHT, 1 / self._samples) * (seconds - mean)
        if self._samples == 1:
            self._smooth, self._spread = seconds, seconds / 2
        else:
            self._spread += _SPREAD * (abs(seconds - self._smooth) - self._spread)
            self._smooth += _SMOOTH * (seconds - self._smooth)
        self._slower = 1.0

    def missed(self) -> None:
        """Nothing came within :meth:`longest`: until the next measured answer the meter may be slower than it was."""
        self._slower = min(_SLOWEST, _GROWTH * self._slower)
