"""Entries for the event log about senders, so limited that a flood of pushes is no flood of entries."""

from __future__ import annotations

import asyncio
import math

from meterhub_sdk import EventType, Hub

_SUBJECTS = 1000


class Reports:
    """Writes the first entry of a type about a subject, and the next one only after a while."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._told: dict[tuple[int, str], float] = {}

    async def tell(
        self, event: EventType, subject: str, *, again: float = math.inf, **parameters: str | int | float
    ) -> None:
        """Write it, unless the same was written less than ``again`` seconds ago, or about 1,000 subjects already."""
        now = asyncio.get_running_loop().time()
        key = (event.number, subject)
        last = self._told.get(key)
        if (last is not None and now - last < again) or (last is None and len(self._told) >= _SUBJECTS):
            return
        self._told[key] = now
        await self._hub.events.record(event, **parameters)
