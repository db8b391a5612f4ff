"""Power times time: summed from readings of a power, or taken from the increase of an energy."""

from __future__ import annotations

from typing import NamedTuple

SECONDS_PER_HOUR = 3600


class Sum(NamedTuple):
    """Power times seconds, and the seconds in which the source told something."""

    product: float
    watched: float


class Accumulation:
    """Sums until it is taken; ``None`` as a value says that the source tells nothing usable now."""

    def __init__(self, monotonic: float) -> None:
        self._value: float | None = None
        self._since = monotonic
        self._product = self._watched = 0.0

    def feed(self, value: float | None, monotonic: float) -> None:
        """The source tells a value from now on."""
        self._advance(monotonic)
        self._value = value

    def so_far(self, monotonic: float) -> Sum:
        """The sum up to now; a source that told a value still does."""
        self._advance(monotonic)
        return Sum(self._product, self._watched)

    def take(self, monotonic: float) -> Sum:
        """The sum up to now, which begins at 0 again."""
        taken = self.so_far(monotonic)
        self._product = self._watched = 0.0
        return taken

    def _advance(self, monotonic: float) -> None:
        if self._value is not None:
            self._watched += monotonic - self._since
            self._product += self._value * (monotonic - self._since)
        self._since = monotonic


class EnergyAccumulation(Accumulation):
    """The same from an energy: what it grew while it was not told is counted once it is told again.

    An energy that fell was reset; what was used about then cannot be known, nor can what was used while
    a period ended untold: that time is not watched.
    """

    def __init__(self, monotonic: float) -> None:
        super().__init__(monotonic)
        self._told = False

    def feed(self, value: float | None, monotonic: float) -> None:
        """The source tells an energy now; between two that it tells the power was their difference."""
        self._told = value is not None
        if value is None:
            return
        if self._value is not None and value >= self._value:
            self._product += (value - self._value) * SECONDS_PER_HOUR
            self._watched += monotonic - self._since
        self._value, self._since = value, monotonic

    def take(self, monotonic: float) -> Sum:
        """The sum up to now; an energy that is not told now cannot be split between two periods."""
        taken = super().take(monotonic)
        if not self._told:
            self._value = None
        return taken

    def _advance(self, monotonic: float) -> None:
        if self._told:
            self._watched += monotonic - self._since
            self._since = monotonic
