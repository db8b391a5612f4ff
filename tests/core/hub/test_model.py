"""The hub against a model of it: whatever happens in whatever order, followers see the truth and gaps are exact."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any
from unittest import mock

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from meterhub_sdk import Point, Quality, Reading

from meterhub import following
from meterhub.hub import Hub

SERVICES = ("a", "b")
NAMES = ("x", "y", "z/deep")
LENGTH = 6
_encode = msgspec.msgpack.Encoder().encode

services = st.sampled_from(SERVICES)
batches = st.dictionaries(st.sampled_from(NAMES), st.integers(0, 99), min_size=1)


class HubMachine(RuleBasedStateMachine):
    """One follower of the newest, one named queue, two publishers."""

    channel: Callable[[], Any]

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.patches = [
            mock.patch.object(following, "QUEUE_LENGTH", LENGTH),
            mock.patch.object(following, "_SENT_AT_ONCE", 2),
            mock.patch.object(following, "_IN_FLIGHT", 3),
        ]
        for patch in self.patches:
            patch.start()
        self.now = 1.0
        self.hub = Hub(clock=lambda: self.now)
        self.newest: dict[str, Reading] = {}
        self.arrived: dict[str, float] = {}
        self.offered: dict[str, set[str]] = {service: set() for service in SERVICES}
        self.latest = self.channel()
        self.seen: dict[str, Reading] = {}
        self.items: list[tuple[str, Reading]] = []  # all that ever went into the queue, in order
        self.delivered: set[int] = set()
        self.done: set[int] = set()
        self.position = 0
        self.acknowledged = 0
        self.attached = True
        self.queued = self.channel()

    @initialize()
    def follow(self) -> None:
        self.hub.follow_latest(1, ("**",), self.latest)
        self.queue = self.hub.follow_every("log/default", 2, ("a/**", "b/x"), self.queued)

    def teardown(self) -> None:
        for patch in self.patches:
            patch.stop()
        self.loop.close()

    def _in_loop(self, work: Callable[[], object]) -> None:
        async def main() -> None:
            work()
            await asyncio.sleep(0)
            await asyncio.sleep(0)

        self.loop.run_until_complete(main())
        self._look()

    def _set(self, name: str, reading: Reading) -> None:
        self.newest[name] = reading
        self._queued(name, reading)

    def _queued(self, name: str, reading: Reading) -> None:
        if name.startswith("a/") or name == "b/x":
            self.items.append((name, reading))

    def _look(self) -> None:
        """Take what the followers were given, and check it against the model."""
        for _, _, _, rows in self.latest.batches:
            self.seen.update(rows)
        self.latest.batches.clear()
        for _, sequence, missed, rows in self.queued.batches:
            start = self.position + missed + 1
            assert sequence == start + len(rows) - 1
            assert rows == self.items[start - 1 : sequence]
            self.position = sequence
            self.delivered |= set(range(start, sequence + 1))
        self.queued.batches.clear()

    # -- publishers -------------------------------------------------------------------------------

    @rule(service=services, names=st.sets(st.sampled_from(NAMES)), only=st.booleans())
    def declare(self, service: str, names: set[str], only: bool) -> None:
        gone = [state.name.partition("/")[2] for state in self.hub._of(service)] if only else []
        for name in gone:
            if name not in names:
                self._withdrawn(service, name)
        for name in sorted(names - self.offered[service]):
            self.offered[service].add(name)
            self._set(f"{service}/{name}", Reading.missing())
        points = [Point(name=name, stale_after=5) for name in sorted(names)]
        self._in_loop(lambda: self.hub.declare(service, points, only=only))

    def _withdrawn(self, service: str, name: str) -> None:
        self.offered[service].discard(name)
        self.arrived.pop(f"{service}/{name}", None)
        self._set(f"{service}/{name}", Reading.missing())

    @rule(service=services, batch=batches, history=st.booleans())
    def publish(self, service: str, batch: dict[str, int], history: bool) -> None:
        batch = {name: value for name, value in batch.items() if name in self.offered[service]}
        rows = []
        for name, value in batch.items():
            reading = Reading(value, value)
            rows.append((self.hub.points[f"{service}/{name}"].number, msgspec.Raw(_encode(reading))))
            self._queued(f"{service}/{name}", reading)
            if not history:
                self.newest[f"{service}/{name}"] = reading
                self.arrived[f"{service}/{name}"] = self.now
        self._in_loop(lambda: self.hub.publish(self.hub.owned(service), rows, history=history))

    @rule(service=services)
    def lose_the_worker(self, service: str) -> None:
        for state in self.hub._of(service):
            self._degraded(state.name)
        self._in_loop(lambda: self.hub.lost(service))

    @rule(seconds=st.integers(1, 6))
    def wait(self, seconds: int) -> None:
        self.now += seconds
        for state in self.hub.by_number:
            since = self.arrived.get(state.name)
            if since is not None and self.now - since > 5:
                self._degraded(state.name)
        self._in_loop(self.hub.sweep)

    def _degraded(self, name: str) -> None:
        if self.newest[name].quality < Quality.STALE:
            self._set(name, self.newest[name].degraded(Quality.STALE))

    # -- followers --------------------------------------------------------------------------------

    @rule(which=st.sampled_from(["latest", "queued"]), busy=st.booleans())
    def read_or_not(self, which: str, busy: bool) -> None:
        channel = getattr(self, which)
        channel.congested = busy
        if not busy:
            self._in_loop(lambda: self.hub.writable(channel))

    @precondition(lambda self: self.attached)
    @rule(share=st.floats(0, 1))
    def acknowledge(self, share: float) -> None:
        sequence = self.acknowledged + round(share * (self.position - self.acknowledged))
        self.acknowledged = sequence
        self.done |= {number for number in self.delivered if number <= sequence}
        self._in_loop(lambda: self.queue.acknowledge(sequence))

    @precondition(lambda self: self.attached)
    @rule()
    def read_everything(self) -> None:
        self.read_or_not("queued", False)
        while self.acknowledged < len(self.items):
            before = self.acknowledged
            self.acknowledge(1.0)
            assert self.acknowledged > before or self.position > self.acknowledged, "the queue stands still"

    @precondition(lambda self: self.attached)
    @rule()
    def the_follower_dies(self) -> None:
        self.attached = False
        self._in_loop(lambda: self.hub.release(self.queued))
        self.delivered.clear()

    @precondition(lambda self: not self.attached)
    @rule()
    def the_follower_returns(self) -> None:
        self.attached = True
        self.queued = self.channel()
        self.position = self.acknowledged
        again: list[object] = []
        self._in_loop(lambda: again.append(self.hub.follow_every("log/default", 2, ("a/**", "b/x"), self.queued)))
        assert again == [self.queue]

    # -- what always holds ------------------------------------------------------------------------

    @invariant()
    def the_newest_is_what_was_published_last(self) -> None:
        assert {state.name: state.reading() for state in self.hub.by_number} == self.newest

    @invariant()
    def a_follower_that_reads_has_the_newest(self) -> None:
        if not self.latest.congested:
            assert self.seen == self.newest

    @invariant()
    def the_queue_is_bounded(self) -> None:
        if hasattr(self, "queue"):
            assert len(self.queue.items) <= LENGTH
            assert self.queue.first + len(self.queue.items) == len(self.items) + 1

    @invariant()
    def once_all_is_read_everything_is_either_done_or_counted(self) -> None:
        if self.attached and hasattr(self, "queue") and self.acknowledged == len(self.items):
            assert self.queue.dropped == len(self.items) - len(self.done)


@pytest.mark.filterwarnings("ignore::hypothesis.errors.NonInteractiveExampleWarning")
def test_the_hub_agrees_with_its_model(channel: Callable[[], Any]) -> None:
    machine = type("Machine", (HubMachine,), {"channel": staticmethod(channel)})
    run_state_machine_as_test(machine, settings=settings(max_examples=60, stateful_step_count=40, deadline=None))
