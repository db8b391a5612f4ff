"""The event queues of all groups on disk: files that only grow, the oldest of which go when nobody needs them.

What is written survives the end of this process at once, whatever kills it; a thread brings it to the medium within
a fraction of a second, many records at a time, so that a power cut finds it too. A list in memory would do neither,
and a database would write pages of 4 kB for events of 20 octets.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from meterhub_iec104 import records
from meterhub_iec104.medium import Medium, put
from meterhub_iec104.queue import Chunk, EventQueue
from meterhub_iec104.records import POSITIONS, Kind, Position, Saved
from meterhub_iec104.rewriting import Rewriting, opened

FILE_SIZE = 1024 * 1024
_POSITIONS_WAIT = 1.0
"""Seconds after which acknowledgements are brought to the medium that no event takes along."""
_AGAIN = 10.0
"""Seconds until a disk that could not be written is tried again."""


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
        self.positions: deque[Position] = deque(maxlen=POSITIONS)
        """The newest ones, the last at the end."""
        self._directory = Path()
        self._file_size = file_size
        self._groups: Sequence[Kept] = ()
        self._file = -1
        self._size = 0
        self._files: list[tuple[Path, int]] = []
        self._number = 0
        self._failed = asyncio.Event()
        self._soon: asyncio.TimerHandle | None = None
        self._medium = Medium(self._fail)

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
        self.next = saved.next
        self.positions.extend(saved.positions)
        return saved

    def begin(self, groups: Sequence[Kept]) -> None:
        """Write down all that the groups keep, in a new file, and forget the older ones."""
        self._groups = groups
        try:
            path, rewriting = self._cut()
            rewriting.write(path)
        except OSError as error:
            self._give_up(error)
        else:
            self._recovered()

    def events(self, chunks: list[Chunk], position: Position) -> None:
        """Events for every group; they count as numbered by :attr:`next`."""
        if self._size > self._file_size and not self.fault:
            self._turn()  # now, as every event written so far is in the queues
        self.next = chunks[-1].last + 1
        self.positions.append(position)
        self._write(records.events(chunks, position))
        if self._file >= 0:
            self._medium.written()

    def released(self, group: int, number: int) -> None:
        """The group acknowledged everything up to an event."""
        self._write(records.released(group, number))
        self._sometime()
        self._forget()

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
        return await self._medium.in_thread(work)

    async def run(self) -> None:
        """Write everything anew when the disk could not be written, until cancelled."""
        while True:
            await self._failed.wait()
            await asyncio.sleep(_AGAIN)
            try:
                path, rewriting = self._cut()
                await self.in_thread(partial(rewriting.write, path))
            except OSError as error:
                self._give_up(error)
            else:
                self._recovered()

    def close(self) -> None:
        """Bring the rest to the medium and close the files."""
        if self._soon is not None:
            self._soon.cancel()
        self._file = -1
        self._medium.close()

    def _cut(self) -> tuple[Path, Rewriting]:
        """Go on in a new file; answers what everything up to now is, and where that belongs."""
        self._files = []
        self._directory.mkdir(mode=0o700, exist_ok=True)
        self._number = max((int(path.stem) for path in self._directory.glob("*.events")), default=0)
        path = self._path()
        self._files = [(path, self.next - 1)]
        kept = [group.queue.chunks() for group in self._groups]
        position = self.positions[-1] if self.positions else Position(0, 0)
        rewriting = Rewriting(self._head(whole=True), kept, position)
        self._go_on()
        return path, rewriting

    def _recovered(self) -> None:
        if self._file >= 0:  # events came and went meanwhile
            self.fault = ""
            self._failed.clear()

    def _give_up(self, error: OSError) -> None:
        """The files of this try are of no use without one another."""
        self._fail(error)
        for path, _ in self._files:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def _turn(self) -> None:
        """Go on in another file."""
        try:
            self._files[-1] = (self._files[-1][0], self.next - 1)
            self._go_on()
            self._forget()
        except OSError as error:
            self._fail(error)

    def _go_on(self) -> None:
        path = self._path()
        self._file = opened(path)
        self._medium.use(self._file, self._directory)
        self._files.append((path, 0))
        self._size = 0
        self._put(self._head(whole=False))

    def _forget(self) -> None:
        """Remove the files of which every event was acknowledged, or gave way, everywhere."""
        spare = len(self._files) - 1 - self._medium.new
        if spare <= 0 or self.fault:
            return
        oldest = (group.queue.oldest for group in self._groups)
        needed = min((self.next if chunk is None else chunk.first for chunk in oldest), default=self.next)
        for path, last in self._files[:spare]:
            if last >= needed:
                break
            path.unlink(missing_ok=True)
            del self._files[0]

    def _head(self, *, whole: bool) -> bytes:
        groups = [(group.label, group.queue.dropped, group.address) for group in self._groups]
        return records.head(self.next, groups, self.positions, whole=whole)

    def _path(self) -> Path:
        self._number += 1
        return self._directory / f"{self._number:010}.events"

    def _write(self, octets: bytes) -> None:
        if self._file < 0:
            return
        try:
            self._put(octets)
        except OSError as error:
            self._fail(error)

    def _put(self, octets: bytes) -> None:
        put(self._file, octets)
        self._size += len(octets)

    def _fail(self, error: OSError) -> None:
        self.fault = error.strerror or str(error)
        self._file = -1
        self._medium.abandon()
        self._failed.set()

    def _sometime(self) -> None:
        if self._soon is None and self._file >= 0:
            self._soon = asyncio.get_running_loop().call_later(_POSITIONS_WAIT, self._now)

    def _now(self) -> None:
        self._soon = None
        if self._file >= 0:
            self._medium.written()
