"""The entries of one profile in SQLite: appended at one end, dropped at the other, read in small parts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from meterhub_sdk import Hub

_EARLIEST, _LATEST = -(2**63), 2**63 - 1
"""The times that SQLite's integers can hold, in nanoseconds."""


class Stored(NamedTuple):
    """One entry: its number since the beginning, and its columns as an encoded structure."""

    sequence: int
    content: bytes


class Span(NamedTuple):
    """Entries from one sequence number up to, but without, another; captured between two times where given."""

    first: int
    end: int
    since: int | None = None
    until: int | None = None
    """The last time that is in (nanoseconds UTC)."""


class ProfileStore:
    """The entries of one profile, ``capacity`` at most.

    Entries are numbered without gaps, from the oldest one at :attr:`first` to the one before :attr:`end`. Entries of
    another layout (capture objects) than today's are dropped when it is opened: one buffer has one layout.
    """

    def __init__(self, hub: Hub, device: int, logical_name: bytes, layout: bytes, capacity: int) -> None:
        self._store = hub.store
        self._capacity = capacity
        self.dropped = 0
        """Entries of another layout that were dropped."""
        key = (device, logical_name)
        self._store.execute(
            "INSERT OR IGNORE INTO profile (device, object, layout, next) VALUES (?, ?, ?, 1)", (*key, layout)
        )
        self._id, before, self.end, self.ended = self._store.execute(
            "SELECT id, layout, next, ended FROM profile WHERE device = ? AND object = ?", key
        ).fetchone()
        """``ended`` is the end of the period that was captured last (nanoseconds UTC), ``None`` before the first."""
        (oldest,) = self._store.execute(
            "SELECT min(sequence) FROM profile_entry WHERE profile = ?", (self._id,)
        ).fetchone()
        self.first = self.end if oldest is None else oldest
        if before != layout:
            self.dropped = len(self)
            with self._transaction():
                self._store.execute("UPDATE profile SET layout = ? WHERE id = ?", (layout, self._id))
                self._delete_before(self.end)
            self.first = self.end
        self._shrink()

    def __len__(self) -> int:
        return int(self.end - self.first)

    def append(self, time: int, content: bytes, ended: int | None = None) -> None:
        """Add an entry captured at ``time``; with ``ended`` it is that of the period which ended then.

        It is on disk when this returns, and the oldest one is gone when there were too many.
        """
        first = max(self.first, self.end + 1 - self._capacity)
        with self._transaction():
            self._store.execute(
                "INSERT INTO profile_entry (profile, sequence, time, content) VALUES (?, ?, ?, ?)",
                (self._id, self.end, time, content),
            )
            self._store.execute(
                "UPDATE profile SET next = ?, ended = coalesce(?, ended) WHERE id = ?", (self.end + 1, ended, self._id)
            )
            self._delete_before(first)
        self.first, self.end = first, self.end + 1
        self.ended = self.ended if ended is None else ended

    def clear(self) -> None:
        """Drop all entries."""
        self._delete_before(self.end)
        self.first = self.end

    def captured(self, since: int | None, until: int | None) -> Span:
        """The entries captured from one time to another, both included; ``None`` leaves an end open."""
        low = _EARLIEST if since is None else min(max(since, _EARLIEST), _LATEST)
        high = _LATEST if until is None else min(max(until, _EARLIEST), _LATEST)
        first, last = self._store.execute(
            "SELECT min(sequence), max(sequence) FROM profile_entry WHERE profile = ? AND time BETWEEN ? AND ?",
            (self._id, low, high),
        ).fetchone()
        return Span(0, 0) if first is None else Span(first, last + 1, low, high)

    def part(self, span: Span, size: int) -> list[Stored]:
        """The entries of a span that are among its first ``size`` numbers, in the order of capture."""
        end = min(span.end, span.first + size)
        low = _EARLIEST if span.since is None else span.since
        high = _LATEST if span.until is None else span.until
        rows = self._store.execute(
            "SELECT sequence, content FROM profile_entry"
            " WHERE profile = ? AND sequence >= ? AND sequence < ? AND time BETWEEN ? AND ? ORDER BY sequence",
            (self._id, span.first, end, low, high),
        )
        return [Stored(*row) for row in rows]

    def _shrink(self) -> None:
        first = max(self.first, self.end - self._capacity)
        if first > self.first:
            self._delete_before(first)
            self.first = first

    def _delete_before(self, sequence: int) -> None:
        self._store.execute("DELETE FROM profile_entry WHERE profile = ? AND sequence < ?", (self._id, sequence))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._store.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._store.execute("COMMIT")
        except BaseException:
            self._store.execute("ROLLBACK")
            raise
