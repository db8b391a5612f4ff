"""What reaches the event log, and what is held back so that nobody can flood it."""

from __future__ import annotations

from collections.abc import Callable

from meterhub.access.events import ACCESS_DENIED, AccessReport
from meterhub.access.principal import Principal

HELD = 1_000
QUIET = 3600.0
"""Seconds for which the same refusal to the same user is not written again."""


class Audit:
    """The way to the event log; ``report`` returns when an entry is on disk."""

    def __init__(self, report: AccessReport, monotonic: Callable[[], float]) -> None:
        self.report = report
        self._monotonic = monotonic
        self._denied: dict[tuple[str, str, str], float] = {}

    async def denied(self, principal: Principal, verb: str, path: str) -> None:
        """Report a request without the right to it; a page that asks every second is one entry an hour."""
        now, key = self._monotonic(), (principal.name, verb, path)
        if now - self._denied.get(key, -QUIET) < QUIET:
            return
        self._denied.pop(key, None)
        if len(self._denied) >= HELD:
            del self._denied[next(iter(self._denied))]
        self._denied[key] = now
        await self.report(ACCESS_DENIED, by=principal.name, source=principal.source, verb=verb, path=path)
