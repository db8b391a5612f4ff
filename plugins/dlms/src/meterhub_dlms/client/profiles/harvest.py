"""One reading of a profile: entries are published once, in the order of capture, and remembered when that is done."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from meterhub_dlms.client.profiles.progress import Mark, Progress
from meterhub_dlms.client.profiles.publication import Publication
from meterhub_dlms.client.profiles.rows import PART, Row

_READINGS_PER_SECOND = 10_000
"""So that whoever follows every reading keeps up; its queue in the hub is bounded."""
_NANOSECONDS = 1_000_000_000


class Harvest:
    """Takes the slices of one reading.

    All entries are history but the one that was captured last: that one becomes the newest value of its points. It
    is held back until the reading is over, as nobody knows before which one it is. The order of capture decides, not
    the times: a clock that was wrong by a year must not hold up the newest value for a year. Without ``newest`` the
    newest was read already, and this one looks for what is left: all of that is history.
    """

    def __init__(
        self, progress: Progress, publication: Publication, period: int, earliest: int | None, *, newest: bool = True
    ) -> None:
        self.published = self.missing = self.untimed = 0
        self.after: int | None = None
        """The time before the first entries that are missing."""
        self._progress = progress
        self._publication = publication
        self._period = period * _NANOSECONDS
        self._earliest = earliest
        self._newest = newest
        self._held: Row | None = None

    async def take(self, rows: Sequence[Row]) -> None:
        """Publish what is new of a slice, but for its last entry."""
        for start in range(0, len(rows), PART):
            fresh = self._fresh(rows[start : start + PART])
            if fresh:
                due = [*([self._held] if self._held is not None else []), *fresh[:-1]]
                self._held = fresh[-1]
                await self._publish(due, history=True)
            await asyncio.sleep(0)

    async def finish(self) -> None:
        """The reading is over: what was held back is the newest entry."""
        if self._held is not None:
            held, self._held = self._held, None
            await self._publish([held], history=not self._newest)

    def _fresh(self, rows: Sequence[Row]) -> list[Row]:
        """Entries that were not published before, and not before the first reading begins."""
        marks = [row.mark for row in rows if row.mark is not None]
        self.untimed += len(rows) - len(marks)
        if not marks:
            return []
        times = [mark.time for mark in marks]
        known = self._progress.known(min(times), max(times))
        if self._held is not None and self._held.mark is not None:
            known.add(self._held.mark)
        fresh = []
        for row in rows:
            mark = row.mark
            if mark is None or mark in known or (self._earliest is not None and mark.time < self._earliest):
                continue
            known.add(mark)
            fresh.append(row)
        return fresh

    async def _publish(self, rows: Sequence[Row], *, history: bool) -> None:
        await self._publication.publish(rows, history=history)
        marks = [row.mark for row in rows if row.mark is not None]
        if not marks:
            return
        last = rows[-1].told
        if self._newest:
            self._progress.take(marks, None if last is None else last.deviation, self._gaps(marks))
        else:
            self._progress.take_older(marks)
        self.published += len(marks)
        await asyncio.sleep(len(marks) * self._publication.width / _READINGS_PER_SECOND if history else 0)

    def _gaps(self, marks: Sequence[Mark]) -> int:
        """Entries that would have been captured between these and were not."""
        missing, last = 0, self._progress.last
        for mark in marks:
            if last is not None and self._period and (lacking := round((mark.time - last) / self._period) - 1) > 0:
                self.after = last if self.after is None else self.after
                missing += lacking
            last = mark.time
        self.missing += missing
        return missing
