"""Entries for the event log from callbacks that cannot wait, limited so that a flood stays one line."""

from __future__ import annotations

import asyncio

from meterhub_sdk import EventType, Hub

INTERVAL = 60.0
"""Seconds between two entries of one type about one endpoint."""
_QUEUE = 100
_Key = tuple[int, str, str]


class Notices:
    """Takes notes at once, writes them in its own time, and counts in ``left_out`` what it spares."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._queue: asyncio.Queue[tuple[EventType, dict[str, str | int | float]]] = asyncio.Queue(_QUEUE)
        self._last: dict[_Key, float] = {}
        self.left_out = 0
        self.last_error = ""
        """Why something went wrong last, for people."""

    def note(self, event: EventType, channel: str, endpoint: str = "", **parameters: str | int | float) -> None:
        """Have an entry written, unless there was one of this type about this endpoint just now."""
        if "why" in parameters:
            self.last_error = f"{channel}: {endpoint}: {parameters['why']}"
        now = asyncio.get_running_loop().time()
        key = (event.number, channel, endpoint)
        if now - self._last.get(key, -INTERVAL) < INTERVAL or self._queue.full():
            self.left_out += 1
        else:
            self._last[key] = now
            self._queue.put_nowait((event, {"channel": channel, "endpoint": endpoint, **parameters}))

    async def run(self) -> None:
        """Write what was noted, until cancelled."""
        while True:
            event, parameters = await self._queue.get()
            await self._hub.events.record(event, **parameters)
