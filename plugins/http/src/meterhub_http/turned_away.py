"""Requests that were turned away: counted, and told in the event log without flooding it."""

from __future__ import annotations

import asyncio
import logging

from meterhub_sdk import EventType, Hub, MeterhubError

from meterhub_http import events

_EVERY = 60.0
"""Seconds for which one address is told once."""
_HELD = 100
"""Addresses told in that time: who has more of them floods."""
_log = logging.getLogger(__name__)


class TurnedAway:
    """The guard's reports."""

    def __init__(self, hub: Hub) -> None:
        self.count = 0
        self._hub = hub
        self._told: dict[str, float] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def report(self, address: str, reason: str) -> None:
        """Tell of a request that was turned away; of one address at most once a minute."""
        self.count += 1
        self._tell(events.ORIGIN_REFUSED, address, reason)

    def login_failed(self, address: str, reason: str) -> None:
        """Tell of a login through the identity provider that failed; of one address at most once a minute."""
        self._tell(events.PROVIDER_FAILED, address, reason)

    def _tell(self, event: EventType, address: str, reason: str) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._told.get(address, -_EVERY) < _EVERY:
            return
        self._told = {known: time for known, time in self._told.items() if now - time < _EVERY}
        if len(self._told) >= _HELD:
            return
        self._told[address] = now
        task = asyncio.create_task(self._record(event, address, reason), name="tells of somebody who was turned away")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _record(self, event: EventType, address: str, reason: str) -> None:
        try:
            await self._hub.events.record(event, address=address, reason=reason)
        except MeterhubError as error:
            _log.warning("a request of %s was refused (%s), which could not be recorded: %s", address, reason, error)
