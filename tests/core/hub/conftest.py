"""A hub with a clock that tests turn by hand, and channels that remember what they were given."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import pytest
from meterhub_sdk import Point, Reading

from meterhub.hub import Hub

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Reading).decode


@dataclass(eq=False)
class FakeChannel:
    """One connection; ``congested`` is what the test makes it."""

    congested: bool = False
    known: dict[int, str] = field(default_factory=dict)
    batches: list[tuple[int, int, int, list[tuple[str, Reading]]]] = field(default_factory=list)

    def names(self, number: int, names: list[tuple[int, str]]) -> None:
        self.known.update(names)

    def updates(self, number: int, sequence: int, missed: int, batch: list[tuple[int, msgspec.Raw]]) -> None:
        rows = [(self.known[point], _decode(raw)) for point, raw in batch]  # KeyError: a name was not told in time
        self.batches.append((number, sequence, missed, rows))

    def take(self) -> list[tuple[str, object]]:
        """Name and value of everything delivered since the last look."""
        rows = [(name, reading.value) for _, _, _, batch in self.batches for name, reading in batch]
        self.batches.clear()
        return rows

    def readings(self) -> dict[str, Reading]:
        """The newest delivered reading of each name."""
        return {name: reading for _, _, _, batch in self.batches for name, reading in batch}


class Bench:
    """One hub and its clock."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.hub = Hub(clock=lambda: self.now)

    def declare(self, service: str, *points: Point | str, only: bool = False) -> None:
        offered = [point if isinstance(point, Point) else Point(name=point) for point in points]
        self.hub.declare(service, offered, only=only)

    def publish(self, service: str, history: bool = False, **values: object) -> None:
        """Publish values (or readings) of a service's points; ``_`` in a keyword stands for ``-``."""
        rows = []
        for name, value in values.items():
            reading = value if isinstance(value, Reading) else Reading(value, 1)  # type: ignore[arg-type]
            number = self.hub.points[f"{service}/{name.replace('_', '-')}"].number
            rows.append((number, msgspec.Raw(_encode(reading))))
        self.hub.publish(self.hub.owned(service), rows, history=history)

    def reading(self, name: str) -> Reading:
        return self.hub.points[name].reading()

    @staticmethod
    async def turn() -> None:
        """Let the hub deliver."""
        await asyncio.sleep(0)
        await asyncio.sleep(0)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def channel() -> Callable[[], FakeChannel]:
    return FakeChannel
