"""What the hub's queue brings, turned into events: once, in order, and never an old value as a new one.

The queue brings live readings and those of the past (load profiles that a driver reads later) alike. A reading older
than the one before it of the same point is of the past, unless it is only seconds old, or the hub holds it as the
newest: then the source's clock was set back. Readings of the past are no events, as many masters take the value that
came last for the present one, and they never enter the process image. A point that brings nothing but the past (a
load profile alone) is sent in the order of its times.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import cast

from meterhub_sdk import Batch, Hub, Latest, Reading

from meterhub_iec104.asdu import Event
from meterhub_iec104.records import Position
from meterhub_iec104.station import Stations

_CATCHING_UP = 10.0
"""Seconds after the start within which the hub has delivered what came while nobody listened."""
_PRESENT = 10_000_000_000
"""Nanoseconds up to which a reading is live whatever came before it."""
_EVER = -(2**63)


class Arrivals:
    """Takes the batches of the hub's queue."""

    def __init__(self, hub: Hub, stations: Stations) -> None:
        self.past = 0
        """Readings that were of the past."""
        self._hub = hub
        self._stations = stations
        self._before: list[Position] = []
        self._repeating = False
        self._newest: dict[str, int] = {}
        self._seeds: dict[str, Reading] = {}
        self._until = 0.0
        self._last: Batch | None = None

    def goes_on_after(self, before: Iterable[Position]) -> None:
        """How far the last run came, the newest position last; nothing when there was none."""
        self._before = list(before)

    async def seed(self, now: float) -> None:
        """Take the newest state of all points as the process image; ``now`` is monotonic."""
        present = await self._present(self._stations.points)
        self._stations.update(present.items(), seed=True)
        self._newest = {name: reading.time if reading.time else _EVER for name, reading in present.items()}
        if self._before:
            self._seeds = {name: reading for name, reading in present.items() if reading.time}
        self._until = now + _CATCHING_UP

    async def take(self, batch: Batch, now: float) -> list[Event]:
        """The events that a batch makes; ``now`` is monotonic."""
        if not batch.readings:
            return []
        readings = self._fresh(batch) if self._before else batch.readings
        self._last = batch
        if self._seeds and now > self._until:
            self._seeds = {}
        doubtful = self._doubtful(readings)
        if not doubtful and not self._seeds:
            return self._stations.update(readings)
        return self._sorted_out(readings, await self._present(doubtful))

    def position(self) -> Position:
        """How far the last batch reaches."""
        assert self._last is not None, "no batch came yet"
        return Position(self._last.sequence, _digest(self._last.readings[-1]))

    def _doubtful(self, readings: Sequence[tuple[str, Reading]]) -> list[str]:
        """Points of which there is a reading older than the one before it; where there are none, they are noted."""
        newest, reached, doubtful = self._newest, dict[str, int](), set[str]()
        past = self._hub.time.now() - _PRESENT
        for name, reading in readings:
            time = reading.time
            if time > past or time >= (reached[name] if name in reached else newest.get(name, _EVER)):
                reached[name] = time
            elif name not in self._seeds:
                doubtful.add(name)
        if not doubtful and not self._seeds:
            newest.update(reached)
        return list(doubtful)

    def _fresh(self, batch: Batch) -> Sequence[tuple[str, Reading]]:
        """Without those that the last run made events of already: the hub repeats what nobody acknowledged.

        That may be several batches; in the first of them is a place that the last run knew, if the hub still counts
        as it did.
        """
        readings, newest = batch.readings, self._before[-1].sequence
        first = batch.sequence - len(readings) + 1
        if not self._repeating:
            known = [position for position in self._before if first <= position.sequence <= batch.sequence]
            self._repeating = any(_digest(readings[place - first]) == digest for place, digest in known)
        fresh = readings[max(0, newest + 1 - first) :] if self._repeating else readings
        if not self._repeating or batch.sequence >= newest:
            self._before = []
        return fresh

    def _sorted_out(self, readings: Sequence[tuple[str, Reading]], present: Mapping[str, Reading]) -> list[Event]:
        past = self._hub.time.now() - _PRESENT
        events: list[Event] = []
        fit: list[tuple[str, Reading]] = []
        for name, reading in readings:
            seed = self._seeds.get(name)
            if seed is not None:
                events += self._stations.update(fit)
                fit = []
                events += self._caught_up(name, reading, seed)
            elif reading.time >= min(self._newest.get(name, _EVER), past) or present.get(name) == reading:
                self._newest[name] = reading.time
                fit.append((name, reading))
            else:
                self.past += 1
        return events + self._stations.update(fit)

    def _caught_up(self, name: str, reading: Reading, seed: Reading) -> list[Event]:
        """A reading that may have come while nobody listened: it is an event even where the image has it already."""
        update = self._stations.update
        if reading.time > seed.time:
            del self._seeds[name]
            self._newest[name] = reading.time
            return update([(name, reading)])
        update([(name, Reading.missing())], seed=True)
        events = update([(name, reading)])
        if reading == seed:
            del self._seeds[name]
        else:
            update([(name, seed)], seed=True)
        return events

    async def _present(self, names: Sequence[str]) -> dict[str, Reading]:
        if not names:
            return {}
        follow = cast(AsyncGenerator[Latest, None], self._hub.points.latest(*names))
        async with aclosing(follow) as states:
            return dict(await anext(states))


def _digest(entry: tuple[str, Reading]) -> int:
    name, reading = entry
    return zlib.crc32(f"{name} {reading.time} {reading.value!r} {reading.quality:d}".encode())
