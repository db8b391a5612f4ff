"""What the objects do by themselves: follow the points, end periods, capture profiles, switch tariffs."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Sequence
from functools import partial

from meterhub_sdk import Hub, Quality, Reading, together

from meterhub_dlms.server.device import LogicalDevice, points_of
from meterhub_dlms.server.objects.local_clock import SECOND
from meterhub_dlms.server.settings import DlmsServerConfig

_log = logging.getLogger(__name__)


class Background:
    """Keeps ``readings`` up to date and the devices at work; :meth:`run` runs as long as the server does.

    ``unstored`` counts what the disk did not take. A capture is tried again every second until the next is due.
    """

    def __init__(
        self, hub: Hub, config: DlmsServerConfig, devices: Sequence[LogicalDevice], readings: dict[str, Reading]
    ) -> None:
        self.unstored = 0
        self._hub = hub
        self._devices = devices
        self._readings = readings
        self._points = sorted(points_of(config))
        self._known = asyncio.Event()
        self._failing = False
        self._tariffs: dict[str, int | None] = {}

    async def run(self) -> None:
        """Work until cancelled; the first error ends it and comes out as it is."""
        await together(self._follow(), self._keep_time())

    async def _follow(self) -> None:
        """Keep the newest reading of every point at hand."""
        following = [part for device in self._devices for part in device.following]
        loop = asyncio.get_running_loop()
        if not self._points:
            self._known.set()
            await asyncio.Event().wait()
        async for latest in self._hub.points.latest(*self._points):
            self._readings.update(latest.changed)
            now = loop.time()
            for part in following:
                self._store(partial(part.changed, latest.changed, now))
            self._known.set()

    async def _keep_time(self) -> None:
        """Let everything look at the clock at each full second."""
        ticking = [part for device in self._devices for part in device.ticking]
        if not ticking:
            await asyncio.Event().wait()
        await self._known.wait()
        loop = asyncio.get_running_loop()
        while True:
            for part in ticking:
                self._store(partial(part.tick, loop.time()))
            await self._publish_tariffs()
            await asyncio.sleep((SECOND - self._hub.time.now() % SECOND) / SECOND)

    async def _publish_tariffs(self) -> None:
        changed = {
            name: calendar.tariff
            for device in self._devices
            for name, calendar in device.tariffs.items()
            if name not in self._tariffs or self._tariffs[name] != calendar.tariff
        }
        if changed:
            now = self._hub.time.now()
            clock = self._hub.time.validity()
            await self._hub.points.publish(
                {
                    name: Reading(tariff, now, Quality.INVALID if tariff is None else Quality.GOOD, clock=clock)
                    for name, tariff in changed.items()
                }
            )
            self._tariffs.update(changed)

    def _store(self, work: Callable[[], None]) -> None:
        """Do something that may need the disk; the log hears of the first of a row of failures only."""
        try:
            work()
        except sqlite3.Error:
            self.unstored += 1
            if not self._failing:
                _log.exception("an object could not store what it captured; further ones are counted")
            self._failing = True
        else:
            self._failing = False
