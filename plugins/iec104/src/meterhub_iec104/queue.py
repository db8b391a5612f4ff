"""The event queue of one master: bounded, in order, and nothing leaves it before it is acknowledged."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from meterhub_iec104.asdu import Event, per_asdu


@dataclass(frozen=True, slots=True)
class Packet:
    """Events that go out in one ASDU: their common key and their information objects."""

    key: int
    objects: list[bytes]


class EventQueue:
    """Holds at most ``size`` events, those that were sent and are not acknowledged included.

    When it is full the oldest event that still waits makes room, and is counted.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.dropped = 0
        """Events lost because the queue was full."""
        self._waiting: deque[Event] = deque()
        self._sent: deque[Packet] = deque()
        self._in_flight = 0

    def __len__(self) -> int:
        """Events kept, the unacknowledged ones included."""
        return len(self._waiting) + self._in_flight

    def append(self, events: Sequence[Event]) -> None:
        """Add events at the end."""
        waiting = self._waiting
        waiting.extend(events)
        excess = len(waiting) + self._in_flight - self.size
        if excess > 0:
            for _ in range(excess):
                waiting.popleft()
            self.dropped += excess

    def next(self) -> Packet | None:
        """The next events that share an ASDU, to be sent now; ``None`` when there are none.

        At most half of the queue is handed out unacknowledged, so that new events always find room.
        """
        waiting = self._waiting
        if not waiting or self._in_flight >= self.size // 2:
            return None
        common, first = waiting.popleft()
        objects = [first]
        for _ in range(per_asdu(len(first)) - 1):
            if not waiting or waiting[0][0] != common:
                break
            objects.append(waiting.popleft()[1])
        packet = Packet(common, objects)
        self._sent.append(packet)
        self._in_flight += len(objects)
        return packet

    def acknowledged(self) -> None:
        """The oldest packet handed out reached the master: forget it."""
        self._in_flight -= len(self._sent.popleft().objects)

    def requeue(self) -> None:
        """The connection is gone: everything handed out and not acknowledged goes out again, first."""
        while self._sent:
            packet = self._sent.pop()
            self._waiting.extendleft((packet.key, item) for item in reversed(packet.objects))
        self._in_flight = 0
