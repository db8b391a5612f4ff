"""A service on a fake hub and a virtual clock: a scenario gives readings, lets time pass, and looks."""

from __future__ import annotations

import asyncio

import pytest
from meterhub_sdk import Reading, nanoseconds
from meterhub_sdk.testing import FakeHub, VirtualClock

SECOND = 1_000_000_000


class ClockedHub(FakeHub):
    """Its wall clock goes with the virtual time, and a test may set it to another time."""

    origin = 0

    def now(self):
        return self.origin + int(asyncio.get_running_loop().time() * SECOND)

    def set_clock(self, when):
        self.origin += nanoseconds(when) - self.now()

    async def pass_(self, seconds):
        await asyncio.sleep(seconds)
        await self.settle()

    async def read(self, value, seconds=0.0, unit="W", *, point="m/p", **more):
        """Let time pass; then the followed point has this value at the time that it is now."""
        await self.pass_(seconds)
        self.give(point, Reading(value, self.now(), unit=unit, **more))
        await self.settle()


@pytest.fixture(scope="session")
def play():
    def run(service_type, config, scenario, *, start, directory=None):
        async def main():
            hub = ClockedHub("calc", directory)
            hub.origin = nanoseconds(start)
            try:
                async with asyncio.timeout(10**9), hub.running(service_type(hub, config)):
                    await scenario(hub)
            finally:
                hub.close()
            return hub

        return VirtualClock().run(main())

    return run
