"""Connection slots: one for each master that may be connected at the same time, with its own event queue."""

from __future__ import annotations

from collections.abc import Sequence

from meterhub_iec104.asdu import Event
from meterhub_iec104.queue import EventQueue


class Slot:
    """The place of one master; outlives its connections."""

    def __init__(self, number: int, queue_size: int) -> None:
        self.number = number
        self.queue = EventQueue(queue_size)
        self.address = ""
        """The master that has, or last had, this slot."""
        self.taken = False
        self.freed = 0
        """Counts up with each slot that is freed: the smallest one has been free for longest."""
        self.announced = False
        """The master has acknowledged the end of initialization (M_EI_NA_1)."""
        self.reported = 0
        """Dropped events that are in the event log already."""

    @property
    def unreported(self) -> int:
        """Dropped events to be reported; a slot that no master ever had loses nothing, unless it is the first."""
        return self.queue.dropped - self.reported if self.address or self.number == 1 else 0


class Slots:
    """All slots of the server."""

    def __init__(self, number: int, queue_size: int) -> None:
        self.all = [Slot(index + 1, queue_size) for index in range(number)]
        self._freed = 0

    def append(self, events: Sequence[Event]) -> None:
        """Give events to every slot."""
        for slot in self.all:
            slot.queue.append(events)

    def take(self, address: str) -> Slot | None:
        """The slot for a new connection, or ``None`` when all are taken.

        A master gets the slot it had before; another one gets a fresh slot, or failing that the
        one that has been free for longest, whose events nobody else came to fetch.
        """
        free = [slot for slot in self.all if not slot.taken]
        if not free:
            return None
        slot = min(free, key=lambda slot: (slot.address != address, slot.address != "", slot.freed))
        slot.taken, slot.address = True, address
        return slot

    def release(self, slot: Slot) -> None:
        """The connection is gone: what it did not acknowledge goes back into the queue."""
        self._freed += 1
        slot.taken, slot.freed = False, self._freed
        slot.queue.requeue()
