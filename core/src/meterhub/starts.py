"""Whether the instance stopped in order last time, and whether it must start in safe mode."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from meterhub.files import remove, replace_atomically

WITHIN = 600.0
TOO_MANY = 3


class _Record(msgspec.Struct):
    """Times of starts, in seconds since 1970, that no orderly stop followed."""

    starts: list[float] = []


class Starts:
    """Kept in ``<home>/starts.json`` while the instance runs; an orderly stop removes it."""

    def __init__(self, home: Path, now: Callable[[], float] = time.time) -> None:
        self._path = home / "starts.json"
        self._now = now
        try:
            self._record = msgspec.json.decode(self._path.read_bytes(), type=_Record)
        except (OSError, msgspec.DecodeError):
            self._record = _Record()

    @property
    def unclean(self) -> bool:
        """True when the last run did not stop in order."""
        return bool(self._record.starts)

    @property
    def recent(self) -> int:
        """How many starts in the last ten minutes were followed by no orderly stop."""
        now = self._now()
        return sum(abs(now - start) < WITHIN for start in self._record.starts)

    @property
    def safe_mode(self) -> bool:
        """True when the instance crashed repeatedly."""
        return self.recent >= TOO_MANY

    def begin(self) -> None:
        """Note this start."""
        self._record.starts = [*self._record.starts[-9:], self._now()]
        replace_atomically(self._path, msgspec.json.encode(self._record))

    def settle(self) -> None:
        """The instance has run for long: earlier crashes count no more."""
        self._record.starts = self._record.starts[-1:]
        replace_atomically(self._path, msgspec.json.encode(self._record))

    def end(self) -> None:
        """Note an orderly stop."""
        remove(self._path)
