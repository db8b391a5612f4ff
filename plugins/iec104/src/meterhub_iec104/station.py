"""The process image: every information object, kept up to date from the hub and read by the masters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meterhub_sdk import Reading

from meterhub_iec104.asdu import Cause, Event, build
from meterhub_iec104.composite import Composite
from meterhub_iec104.objects import InformationObject
from meterhub_iec104.plan import Part, asdus, plan


class Station:
    """One common address and its information objects; the mapping is fixed for its lifetime."""

    def __init__(self, common_address: int, objects: Iterable[InformationObject]) -> None:
        self.common_address = common_address
        self.objects = {item.address: item for item in objects}
        self._general = _by_group(item for item in self.objects.values() if not item.kind.counter)
        self._counters = _by_group(item for item in self.objects.values() if item.kind.counter)

    @property
    def groups(self) -> frozenset[int]:
        """The interrogation groups that have objects, of 1 to 16."""
        return frozenset(group for group in self._general if group)

    @property
    def counter_groups(self) -> frozenset[int]:
        """The counter groups that have objects, of 1 to 4."""
        return frozenset(group for group in self._counters if group)

    def interrogation(self, originator: int, group: int | None = None) -> Iterator[bytes]:
        """The ASDUs that answer an interrogation of the station, or of one group, each made when it is asked for."""
        cause = Cause.INTERROGATED + (group or 0)
        return asdus(self._general.get(group or 0, ()), cause, self.common_address, originator)

    def counter_interrogation(self, originator: int, group: int | None = None) -> Iterator[bytes]:
        """The ASDUs that answer a counter interrogation, general or of one group, each made when it is asked for."""
        cause = Cause.COUNTER_INTERROGATED + (group or 0)
        return asdus(self._counters.get(group or 0, ()), cause, self.common_address, originator)

    def read(self, address: int, originator: int) -> bytes:
        """The answer to a read command; ``KeyError`` when the address is not mapped."""
        item = self.objects[address]
        content = (item.octets, item.element)
        return build(item.kind.untagged, Cause.REQUEST, self.common_address, content, 1, originator=originator)


class Stations:
    """All common addresses of the server; what the hub brings is taken here."""

    def __init__(self, stations: Iterable[Station]) -> None:
        self.by_address = {station.common_address: station for station in stations}
        self._single: dict[str, tuple[InformationObject, ...]] = {}
        self._composite: dict[str, list[Composite]] = {}
        for station in self.by_address.values():
            for item in station.objects.values():
                self._register(item)
        self._silent = set(self.points)

    def _register(self, item: InformationObject) -> None:
        if len(item.names) == 1:
            self._single[item.names[0]] = (*self._single.get(item.names[0], ()), item)
            return
        composite = Composite(item)
        for name in item.names:
            self._composite.setdefault(name, []).append(composite)

    @property
    def points(self) -> list[str]:
        """The names of all mapped points."""
        return list(self._single | self._composite)

    @property
    def silent(self) -> int:
        """How many mapped points never had a value, and were not declared failed either."""
        return len(self._silent)

    def update(self, readings: Iterable[tuple[str, Reading]], *, seed: bool = False) -> list[Event]:
        """Take the readings of one batch; answers the events they make, in the same order.

        ``seed`` makes them what later ones are compared with, and no events.
        """
        events: list[Event] = []
        single, composite, silent = self._single, self._composite, self._silent
        waiting: dict[Composite, None] = {}
        instant = 0
        for name, reading in readings:
            if silent and (reading.value is not None or reading.time):
                # a source that declares its device failed publishes no value, but a time
                silent.discard(name)
            if waiting and reading.time != instant:
                _settle(waiting, events, seed)
            for item in single.get(name, ()):
                event = item.update(name, reading, seed=seed)
                if event is not None:
                    events.append(event)
            if composite:
                instant = reading.time
                for group in composite.get(name, ()):
                    if group.noted(name):
                        _settle(waiting, events, seed)
                    group.note(name, reading)
                    waiting[group] = None
        if waiting:
            _settle(waiting, events, seed)
        return events


def _settle(waiting: dict[Composite, None], events: list[Event], seed: bool) -> None:
    """An instant is over: the objects of several points are complete."""
    for composite in waiting:
        event = composite.settle(seed=seed)
        if event is not None:
            events.append(event)
    waiting.clear()


def _by_group(objects: Iterable[InformationObject]) -> dict[int, list[Part]]:
    """The plans by group; 0 is the whole station."""
    members: dict[int, list[InformationObject]] = {0: []}
    for item in objects:
        members[0].append(item)
        if item.group:
            members.setdefault(item.group, []).append(item)
    return {group: plan(items) for group, items in members.items()}
