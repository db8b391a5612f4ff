"""Information objects: one mapped address, what it reads now, and when that becomes an event."""

from __future__ import annotations

import math
from collections.abc import Callable

from meterhub_sdk import Clock, Reading

from meterhub_iec104.asdu import ADDRESS_SIZE, Cause, Event, key
from meterhub_iec104.elements import Kind
from meterhub_iec104.push import Push

TimeTag = Callable[[int, bool], bytes]
"""Makes the time tag from a time in nanoseconds and whether it is invalid."""


class InformationObject:
    """One information object of a station.

    ``names`` are the points it shows; more than one only in :mod:`meterhub_iec104.composite`.
    ``group`` is the group of interrogations or, of a counter, of counter interrogations that it belongs to.
    ``doubtful`` is the clock validity from which on time tags are marked invalid; without ``tag``
    events carry no time, as those of kinds that have no type with time.
    """

    __slots__ = (
        "_always",
        "_doubtful",
        "_element",
        "_event_key",
        "_factor",
        "_high",
        "_last",
        "_low",
        "_push",
        "_qualities",
        "_quality",
        "_resolved",
        "_tag",
        "_value",
        "address",
        "group",
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
        common_address: int = 1,
        group: int | None = None,
        factor: float = 1.0,
        tag: TimeTag | None = None,
        doubtful: Clock = Clock.INVALID,
    ) -> None:
        self.kind = kind
        self.address = address
        self.names = names
        self.group = group
        self.octets = address.to_bytes(ADDRESS_SIZE, "little")
        """The address as sent."""
        self._push = push
        self._always = push.mode == "always"
        self._factor = factor
        self._tag = tag if kind.tagged is not None else None
        self._doubtful = doubtful
        self._qualities = kind.bits.by_quality
        # numbers between these need no more than the resolution of the kind; everything else takes the longer way
        self._low, self._high = (kind.low, kind.high) if kind.numeric else (math.inf, -math.inf)
        self._resolved = kind.resolved
        type_id = kind.untagged if self._tag is None or kind.tagged is None else kind.tagged
        self._event_key = key(type_id, Cause.SPONTANEOUS, common_address)
        self._value: float = 0
        self._quality = kind.bits.absent
        self._last: float | None = None
        self._element: bytes | None = None

    @property
    def element(self) -> bytes:
        """The information element without time tag, as interrogations send it."""
        element = self._element
        if element is None:
            element = self._element = self.kind.pack(self._value, self._quality)
        return element

    @property
    def rule(self) -> str:
        """Why a reading is sent or not, in words: the push mode, and the value last sent in the unit sent."""
        return f"push mode {self._push}, last sent: {'nothing' if self._last is None else self._last}"

    def update(self, name: str, reading: Reading, *, seed: bool = False) -> Event | None:
        """Take a new reading of the point; answers the event to be sent, if it is one.

        ``seed`` makes it the starting point that later readings are compared with, and no event.
        """
        value, kind = reading.value, self.kind
        quality = self._qualities[reading.quality << 2 | reading.flags]
        if type(value) is float and self._low <= (sent := value * self._factor) <= self._high:
            if self._resolved is not None:
                sent = self._resolved(sent)
        else:
            sent, more = kind.fit(value, self._factor)
            quality |= more
        if seed:
            self._value, self._quality, self._last, self._element = sent, quality, sent, None
            return None
        push, before = self._push, self._element
        if quality == self._quality and not (self._always or push.wants(sent, self._last)):
            if sent != self._value:
                self._value, self._element = sent, None
            return None
        self._value, self._quality = sent, quality
        element = self._element = kind.pack(sent, quality)
        if push.mode == "never" or (push.mode == "change" and element == before):
            return None
        self._last = sent
        if self._tag is None:
            return self._event_key, self.octets + element
        return self._event_key, self.octets + element + self._tag(reading.time, reading.clock >= self._doubtful)
