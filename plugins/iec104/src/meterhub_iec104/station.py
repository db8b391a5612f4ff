"""The station: every information object, kept up to date from the hub and read by the masters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from meterhub_sdk import Reading

from meterhub_iec104.apci import MAX_ASDU
from meterhub_iec104.asdu import ADDRESS_SIZE, MAX_OBJECTS, Cause, Event, build, per_asdu, runs
from meterhub_iec104.asdu import HEADER_SIZE as HEADER
from meterhub_iec104.elements import Kind
from meterhub_iec104.objects import InformationObject

_MIN_RUN = 5
"""Consecutive addresses from which on an ASDU of their own (SQ=1) is shorter than carrying each address."""

Part = tuple[Kind, bool, tuple[InformationObject, ...]]
"""What one ASDU of an interrogation carries: kind, SQ, objects."""


class Station:
    """One common address and its information objects; the mapping is fixed for its lifetime."""

    def __init__(self, common_address: int, objects: Iterable[InformationObject]) -> None:
        self.common_address = common_address
        self.objects = {item.address: item for item in objects}
        self._by_point: dict[str, list[InformationObject]] = {}
        for item in self.objects.values():
            for name in dict.fromkeys(item.names):
                self._by_point.setdefault(name, []).append(item)
        self._silent = set(self._by_point)
        self._general = _plan(item for item in self.objects.values() if not item.kind.counter)
        self._counters = _plan(item for item in self.objects.values() if item.kind.counter)

    @property
    def points(self) -> list[str]:
        """The names of all mapped points."""
        return list(self._by_point)

    @property
    def silent(self) -> int:
        """How many mapped points never had a value."""
        return len(self._silent)

    def update(self, changed: Mapping[str, Reading], *, seed: bool = False) -> list[Event]:
        """Take new readings; answers the events they make, in the same order."""
        events: list[Event] = []
        by_point, silent = self._by_point, self._silent
        for name, reading in changed.items():
            if silent and reading.value is not None:
                silent.discard(name)
            for item in by_point.get(name, ()):
                event = item.update(name, reading, seed=seed)
                if event is not None:
                    events.append(event)
        return events

    def interrogation(self, originator: int) -> Iterator[bytes]:
        """The ASDUs that answer a general interrogation, each made when it is asked for."""
        return self._answers(self._general, Cause.INTERROGATED, originator)

    def counter_interrogation(self, originator: int) -> Iterator[bytes]:
        """The ASDUs that answer a counter interrogation, each made when it is asked for."""
        return self._answers(self._counters, Cause.COUNTER_INTERROGATED, originator)

    def read(self, address: int, originator: int) -> bytes:
        """The answer to a read command; ``KeyError`` when the address is not mapped."""
        item = self.objects[address]
        content = (item.octets, item.element)
        return build(item.kind.untagged, Cause.REQUEST, self.common_address, content, 1, originator=originator)

    def _answers(self, plan: list[Part], cause: Cause, originator: int) -> Iterator[bytes]:
        for kind, sequence, items in plan:
            if sequence:
                content = [items[0].octets, *(item.element for item in items)]
            else:
                content = [octets for item in items for octets in (item.octets, item.element)]
            yield build(
                kind.untagged,
                cause,
                self.common_address,
                content,
                len(items),
                sequence=sequence,
                originator=originator,
            )


def _plan(objects: Iterable[InformationObject]) -> list[Part]:
    """Cut objects into ASDUs: per type, long runs of consecutive addresses with SQ=1, the others together."""
    by_kind: dict[str, list[InformationObject]] = {}
    for item in sorted(objects, key=lambda item: (item.kind.untagged, item.address)):
        by_kind.setdefault(item.kind.name, []).append(item)
    parts: list[Part] = []
    for items in by_kind.values():
        kind, loose, at = items[0].kind, list[InformationObject](), 0
        for run in runs([item.address for item in items]):
            members = items[at : at + len(run)]
            at += len(run)
            if len(run) >= _MIN_RUN or len(items) == len(run) > 1:
                size = min(MAX_OBJECTS, (MAX_ASDU - HEADER - ADDRESS_SIZE) // kind.size)
                parts += [(kind, True, cut) for cut in _cut(members, size)]
            else:
                loose += members
        parts += [(kind, False, cut) for cut in _cut(loose, per_asdu(ADDRESS_SIZE + kind.size))]
    return parts


def _cut(items: list[InformationObject], size: int) -> Iterator[tuple[InformationObject, ...]]:
    for first in range(0, len(items), size):
        yield tuple(items[first : first + size])
