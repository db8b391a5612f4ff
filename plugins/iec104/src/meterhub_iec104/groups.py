"""Connection groups (IEC 60870-5-104, clause 10): masters that share one event queue, one of them active.

The masters choose: STARTDT makes a connection the active one of its group, and what the former one did not
acknowledge goes out again here. Without such groups in the settings each cloned connection is a group of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from meterhub_sdk.admission import AllowList

from meterhub_iec104.asdu import Event
from meterhub_iec104.queue import Chunk, EventQueue, packed
from meterhub_iec104.records import Position, Saved
from meterhub_iec104.settings import Iec104Settings
from meterhub_iec104.spool import Spool


class Active(Protocol):
    """A session that transfers data."""

    origin: str

    def deactivate(self) -> None:
        """Another connection of the group takes over."""

    def flush(self) -> None:
        """Write out what there is to be written."""


class Place:
    """Room for one connection of a group; outlives its connections."""

    def __init__(self, group: Group, number: int) -> None:
        self.group = group
        self.number = number
        self.address = ""
        """The master that last transferred data here."""
        self.taken = False
        self.freed = 0
        """Counts up with each place that is freed: the smallest one has been free for longest."""


class Group:
    """One event queue and the connections that may empty it."""

    def __init__(self, index: int, label: str, size: int, places: int, allowed: AllowList | None = None) -> None:
        self.index = index
        self.label = label
        self.queue = EventQueue(size)
        self.places = [Place(self, number) for number in range(1, places + 1)]
        self.active: Active | None = None
        self.announced = False
        """The end of initialization (M_EI_NA_1) was acknowledged."""
        self.reported = 0
        """Dropped events that are in the event log already."""
        self.on_release: Callable[[int, int], None] = lambda index, number: None
        self._released = 0
        self._allowed = allowed

    @property
    def address(self) -> str:
        """The master that a cloned connection belongs to."""
        return self.places[0].address if self._allowed is None else ""

    @property
    def used(self) -> bool:
        """Whether it is known to have a master; a cloned connection that nobody ever had loses nothing."""
        return self._allowed is not None or self.address != "" or self.index == 0

    @property
    def dropped(self) -> int:
        """Events lost to masters of the group."""
        return self.queue.dropped if self.used else 0

    def admits(self, address: str) -> bool:
        """Whether a master at this address belongs to the group."""
        return self._allowed is None or address in self._allowed

    def activate(self, session: Active) -> None:
        """STARTDT came: the session is the one that transfers data from now on."""
        former, self.active = self.active, session
        if former is session:
            return
        if former is not None:
            former.deactivate()
        self.queue.requeue()

    def deactivated(self, session: Active) -> None:
        """The session transfers no more data; what it left unacknowledged goes out again on another connection."""
        if self.active is session:
            self.active = None
            self.queue.requeue()

    def settle(self) -> None:
        """Write down what was acknowledged."""
        if self.queue.released != self._released:
            self._released = self.queue.released
            self.on_release(self.index, self._released)


class Groups:
    """All groups of the server, and the spool in which they survive."""

    def __init__(self, config: Iec104Settings, spool: Spool) -> None:
        self.spool = spool
        self._cloned = not config.connection_groups
        if self._cloned:
            self.all = [Group(n, label, config.event_queue, 1) for n, label in enumerate(labels(config))]
        else:
            self.all = [
                Group(n, row.label, row.event_queue, row.connections, AllowList(row.allowed))
                for n, row in enumerate(config.connection_groups)
            ]
        for group in self.all:
            group.on_release = spool.released
        self.places = [place for group in self.all for place in group.places]
        self._freed = 0

    def restore(self, saved: Saved, wanted: Callable[[int, bytes], bool]) -> int:
        """Take over the queues of the last run; answers how many events went because nobody wants them any more.

        ``wanted`` is asked with the key and the information object of each.
        """
        left_out: set[int] = set()
        for group in self.all:
            before = saved.groups.get(group.label)
            if before is None:
                continue
            group.queue.dropped = group.reported = before.dropped
            group.queue.append(_filtered(before.chunks, wanted, left_out))
            if self._cloned:
                group.places[0].address = before.address
        return len(left_out)

    def append(self, events: Sequence[Event], position: Position, taken: int) -> None:
        """Give events to every group, and to the disk."""
        spool = self.spool
        chunks = packed(events, spool.next, taken)
        spool.events(chunks, position)
        for group in self.all:
            dropped = group.queue.append(chunks)
            if dropped:
                spool.dropped(group.index, dropped)

    def missed(self, count: int) -> None:
        """Readings that the hub had to drop: no group gets what they would have been."""
        for group in self.all:
            group.queue.dropped += count
            self.spool.lost(group.index, group.queue.dropped)

    def take(self, address: str) -> Place | None:
        """The place for a new connection, or ``None`` when its master has none that is free.

        A master gets the place it had before: of several the one where data was transferred, then the latest. Another
        one gets a fresh one, or failing that the one that has been free for longest, whose events nobody else came to
        fetch.
        """
        free = [place for place in self.places if not place.taken and place.group.admits(address)]
        if not free:
            return None
        place = min(free, key=lambda place: self._rank(place, address))
        place.taken = True
        return place

    def began(self, place: Place, address: str) -> None:
        """A master began data transfer: the place is its own from now on.

        Whoever only connects takes no other master's place away, such as a scan of ports.
        """
        if place.address == address:
            return
        group, used = place.group, place.group.used
        place.address = address
        if self._cloned:
            self.spool.named(group.index, address)
        if not used:
            group.queue.dropped = group.reported = 0
            self.spool.lost(group.index, 0)

    def release(self, place: Place) -> None:
        """The connection is gone."""
        self._freed += 1
        place.taken, place.freed = False, self._freed

    def room(self, address: str) -> int:
        """How many connections masters at this address may have."""
        return sum(place.group.admits(address) for place in self.places)

    def _rank(self, place: Place, address: str) -> tuple[int, bool, bool, int]:
        order = 0 if self._cloned else place.group.index
        if place.address == address:
            return order, False, not place.group.announced, -place.freed
        return order, True, place.address != "", place.freed


def labels(config: Iec104Settings) -> list[str]:
    """The labels of all groups, those of cloned connections included."""
    if config.connection_groups:
        return [row.label for row in config.connection_groups]
    return [f"connection-{number}" for number in range(1, config.connections + 1)]


def _filtered(chunks: deque[Chunk], wanted: Callable[[int, bytes], bool], left_out: set[int]) -> list[Chunk]:
    """The chunks, without the events that nobody wants."""
    found: list[Chunk] = []
    for chunk in chunks:
        size = len(chunk.octets) // chunk.events
        items = [chunk.octets[at : at + size] for at in range(0, len(chunk.octets), size)]
        good = [wanted(chunk.key, item) for item in items]
        if all(good):
            found.append(chunk)
            continue
        for place, (item, is_good) in enumerate(zip(items, good, strict=True)):
            if is_good:
                found.append(Chunk(chunk.first + place, 1, chunk.key, item, chunk.taken))
            else:
                left_out.add(chunk.first + place)
    return found
