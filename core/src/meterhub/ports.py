"""What rooms of the core need of each other, as narrow protocols."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from meterhub_sdk import EventType

from meterhub.store import StoreError


class EventRecorder(Protocol):
    """Where events go."""

    async def record(
        self, event: EventType, /, *, source: str, distribution: str = "meterhub", **parameters: object
    ) -> Any:
        """Write an entry; returns when it is on disk."""
        ...

    def record_soon(
        self, event: EventType, /, *, source: str, distribution: str = "meterhub", **parameters: object
    ) -> None:
        """Write an entry without waiting; never raises."""
        ...

    def draft(self, event: EventType, source: str, distribution: str, parameters: Mapping[str, object]) -> Any:
        """An entry for :meth:`append`, where the parameters come from elsewhere."""
        ...

    async def append(self, entry: Any) -> Any:
        """Write a draft; returns when it is on disk."""
        ...


async def tell(
    events: EventRecorder, event: EventType, /, *, source: str, distribution: str = "meterhub", **parameters: object
) -> None:
    """Record what has happened anyway: a disk that takes nothing must not stop it.

    The log counts the entry as lost and says so as soon as it can.
    """
    try:
        await events.record(event, source=source, distribution=distribution, **parameters)
    except StoreError:
        events.record_soon(event, source=source, distribution=distribution, **parameters)


class SecretSource(Protocol):
    """Where secrets come from."""

    def get(self, name: str) -> str:
        """The secret; ``Refused`` when it was never set."""
        ...
