"""The steps of traced points through the server: judged, queued, sent, acknowledged.

Nothing here is called while no point is traced.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from meterhub_sdk import Reading, Trace

from meterhub_iec104.asdu import ADDRESS_SIZE, Event, header_of
from meterhub_iec104.groups import Group
from meterhub_iec104.objects import InformationObject
from meterhub_iec104.station import Stations

_HEAD = 6
"""Octets of an ASDU before its first information object."""
_SEQUENCE = 0x80

Place = tuple[int, bytes]
"""Common address, and the address of an information object as it is sent."""


class PointTracing:
    """Tells the steps of those points that are traced now."""

    def __init__(self, trace: Trace, stations: Stations) -> None:
        self.points = trace.points
        """Nearly always empty: look here before anything else is called."""
        self._trace = trace
        self._stations = stations
        self._known: dict[str, list[tuple[Place, InformationObject]]] | None = None

    def judged(self, readings: Iterable[tuple[str, Reading]], made: Sequence[Event], groups: Iterable[Group]) -> None:
        """A batch was taken: which of its readings became events, and where these wait now."""
        came = {name for name, _ in readings} & self.points
        events = {(header_of(key)[2], octets[:ADDRESS_SIZE]): (key, octets) for key, octets in made} if came else {}
        waiting = ", ".join(f"{group.label}: {len(group.queue)}" for group in groups if group.used)
        for name in came:
            for place, item in self._objects(name):
                event = events.get(place)
                if event is None:
                    self._trace.step(name, "deadband", f"{_shown(place)}: no event ({item.rule})")
                else:
                    type_id, cause, _ = header_of(event[0])
                    told = f"type {type_id}, cause {cause}: {event[1].hex(' ')}"
                    self._trace.step(name, "event", f"{_shown(place)}, {told} ({item.rule})")
                    self._trace.step(name, "queued", f"events that wait: {waiting or 'none, no master was ever there'}")

    def sent(self, asdu: bytes, number: int, origin: str) -> list[str]:
        """An I frame goes out; answers the traced points in it, for :meth:`acknowledged`."""
        places = set(_places(asdu))
        names = [name for name in self.points if any(place in places for place, _ in self._objects(name))]
        for name in names:
            self._trace.step(name, "sent", f"I frame {number} to {origin}: {asdu.hex(' ')}")
        return names

    def acknowledged(self, names: Iterable[str], number: int, origin: str) -> None:
        """The master has an I frame."""
        for name in names:
            self._trace.step(name, "acknowledged", f"I frame {number} by {origin}")

    def _objects(self, name: str) -> list[tuple[Place, InformationObject]]:
        if self._known is None:
            self._known = {}
            for station in self._stations.by_address.values():
                for item in station.objects.values():
                    for point in item.names:
                        self._known.setdefault(point, []).append(((station.common_address, item.octets), item))
        return self._known.get(name, [])


def _places(asdu: bytes) -> Iterator[Place]:
    """The addresses of the information objects in an ASDU of monitoring direction."""
    count, common_address = asdu[1] & ~_SEQUENCE, int.from_bytes(asdu[4:6], "little")
    content = asdu[_HEAD:]
    if not count or len(content) < ADDRESS_SIZE:
        return
    if asdu[1] & _SEQUENCE:
        first = int.from_bytes(content[:ADDRESS_SIZE], "little")
        for number in range(count):
            yield common_address, (first + number).to_bytes(ADDRESS_SIZE, "little")
        return
    size = len(content) // count
    for at in range(0, size * count, size):
        yield common_address, content[at : at + ADDRESS_SIZE]


def _shown(place: Place) -> str:
    return f"CA {place[0]} IOA {int.from_bytes(place[1], 'little')}"
