"""What wants the bus: its priority, how long it waits, and what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

from meterhub_dlms.client.association import Association
from meterhub_dlms.client.bus.media import Access
from meterhub_dlms.client.settings import Meter

Work = Callable[[Association], Awaitable[Any]]
"""What a job does with the meter's association, in as few exchanges as it can: nobody else is served meanwhile."""


class Priority(IntEnum):
    """Who goes first; among equals it is who has waited longest."""

    COMMAND = 0
    """Writes, and what a person waits for."""
    LINK = 1
    """Keeping associations alive, and trying to get lost ones back."""
    FAST = 2
    NORMAL = 3
    SLOW = 4
    PROFILE = 5
    """A slice of a load profile, and other work that nobody waits for."""


class Offer(NamedTuple):
    """Something that can be done now; ``due`` in monotonic seconds."""

    priority: Priority
    due: float
    act: Callable[[Access], Awaitable[None]]
    probe: bool = False
    """Whether it looks for a meter that may be dead, which then costs the bus a time-out."""


@dataclass(eq=False, slots=True)
class Job:
    """Work for one meter that somebody waits for."""

    label: str
    priority: Priority
    since: float
    work: Callable[[Any], Awaitable[Any]]
    """Takes the meter's association; that of a guest takes the open medium."""
    done: asyncio.Future[Any]
    guest: Meter | None = None
    """The settings of a meter that is not one of the bus."""

    def concerns(self, meter: Meter) -> bool:
        """Whether it talks to this meter of the bus, perhaps under other settings."""
        if self.guest is None:
            return self.label == meter.label
        physical = self.guest.physical_address, meter.physical_address
        same = physical[0] == physical[1] or 0 in physical
        return same and self.guest.logical_device == meter.logical_device

    def fail(self, error: Exception) -> None:
        """Tell who waits, if anybody still does."""
        if not self.done.done():
            self.done.set_exception(error)
