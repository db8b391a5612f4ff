"""How far each profile was read, on disk: nothing is published twice, and nothing is left out after a restart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import sqlite_utils

MIGRATIONS = (
    """
    CREATE TABLE profile_progress (
        id INTEGER PRIMARY KEY, meter TEXT NOT NULL, object BLOB NOT NULL,
        last INTEGER, deviation INTEGER, checked INTEGER, offset INTEGER, missing INTEGER NOT NULL DEFAULT 0,
        UNIQUE (meter, object)
    ) STRICT;
    CREATE TABLE profile_taken (
        number INTEGER PRIMARY KEY, profile INTEGER NOT NULL REFERENCES profile_progress (id) ON DELETE CASCADE,
        time INTEGER NOT NULL, digest BLOB NOT NULL
    ) STRICT;
    CREATE INDEX profile_taken_time ON profile_taken (profile, time);
    """,
)
"""The schema of :class:`Progress`, for ``Service.migrations``."""

_FEWEST_KEPT, MOST_KEPT = 1000, 50_000
"""Entries of one profile that are known again when the meter's clock was set back."""

_SECOND = 1_000_000_000
_JITTER = 3 * _SECOND
_BETWEEN_NOTES = 600 * _SECOND
"""Nanoseconds between two notes that nothing more was there: flash is spared."""


class Mark(NamedTuple):
    """An entry: its time (nanoseconds UTC) and a digest of its values."""

    time: int
    digest: bytes


class Progress:
    """What was published of one profile of the meter that is called ``meter`` in the settings."""

    def __init__(self, database: sqlite_utils.Database, meter: str, name: bytes) -> None:
        self._database = database
        database.execute("INSERT OR IGNORE INTO profile_progress (meter, object) VALUES (?, ?)", (meter, name))
        row = database.execute(
            "SELECT id, last, deviation, checked, offset, missing FROM profile_progress WHERE meter = ? AND object = ?",
            (meter, name),
        ).fetchone()
        self._id: int = row[0]
        self.last: int | None = row[1]
        """Time of the entry that was taken last, by the meter's clock, ``None`` before the first; where the clock
        was set back since, the time that it was set to.
        """
        self.deviation: int | None = row[2]
        """The deviation of that time, minutes from local time to UTC."""
        self.checked: int | None = row[3]
        """Our own time when the profile was last read to its end, ``None`` where it may have been wrong."""
        self.offset: int | None = row[4]
        """By how much the meter's clock was ahead of ours then."""
        self.missing: int = row[5]
        """Entries that were never there between those that were taken."""

    def known(self, first: int, last: int) -> set[Mark]:
        """The entries taken before whose times lie from one to the other, both included."""
        rows = self._database.execute(
            "SELECT time, digest FROM profile_taken WHERE profile = ? AND time BETWEEN ? AND ?", (self._id, first, last)
        )
        return {Mark(*row) for row in rows}

    def take(self, entries: Sequence[Mark], deviation: int | None, missing: int = 0) -> None:
        """These were published, in this order; ``missing`` more were not there between them."""
        if not entries:
            return
        with self._transaction():
            self._insert(entries)
            self._database.execute(
                "UPDATE profile_progress SET last = ?, deviation = ?, missing = missing + ? WHERE id = ?",
                (entries[-1].time, deviation, missing, self._id),
            )
        self.last, self.deviation = entries[-1].time, deviation
        self.missing += missing

    def take_older(self, entries: Sequence[Mark]) -> None:
        """These were published after newer ones."""
        with self._transaction():
            self._insert(entries)

    def complete(self, now: int | None, clock: int, keep: int) -> None:
        """The profile was read to its end at ``now`` (our own time, ``None`` where it may be wrong), when the meter's
        clock said ``clock``. The buffer of the meter holds ``keep`` entries at most.

        A clock that was set back counts from there: the next entries are younger than that, if not than the last one.
        """
        offset = None if now is None else clock - now
        ahead = self.last is not None and self.last > clock
        if not ahead and not self._to_be_noted(now, offset):
            return
        last = clock if ahead else self.last
        with self._transaction():
            self._database.execute(
                "UPDATE profile_progress SET checked = ?, offset = ?, last = ? WHERE id = ?",
                (now, offset, last, self._id),
            )
            self._forget(min(max(keep, _FEWEST_KEPT), MOST_KEPT))
        self.checked, self.offset, self.last = now, offset, last

    def _to_be_noted(self, now: int | None, offset: int | None) -> bool:
        """Whether it is worth a writing to flash."""
        if now is None or offset is None or self.checked is None or self.offset is None:
            return now != self.checked
        return abs(offset - self.offset) > _JITTER or not 0 <= now - self.checked < _BETWEEN_NOTES

    def _insert(self, entries: Iterable[Mark]) -> None:
        self._database.conn.executemany(
            "INSERT INTO profile_taken (profile, time, digest) VALUES (?, ?, ?)",
            ((self._id, entry.time, entry.digest) for entry in entries),
        )

    def _forget(self, keep: int) -> None:
        """All but the ``keep`` entries that were taken last."""
        row = self._database.execute(
            "SELECT number FROM profile_taken WHERE profile = ? ORDER BY number DESC LIMIT 1 OFFSET ?", (self._id, keep)
        ).fetchone()
        if row is not None:
            self._database.execute("DELETE FROM profile_taken WHERE profile = ? AND number <= ?", (self._id, row[0]))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
