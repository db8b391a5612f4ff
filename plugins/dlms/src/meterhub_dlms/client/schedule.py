"""When which polling group is due: fast before normal before slow, and nothing queues up."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence

from meterhub_dlms.client.planner import Batch
from meterhub_dlms.client.settings import GroupName

GROUPS: tuple[GroupName, ...] = ("fast", "normal", "slow")
"""In the order in which they go."""

_IDLE = 3600.0


class _Group:
    def __init__(self, interval: float) -> None:
        self.interval = interval
        self.due = 0.0
        self.pending: deque[Batch] = deque()
        self.under_way = False
        """True from the first batch of a poll until the exchange after its last one is over."""


class Schedule:
    """Hands out the batches of one meter's polling groups; all times are monotonic seconds.

    A group that is due again before its poll was done is left out that time, and ``overruns`` counts it.
    """

    def __init__(self, intervals: Mapping[GroupName, float]) -> None:
        self._groups = {name: _Group(intervals[name]) for name in GROUPS if name in intervals}
        self.overruns = 0

    def restart(self, now: float) -> None:
        """Drop what was under way; all groups are due."""
        for group in self._groups.values():
            group.due, group.under_way = now, False
            group.pending.clear()

    def next(self, now: float, batches: Callable[[GroupName], Sequence[Batch]]) -> tuple[GroupName, Batch] | None:
        """The batch to do now, or ``None`` until :meth:`wait` is over.

        ``batches`` plans the poll of a group that is due.
        """
        for name, group in self._groups.items():
            if group.due <= now:
                self._start(name, group, now, batches)
            group.under_way = bool(group.pending)
        for name, group in self._groups.items():
            if group.pending:
                group.under_way = True
                return name, group.pending.popleft()
        return None

    def _start(
        self, name: GroupName, group: _Group, now: float, batches: Callable[[GroupName], Sequence[Batch]]
    ) -> None:
        late = int((now - group.due) // group.interval)
        group.due += (late + 1) * group.interval
        self.overruns += late
        if group.pending or group.under_way:
            self.overruns += 1
        else:
            group.pending.extend(batches(name))

    def put_back(self, name: GroupName, batches: Sequence[Batch]) -> None:
        """Do these next in a group's poll that is under way: a batch the meter wants in smaller pieces."""
        self._groups[name].pending.extendleft(reversed(batches))

    def done(self, name: GroupName) -> bool:
        """True when nothing of the group's poll is left to do."""
        return not self._groups[name].pending

    def wait(self, now: float) -> float:
        """Seconds until the next group is due."""
        return max(0.0, min((group.due for group in self._groups.values()), default=now + _IDLE) - now)
