"""Information objects of several points: double points from two contacts and packed single points.

Readings of one instant, which a batch of the hub brought with the same time, are taken together:
two contacts that a device was asked for at once never make a state in between that did not exist.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from meterhub_sdk import Quality, Reading

from meterhub_iec104.asdu import ADDRESS_SIZE, Event
from meterhub_iec104.objects import InformationObject

PACKED_POINTS = 16
"""Single points that one packed object (M_PS) holds (IEC 60870-5-101, 7.2.6.40)."""
_CHANGES = ADDRESS_SIZE + 2
"""Where the change detection bits are in an information object."""


class PackedPoints(InformationObject):
    """Packed single points: the change detection bits of an event tell what changed since the event before.

    Answers to interrogations leave them 0, because what changed went out as events.
    """

    __slots__ = ()

    def update(self, name: str, reading: Reading, *, seed: bool = False) -> Event | None:
        """Take a new reading whose value is the status bits, the first point lowest."""
        before = int(self._last or 0)
        event = super().update(name, reading, seed=seed)
        if event is None:
            return None
        common, octets = event
        changes = (before ^ int(self._last or 0)).to_bytes(2, "little")
        return common, octets[:_CHANGES] + changes + octets[_CHANGES + 2 :]


class Composite:
    """Puts the readings of several points together for one information object."""

    def __init__(self, item: InformationObject) -> None:
        self._item = item
        self._combine = _COMBINATIONS[item.kind.name]
        self._readings = dict.fromkeys(item.names, Reading.missing())
        self._noted: set[str] = set()

    def noted(self, name: str) -> bool:
        """Whether a reading of this point waits to be settled."""
        return name in self._noted

    def note(self, name: str, reading: Reading) -> None:
        """Take a reading of one point; others of the same instant may follow."""
        self._readings[name] = reading
        self._noted.add(name)

    def settle(self, *, seed: bool = False) -> Event | None:
        """The instant is complete: update the information object."""
        self._noted.clear()
        readings = [self._readings[name] for name in self._item.names]
        combined = Reading(
            self._combine(readings),
            max(reading.time for reading in readings),
            max(Quality.INVALID if _contact(reading) is None else reading.quality for reading in readings),
            flags=_any_flag(readings),
            clock=max(reading.clock for reading in readings),
        )
        return self._item.update(self._item.names[0], combined, seed=seed)


def _contact(reading: Reading) -> bool | None:
    """Whether a contact is closed; ``None`` when nobody knows."""
    value = reading.value
    if value is None or isinstance(value, str) or (isinstance(value, float) and math.isnan(value)):
        return None
    return bool(value)


def _any_flag(readings: Sequence[Reading]) -> int:
    flags = 0
    for reading in readings:
        flags |= reading.flags
    return flags


def _double(readings: Sequence[Reading]) -> int | None:
    """ON and OFF contact as a state: 0 intermediate, 1 OFF, 2 ON, 3 indeterminate (7.2.6.2)."""
    on, off = map(_contact, readings)
    return None if on is None or off is None else on << 1 | off


def _packed(readings: Sequence[Reading]) -> int | None:
    """The contacts as bits, the first lowest; one that nobody knows is 0."""
    contacts = [_contact(reading) for reading in readings]
    if all(contact is None for contact in contacts):
        return None
    return sum(1 << place for place, contact in enumerate(contacts) if contact)


_COMBINATIONS: dict[str, Callable[[Sequence[Reading]], int | None]] = {"M_DP": _double, "M_PS": _packed}
