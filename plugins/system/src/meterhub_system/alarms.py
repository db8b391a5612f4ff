"""Limits with hysteresis: each crossing is told once, and none twice within a minute."""

from __future__ import annotations

from dataclasses import dataclass

from meterhub_sdk import EventType, Hub

from meterhub_system.events import (
    DISK_HAS_ROOM,
    DISK_NEARLY_FULL,
    MEMORY_LOW,
    MEMORY_NORMAL,
    TEMPERATURE_HIGH,
    TEMPERATURE_NORMAL,
)
from meterhub_system.settings import Limits

SELDOM = 60.0
_RAISED = {
    "disk": "the disk is nearly full",
    "memory": "memory is low",
    "temperature": "the temperature is high",
}


def raised_words(name: str) -> str:
    """What is wrong while the alarm of this name is raised."""
    return _RAISED[name]


@dataclass(slots=True)
class Alarm:
    """One watched value: above its limit, or normal again once it has fallen below it by the hysteresis."""

    limit: float
    hysteresis: float
    above: EventType
    below: EventType
    raised: bool = False
    changed_at: float | None = None

    def crossed(self, value: float, at: float) -> EventType | None:
        """The event that this value is worth, if any; ``at`` is monotonic seconds."""
        if self.changed_at is not None and at - self.changed_at < SELDOM:
            return None
        raised = value >= self.limit if not self.raised else value > self.limit - self.hysteresis
        if raised == self.raised:
            return None
        self.raised, self.changed_at = raised, at
        return self.above if raised else self.below


class Alarms:
    """The alarms of disk, memory and temperature."""

    def __init__(self, hub: Hub, limits: Limits) -> None:
        self._hub = hub
        rows = (
            ("disk", limits.disk, DISK_NEARLY_FULL, DISK_HAS_ROOM),
            ("memory", limits.memory, MEMORY_LOW, MEMORY_NORMAL),
            ("temperature", limits.temperature, TEMPERATURE_HIGH, TEMPERATURE_NORMAL),
        )
        self._alarms = {
            name: Alarm(limit, limits.hysteresis, above, below)
            for name, limit, above, below in rows
            if limit is not None
        }

    async def look(self, name: str, value: float | None, at: float) -> None:
        """Compare a value with its limit, and record an event when it crossed it."""
        alarm = self._alarms.get(name)
        if alarm is None or value is None:
            return
        event = alarm.crossed(value, at)
        if event is not None:
            await self._hub.events.record(event, value=round(value, 1), limit=alarm.limit)

    @property
    def raised(self) -> list[str]:
        """What is wrong now, in words."""
        return [raised_words(name) for name, alarm in self._alarms.items() if alarm.raised]
