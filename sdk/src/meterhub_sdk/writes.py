"""Guards: code that is asked before a point is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from meterhub_sdk.hub import Requester
from meterhub_sdk.reading import Value


@dataclass(frozen=True, slots=True)
class WriteGuard:
    """``check(name, value, requester)`` raises :class:`~meterhub_sdk.Refused` to stop a write.

    It is asked for every point that one of ``patterns`` matches, within the write's deadline; no
    answer means refused.
    """

    patterns: tuple[str, ...]
    check: Callable[[str, Value, Requester], None]
