"""What is known of a meter's clock: whether it is right, and since when it is not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from meterhub_sdk import Clock, EventType, Hub, Reading, moment

from meterhub_dlms.client.clock.comparison import SECOND, Comparison
from meterhub_dlms.client.meter_events import CLOCK_NOT_READ, CLOCK_RIGHT, CLOCK_WRONG

ClockState = Literal["unknown", "right", "deviating", "wrong", "unreadable"]

WRONG = 900.0
"""Seconds of deviation from which on a clock does not drift any more but is wrong: shift_time cannot mend it."""


class ClockWatch:
    """The clock of one meter, which is right within ``limit`` seconds.

    Polls tell it what they read of the clock, comparisons what they found.
    """

    def __init__(self, hub: Hub, label: str, limit: float) -> None:
        self.state: ClockState = "unknown"
        self.deviation: float | None = None
        """Seconds that the meter was ahead when it was compared last."""
        self.jumped: Callable[[], None] = lambda: None
        """Called when the clock turns out to be wrong."""
        self._hub = hub
        self._label = label
        self._limit = limit
        self._pending: list[tuple[EventType, dict[str, str | float]]] = []

    def wrong(self, time: int) -> bool:
        """Whether a clock that shows ``time`` (nanoseconds UTC) is wrong; not known while our own is not right."""
        if self._hub.time.validity() != Clock.VALID:
            return self.state == "wrong"
        deviation = (time - self._hub.time.now()) / SECOND
        self._judge(deviation, self._within(deviation) if self.state == "wrong" else self.state)
        return self.state == "wrong"

    def compared(self, comparison: Comparison) -> Reading | None:
        """Take a comparison; the reading of the deviation, ``None`` where the clock does not tell the time."""
        validity = self._hub.time.validity()
        if comparison.deviation is None:
            self.unreadable("it tells no time that can be understood")
            return None
        deviation = self.deviation = round(comparison.deviation, 3)
        if validity == Clock.VALID:
            self._judge(deviation, self._within(deviation))
        elif self.state == "unreadable":
            self.state = "unknown"
        return Reading(deviation, comparison.own, unit="s", clock=int(validity))

    def unreadable(self, reason: str) -> None:
        """The clock cannot be read, or shows no time."""
        if self.state != "unreadable":
            self._pending.append((CLOCK_NOT_READ, {"reason": reason}))
        self.state, self.deviation = "unreadable", None

    async def report(self) -> None:
        """Record what changed."""
        while self._pending:
            event, parameters = self._pending.pop(0)
            await self._hub.events.record(event, meter=self._label, **parameters)

    def _within(self, deviation: float) -> ClockState:
        return "deviating" if abs(deviation) > self._limit else "right"

    def _judge(self, deviation: float, otherwise: ClockState) -> None:
        before = self.state
        self.state = "wrong" if abs(deviation) > WRONG else otherwise
        if self.state == "wrong" and before != "wrong":
            self.deviation = deviation
            shown = moment(self._hub.time.now()).isoformat(timespec="seconds")
            self._pending.append((CLOCK_WRONG, {"deviation": round(deviation, 1), "time": shown}))
            self.jumped()
        elif before == "wrong" and self.state != "wrong":
            self.deviation = deviation
            self._pending.append((CLOCK_RIGHT, {"deviation": round(deviation, 1)}))
