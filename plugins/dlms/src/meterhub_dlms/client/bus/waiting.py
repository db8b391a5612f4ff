"""How long to wait for the answer to a frame before it is repeated, and when to give up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from meterhub_dlms.client.bus.turnaround import Turnaround

_SHORTEST = 0.1
"""Seconds that every meter gets: adapters and networks keep bytes back for nearly as long."""
_MOST = 3
"""Frames at most for each time-out that the settings allow."""
_REST = 0.01
_GROWTH = 1.5


@dataclass(slots=True)
class Patience:
    """How long to wait for a meter, and how often for so long; ``turnaround`` takes what was measured."""

    timeout: float
    retries: int
    turnaround: Turnaround = field(default_factory=Turnaround)
    notify: Callable[[bytes], None] | None = None
    tune: Callable[[], Awaitable[None]] | None = None
    """Brings the line to the meter's speed, where meters on it differ."""


class Waiting:
    """The waits for one frame.

    A meter that is known to answer fast is asked again soon, then after pauses that grow up to the time-out: a lost
    frame costs little. All of them together are as long as the time-outs of all retries, so that a slow answer has
    the same time as ever, and a dead meter takes no more. ``answer_time`` is that of the longest frame on the line,
    ``usual`` what was measured of all meters on it.
    """

    def __init__(self, patience: Patience, answer_time: float, usual: Turnaround) -> None:
        self._timeout = patience.timeout
        self._left = patience.timeout * (patience.retries + 1)
        self._most = _MOST * (patience.retries + 1)
        self._longest = patience.turnaround.longest(usual)
        self._sent = 1
        self.seconds = patience.timeout
        if self._longest is not None:
            self.seconds = min(patience.timeout, max(_SHORTEST, answer_time + self._longest))

    @property
    def silence(self) -> float | None:
        """Seconds of silence after garbage that end the wait, as the answer was in it; ``None``: nothing does."""
        return None if self._longest is None or self._sent >= self._most else _SHORTEST + self._longest

    def again(self, waited: float, *, garbage: bool) -> bool:
        """Whether to repeat, after having waited for so long in vain; sets the next wait.

        After ``garbage`` it is as long as before: the meter answered in time.
        """
        self._left -= waited
        if self._sent >= self._most or self._left < _REST:
            return False
        self._sent += 1
        self.seconds = min(self._timeout, self.seconds * (1 if garbage else _GROWTH), self._left)
        return True
