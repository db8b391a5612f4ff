"""The point trace's end in a plugin: what happens to one point, step by step."""

from __future__ import annotations

from collections.abc import Callable
from time import time_ns
from typing import Literal, NamedTuple

StepName = Literal["frame", "decoded", "deadband", "event", "queued", "sent", "acknowledged", "shown", "write"]
"""What a service can tell of a point.

``frame``: octets from the device that hold the value; ``decoded``: the value made of them; ``deadband``: a change was
judged too small or too early to be sent; ``event``: it is to be sent; ``queued``, ``sent`` and ``acknowledged`` follow
it to its master; ``shown``: it stands where others read it; ``write``: a value on its way to the device. The core adds
``hub`` and ``delivered``.
"""


class Step(NamedTuple):
    """One step; ``time`` in nanoseconds since 1970 UTC, ``detail`` for people."""

    point: str
    step: StepName
    detail: str
    time: int


class Trace:
    """Which points are traced now, and where their steps go.

    On a hot path: ``if trace.points and name in trace.points: trace.step(name, …)``. Names are full ones.
    """

    def __init__(self, tell: Callable[[Step], None], points: set[str] | None = None) -> None:
        self.points: set[str] = set() if points is None else points
        """Nearly always empty. The same set for ever: it may be kept."""
        self._tell = tell

    def step(self, point: str, step: StepName, detail: str = "") -> None:
        """Tell a step of a point; nothing happens when it is not traced."""
        if point in self.points:
            self._tell(Step(point, step, detail, time_ns()))
