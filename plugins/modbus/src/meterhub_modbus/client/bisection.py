"""Finding what a device cannot give: a refused request is halved until single values or a gap remain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from meterhub_modbus.client.mapped import MappedRow
from meterhub_modbus.client.planner import Block, Hole, block_of

Found = Callable[[Hole], None]


@dataclass(frozen=True, slots=True)
class Job:
    """One request to do, and the split that it is a half of."""

    block: Block[MappedRow]
    half_of: Split | None = None

    def over(self, *, explained: bool) -> None:
        """It was read, or (``explained``) the cause of its refusal was found."""
        if self.half_of is not None:
            self.half_of.half_over(explained=explained)


class Split:
    """Two halves of a refused request.

    Where both can be read, what lies between them cannot: registers that the device does not have,
    or a border between two of its tables.
    """

    def __init__(self, job: Job, found: Found) -> None:
        ordered = sorted(job.block.values, key=lambda value: (value.address, value.end))
        middle = len(ordered) // 2
        self.halves = tuple(Job(block_of(half), self) for half in (ordered[:middle], ordered[middle:]))
        self._job = job
        self._found = found
        self._left = len(self.halves)
        self._explained = False

    def half_over(self, *, explained: bool) -> None:
        """One half is done with."""
        self._left -= 1
        self._explained |= explained
        if self._left == 0:
            if not self._explained:
                low, high = (half.block for half in self.halves)
                self._found(Hole(low.bank, min(low.end, high.first), high.first))
            self._job.over(explained=True)
