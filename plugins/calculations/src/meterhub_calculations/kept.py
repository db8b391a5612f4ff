"""What a synthesizer remembers over restarts, in the service's own database."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

import msgspec
from meterhub_sdk import Hub

MIGRATIONS: tuple[str, ...] = ("CREATE TABLE kept (name TEXT PRIMARY KEY, content BLOB NOT NULL) STRICT",)
"""The schema, for ``Service.migrations``."""

S = TypeVar("S", bound=msgspec.Struct)


class Kept(Generic[S]):
    """One state under one name. Saving writes to flash, so it is :meth:`due` once in ``period`` seconds only."""

    def __init__(self, hub: Hub, name: str, kind: type[S], period: float = 60.0) -> None:
        self._hub = hub
        self._name = name
        self._kind = kind
        self._period = period
        self._saved = -period

    def load(self) -> S | None:
        """What was saved last; ``None`` when nothing was."""
        row = self._hub.store.execute("SELECT content FROM kept WHERE name = ?", (self._name,)).fetchone()
        return None if row is None else msgspec.json.decode(row[0], type=self._kind)

    @property
    def due(self) -> bool:
        """True when the last save was long enough ago, by monotonic time."""
        return asyncio.get_running_loop().time() - self._saved >= self._period

    def save(self, state: S) -> None:
        """Keep the state; it is on disk when this returns."""
        content = msgspec.json.encode(state)
        self._hub.store.execute("INSERT OR REPLACE INTO kept (name, content) VALUES (?, ?)", (self._name, content))
        self._saved = asyncio.get_running_loop().time()
