"""What several rooms' tests need: an event log that remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from meterhub_sdk import EventType


@dataclass
class Recorded:
    """Plays the event log: what was recorded, in order; ``broken`` makes it one that cannot write."""

    entries: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    broken: Exception | None = None

    async def record(self, event: EventType, /, *, source: str, distribution: str = "", **parameters: object) -> None:
        if self.broken is not None:
            raise self.broken
        self.record_soon(event, source=source, **parameters)

    def record_soon(self, event: EventType, /, *, source: str, distribution: str = "", **parameters: object) -> None:
        sentence = event.sentence(dict(parameters))
        assert "{" not in sentence, f"{event.name} lacks a parameter: {sentence}"
        self.entries.append((event.name, {"source": source, "sentence": sentence, **parameters}))

    def draft(self, event: EventType, source: str, distribution: str, parameters: Mapping[str, object]) -> Any:
        return (event, source, dict(parameters))

    async def append(self, entry: Any) -> None:
        event, source, parameters = entry
        await self.record(event, source=source, **parameters)

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.entries]

    def of(self, name: str) -> list[dict[str, Any]]:
        return [parameters for kind, parameters in self.entries if kind == name]


@pytest.fixture
def recorded() -> Recorded:
    """An event log that remembers."""
    return Recorded()


@pytest.fixture
def until() -> Callable[..., Any]:
    """Waits until something is true, and fails after ten seconds."""

    async def wait(condition: Callable[[], object], timeout: float = 10.0) -> None:
        async with asyncio.timeout(timeout):
            while not condition():
                await asyncio.sleep(0.005)

    return wait
