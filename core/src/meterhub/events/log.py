"""Writing the event log: what :meth:`EventLog.record` returned is on disk, in the chain of its log."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence

import sqlite_utils
from meterhub_sdk import Clock, EventType

from meterhub.events.chain import Chains, check_key
from meterhub.events.entry import Entry, draft
from meterhub.events.types import CHAIN_FAULT, CORE, ENTRIES_DROPPED, SOURCE
from meterhub.store import Store

WAITING = 1000
"""Entries that :meth:`EventLog.record_soon` keeps in memory before it drops and counts."""
TOGETHER = 100

Now = Callable[[], tuple[int, Clock]]
Listener = Callable[[Entry], None]

_logger = logging.getLogger(__name__)


class EventLog:
    """The event log of one instance.

    ``key`` signs the heads of the chains (at least 16 bytes, secret). ``clock`` gives the wall
    clock in nanoseconds since 1970 UTC and whether it is right. Call it from the event loop only.
    """

    def __init__(self, store: Store, key: bytes, clock: Now) -> None:
        self.store = store
        self.key = check_key(key)
        self.clock = clock
        self.dropped_total = 0
        """Entries dropped since the start, for the status."""
        self._dropped = 0
        self._listeners: list[Listener] = []
        self._waiting: deque[Entry] = deque()
        self._drain: asyncio.Task[None] | None = None
        self._writes: set[asyncio.Task[list[Entry]]] = set()

    async def record(
        self, event: EventType, /, *, source: str, distribution: str = CORE, **parameters: object
    ) -> Entry:
        """Write an entry; returns when it is on disk.

        ``source`` is the service or component, ``distribution`` the scope of the event's number.
        At most 20 parameters are kept, texts are cut at 500 characters and control characters
        escaped. Raises ``StoreError`` when the disk takes nothing, ``ValueError`` for a number
        outside 1 to 9999.
        """
        return await self.append(self.draft(event, source, distribution, parameters))

    def record_soon(self, event: EventType, /, *, source: str, distribution: str = CORE, **parameters: object) -> None:
        """Write an entry when there is time; never raises and never waits.

        What cannot be kept (queue full, disk full) is counted; the next entry that is written brings an
        entry with the count along.
        """
        try:
            entry = self.draft(event, source, distribution, parameters)
        except Exception:
            _logger.exception("an event of %s could not be made into an entry", distribution)
            self._drop(1)
            return
        if len(self._waiting) >= WAITING:
            self._drop(1)
            return
        self._waiting.append(entry)
        self._start_drain()

    def draft(self, event: EventType, source: str, distribution: str, parameters: Mapping[str, object]) -> Entry:
        """An entry of this moment for :meth:`append`; for callers whose parameters come from elsewhere."""
        time, clock = self.clock()
        return draft(event, time=time, clock=clock, source=source, distribution=distribution, parameters=parameters)

    async def append(self, entry: Entry) -> Entry:
        """Put a draft into its log; a caller that is cancelled meanwhile does not take it back."""
        task = asyncio.create_task(self._write([entry]))
        self._writes.add(task)
        task.add_done_callback(self._written)
        return (await asyncio.shield(task))[-1]

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` with every entry once it is on disk; it must return at once. Returns how to end that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def report_fault(self, fault: str) -> None:
        """Say in the security log that the event log was changed from outside."""
        self.record_soon(CHAIN_FAULT, source=SOURCE, fault=fault)

    async def close(self) -> None:
        """Write what still waits."""
        while self._writes or self._drain is not None:
            await asyncio.wait({*self._writes, *([self._drain] if self._drain else [])})

    async def _write(self, drafts: Sequence[Entry]) -> list[Entry]:
        """Write drafts in one transaction, preceded by the count of what was dropped before."""
        dropped, self._dropped = self._dropped, 0
        if dropped:
            drafts = [self.draft(ENTRIES_DROPPED, SOURCE, CORE, {"count": dropped}), *drafts]
        try:
            entries, broken = await self.store.write(lambda database: _append(database, self.key, drafts))
        except BaseException:
            self._dropped += dropped
            raise
        for entry in entries:
            self._tell(entry)
        for log in broken:
            self.report_fault(f"the head of the log {log} was not what this instance had signed")
        return entries

    def _tell(self, entry: Entry) -> None:
        for listener in tuple(self._listeners):
            try:
                listener(entry)
            except Exception:
                _logger.exception("a listener of the event log failed")

    def _start_drain(self) -> None:
        if self._drain is None:
            with contextlib.suppress(RuntimeError):  # no loop yet: the entry waits for the next one
                self._drain = asyncio.get_running_loop().create_task(self._drain_waiting())

    async def _drain_waiting(self) -> None:
        try:
            while self._waiting:
                drafts = [self._waiting.popleft() for _ in range(min(TOGETHER, len(self._waiting)))]
                try:
                    await self._write(drafts)
                except Exception as error:
                    _logger.error("%d entries were lost: %s", len(drafts), error)
                    self._drop(len(drafts))
        finally:
            self._drain = None

    def _drop(self, count: int) -> None:
        self._dropped += count
        self.dropped_total += count

    def _written(self, task: asyncio.Task[list[Entry]]) -> None:
        self._writes.discard(task)
        if not task.cancelled():
            task.exception()  # seen: it reached whoever waited, or they were cancelled


def _append(database: sqlite_utils.Database, key: bytes, drafts: Sequence[Entry]) -> tuple[list[Entry], list[str]]:
    chains = Chains(database, key)
    return chains.append(drafts), chains.newly_broken
