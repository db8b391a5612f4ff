"""What the log writes to flash memory, day by day, beside its budget."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from meterhub_data_logger.archive import DayRow

_DAY = 86_400
_NANOSECONDS = 1_000_000_000
_MINUTES = 60
_KEPT_EVERY = 600.0
_SHORTEST = 60.0
MEGABYTE = 1_000_000


class Wear:
    """Counts rows and bytes of each day (UTC, by the wall clock) and tells the pace of the last hour.

    ``now`` arguments are wall-clock nanoseconds, ``monotonic`` ones seconds.
    """

    def __init__(self, known: Iterable[DayRow], budget: float, monotonic: float) -> None:
        self._days = {day: (rows, written) for day, rows, written in known}
        self.budget = budget
        self._unsaved: set[int] = set()
        self._saved_at = self._began = monotonic
        self._minutes: deque[tuple[int, int, int]] = deque(maxlen=_MINUTES)  # minute, rows, bytes
        self._warned_day: int | None = None

    def add(self, rows: int, written: int, now: int, monotonic: float) -> None:
        """A commit."""
        day = now // _NANOSECONDS // _DAY
        had_rows, had_bytes = self._days.get(day, (0, 0))
        self._days[day] = (had_rows + rows, had_bytes + written)
        self._unsaved.add(day)
        minute = int(monotonic // 60)
        if self._minutes and self._minutes[-1][0] == minute:
            _, more_rows, more_bytes = self._minutes.pop()
            rows, written = rows + more_rows, written + more_bytes
        self._minutes.append((minute, rows, written))

    def due(self, monotonic: float) -> list[DayRow]:
        """The days to be kept, every ten minutes; the answer counts as kept."""
        if monotonic - self._saved_at < _KEPT_EVERY:
            return []
        self._saved_at = monotonic
        return self.unsaved()

    def unsaved(self) -> list[DayRow]:
        """The days whose figures changed since they were last kept; the answer counts as kept."""
        days, self._unsaved = sorted(self._unsaved), set()
        return [(day, *self._days[day]) for day in days]

    def overrun(self, now: int) -> float | None:
        """The megabytes of today, once, when they are over the budget."""
        day = now // _NANOSECONDS // _DAY
        written = self._days.get(day, (0, 0))[1]
        if written <= self.budget * MEGABYTE or self._warned_day == day:
            return None
        self._warned_day = day
        return written / MEGABYTE

    def pace(self, monotonic: float) -> tuple[float, float]:
        """Rows a second and bytes a day, over the last hour (or since the start)."""
        first = int(monotonic // 60) - _MINUTES + 1
        recent = [(rows, written) for minute, rows, written in self._minutes if minute >= first]
        seconds = max(_SHORTEST, min(monotonic - self._began, monotonic - first * 60))
        return sum(rows for rows, _ in recent) / seconds, sum(written for _, written in recent) / seconds * _DAY

    def days(self, count: int) -> list[DayRow]:
        """The newest days, the last one first."""
        newest = sorted(self._days, reverse=True)[:count]
        return [(day, *self._days[day]) for day in newest]

    def today(self, now: int) -> int:
        """Bytes written today."""
        return self._days.get(now // _NANOSECONDS // _DAY, (0, 0))[1]
