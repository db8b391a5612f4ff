"""When which polling group of a meter is due; nothing queues up."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

from meterhub_dlms.client.settings import GroupName

GROUPS: tuple[GroupName, ...] = ("fast", "normal", "slow")
"""In the order in which they go."""

T = TypeVar("T")

_IDLE = 3600.0


class _Group(Generic[T]):
    def __init__(self, interval: float) -> None:
        self.interval = interval
        self.due = 0.0
        self.since = 0.0
        """When the poll that is under way was due."""
        self.under_way = False
        self.pending: deque[T] | None = None
        """What is left of it to do; ``None`` until it is planned."""
        self.overruns = 0


class Schedule(Generic[T]):
    """Hands out the requests of one meter's polling groups; all times are monotonic seconds.

    A group that is due again before its poll was done is left out that time, and counted.
    """

    def __init__(self, intervals: Mapping[GroupName, float]) -> None:
        self._groups: dict[GroupName, _Group[T]] = {
            name: _Group(intervals[name]) for name in GROUPS if name in intervals
        }

    @property
    def overruns(self) -> dict[GroupName, int]:
        """Polls left out because the one before was not done, or nobody came in time."""
        return {name: group.overruns for name, group in self._groups.items()}

    def restart(self, now: float) -> None:
        """Drop what was under way; all groups are due."""
        for group in self._groups.values():
            group.due, group.under_way, group.pending = now, False, None

    def urgent(self, now: float) -> tuple[GroupName, float] | None:
        """The group that goes next and since when it is due, or ``None`` until :meth:`wait` is over."""
        for group in self._groups.values():
            if group.due <= now:
                self._start(group, now)
        return next(((name, group.since) for name, group in self._groups.items() if group.under_way), None)

    def _start(self, group: _Group[T], now: float) -> None:
        late = int((now - group.due) // group.interval)
        group.overruns += late
        if group.under_way:
            group.overruns += 1
        else:
            group.under_way, group.since = True, group.due + late * group.interval
        group.due += (late + 1) * group.interval

    def take(self, name: GroupName, plan: Callable[[], Iterable[T]]) -> T | None:
        """The next request of a group's poll, which ``plan`` splits into requests; ``None`` when nothing is left."""
        group = self._groups[name]
        if group.pending is None:
            group.pending = deque(plan())
        return group.pending.popleft() if group.pending else None

    def put_back(self, name: GroupName, requests: Iterable[T]) -> None:
        """Do these next in a group's poll that is under way: a request the meter wants in smaller pieces."""
        pending = self._groups[name].pending
        if pending is not None:
            pending.extendleft(reversed(list(requests)))

    def done(self, name: GroupName) -> bool:
        """To be called after each request of a group: true when its poll is over."""
        group = self._groups[name]
        if group.pending:
            return False
        group.under_way, group.pending = False, None
        return True

    def wait(self, now: float) -> float:
        """Seconds until the next group is due."""
        return max(0.0, min((group.due for group in self._groups.values()), default=now + _IDLE) - now)
