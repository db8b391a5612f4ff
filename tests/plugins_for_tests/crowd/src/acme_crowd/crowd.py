"""A driver with as many points as it is told, of which the first and the last ones change."""

from __future__ import annotations

import asyncio
from typing import Any

from meterhub_sdk import Config, Driver, Feature, Point, Reading, field
from pydantic import BaseModel, Field

_AT_ONCE = 2_000
_MOVING = 10


class CrowdConfig(Config):
    """Which; several instances share the numbers among them."""

    first: int = field(1, title="First number", ge=1, le=99_999)
    count: int = field(4_000, title="Points", ge=1, le=4_000)


class CrowdStatus(BaseModel):
    """What its page shows."""

    points: int = Field(title="Points")
    rounds: int = Field(title="Rounds")


class Crowd(Driver[CrowdConfig]):
    """Publishes all once, then the first and the last ones four times a second."""

    title = "Crowd"
    feature = Feature("acme.crowd", "Crowd", built_in=True)
    rounds = 0

    @property
    def _numbers(self) -> range:
        return range(self.config.first, self.config.first + self.config.count)

    def points(self):
        for number in self._numbers:
            yield Point(name=f"point-{number:05d}", unit="Wh", writable=number % 2 == 0, title=f"Meter {number}")

    async def run(self) -> None:
        numbers = self._numbers
        for begin in range(0, len(numbers), _AT_ONCE):
            await self._publish(numbers[begin : begin + _AT_ONCE], 0.0)
        while True:
            await asyncio.sleep(0.25)
            self.rounds += 1
            await self._publish([*numbers[:_MOVING], *numbers[-_MOVING:]], float(self.rounds))

    async def _publish(self, numbers: Any, value: float) -> None:
        now = self.hub.time.now()
        await self.hub.points.publish({f"point-{number:05d}": Reading(value, now, unit="Wh") for number in numbers})

    async def write(self, name: str, value: Any, requester: Any) -> None:
        await self.hub.points.publish({name: Reading(value, self.hub.time.now(), unit="Wh")})

    def status(self) -> CrowdStatus:
        return CrowdStatus(points=self.config.count, rounds=self.rounds)
