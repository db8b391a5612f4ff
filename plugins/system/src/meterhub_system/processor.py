"""Load of the processor: means over the last 10 s and the last 15 min, of all cores and of each."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import psutil

SHORT, LONG = 10.0, 900.0
STEP = 2.0
"""Seconds between two looks: 450 of them make 15 minutes."""
_SLACK = 0.5


@dataclass(frozen=True, slots=True)
class Load:
    """Shares of the time in which the processor worked, in percent; ``None`` before there were two looks."""

    short: float | None
    long: float | None


class Processor:
    """Looks at the time accounts of the kernel (/proc/stat, proc(5)) and compares them with earlier ones.

    A mean is exact: what was worked between now and the look 10 s or 15 min ago. Until as much time has passed it is
    over what there is.
    """

    def __init__(self) -> None:
        self._looks: deque[tuple[float, tuple[tuple[float, float], ...]]] = deque()

    def look(self, at: float) -> None:
        """Note the accounts; ``at`` is monotonic seconds."""
        accounts = tuple(_account(times) for times in psutil.cpu_times(percpu=True))
        if self._looks and len(self._looks[-1][1]) != len(accounts):
            self._looks.clear()  # a core was switched on or off: they are numbered anew
        self._looks.append((at, accounts))
        while len(self._looks) > 2 and self._looks[1][0] <= at - LONG:
            self._looks.popleft()

    @property
    def all(self) -> Load:
        """All cores together."""
        return self._load(range(len(self._looks[-1][1])) if self._looks else range(0))

    @property
    def cores(self) -> list[Load]:
        """Each core, in the kernel's order."""
        return [self._load(range(core, core + 1)) for core in range(len(self._looks[-1][1]))] if self._looks else []

    def _load(self, cores: range) -> Load:
        return Load(self._mean(SHORT, cores), self._mean(LONG, cores))

    def _mean(self, seconds: float, cores: range) -> float | None:
        if len(self._looks) < 2:
            return None
        at, now = self._looks[-1]
        wanted = at - seconds - _SLACK
        _, before = next(look for look in self._looks if look[0] >= wanted)
        if before is now:
            _, before = self._looks[-2]
        # Idle time was seen to go back by a tick: such a step counts as nothing.
        busy = sum(max(0.0, now[core][0] - before[core][0]) for core in cores)
        idle = sum(max(0.0, now[core][1] - before[core][1]) for core in cores)
        return 100.0 * busy / (busy + idle) if busy + idle > 0 else None


def _account(times: object) -> tuple[float, float]:
    """Seconds of work and of idleness of one core. Waiting for a disk is idleness; a guest's time is in the user's."""
    values: dict[str, float] = times._asdict()  # type: ignore[attr-defined]  # psutil makes the type at run time
    idle = values["idle"] + values.get("iowait", 0.0)
    guests = values.get("guest", 0.0) + values.get("guest_nice", 0.0)
    return sum(values.values()) - guests - idle, idle
