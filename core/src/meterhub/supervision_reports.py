"""Turns what the supervisor of workers tells into events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from meterhub.core_events import WORKER_LOST, WORKER_REFUSED, WORKER_STARTED
from meterhub.plugins import Catalogue
from meterhub.ports import EventRecorder


class SupervisionReports:
    """The supervisor's :class:`~meterhub.workers.Reports`; it never holds a worker up.

    ``changed`` makes the instance run what still can after a plugin was turned down.
    """

    def __init__(self, events: EventRecorder, catalogue: Catalogue, changed: Callable[[], None]) -> None:
        self._events = events
        self._catalogue = catalogue
        self._changed = changed
        self._tasks: set[asyncio.Task[None]] = set()

    async def worker_started(self, name: str, seconds: float) -> None:
        """A worker is ready."""
        self._events.record_soon(WORKER_STARTED, source="workers", worker=name, seconds=round(seconds, 2))

    async def worker_lost(self, name: str, reason: str, last_words: list[str]) -> None:
        """A worker ended that should run."""
        self._events.record_soon(
            WORKER_LOST,
            source="workers",
            worker=name,
            versions=self._versions(name),
            reason=reason,
            last_words=" | ".join(last_words[-8:]) or "none",
        )

    async def worker_refused(self, name: str, plugin: str, kind: str, sentence: str) -> None:
        """A worker could not begin: its plugin was turned down, or cannot be imported."""
        if kind == "trust":
            task = asyncio.create_task(self._turn_down(plugin, sentence))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self._events.record_soon(WORKER_REFUSED, source="workers", plugin=plugin, reason=sentence)

    async def _turn_down(self, plugin: str, sentence: str) -> None:
        await self._catalogue.refuse(plugin, sentence)
        self._changed()

    def _versions(self, worker: str) -> str:
        installed = self._catalogue.installed.get(worker)
        return f"version {installed.candidate.version}" if installed else "several plugins"
