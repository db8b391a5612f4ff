"""How many entries one slice has: as many as the line carries in a moment, so that no poll waits for long."""

from __future__ import annotations

from collections.abc import Callable

from meterhub_dlms.client.association import Association
from meterhub_dlms.client.cost import Link

MOST_ROWS = 500
"""Entries of one slice on a line of any speed."""

_SECONDS = 0.3
"""On the line for one slice: two frames of 128 bytes at 9,600 Bd."""
_REQUEST = 70
"""Bytes of a request with a selection, or so."""
_MOST_BYTES = 50_000
_WEIGHT = 0.3


class SliceSize:
    """For one profile of one association; ``link`` tells what its line costs now."""

    def __init__(self, association: Association, link: Callable[[], Link], width: float) -> None:
        self._association = association
        self._link = link
        self._width = float(width)

    def rows(self) -> int:
        """Entries of one slice, one at least."""
        most = max(1, min(MOST_ROWS, int(_MOST_BYTES / self._width)))
        while most > 1 and self.seconds(most) > _SECONDS:
            most = max(1, most * 3 // 4)
        return most

    def seconds(self, rows: int) -> float:
        """What so many entries cost on the line, with a request for each block of the answer."""
        size = int(rows * self._width)
        blocks = max(1, -(-size // self._association.answer_limit))
        return blocks * self._link().exchange(_REQUEST, size // blocks)

    def learn(self, rows: int, size: int) -> None:
        """So many entries took so many bytes."""
        if rows:
            self._width += _WEIGHT * (size / rows - self._width)
