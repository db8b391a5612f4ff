"""Entries for the event log from code that cannot wait, limited so that a flood stays one line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from meterhub_sdk import EventType, Hub

INTERVAL = 300.0
"""Seconds between two entries of one type about one peer."""
_SUBJECTS = 1000
_QUEUE = 100


class Notices:
    """Takes notes at once and writes them to the event log in its own time.

    The first note about a peer (and point) is an entry; those of the next :data:`INTERVAL` seconds are only
    counted, in :attr:`left_out`, as are those for which the bounded queue has no room.
    """

    def __init__(self, hub: Hub, clock: Callable[[], float] | None = None) -> None:
        self._hub = hub
        self._clock = clock or asyncio.get_running_loop().time
        self._queue: asyncio.Queue[tuple[EventType, dict[str, str | int]]] = asyncio.Queue(_QUEUE)
        self._last: dict[tuple[int, str, str], float] = {}
        self.left_out = 0
        self.last_error = ""
        """The newest note, for people, whether or not it was written."""

    def note(self, event: EventType, peer: str, **parameters: str | int) -> None:
        """Have an entry written, unless there was the same one just now."""
        self.last_error = f"{peer}: {parameters.get('why', event.name)}"
        now = self._clock()
        key = (event.number, peer, str(parameters.get("point", "")))
        if now - self._last.get(key, -INTERVAL) < INTERVAL or self._queue.full():
            self.left_out += 1
            return
        if len(self._last) >= _SUBJECTS:
            self._last = {known: at for known, at in self._last.items() if now - at < INTERVAL}
        if len(self._last) >= _SUBJECTS:
            self.left_out += 1
            return
        self._last[key] = now
        self._queue.put_nowait((event, {"service": self._hub.name, "peer": peer, **parameters}))

    async def run(self) -> None:
        """Write what was noted, until cancelled."""
        while True:
            event, parameters = await self._queue.get()
            await self._hub.events.record(event, **parameters)
