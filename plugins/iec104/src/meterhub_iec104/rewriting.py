"""Writes all queues into one file, which makes the older ones superfluous; in a thread, as there may be a lot."""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from meterhub_iec104 import records
from meterhub_iec104.medium import put, to_medium
from meterhub_iec104.queue import Chunk
from meterhub_iec104.records import Kind, Position

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Rewriting:
    """What is to be written: the head of the file, and what each group kept at one moment."""

    head: bytes
    kept: Sequence[Sequence[Chunk]]
    position: Position

    def write(self, path: Path) -> None:
        """Write the file, give it its name when it is on the medium, and remove those before it.

        Files with greater numbers stay: they tell what happened since.
        """
        part = path.with_suffix(".part")
        file = opened(part)
        try:
            put(file, self.head)
            for octets in self._records():
                put(file, octets)
            os.fdatasync(file)
        finally:
            os.close(file)
        part.rename(path)
        to_medium((), path.parent)
        for old in sorted(path.parent.glob("*.events")):
            if old.name < path.name:
                old.unlink()

    def _records(self) -> Iterator[bytes]:
        everything = union(self.kept)
        for at in range(0, len(everything), _AT_ONCE):
            for run in _runs(everything[at : at + _AT_ONCE]):
                yield records.events(run, self.position)
        for index, chunks in enumerate(self.kept):
            for first, last in gaps(everything, chunks):
                yield records.gone(Kind.ABSENT, index, first, last)


def union(kept: Iterable[Sequence[Chunk]]) -> list[Chunk]:
    """Every event that is in one of the sequences, once and in order."""
    found: list[Chunk] = []
    covered = 0
    for chunk in heapq.merge(*kept, key=lambda chunk: chunk.first):  # a sort would hold up the loop until it is done
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


def opened(path: Path) -> int:
    """A new file to be appended to."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _runs(chunks: Sequence[Chunk]) -> list[list[Chunk]]:
    """Chunks cut where numbers are missing or they came at another time, as one record numbers them through."""
    found: list[list[Chunk]] = []
    for chunk in chunks:
        if found and chunk.first == found[-1][-1].last + 1 and chunk.taken == found[-1][-1].taken:
            found[-1].append(chunk)
        else:
            found.append([chunk])
    return found
