"""The wire itself: who sends what when, what that does to it, and when the others hear it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass, field
from functools import partial

from meterhub_sdk.simulation.faults import Dice, Fate
from meterhub_sdk.simulation.statistics import Statistics
from meterhub_sdk.simulation.timeline import Action, Timeline

_STEP = 1e-3
"""Seconds of characters that are delivered together, as an adapter does; at least one character."""
_FIXED_FROM, _FIXED_SILENCE = 19_200, 1.75e-3
_ROUNDING = 1e-9


@dataclass(slots=True, eq=False)
class Burst:
    """What one party sent without a pause of 3.5 characters; ``data`` is as it left, before what befell it.

    ``begin`` and ``end`` are seconds of the line's clock; the end moves while more comes.
    """

    party: str
    begin: float
    end: float
    fate: Fate
    data: bytearray = field(default_factory=bytearray)
    waiting: bytearray = field(default_factory=bytearray)
    """Of a late burst: what will be sent when its time comes."""


class Party(ABC):
    """One that sends and hears."""

    def __init__(self, name: str, *, echo: bool = False) -> None:
        self.name = name
        self.echo = echo
        self.free_at = float("-inf")
        """When its transmitter will have sent all that it was given."""
        self.burst: Burst | None = None

    @property
    @abstractmethod
    def baud(self) -> int:
        """Its speed now."""

    @abstractmethod
    def hear(self, data: bytes, at: float) -> None:
        """Bytes whose last bit came at this time."""


class _Nobody(Party):
    """Sends what no party sent."""

    def __init__(self, baud: int) -> None:
        super().__init__("foreign")
        self._baud = baud

    @property
    def baud(self) -> int:
        """The line's."""
        return self._baud

    def hear(self, data: bytes, at: float) -> None:
        """Is never on the line."""


@dataclass(slots=True, eq=False)
class _Sending:
    """Characters on the wire, one after the other, from ``begin`` on."""

    sender: Party
    burst: Burst
    begin: float
    baud: int
    character: float
    data: bytearray
    done: int = 0

    def time_of(self, count: int) -> float:
        """When the last bit of the first ``count`` characters is through."""
        return self.begin + count * self.character

    @property
    def end(self) -> float:
        """When all is through."""
        return self.time_of(len(self.data))

    def within(self, begin: float, end: float) -> tuple[int, int]:
        """Which characters, of those not delivered, are on the wire at any time between the two."""
        first = math.floor((begin - self.begin) / self.character + _ROUNDING)
        last = math.ceil((end - self.begin) / self.character - _ROUNDING)
        return max(self.done, first), min(len(self.data), last)


