"""Notes of commands that were not let through, from callbacks that cannot wait to the command ledger."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from meterhub_sdk import Hub, MeterhubError, Outcome, Value

_PENDING = 1000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Note:
    """One command: what it wanted, from whom it came, and what became of it."""

    point: str
    value: Value
    reason: str
    origin: str
    selected: int | None
    because: str
    outcome: Outcome = "refused"


class Ledger:
    """Hands notes to the hub, in order."""

    def __init__(self, hub: Hub) -> None:
        self.missed = 0
        """Commands not noted, because too many were waiting or the hub did not take them."""
        self._hub = hub
        self._pending: asyncio.Queue[Note] = asyncio.Queue(_PENDING)

    def note(self, note: Note) -> None:
        """Note a command soon."""
        try:
            self._pending.put_nowait(note)
        except asyncio.QueueFull:
            self.missed += 1

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._write(await self._pending.get())

    async def finish(self) -> None:
        """Write what still waits."""
        while not self._pending.empty():
            await self._write(self._pending.get_nowait())

    async def _write(self, note: Note) -> None:
        try:
            await self._hub.points.refuse(
                note.point,
                note.value,
                reason=note.reason,
                because=note.because,
                outcome=note.outcome,
                origin=note.origin,
                selected=note.selected,
            )
        except MeterhubError as error:
            self.missed += 1
            _log.warning("a refused command to %s was not noted: %s", note.point, error)
