"""A circuit breaker: a device that does not answer is asked once per back-off interval."""

from __future__ import annotations

FIRST_DELAY = 1.0
"""Seconds before the first try; each further pause is twice as long."""


class Backoff:
    """Pauses of 1, 2, 4 … seconds up to a longest one."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._next = min(FIRST_DELAY, longest)

    def next(self) -> float:
        """Seconds to pause now."""
        pause = self._next
        self._next = min(2 * pause, self._longest)
        return pause

    def reset(self) -> None:
        """It worked: begin with the shortest pause again."""
        self._next = min(FIRST_DELAY, self._longest)


class Breaker:
    """Counts failures in a row; all times are monotonic seconds."""

    def __init__(self, retries: int, longest: float) -> None:
        self.open = False
        self.try_at = 0.0
        self._failures = 0
        self._retries = retries
        self._backoff = Backoff(longest)

    def success(self) -> None:
        """The device answered."""
        self.open = False
        self._failures = 0
        self._backoff.reset()

    def failure(self, now: float) -> bool:
        """It did not; true when it counts as lost."""
        self._failures += 1
        if self.open or self._failures > self._retries:
            self.trip(now)
        return self.open

    def trip(self, now: float) -> None:
        """Leave the device alone for the next interval."""
        self.open = True
        self.try_at = now + self._backoff.next()