class Wire:
    """A half-duplex bus of ``bits`` per character; the party that is added first is the master."""

    def __init__(self, timeline: Timeline, dice: Dice, *, baud: int, bits: int = 10, keep: int = 1000) -> None:
        self.timeline = timeline
        self.baud = baud
        self.free_at = float("-inf")
        """When the last bit of all that is being sent will be through."""
        self.statistics = Statistics()
        self.bursts: deque[Burst] = deque(maxlen=keep)
        self._dice = dice
        self._bits = bits
        self._parties: list[Party] = []
        self._nobody = _Nobody(baud)
        self._last: Party | None = None
        self._sendings: list[_Sending] = []

    def add(self, party: Party) -> None:
        """Connect a party."""
        self._parties.append(party)

    def character(self, baud: int) -> float:
        """Seconds that one character takes."""
        return self._bits / baud

    def silence(self, baud: int) -> float:
        """Seconds of t3.5, which ends a frame: 3.5 characters, 1.75 ms above 19,200 Bd (Modbus over serial line)."""
        return 3.5 * self.character(baud) if baud <= _FIXED_FROM else _FIXED_SILENCE

    # -- sending ----------------------------------------------------------------------------------

    def send(self, party: Party, data: bytes, now: float) -> None:
        """A party gives bytes to its transmitter, which sends them after those it has, at the party's speed."""
        baud = party.baud
        begin = max(now, party.free_at)
        burst = party.burst
        if burst is None or begin - party.free_at >= self.silence(baud) - _ROUNDING:
            burst = party.burst = self._begin(party, begin, baud)
        self._count(party, len(data))
        party.free_at = begin + len(data) * self.character(baud)
        if burst.fate is Fate.LATE and (burst.waiting or not burst.data):
            burst.waiting += data
        else:
            self._put(party, burst, data, max(begin, burst.end))

    def _begin(self, party: Party, at: float, baud: int) -> Burst:
        master = party is self._parties[0]
        burst = Burst(party.name, at, at, self._dice.fate(reply=not master))
        statistics = self.statistics
        statistics.requests += master
        statistics.replies += not master
        statistics.lost += burst.fate is Fate.LOST
        statistics.corrupted += burst.fate is Fate.CORRUPTED
        statistics.late += burst.fate is Fate.LATE
        if master and self._last is not party and at - self.free_at < self.silence(baud) - _ROUNDING:
            statistics.violations += 1
        if master and (frame := self._dice.foreign()):
            self.timeline.at(at, partial(self._when_silent, action=partial(self._intrude, frame)))
        if burst.fate is Fate.LATE:
            release = partial(self._release, party, burst)
            self.timeline.at(at + self._dice.late_by, partial(self._when_silent, action=release))
        return burst

    def _count(self, party: Party, size: int) -> None:
        if party is self._parties[0]:
            self.statistics.request_bytes += size
        else:
            self.statistics.reply_bytes += size

    def _put(self, party: Party, burst: Burst, data: bytes | bytearray, begin: float) -> None:
        """The bytes are on the wire from this time on."""
        baud = party.baud
        sending = _Sending(party, burst, begin, baud, self.character(baud), bytearray(data))
        if not burst.data:
            burst.begin = begin
            self.bursts.append(burst)
            if burst.fate is Fate.CORRUPTED:
                self._dice.corrupt(sending.data)
        burst.data += data
        burst.end = end = sending.end
        for other in self._sendings:
            if other.sender is not party:
                self._collide(sending, other)
        self.statistics.busy += max(0.0, end - max(begin, self.free_at))
        self.free_at = max(self.free_at, end)
        self._last = party
        self._sendings.append(sending)
        self._plan(sending)

    def _collide(self, one: _Sending, other: _Sending) -> None:
        begin, end = max(one.begin, other.begin), min(one.end, other.end)
        if end - begin <= _ROUNDING:
            return
        self.statistics.collisions += 1
        for sending in (one, other):
            self._dice.garble(sending.data, *sending.within(begin, end))

    # -- faults in time ---------------------------------------------------------------------------

    def _when_silent(self, at: float, action: Action) -> None:
        """Do it now, or as soon as nobody has sent for t3.5."""
        quiet = self.free_at + self.silence(self.baud)
        if at >= quiet - _ROUNDING:
            action(at)
        else:
            self.timeline.at(quiet, partial(self._when_silent, action=action))

    def _release(self, party: Party, burst: Burst, at: float) -> None:
        data, burst.waiting = burst.waiting, bytearray()
        self._put(party, burst, data, at)

    def _intrude(self, frame: bytes, at: float) -> None:
        """A little after the silence, so that the request and this are two frames for those who hear them."""
        self.timeline.at(at + self.character(self.baud), partial(self._send_foreign, frame))

    def _send_foreign(self, frame: bytes, at: float) -> None:
        self.statistics.foreign += 1
        self._put(self._nobody, Burst(self._nobody.name, at, at, Fate.FOREIGN), frame, at)

    # -- hearing ----------------------------------------------------------------------------------

    def _plan(self, sending: _Sending) -> None:
        size = len(sending.data)
        count = min(size, sending.done + max(1, int(_STEP / sending.character)))
        deliver = partial(self._deliver, sending, count)
        self.timeline.at(sending.time_of(count), deliver, exact=count == size)

    def _deliver(self, sending: _Sending, count: int, at: float) -> None:
        data = bytes(sending.data[sending.done : count])
        sending.done = count
        if count == len(sending.data):
            self._sendings.remove(sending)
        else:
            self._plan(sending)
        for party in self._parties:
            if party.echo if party is sending.sender else sending.burst.fate is not Fate.LOST:
                party.hear(self._as_heard(party, sending, data), at)

    def _as_heard(self, party: Party, sending: _Sending, data: bytes) -> bytes:
        """A party at another speed than the sender hears garbage."""
        if party.baud == sending.baud:
            return data
        garbage = bytearray(data)
        self._dice.garble(garbage, 0, len(garbage))
        self.statistics.mismatched += len(garbage)
        return bytes(garbage)
