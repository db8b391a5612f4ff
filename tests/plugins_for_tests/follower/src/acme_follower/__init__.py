"""A plugin for the tests of the core: it counts what a queue brings, and it can compute."""

from __future__ import annotations

import os

from meterhub_sdk import Config, PointName, Refused, Service, Synthesizer, WriteGuard, field, hookimpl
from pydantic import BaseModel


class FollowerConfig(Config):
    """What to follow."""

    follows: str = field("source/**", title="Pattern")


class Seen(BaseModel):
    """What came so far."""

    pid: int
    values: list[float | None]
    missed: int


class Follower(Service[FollowerConfig]):
    """Follows everything and shows it as its status."""

    name = "follower"

    async def run(self) -> None:
        self.seen = Seen(pid=os.getpid(), values=[], missed=0)
        async for batch in self.hub.points.every(self.config.follows, queue="all"):
            values = [*self.seen.values, *(reading.number for _, reading in batch.readings)]
            self.seen = Seen(pid=os.getpid(), values=values[-2000:], missed=self.seen.missed + batch.missed)

    def status(self) -> BaseModel | None:
        return getattr(self, "seen", None)


class DoubleConfig(Config):
    """What to double."""

    of: PointName = field(title="Of")


class Double(Synthesizer[DoubleConfig]):
    """Twice another point."""

    name = "double"
    outputs = {"result": "Wh"}

    def inputs(self):
        return [self.config.of]

    def compute(self, now):
        return {"result": now[self.config.of] * 2}


def check(name, value, requester) -> None:
    """The guard: nobody writes 13."""
    if value == 13:
        raise Refused("thirteen is not written here")


@hookimpl
def meterhub_services():
    return [Follower, Double]


@hookimpl
def meterhub_check_write():
    return [WriteGuard(("source/**",), check)]
