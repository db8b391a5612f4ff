"""When which polling group of a device is due, and what is left to do of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from meterhub_modbus.client.bisection import Job
from meterhub_modbus.client.rows import GROUPS, GroupName

_IDLE = 3600.0


class GroupPoll:
    """One polling group of one device; all times are monotonic seconds."""

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self.due = 0.0
        self.pending: deque[Job] = deque()
        self.under_way = False
        """True from the first request of a poll until the exchange after its last one is over."""
        self.overruns = 0
        self.cycle: float | None = None
        """Seconds that the last whole poll took."""
        self._started = 0.0

    def start(self, now: float, jobs: Callable[[], Sequence[Job]]) -> None:
        """Begin a poll where it is due; one that is not done yet makes it an overrun."""
        if self.due > now:
            return
        late = int((now - self.due) // self.interval)
        self.due += (late + 1) * self.interval
        self.overruns += late
        if self.pending or self.under_way:
            self.overruns += 1
        else:
            self.pending.extend(jobs())

    def take(self, now: float) -> Job:
        """The next request."""
        if not self.under_way:
            self.under_way, self._started = True, now
        return self.pending.popleft()

    def exchanged(self, now: float) -> None:
        """The exchange of what was taken is over."""
        if self.under_way and not self.pending:
            self.under_way, self.cycle = False, now - self._started


class Schedule:
    """The polling groups of one device."""

    def __init__(self, intervals: Mapping[GroupName, float]) -> None:
        self.groups = {name: GroupPoll(intervals[name]) for name in GROUPS if name in intervals}

    def restart(self, at: float) -> None:
        """Drop what was under way; all groups are due at ``at``."""
        self.stop()
        for group in self.groups.values():
            group.due = at

    def stop(self) -> None:
        """Drop what was under way."""
        for group in self.groups.values():
            group.under_way = False
            group.pending.clear()

    def start_due(self, now: float, jobs: Callable[[GroupName], Sequence[Job]]) -> None:
        """Begin the polls that are due; ``jobs`` plans the one of a group."""
        for name, group in self.groups.items():
            group.start(now, partial(jobs, name))

    def pending(self, name: GroupName) -> bool:
        """True when something of the group is left to do."""
        return name in self.groups and bool(self.groups[name].pending)

    def next_due(self, now: float) -> float:
        """When the next group is due."""
        return min((group.due for group in self.groups.values()), default=now + _IDLE)
