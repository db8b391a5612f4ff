"""What the server tells the event log about its clients: each fault of each client once, a flood of them never."""

from __future__ import annotations

from meterhub_sdk import EventType, Hub

from meterhub_dlms.events import CLIENT_LOCKED, CLIENT_MALFORMED, CLIENT_REFUSED, CLIENT_UNPROTECTED
from meterhub_dlms.server.site import Visitor

_MOST = 1000


class Reporter:
    """Writes events on behalf of all connections."""

    def __init__(self, hub: Hub, lock_seconds: int) -> None:
        self._hub = hub
        self._lock_seconds = lock_seconds
        self.last_error = ""
        """The newest fault of a client, whether or not it was worth an event."""
        self._told: set[tuple[str, Visitor]] = set()

    async def refused(self, visitor: Visitor, reason: str) -> None:
        """An association was turned down."""
        await self._tell(CLIENT_REFUSED, visitor, client=visitor.client, reason=reason)

    async def locked(self, visitor: Visitor) -> None:
        """Too many wrong passwords: a lock begins, which each time is worth an event."""
        seconds = self._lock_seconds
        await self._hub.events.record(CLIENT_LOCKED, client=visitor.client, peer=visitor.peer, seconds=seconds)

    async def unprotected(self, visitor: Visitor, reason: str) -> None:
        """A message was not protected as it should be."""
        await self._tell(CLIENT_UNPROTECTED, visitor, client=visitor.client, reason=reason)

    async def malformed(self, peer: str, reason: str) -> None:
        """What came is not DLMS."""
        await self._tell(CLIENT_MALFORMED, Visitor(0, peer), reason=reason)

    async def _tell(self, event: EventType, visitor: Visitor, **parameters: str | int) -> None:
        self.last_error = f"{visitor.peer}: {parameters.get('reason', event.name)}"
        if (event.name, visitor) not in self._told and len(self._told) < _MOST:
            self._told.add((event.name, visitor))
            await self._hub.events.record(event, peer=visitor.peer, **parameters)
