"""Changes that go on to their end when whoever asked for them goes away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_running: set[asyncio.Task[Any]] = set()


def uninterrupted(method: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """A request that is cancelled half-way (its browser left) must not leave disk and memory apart."""

    @wraps(method)
    async def whole(*args: P.args, **kwargs: P.kwargs) -> T:
        task = asyncio.create_task(method(*args, **kwargs))
        _running.add(task)  # the loop itself keeps only weak references
        task.add_done_callback(_running.discard)
        return await asyncio.shield(task)

    return whole
