"""Records of the spool on disk, and what they say when they are read again.

A record is its length (4 octets), a check sum over the rest (4), its kind (1) and its content.
Numbers are little-endian.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, NamedTuple

from meterhub_iec104.queue import Chunk

VERSION = 1
MAX_RECORD = 16 * 1024 * 1024
POSITIONS = 8
"""Positions that are kept: more than there can be batches which the hub was not told yet that they are here."""

_FRAME = struct.Struct("<II")
_EVENTS = struct.Struct("<QqqI")
_CHUNK = struct.Struct("<IBH")
_NUMBER = struct.Struct("<HQ")
_RANGE = struct.Struct("<HQQ")
_GROUP = struct.Struct("<H")


class Kind(IntEnum):
    """What a record tells."""

    HEAD = 1
    """The first of each file: the groups, by their place in all other records."""
    EVENTS = 2
    """Events for every group."""
    RELEASED = 3
    """A group acknowledged everything up to a number."""
    DROPPED = 4
    """Events of a group that gave way to newer ones."""
    ABSENT = 5
    """Events that a group never had, or had lost before the file began."""
    LOST = 6
    """How many events a group lacks by now."""
    NAMED = 7
    """The address of the master that a group belongs to now."""


class Position(NamedTuple):
    """Up to where the hub's readings were turned into events: the hub's number, and a sum over that reading.

    The sum tells whether the hub still counts as it did.
    """

    sequence: int
    digest: int


@dataclass(slots=True)
class SavedGroup:
    """A group as its records left it."""

    dropped: int = 0
    address: str = ""
    chunks: deque[Chunk] = field(default_factory=deque)


@dataclass(slots=True)
class Saved:
    """Everything that the files tell."""

    next: int = 1
    """The number of the next event."""
    positions: deque[Position] = field(default_factory=lambda: deque(maxlen=POSITIONS))
    """The newest ones, the last at the end."""
    groups: dict[str, SavedGroup] = field(default_factory=dict)
    damaged: int = 0
    """Files of which the end could not be read."""
    order: list[SavedGroup] = field(default_factory=list)


def framed(kind: Kind, content: bytes) -> bytes:
    """One record."""
    body = bytes((kind,)) + content
    return _FRAME.pack(len(body), zlib.crc32(body)) + body


def head(number: int, groups: Iterable[tuple[str, int, str]], positions: Iterable[Position], *, whole: bool) -> bytes:
    """The first record: label, dropped events and address of each group; ``whole``: older files say nothing more."""
    told = {"next": number, "whole": whole, "groups": list(groups), "positions": list(positions)}
    content = {"version": VERSION, **told}
    return framed(Kind.HEAD, json.dumps(content).encode())


def events(chunks: list[Chunk], position: Position) -> bytes:
    """Events for every group."""
    parts = [_EVENTS.pack(chunks[0].first, chunks[0].taken, position.sequence, position.digest)]
    for chunk in chunks:
        parts.append(_CHUNK.pack(chunk.key, chunk.events, len(chunk.octets)))
        parts.append(chunk.octets)
    return framed(Kind.EVENTS, b"".join(parts))


def released(group: int, number: int) -> bytes:
    """A group acknowledged everything up to an event."""
    return framed(Kind.RELEASED, _NUMBER.pack(group, number))


def gone(kind: Kind, group: int, first: int, last: int) -> bytes:
    """Events that a group does not have (any more): ``DROPPED`` or ``ABSENT``."""
    return framed(kind, _RANGE.pack(group, first, last))


def lost(group: int, total: int) -> bytes:
    """How many events a group lacks by now."""
    return framed(Kind.LOST, _NUMBER.pack(group, total))


def named(group: int, address: str) -> bytes:
    """The address of the master that a group belongs to now."""
    return framed(Kind.NAMED, _GROUP.pack(group) + address.encode())


def split(octets: bytes) -> Iterator[tuple[Kind, memoryview]]:
    """The records of a file; ``ValueError`` where it goes on with something that is none."""
    view, at = memoryview(octets), 0
    while at < len(view):
        if len(view) - at < _FRAME.size:
            raise ValueError("a record ends too soon")
        length, check = _FRAME.unpack_from(view, at)
        body = view[at + _FRAME.size : at + _FRAME.size + length]
        if not 1 <= length <= MAX_RECORD or len(body) < length or zlib.crc32(body) != check:
            raise ValueError("a record is not whole")
        yield Kind(body[0]), body[1:]
        at += _FRAME.size + length


def is_whole(octets: bytes) -> bool:
    """Whether this file makes older ones superfluous."""
    try:
        kind, content = next(split(octets))
        return kind is Kind.HEAD and bool(json.loads(bytes(content))["whole"])
    except (StopIteration, ValueError, KeyError):
        return False


def apply(saved: Saved, octets: bytes) -> None:
    """Take the records of one more file."""
    try:
        for kind, content in split(octets):
            _APPLY[kind](saved, content)
    except (ValueError, KeyError, IndexError, struct.error):
        saved.damaged += 1


def _head(saved: Saved, content: memoryview) -> None:
    told: dict[str, Any] = json.loads(bytes(content))
    if told["version"] != VERSION:
        raise ValueError(f"version {told['version']}")
    saved.next = max(saved.next, told["next"])
    saved.positions = deque((Position(*position) for position in told["positions"]), POSITIONS)
    saved.order = []
    for label, dropped, address in told["groups"]:
        group = saved.groups.setdefault(label, SavedGroup())
        group.dropped, group.address = dropped, address
        saved.order.append(group)


def _take(saved: Saved, content: memoryview) -> None:
    number, taken, sequence, digest = _EVENTS.unpack_from(content)
    at = _EVENTS.size
    while at < len(content):
        key, count, length = _CHUNK.unpack_from(content, at)
        at += _CHUNK.size
        octets = bytes(content[at : at + length])
        if not count or len(octets) < length or length % count:
            raise ValueError("events are not whole")
        at += length
        chunk = Chunk(number, count, key, octets, taken)
        number += count
        for group in saved.order:
            group.chunks.append(chunk)
    saved.next = number
    saved.positions.append(Position(sequence, digest))


def _release(saved: Saved, content: memoryview) -> None:
    index, number = _NUMBER.unpack(content)
    remove(saved.order[index].chunks, 0, number)


def _drop(saved: Saved, content: memoryview) -> None:
    index, first, last = _RANGE.unpack(content)
    group = saved.order[index]
    group.dropped += last - first + 1
    remove(group.chunks, first, last)


def _miss(saved: Saved, content: memoryview) -> None:
    index, first, last = _RANGE.unpack(content)
    remove(saved.order[index].chunks, first, last)


def _lose(saved: Saved, content: memoryview) -> None:
    index, total = _NUMBER.unpack(content)
    saved.order[index].dropped = total


def _name(saved: Saved, content: memoryview) -> None:
    (index,) = _GROUP.unpack_from(content)
    saved.order[index].address = bytes(content[_GROUP.size :]).decode()


def remove(chunks: deque[Chunk], first: int, last: int) -> None:
    """Take the events from ``first`` to ``last`` out."""
    ahead: list[Chunk] = []
    while chunks and chunks[0].first <= last:
        chunk = chunks.popleft()
        if chunk.first < first:
            ahead.append(chunk.before(first))
        if chunk.last > last:
            chunks.appendleft(chunk.after(last))
            break
    chunks.extendleft(reversed(ahead))


_APPLY = {
    Kind.HEAD: _head,
    Kind.EVENTS: _take,
    Kind.RELEASED: _release,
    Kind.DROPPED: _drop,
    Kind.ABSENT: _miss,
    Kind.LOST: _lose,
    Kind.NAMED: _name,
}
