"""From the socket callbacks, which cannot wait, to the event log, which must be waited for."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict

from meterhub_sdk import EventType, Hub, MeterhubError

_PENDING = 1000
QUIET = 60.0
"""Seconds for which the same event of one address is not recorded again; the status counts it."""
_SOME = 10
"""Entries of one type about one address in that time, where each counts but not without end."""
_REMEMBERED = 1000

_log = logging.getLogger(__name__)


class Journal:
    """Records events in order; whoever knocks without end cannot fill the event log."""

    def __init__(self, hub: Hub) -> None:
        self.missed = 0
        """Events not recorded because there were too many of them."""
        self.last_error = ""
        """The newest event that has a reason, for people."""
        self._hub = hub
        self._pending: asyncio.Queue[tuple[EventType, dict[str, str | int]]] = asyncio.Queue(_PENDING)
        self._noted: OrderedDict[tuple[EventType, str], float] = OrderedDict()
        self._counted: OrderedDict[tuple[EventType, str], tuple[float, int]] = OrderedDict()

    def note(self, event: EventType, **parameters: str | int) -> None:
        """Record an event soon."""
        if reason := parameters.get("reason"):
            self.last_error = f"{parameters.get('address', event.name)}: {reason}"
        try:
            self._pending.put_nowait((event, parameters))
        except asyncio.QueueFull:
            self.missed += 1

    def note_seldom(
        self, event: EventType, about: str, now: float, *, quiet: float = QUIET, **parameters: str | int
    ) -> bool:
        """Record an event unless the same was recorded about the same thing in the last ``quiet`` seconds.

        ``now`` is monotonic time in seconds. Answers whether it is recorded.
        """
        entry = (event, about)
        last = self._noted.get(entry)
        if last is not None and now < last + quiet:
            return False
        self._noted[entry] = now
        self._noted.move_to_end(entry)
        if len(self._noted) > _REMEMBERED:
            self._noted.popitem(last=False)
        self.note(event, **parameters)
        return True

    def note_some(self, event: EventType, about: str, **parameters: str | int) -> None:
        """Record an event, unless the log got enough of them about the same thing in the last minute."""
        entry, now = (event, about), asyncio.get_running_loop().time()
        since, count = self._counted.get(entry, (now, 0))
        if now >= since + QUIET:
            since, count = now, 0
        self._counted[entry] = since, count + 1
        self._counted.move_to_end(entry)
        if len(self._counted) > _REMEMBERED:
            self._counted.popitem(last=False)
        if count < _SOME:
            self.note(event, **parameters)
        else:
            self.missed += 1

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            event, parameters = await self._pending.get()
            try:
                await self._hub.events.record(event, **parameters)
            except MeterhubError as error:
                _log.warning("event %s was not recorded: %s", event.name, error)
