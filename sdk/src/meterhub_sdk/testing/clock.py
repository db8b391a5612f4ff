"""A clock that jumps to the next timer instead of waiting for it."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class VirtualClock:
    """Runs a coroutine on an event loop whose time is virtual: an hour of sleeping takes no time.

    For services with timers and without real sockets::

        VirtualClock().run(test())
    """

    def __init__(self) -> None:
        self.elapsed = 0.0

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """The result of ``main``; what it left running is cancelled."""
        with asyncio.Runner(loop_factory=lambda: _VirtualLoop(self)) as runner:
            return runner.run(main)


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, clock: VirtualClock) -> None:
        self._virtual = clock
        super().__init__(_JumpingSelector(clock))

    def time(self) -> float:
        return self._virtual.elapsed


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._virtual = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("everything waits and no timer is set: the test would hang")
        if not ready and timeout:
            self._virtual.elapsed += timeout
        return ready
