"""The event queue of one connection group: bounded, in order, and nothing leaves it before it is acknowledged."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from meterhub_iec104.asdu import Event, per_asdu


class Chunk(NamedTuple):
    """Consecutive events that may share an ASDU; all groups hold the same ones."""

    first: int
    """Number of the first event; events are numbered through, from 1 on, for as long as the server's disk lives."""
    events: int
    key: int
    octets: bytes
    """The information objects, one behind the other, all of one size."""
    taken: int
    """When they came from the hub, in nanoseconds since 1970 UTC."""

    @property
    def last(self) -> int:
        """Number of the last event."""
        return self.first + self.events - 1

    def after(self, number: int) -> Chunk:
        """Without the events up to ``number``, which must leave some."""
        gone = max(0, number + 1 - self.first)
        size = len(self.octets) // self.events
        return self._replace(first=self.first + gone, events=self.events - gone, octets=self.octets[gone * size :])

    def before(self, number: int) -> Chunk:
        """Without the events from ``number`` on, which must leave some."""
        kept = min(self.events, number - self.first)
        return self._replace(events=kept, octets=self.octets[: kept * (len(self.octets) // self.events)])


def packed(events: Sequence[Event], first: int, taken: int) -> list[Chunk]:
    """Events as chunks, numbered from ``first`` on."""
    chunks: list[Chunk] = []
    at, total = 0, len(events)
    while at < total:
        common, item = events[at]
        limit = min(total, at + per_asdu(len(item)))
        end = at + 1
        while end < limit and events[end][0] == common:
            end += 1
        octets = b"".join([octets for _, octets in events[at:end]]) if end - at > 1 else item
        chunks.append(Chunk(first + at, end - at, common, octets, taken))
        at = end
    return chunks


class Packet(NamedTuple):
    """Events that go out in one ASDU."""

    key: int
    events: int
    octets: bytes
    chunks: tuple[Chunk, ...]


class EventQueue:
    """Holds at most ``size`` events, those that were sent and are not acknowledged included.

    When it is full the oldest event that still waits makes room, and is counted.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.dropped = 0
        """Events lost because the queue was full."""
        self.released = 0
        """Number of the last event acknowledged."""
        self._waiting: deque[Chunk] = deque()
        self._sent: deque[Packet] = deque()
        self._kept = 0
        self._in_flight = 0

    def __len__(self) -> int:
        """Events kept, the unacknowledged ones included."""
        return self._kept

    @property
    def oldest(self) -> Chunk | None:
        """Where the oldest event is."""
        if self._sent:
            return self._sent[0].chunks[0]
        return self._waiting[0] if self._waiting else None

    def chunks(self) -> list[Chunk]:
        """All that is kept, in order."""
        return [chunk for packet in self._sent for chunk in packet.chunks] + list(self._waiting)

    def append(self, chunks: Iterable[Chunk]) -> list[tuple[int, int]]:
        """Add events at the end; answers the first and last numbers of those that made room for them."""
        for chunk in chunks:
            self._waiting.append(chunk)
            self._kept += chunk.events
        return self._make_room() if self._kept > self.size else []

    def next(self) -> Packet | None:
        """The next events that share an ASDU, to be sent now; ``None`` when there are none.

        About half of the queue at most is handed out unacknowledged, so that new events always find room.
        """
        waiting = self._waiting
        if not waiting or (self._in_flight and self._in_flight + waiting[0].events > self.size // 2):
            return None
        chunk = waiting.popleft()
        count, common = chunk.events, chunk.key
        room = per_asdu(len(chunk.octets) // count) - count
        chunks = [chunk]
        while waiting and waiting[0].key == common and waiting[0].events <= room:
            chunk = waiting.popleft()
            chunks.append(chunk)
            count += chunk.events
            room -= chunk.events
        octets = chunk.octets if len(chunks) == 1 else b"".join([chunk.octets for chunk in chunks])
        packet = Packet(common, count, octets, tuple(chunks))
        self._sent.append(packet)
        self._in_flight += count
        return packet

    def acknowledged(self) -> None:
        """The oldest packet handed out reached the master: forget it."""
        packet = self._sent.popleft()
        self._in_flight -= packet.events
        self._kept -= packet.events
        self.released = packet.chunks[-1].last

    def requeue(self) -> None:
        """The connection is gone: everything handed out and not acknowledged goes out again, first."""
        while self._sent:
            self._waiting.extendleft(reversed(self._sent.pop().chunks))
        self._in_flight = 0

    def _make_room(self) -> list[tuple[int, int]]:
        gone: list[tuple[int, int]] = []
        waiting = self._waiting
        while self._kept > self.size and waiting:
            chunk = waiting.popleft()
            excess = min(chunk.events, self._kept - self.size)
            if excess < chunk.events:
                waiting.appendleft(chunk.after(chunk.first + excess - 1))
            self._kept -= excess
            self.dropped += excess
            if gone and gone[-1][1] == chunk.first - 1:
                gone[-1] = (gone[-1][0], chunk.first + excess - 1)
            else:
                gone.append((chunk.first, chunk.first + excess - 1))
        return gone
