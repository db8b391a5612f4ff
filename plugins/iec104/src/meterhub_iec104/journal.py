"""From the socket callbacks, which cannot wait, to the event log, which must be waited for."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict

from meterhub_sdk import EventType, Hub, MeterhubError

_PENDING = 1000
_QUIET = 60.0
"""Seconds for which the same event of one address is not recorded again; the status counts it."""
_REMEMBERED = 1000

_log = logging.getLogger(__name__)


class Journal:
    """Records events in order; whoever knocks without end cannot fill the event log."""

    def __init__(self, hub: Hub) -> None:
        self.missed = 0
        """Events not recorded because too many were waiting already."""
        self._hub = hub
        self._pending: asyncio.Queue[tuple[EventType, dict[str, str | int]]] = asyncio.Queue(_PENDING)
        self._noted: OrderedDict[tuple[EventType, str], float] = OrderedDict()

    def note(self, event: EventType, **parameters: str | int) -> None:
        """Record an event soon."""
        try:
            self._pending.put_nowait((event, parameters))
        except asyncio.QueueFull:
            self.missed += 1

    def note_seldom(self, event: EventType, about: str, now: float, **parameters: str | int) -> bool:
        """Record an event unless the same was recorded about the same thing in the last minute.

        ``now`` is monotonic time in seconds. Answers whether it is recorded.
        """
        entry = (event, about)
        last = self._noted.get(entry)
        if last is not None and now < last + _QUIET:
            return False
        self._noted[entry] = now
        self._noted.move_to_end(entry)
        if len(self._noted) > _REMEMBERED:
            self._noted.popitem(last=False)
        self.note(event, **parameters)
        return True

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            event, parameters = await self._pending.get()
            try:
                await self._hub.events.record(event, **parameters)
            except MeterhubError as error:
                _log.warning("event %s was not recorded: %s", event.name, error)
