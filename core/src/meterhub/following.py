"""Followers of points: the newest state, and named queues that leave nothing out."""

from __future__ import annotations

import itertools
from collections import deque
from typing import TYPE_CHECKING, Protocol

import msgspec
from meterhub_sdk.point import PatternSet

if TYPE_CHECKING:
    from meterhub.hub import Hub

QUEUE_LENGTH = 20_000
_SENT_AT_ONCE = 1_000
_IN_FLIGHT = 5_000


class Channel(Protocol):
    """Where a subscription delivers to: one connection to a worker or a command line."""

    @property
    def label(self) -> str:
        """Whom it leads to, for people."""
        ...

    @property
    def congested(self) -> bool:
        """True while the other side does not read fast enough."""
        ...

    def updates(self, number: int, sequence: int, missed: int, batch: list[tuple[int, msgspec.Raw]]) -> None:
        """Deliver readings of subscription ``number``."""
        ...

    def names(self, number: int, names: list[tuple[int, str]]) -> None:
        """Tell the numbers of points that the subscription matches."""
        ...


class LatestSubscription:
    """Follows the newest state: what changed waits in ``dirty``, once per point."""

    def __init__(self, hub: Hub, number: int, names: tuple[str, ...], channel: Channel) -> None:
        self.hub = hub
        self.number = number
        self.wanted = PatternSet(names)
        self.channel = channel
        self.dirty: dict[int, msgspec.Raw] = {}

    def pump(self) -> None:
        """Deliver what changed, unless the other side is still busy with what it has."""
        if self.dirty and not self.channel.congested:
            batch = list(self.dirty.items())
            self.dirty.clear()
            self.hub.delivered += len(batch)
            if self.hub.traced:
                self.hub.tell_traced("delivered", f"to {self.channel.label}, newest value", batch)
            self.channel.updates(self.number, 0, 0, batch)


class Queue:
    """A named ``every`` queue: kept while its worker restarts, released by acknowledgement.

    It takes the place of ``before``, whose service now wants other names: what waited there counts as dropped.
    """

    def __init__(self, hub: Hub, name: str, wanted: PatternSet, before: Queue | None = None) -> None:
        self.hub = hub
        self.name = name
        self.wanted = wanted
        self.length = QUEUE_LENGTH
        self.items: deque[tuple[int, msgspec.Raw]] = deque()
        self.first = 1  # sequence of items[0]
        self.sent = 0  # sequence of the last one delivered
        self.acknowledged = 0
        self.dropped = 0
        self._told = 0
        self._limbo: deque[int] = deque()  # sequences that left the queue delivered but not acknowledged
        self.number = 0
        self.channel: Channel | None = None
        self.known: set[int] = set()
        if before is not None:
            before.expire()
            self.first += before.first - 1 - before.acknowledged
            self.dropped, self._told = before.dropped, before._told

    def append(self, number: int, raw: msgspec.Raw) -> None:
        """Take a reading; when full, the oldest one goes and, unless it was delivered, is counted."""
        if len(self.items) >= self.length:
            self._drop()
        self.items.append((number, raw))

    def _drop(self) -> None:
        self.items.popleft()
        if self.first > self.sent:
            self.dropped += 1
        else:
            self._limbo.append(self.first)
        self.first += 1

    def expire(self) -> None:
        """Give up what was not acknowledged."""
        self._return()
        while self.items:
            self._drop()

    def _return(self) -> None:
        """Nobody will acknowledge what was delivered: it waits again, or is lost if it left the queue since."""
        self.dropped += len(self._limbo)
        self._limbo.clear()
        self.sent = self.acknowledged

    def pump(self) -> None:
        """Deliver what was not delivered yet, with the exact gap before it."""
        channel = self.channel
        while channel is not None and not channel.congested:
            start = max(self.sent + 1, self.first)
            done = start - 1 if self.sent == self.acknowledged else self.acknowledged  # a gap is not in flight
            end = min(self.first + len(self.items), start + _SENT_AT_ONCE, done + 1 + _IN_FLIGHT)
            if end <= start:
                return
            missed = start - self.sent - 1
            offset = start - self.first
            batch = list(itertools.islice(self.items, offset, offset + end - start))
            self.sent = end - 1
            self.hub.delivered += len(batch)
            if self.hub.traced:
                self.hub.tell_traced("delivered", f"to {self.name}, every value", batch)
            channel.updates(self.number, self.sent, missed, batch)

    def acknowledge(self, sequence: int) -> None:
        """Forget everything up to ``sequence``."""
        self.acknowledged = max(self.acknowledged, min(sequence, self.sent))
        while self._limbo and self._limbo[0] <= self.acknowledged:
            self._limbo.popleft()
        while self.items and self.first <= self.acknowledged:
            self.items.popleft()
            self.first += 1
        self.pump()

    def untold_drops(self) -> int:
        """How many readings were dropped since this was last asked."""
        count, self._told = self.dropped - self._told, self.dropped
        return count

    def attach(self, number: int, channel: Channel) -> None:
        """Go on with another connection, after the last reading that was acknowledged."""
        self.number = number
        self.channel = channel
        self._return()

    def detach(self, number: int, channel: Channel) -> None:
        """Wait for the next follower, unless another one than subscription ``number`` has it already."""
        if self.number == number and self.channel is channel:
            self.channel = None
