"""Synthesizers whose results depend on what was before, and not only on the newest readings."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import TypeVar

from meterhub_sdk import EventType, Hub, Quality, Reading, Synthesizer

from meterhub_calculations import kept
from meterhub_calculations.settings import OfPoint

C = TypeVar("C", bound=OfPoint)
Parameter = str | int | float | bool | None


class Follower(Synthesizer[C]):
    """Follows one point: :meth:`compute` gets each state of it in turn and remembers what it needs.

    When :meth:`patience` is over it is asked again though nothing came: the same state twice must not
    count twice. Results are published when they changed. :meth:`begin` and :meth:`end` stand around
    the whole.
    """

    migrations = kept.MIGRATIONS

    def __init__(self, hub: Hub, config: C) -> None:
        super().__init__(hub, config)
        self._now: Mapping[str, Reading] = {config.point: Reading.missing()}
        self._published: Mapping[str, Reading] = {}
        self._noted: list[tuple[EventType, dict[str, Parameter]]] = []

    def inputs(self) -> Iterable[str]:
        """The one point."""
        return [self.config.point]

    def begin(self) -> None:
        """Take up what was kept."""

    def end(self) -> None:
        """Keep what must not be forgotten."""

    def patience(self) -> float | None:
        """In how many seconds it wants to be asked again at the latest."""
        return None

    def follow(self, reading: Reading) -> Mapping[str, Reading]:
        """The outputs when this is the state of the point; it may be one that came before."""
        raise NotImplementedError

    def compute(self, now: Mapping[str, Reading]) -> Mapping[str, Reading]:
        """The outputs, given the point."""
        return self.follow(now[self.config.point])

    def note(self, event: EventType, **parameters: Parameter) -> None:
        """Record an event once the results are published."""
        self._noted.append((event, parameters))

    async def run(self) -> None:
        """Follow the point until cancelled; when that raises, the outputs turn invalid first."""
        self.begin()
        try:
            async with contextlib.aclosing(self._states()) as states:
                async for now in states:
                    self._now = now
                    await self.refresh()
        finally:
            self.end()

    async def refresh(self) -> None:
        """Compute and publish; for commands too, after they changed what is remembered."""
        try:
            results = self.compute(self._now)
        except Exception:
            time = self.hub.time.now()
            await self.hub.points.publish(
                {point.name: Reading(None, time, Quality.INVALID, point.unit) for point in self.points()}
            )
            raise
        if results != self._published:
            self._published = results
            await self.hub.points.publish(results)
        while self._noted:
            event, parameters = self._noted.pop(0)
            await self.hub.events.record(event, service=self.hub.name, point=self.config.point, **parameters)

    async def _states(self) -> AsyncGenerator[Mapping[str, Reading], None]:
        """Each state that the hub has, and the present one again whenever the patience is over."""
        states = self.hub.points.latest(*self.inputs())
        coming = asyncio.ensure_future(anext(states))
        now: Mapping[str, Reading] | None = None
        try:
            while True:
                done, _ = await asyncio.wait([coming], timeout=self.patience())
                if done:
                    now = coming.result()
                    yield now
                    coming = asyncio.ensure_future(anext(states))
                elif now is not None:
                    yield now
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)
