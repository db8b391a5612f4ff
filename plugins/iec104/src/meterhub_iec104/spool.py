"""The event queues of all groups on disk: files that only grow, the oldest of which go when nobody needs them.

What is written survives the end of this process at once, whatever kills it; a thread brings it to the medium within
a fraction of a second, many records at a time, so that a power cut finds it too. A list in memory would do neither,
and a database would write pages of 4 kB for events of 20 octets.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from meterhub_iec104 import records
from meterhub_iec104.queue import Chunk, EventQueue
from meterhub_iec104.records import Kind, Position, Saved

FILE_SIZE = 1024 * 1024
_EVENTS_WAIT = 0.1
"""Seconds between two visits to the medium while events flow; the first after a quiet time is brought there at once."""
_POSITIONS_WAIT = 1.0
"""Seconds after which acknowledgements are brought there that no event takes along."""
_AGAIN = 10.0
"""Seconds until a disk that could not be written is tried again."""
_AT_ONCE = 1000


T = TypeVar("T")


class Kept(Protocol):
    """A group, as far as its queue is to be found again."""

    @property
    def label(self) -> str:
        """By which it is found again."""

    @property
    def address(self) -> str:
        """The master it belongs to, where that is not a setting."""

    @property
    def queue(self) -> EventQueue:
        """Its events."""


class Spool:
    """Writes what happens to the queues. When the disk cannot be written the queues go on in memory.

    :attr:`fault` then says why, and soon everything that is kept at that time is written anew.
    """

    def __init__(self, file_size: int = FILE_SIZE) -> None:
        self.fault = ""
        self.next = 1
        """The number of the next event."""
        self.position: Position | None = None
        self._directory = Path()
        self._file_size = file_size
        self._groups: Sequence[Kept] = ()
        self._file = -1
        self._size = 0
        self._full: list[int] = []
        self._files: list[tuple[Path, int]] = []
        self._number = 0
        self._due = asyncio.Event()
        self._soon: asyncio.TimerHandle | None = None
        self._thread = ThreadPoolExecutor(1, "event queues")

    def load(self, directory: Path) -> Saved:
        """What the last run left in its directory."""
        self._directory = directory
        try:
            return self._load()
        except OSError as error:
            self._fail(error)
            return Saved()

    def _load(self) -> Saved:
        self._directory.mkdir(mode=0o700, exist_ok=True)
        for part in self._directory.glob("*.part"):
            part.unlink()
        paths = sorted(self._directory.glob("*.events"))
        contents = [path.read_bytes() for path in paths]
        first = max((number for number, octets in enumerate(contents) if records.is_whole(octets)), default=0)
        saved = Saved()
        for octets in contents[first:]:
            records.apply(saved, octets)
        self.next, self.position = saved.next, saved.position
        return saved

    def begin(self, groups: Sequence[Kept]) -> None:
        """Write down all that the groups keep, in a new file, and forget the older ones."""
        self._groups = groups
        try:
            self._begin()
        except OSError as error:
            self._fail(error)

    def events(self, chunks: list[Chunk], position: Position) -> None:
        """Events for every group; they count as numbered by :attr:`next`."""
        if self._size > self._file_size and not self.fault:
            self._turn()  # now, as every event written so far is in the queues
        self.next, self.position = chunks[-1].last + 1, position
        self._write(records.events(chunks, position))
        self._due.set()

    def released(self, group: int, number: int) -> None:
        """The group acknowledged everything up to an event."""
        self._write(records.released(group, number))
        self._sometime()

    def dropped(self, group: int, ranges: Iterable[tuple[int, int]]) -> None:
        """Events of the group gave way to newer ones."""
        self._write(b"".join(records.gone(Kind.DROPPED, group, first, last) for first, last in ranges))

    def lost(self, group: int, total: int) -> None:
        """How many events the group lacks by now, where others than its own were lost."""
        self._write(records.lost(group, total))
        self._sometime()

    def named(self, group: int, address: str) -> None:
        """The group belongs to another master now."""
        self._write(records.named(group, address))
        self._sometime()

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Do what takes long when much is kept, such as :meth:`load`, without holding up anybody."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def run(self) -> None:
        """Bring what was written to the medium until cancelled; try again where that failed."""
        while True:
            await self._due.wait()
            self._due.clear()
            full = len(self._full)
            try:
                directory = self._directory if full else None
                files = [*self._full, self._file]
                await self.in_thread(partial(_to_medium, files, directory))
            except OSError as error:
                self._fail(error)
            if self.fault:
                await asyncio.sleep(_AGAIN)
                self.begin(self._groups)
                continue
            for _ in range(full):
                os.close(self._full.pop(0))
            self._forget()
            await asyncio.sleep(_EVENTS_WAIT)

    def close(self) -> None:
        """Bring the rest to the medium and close the files."""
        if self._soon is not None:
            self._soon.cancel()
        self._thread.shutdown(wait=True)
        with contextlib.suppress(OSError):
            _to_medium([*self._full, self._file], self._directory)
        self._close()

    def _begin(self) -> None:
        self._close()
        self._directory.mkdir(mode=0o700, exist_ok=True)
        older = sorted(self._directory.glob("*.events"))
        self._number = int(older[-1].stem) if older else 0
        path = self._path()
        part = path.with_suffix(".part")
        self._file = _opened(part)
        self._size = 0
        self._put(self._head(whole=True))
        kept = [group.queue.chunks() for group in self._groups]
        everything = union(kept)
        position = self.position or Position(0, 0)
        for at in range(0, len(everything), _AT_ONCE):
            for run in _runs(everything[at : at + _AT_ONCE]):
                self._put(records.events(run, position))
        for index, chunks in enumerate(kept):
            ranges = gaps(everything, chunks)
            self._put(b"".join(records.gone(Kind.ABSENT, index, first, last) for first, last in ranges))
        os.fdatasync(self._file)
        part.rename(path)
        _to_medium((), self._directory)
        for old in older:
            old.unlink()
        self._files = [(path, self.next - 1)]
        self.fault = ""

    def _turn(self) -> None:
        """Go on in another file."""
        try:
            path = self._path()
            file = _opened(path)
            self._files[-1] = (self._files[-1][0], self.next - 1)
            self._full.append(self._file)
            self._file, self._size = file, 0
            self._files.append((path, 0))
            self._put(self._head(whole=False))
            self._forget()
        except OSError as error:
            self._fail(error)

    def _forget(self) -> None:
        """Remove the files of which every event was acknowledged, or gave way, everywhere."""
        if len(self._files) < 2 or self.fault:
            return
        oldest = (group.queue.oldest for group in self._groups)
        needed = min((self.next if chunk is None else chunk.first for chunk in oldest), default=self.next)
        while len(self._files) > 1 and self._files[0][1] < needed:
            path, _ = self._files.pop(0)
            path.unlink(missing_ok=True)

    def _head(self, *, whole: bool) -> bytes:
        groups = [(group.label, group.queue.dropped, group.address) for group in self._groups]
        return records.head(self.next, groups, self.position, whole=whole)

    def _path(self) -> Path:
        self._number += 1
        return self._directory / f"{self._number:010}.events"

    def _write(self, octets: bytes) -> None:
        if self.fault or self._file < 0:
            return
        try:
            self._put(octets)
        except OSError as error:
            self._fail(error)

    def _put(self, octets: bytes) -> None:
        if os.write(self._file, octets) < len(octets):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._size += len(octets)

    def _fail(self, error: OSError) -> None:
        self.fault = error.strerror or str(error)
        self._due.set()

    def _sometime(self) -> None:
        if self._soon is None and self._file >= 0:
            self._soon = asyncio.get_running_loop().call_later(_POSITIONS_WAIT, self._now)

    def _now(self) -> None:
        self._soon = None
        self._due.set()

    def _close(self) -> None:
        for file in (*self._full, self._file):
            if file >= 0:
                os.close(file)
        self._full, self._file = [], -1


def union(kept: Iterable[Sequence[Chunk]]) -> list[Chunk]:
    """Every event that is in one of the sequences, once and in order."""
    found: list[Chunk] = []
    covered = 0
    for chunk in sorted((chunk for chunks in kept for chunk in chunks), key=lambda chunk: chunk.first):
        if chunk.last > covered:
            found.append(chunk if chunk.first > covered else chunk.after(covered))
            covered = chunk.last
    return found


def gaps(everything: Sequence[Chunk], chunks: Sequence[Chunk]) -> list[tuple[int, int]]:
    """First and last numbers of what is in ``everything`` and not in ``chunks``, roughly: nothing lies outside both."""
    if not everything:
        return []
    found: list[tuple[int, int]] = []
    expected = everything[0].first
    for chunk in chunks:
        if chunk.first > expected:
            found.append((expected, chunk.first - 1))
        expected = chunk.last + 1
    if expected <= everything[-1].last:
        found.append((expected, everything[-1].last))
    return found


def _runs(chunks: Sequence[Chunk]) -> list[list[Chunk]]:
    """Chunks cut where numbers are missing or they came at another time, as one record numbers them through."""
    found: list[list[Chunk]] = []
    for chunk in chunks:
        if found and chunk.first == found[-1][-1].last + 1 and chunk.taken == found[-1][-1].taken:
            found[-1].append(chunk)
        else:
            found.append([chunk])
    return found


def _opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _to_medium(files: Iterable[int], directory: Path | None) -> None:
    """Bring the files there, and the names of new ones."""
    for file in files:
        if file >= 0:
            os.fdatasync(file)
    if directory is not None:
        names = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(names)
        finally:
            os.close(names)
