"""What a link needs of whatever carries its bytes."""

from __future__ import annotations

import asyncio
from typing import Protocol


class Stream(Protocol):
    """Bytes to and from one line or connection; what comes goes to the receiver it was opened with."""

    lost: asyncio.Event
    """Set when it is gone."""

    reason: str
    """Why it is gone."""

    def write(self, data: bytes) -> None:
        """Send; nothing happens when it is gone."""
        ...

    def discard(self) -> None:
        """Throw away what came and was not handed on yet."""
        ...

    def close(self) -> None:
        """Close at once; what was not sent is dropped."""
        ...
