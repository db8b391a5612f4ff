"""When a meter's polling groups are due; one readout serves all that are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from meterhub_dlms.client.mapping_settings import GroupName


class Urgency(NamedTuple):
    """What orders the meters of a line: the rank of the polling group, then how long it has been due."""

    rank: int
    since: float


class Due:
    """The polling groups of one meter, the more urgent first; all times are monotonic seconds.

    A poll that the line had no time for is left out, and ``overruns`` counts it.
    """

    def __init__(self, intervals: Mapping[GroupName, float], now: float) -> None:
        self._intervals = intervals
        self._at: dict[GroupName, float] = dict.fromkeys(intervals, now)
        self.overruns = 0

    @property
    def next(self) -> float:
        """When the next group is due."""
        return min(self._at.values())

    def urgency(self, now: float) -> Urgency | None:
        """The most urgent group that is due, or ``None``."""
        for rank, at in enumerate(self._at.values()):
            if at <= now:
                return Urgency(rank, at)
        return None

    def restart(self, now: float) -> None:
        """All groups are due: the meter was lost meanwhile, which is no overrun."""
        self._at = dict.fromkeys(self._intervals, now)

    def take(self, now: float) -> list[GroupName]:
        """The groups that a readout which began ``now`` serves; they are due again after their intervals."""
        served = [group for group, at in self._at.items() if at <= now]
        for group in served:
            late = int((now - self._at[group]) // self._intervals[group])
            self.overruns += late
            self._at[group] += (late + 1) * self._intervals[group]
        return served
