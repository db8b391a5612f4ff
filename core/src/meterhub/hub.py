"""The data hub: the latest reading of every point, who offers it and who follows it.

Readings stay in their encoding: the hub looks inside only to mark one stale. Order is kept per
publishing service; a batch arrives whole. Nothing here waits: a follower that does not read gets
the newest state later (``latest``) or has its queue filled up to a bound, and what was dropped is
counted exactly (``every``).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable

import msgspec
from meterhub_sdk import Point, Quality, Reading, Refused
from meterhub_sdk.point import PatternSet, check_name, is_pattern

from meterhub.following import Channel, LatestSubscription, Queue

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Reading)
_MISSING = msgspec.Raw(_encoder.encode(Reading.missing()))


class PointState:
    """One point: what it is, its newest reading in its encoding, and who follows it.

    ``held`` is what its owner says while somebody substitutes the point.
    """

    __slots__ = ("arrived", "every", "held", "latest", "name", "number", "point", "raw", "stale")

    def __init__(self, number: int, name: str) -> None:
        self.number = number
        self.name = name
        self.point: Point | None = None
        self.raw = _MISSING
        self.held: msgspec.Raw | None = None
        self.arrived = 0.0
        self.stale = False
        self.latest: list[LatestSubscription] = []
        self.every: list[Queue] = []

    def reading(self) -> Reading:
        """The newest reading, decoded."""
        return _decoder.decode(self.raw)

    def measured(self) -> Reading:
        """The newest reading of the owner itself, whether or not the point is substituted."""
        return _decoder.decode(self.raw if self.held is None else self.held)


class Hub:
    """See the module. ``clock`` is monotonic seconds; staleness counts from arrival by it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.points: dict[str, PointState] = {}
        self.by_number: list[PointState] = []
        self.queues: dict[str, Queue] = {}
        self.subscriptions: list[LatestSubscription] = []
        self.published = 0
        self.delivered = 0
        self.declared = 0
        """How often points came, went or became something else: a list of them holds until then."""
        self.traced: set[int] = set()
        """Numbers of the points that somebody traces; nearly always empty."""
        self.on_traced: Callable[[int, str, str, msgspec.Raw], None] = lambda *_: None
        self._owned: dict[str, set[int]] = {}
        self._woken: list[LatestSubscription | Queue] = []
        self._scheduled = False

    # -- offering -----------------------------------------------------------------------------

    def declare(self, service: str, points: Iterable[Point], *, only: bool = False) -> list[tuple[int, str, str]]:
        """Make points exist with quality invalid; answers number, relative name and type of each.

        Declaring one again changes what it is and keeps its reading, unless its type changed. With
        ``only``, the service's other points go. ``Refused`` for a bad name: then nothing changes.
        """
        points = list(points)
        self.declared += 1
        names = [_checked(f"{service}/{point.name}") for point in points]
        if only:
            kept = set(names)
            self._forget(service, [s for s in self._of(service) if s.name not in kept])
        answer: list[tuple[int, str, str]] = []
        owned = self._owned.setdefault(service, set())
        for name, point in zip(names, points, strict=True):
            state = self._state(name)
            fresh = state.point is None or state.point.type != point.type
            state.point = point
            owned.add(state.number)
            answer.append((state.number, point.name, point.type))
            if fresh:
                state.held = None
                self._set(state, _encoder.encode(Reading.missing(point.unit)))
        self._schedule()
        return answer

    def withdraw(self, service: str) -> None:
        """The service is gone from the configuration: its points read as missing."""
        self._forget(service, self._of(service))
        self._owned.pop(service, None)

    def _of(self, service: str) -> list[PointState]:
        return [self.by_number[number] for number in self._owned.get(service, ())]

    def _forget(self, service: str, states: list[PointState]) -> None:
        self.declared += 1
        for state in states:
            self._owned[service].discard(state.number)
            state.point = None
            state.held = None
            state.arrived = 0.0
            state.stale = False
            self._set(state, bytes(_MISSING))
        self._schedule()

    def lost(self, service: str) -> int:
        """The service's worker is lost: its points turn stale with their old times; how many did."""
        count = sum(self._degrade(state) for state in self._of(service))
        self._schedule()
        return count

    def owned(self, service: str) -> set[int]:
        """The numbers of the points that the service declared; the set stays true as they change."""
        return self._owned.setdefault(service, set())

    def publish(self, owned: Collection[int], batch: list[tuple[int, msgspec.Raw]], *, history: bool = False) -> None:
        """Take a batch from a connection that may publish the points ``owned``.

        ``Refused`` (and nothing of the batch is taken) when a point is none of those.
        """
        states = self.by_number
        now = self.clock()
        for number, _ in batch:
            if number not in owned or states[number].point is None:
                raise Refused(f"point number {number} is none of the publisher's own")
        self.published += len(batch)
        if self.traced:
            self.tell_traced("hub", "past reading arrived" if history else "reading arrived", batch)
        woken = self._woken
        for number, raw in batch:
            state = states[number]
            if not history:
                if state.held is not None:
                    state.held, state.arrived, state.stale = raw, now, False
                    continue
                state.raw = raw
                state.arrived = now
                state.stale = False
                for subscription in state.latest:
                    if not subscription.dirty:
                        woken.append(subscription)
                    subscription.dirty[number] = raw
            for queue in state.every:
                queue.append(number, raw)
                woken.append(queue)
        if woken:
            self._schedule()

    def tell_traced(self, step: str, detail: str, batch: Iterable[tuple[int, msgspec.Raw]]) -> None:
        """Tell a step of those points in a batch that are traced."""
        for number, raw in batch:
            if number in self.traced:
                self.on_traced(number, step, detail, raw)

    # -- following ----------------------------------------------------------------------------

    def follow_latest(self, number: int, names: tuple[str, ...], channel: Channel) -> LatestSubscription:
        """Follow the newest state; names and present readings are delivered before this returns."""
        subscription = LatestSubscription(self, number, names, channel)
        for name in names:
            if not is_pattern(name):
                self._state(name)
        matched = [state for state in self.by_number if state.name in subscription.wanted]
        for state in matched:
            state.latest.append(subscription)
        self.subscriptions.append(subscription)
        channel.names(number, [(state.number, state.name) for state in matched])
        channel.updates(number, 0, 0, [(state.number, state.raw) for state in matched])
        return subscription

    def unfollow(self, subscription: LatestSubscription) -> None:
        """End a subscription."""
        if subscription in self.subscriptions:
            self.subscriptions.remove(subscription)
            for state in self.by_number:
                if subscription in state.latest:
                    state.latest.remove(subscription)

    def follow_every(self, name: str, number: int, names: tuple[str, ...], channel: Channel) -> Queue:
        """Take up the queue ``name``, or make it; with other names than before, what waited is counted as dropped."""
        queue = self.queues.get(name)
        if queue is None or queue.wanted.patterns != names:
            self.drop_queue(name)
            queue = self.queues[name] = Queue(self, name, PatternSet(names), queue)
            for state in self.by_number:
                if state.name in queue.wanted:
                    state.every.append(queue)
                    queue.known.add(state.number)
        queue.attach(number, channel)
        channel.names(number, [(n, self.by_number[n].name) for n in sorted(queue.known)])
        queue.pump()
        return queue

    def drop_queue(self, name: str) -> None:
        """Forget a queue and what is in it: its service is gone from the configuration."""
        queue = self.queues.pop(name, None)
        for state in self.by_number:
            if queue in state.every:
                state.every.remove(queue)

    def release(self, channel: Channel) -> None:
        """A connection ended: its ``latest`` subscriptions go, its queues wait."""
        for subscription in [s for s in self.subscriptions if s.channel is channel]:
            self.unfollow(subscription)
        for queue in self.queues.values():
            if queue.channel is channel:
                queue.channel = None

    def writable(self, channel: Channel) -> None:
        """A connection takes data again: deliver what waited for it."""
        for subscription in self.subscriptions:
            if subscription.channel is channel:
                subscription.pump()
        for queue in self.queues.values():
            if queue.channel is channel:
                queue.pump()

    # -- substitution -------------------------------------------------------------------------

    def hold(self, state: PointState, reading: Reading) -> None:
        """Let a point read this whatever its owner publishes, until :meth:`let_go` or until it is another point."""
        held = state.raw if state.held is None else state.held
        self._set(state, _encoder.encode(reading))
        state.held = held
        self._schedule()

    def let_go(self, state: PointState) -> None:
        """Let a point read what its owner says again."""
        held, state.held = state.held, None
        if held is not None:
            self._set(state, bytes(held))
            self._schedule()

    # -- staleness ----------------------------------------------------------------------------

    def sweep(self) -> int:
        """Turn stale what brought nothing for longer than its limit; how many turned."""
        now = self.clock()
        turned = 0
        for state in self.by_number:
            limit = state.point.stale_after if state.point else None
            if limit is not None and not state.stale and state.arrived and now - state.arrived > limit:
                turned += self._degrade(state)
        self._schedule()
        return turned

    def _degrade(self, state: PointState) -> bool:
        state.stale = True
        reading = state.measured()
        if reading.quality >= Quality.STALE:
            return False
        degraded = _encoder.encode(reading.degraded(Quality.STALE))
        if state.held is not None:
            state.held = msgspec.Raw(degraded)
        else:
            self._set(state, degraded)
        return True

    # -- inside -------------------------------------------------------------------------------

    def _state(self, name: str) -> PointState:
        state = self.points.get(name)
        if state is None:
            state = self.points[name] = PointState(len(self.by_number), name)
            self.by_number.append(state)
            row = [(state.number, name)]
            for subscription in self.subscriptions:
                if name in subscription.wanted:
                    state.latest.append(subscription)
                    subscription.channel.names(subscription.number, row)
            for queue in self.queues.values():
                if name in queue.wanted:
                    state.every.append(queue)
                    queue.known.add(state.number)
                    if queue.channel is not None:
                        queue.channel.names(queue.number, row)
        return state

    def _set(self, state: PointState, encoded: bytes) -> None:
        state.raw = raw = msgspec.Raw(encoded)
        for subscription in state.latest:
            subscription.dirty[state.number] = raw
            self._woken.append(subscription)
        for queue in state.every:
            queue.append(state.number, raw)
            self._woken.append(queue)

    def _schedule(self) -> None:
        if self._woken and not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._wake)

    def _wake(self) -> None:
        self._scheduled = False
        woken = dict.fromkeys(self._woken)
        self._woken.clear()
        for follower in woken:
            follower.pump()


def _checked(name: str) -> str:
    try:
        return check_name(name)
    except ValueError as error:
        raise Refused(str(error)) from error
