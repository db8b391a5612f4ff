"""Information objects: one mapped address, what it reads now, and when that becomes an event."""

from __future__ import annotations

from collections.abc import Callable

from meterhub_sdk import Clock, Reading

from meterhub_iec104.asdu import ADDRESS_SIZE, Cause, Event, key
from meterhub_iec104.elements import Kind
from meterhub_iec104.push import Push

TimeTag = Callable[[int, bool], bytes]
"""Makes the time tag from a time in nanoseconds and whether it is invalid."""


class InformationObject:
    """One information object of the station.

    ``names`` are the points it shows: one, or two for a double point (first ON, second OFF
    contact). ``doubtful`` is the clock validity from which on time tags are marked invalid;
    without ``tag`` events carry no time.
    """

    __slots__ = (
        "_doubtful",
        "_event_key",
        "_factor",
        "_last",
        "_push",
        "_quality",
        "_readings",
        "_tag",
        "address",
        "element",
        "kind",
        "names",
        "octets",
    )

    def __init__(
        self,
        kind: Kind,
        address: int,
        names: tuple[str, ...],
        *,
        push: Push,
        factor: float = 1.0,
        tag: TimeTag | None = None,
        doubtful: Clock = Clock.INVALID,
    ) -> None:
        self.kind = kind
        self.address = address
        self.names = names
        self.octets = address.to_bytes(ADDRESS_SIZE, "little")
        """The address as sent."""
        self._push = push
        self._factor = factor
        self._tag = tag
        self._doubtful = doubtful
        self._event_key = key(kind.untagged if tag is None else kind.tagged, Cause.SPONTANEOUS)
        self._readings = dict.fromkeys(names, Reading.missing())
        self._quality = kind.absent
        self._last: float | None = None
        self.element = kind.pack(0, kind.absent)
        """The information element without time tag, as interrogations send it."""

    def update(self, name: str, reading: Reading, *, seed: bool = False) -> Event | None:
        """Take a new reading of one of the points; answers the event to be sent, if it is one.

        ``seed`` makes it the starting point that later readings are compared with, and no event.
        """
        kind = self.kind
        if kind.name == "M_DP":
            reading = self._double(name, reading)
        value, more = kind.fit(reading.value, self._factor)
        quality = kind.quality(reading.quality, reading.flags) | more
        element = self.element = kind.pack(value, quality)
        if seed:
            self._quality, self._last = quality, value
            return None
        if quality == self._quality and not self._push.wants(value, self._last):
            return None
        self._quality = quality
        if self._push.mode == "never":
            return None
        self._last = value
        if self._tag is None:
            return self._event_key, self.octets + element
        return self._event_key, self.octets + element + self._tag(reading.time, reading.clock >= self._doubtful)

    def _double(self, name: str, reading: Reading) -> Reading:
        """The state of a double point: 1 off, 2 on; from two contacts also 0 intermediate, 3 indeterminate."""
        self._readings[name] = reading
        states = [self._readings[name] for name in self.names]
        on = states[0].value
        off = states[1].value if len(states) > 1 else not on
        known = not any(state.value is None or isinstance(state.value, str) for state in states)
        return Reading(
            (2 if on else 0) | (1 if off else 0) if known else None,
            max(state.time for state in states),
            max(state.quality for state in states),
            flags=states[0].flags | states[-1].flags,
            clock=max(state.clock for state in states),
        )
