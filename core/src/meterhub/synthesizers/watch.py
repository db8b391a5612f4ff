"""Whether services start again after their plugin was replaced."""

from __future__ import annotations

import asyncio

from meterhub.operation import Operation
from meterhub.services import Services

SETTLE = 2.0
"""Seconds that all of them must run before a release is believed to be good."""

LONGEST_START = 30.0
"""Seconds that they may take before they run: a loaded machine starts a worker slowly."""

_LOOK = 0.1
_BROKEN = ("waiting", "failed")


class Watch:
    """Looks at the states of services; changes nothing."""

    def __init__(self, services: Services, operation: Operation, settle: float = SETTLE) -> None:
        self.settle = settle
        self._services = services
        self._operation = operation

    def running(self, distribution: str) -> set[str]:
        """The services of a plugin that run well at the moment."""
        running = self._operation.running()
        return {name for name, order in self._services.orders.items() if order.distribution == distribution} & running

    async def trouble(self, watched: set[str]) -> str:
        """Wait until these services run for a while; what is wrong, as part of a sentence, when they do not.

        One that somebody takes out of the configuration meanwhile is watched no more.
        """
        clock = asyncio.get_running_loop().time
        last, calm = clock() + LONGEST_START, clock()
        while watched := {name for name in watched if name in self._services.orders or name in self._operation.idle}:
            if found := next(filter(None, map(self._fault, sorted(watched))), ""):
                return found
            missing = watched - self._operation.running()
            if missing:
                calm = clock()
                if calm > last:
                    return f"{min(missing)} ran before and does not start any more"
            elif clock() - calm >= self.settle:
                break
            await asyncio.sleep(_LOOK)
        return ""

    def _fault(self, name: str) -> str:
        """Why it will not run by itself."""
        if name in self._operation.idle:
            return f"{name} ran before and is off now: {self._operation.idle[name]}"
        state = self._services.states.get(name)
        if state is None:
            return ""
        if state.state in _BROKEN:
            return f"{name} ran before and fails now: {state.detail}"
        workers = self._operation.workers
        worker = workers.running.get(state.worker) if workers is not None else None
        if worker is not None and worker.status.state == "refused":
            return f"{name} ran before and its worker cannot begin: {worker.status.detail}"
        return ""
