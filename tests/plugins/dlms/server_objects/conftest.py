"""Logical devices at work on a hub whose time is virtual: a day of it takes a moment."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from meterhub_dlms.codec import axdr, cosem_time, obis
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.ln_action import ActionResult
from meterhub_dlms.codec.selection import Selection
from meterhub_dlms.codec.xdlms import AccessResult
from meterhub_dlms.identity import MIGRATIONS as IDENTITY
from meterhub_dlms.server.background import Background
from meterhub_dlms.server.cosem import Caller
from meterhub_dlms.server.device import LogicalDevice, build_devices, offered_points
from meterhub_dlms.server.kept import MIGRATIONS as KEPT
from meterhub_dlms.server.settings import DlmsServerConfig
from meterhub_sdk import Reading, Service, nanoseconds
from meterhub_sdk.testing import FakeHub, VirtualClock

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
CLIENT = Caller(1, "DLMS client 1 at 192.0.2.7")
NOTHING = Data(axdr.INT8, 0)


class TimedHub(FakeHub):
    """A hub whose wall clock goes with the virtual loop, and can be set."""

    start = nanoseconds(NOON)

    def now(self) -> int:
        return self.start + round(asyncio.get_running_loop().time() * 1e9)

    def jump(self, **by: float) -> None:
        """Set the wall clock forward, or back."""
        self.start += round(timedelta(**by).total_seconds() * 1e9)


class AtWork(Service[DlmsServerConfig]):
    """The objects of a server without its services."""

    name = "dlms-server"
    migrations = (*IDENTITY, *KEPT)
    devices: list[LogicalDevice]
    background: Background

    def points(self):
        return offered_points(self.config)

    async def run(self) -> None:
        readings: dict[str, Reading] = {}
        self.devices = build_devices(self.hub, self.config, readings)
        self.background = Background(self.hub, self.config, self.devices, readings)
        await self.background.run()


class Meter:
    """What a client can do with the objects."""

    def __init__(self, hub: TimedHub, service: AtWork) -> None:
        self.hub = hub
        self.service = service

    def found(self, name: str, device: int = 0):
        return self.service.devices[device].objects[obis.parse(name)]

    def read(self, name: str, number: int, device: int = 0) -> Data | AccessResult:
        answer = self.found(name, device).attributes[number].read()
        return axdr.decode(answer) if isinstance(answer, bytes) else answer

    def value(self, name: str, number: int = 2, device: int = 0) -> Any:
        """The plain value of an attribute, or why there is none."""
        answer = self.read(name, number, device)
        return answer.value if isinstance(answer, Data) else answer

    def time(self, name: str, number: int) -> datetime:
        """A date-time as UTC."""
        return told(self.read(name, number))

    async def set(self, name: str, number: int, data: Data) -> AccessResult:
        return await self.found(name).attributes[number].set(data, CLIENT)

    async def call(self, name: str, number: int, data: Data = NOTHING) -> ActionResult:
        return (await self.found(name).methods[number](data, CLIENT)).result

    async def select(self, name: str, selection: Selection | None = None) -> list[list[Data]] | AccessResult:
        """The entries of a profile."""
        answer = await self.found(name).attributes[2].select(selection)
        return answer if isinstance(answer, AccessResult) else [row.value for row in axdr.decode(answer).value]

    async def until(self, when: datetime) -> None:
        """Let time pass until the wall clock shows this, and a little more."""
        await asyncio.sleep((nanoseconds(when) - self.hub.now()) / 1e9 + 0.2)

    async def skip_to(self, when: datetime) -> None:
        """The clock is set to shortly before this, and goes on until a little after it."""
        self.hub.start += nanoseconds(when) - self.hub.now() - 1_500_000_000
        await self.until(when)


def told(data: Data) -> datetime:
    time = cosem_time.decode(data.value).time
    assert time is not None
    return datetime.fromtimestamp(time / 1e9, UTC)


Scenario = Callable[[Meter], Awaitable[None]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., None]:
    """Runs a scenario with the settings given; called again, the same service is started anew."""

    def run(
        scenario: Scenario, *, start: datetime = NOON, at_first: dict[str, Reading] | None = None, **given: Any
    ) -> None:
        async def whole() -> None:
            hub = TimedHub("dlms-server", tmp_path)
            hub.start = nanoseconds(start)
            try:
                hub.give_all(at_first or {})
                async with working(hub, given) as meter:
                    await scenario(meter)
            finally:
                hub.close()

        VirtualClock().run(whole())

    return run


@contextlib.asynccontextmanager
async def working(hub: TimedHub, given: dict[str, Any]) -> AsyncIterator[Meter]:
    service = AtWork(hub, DlmsServerConfig.model_validate(given))
    async with hub.running(service):
        yield Meter(hub, service)
