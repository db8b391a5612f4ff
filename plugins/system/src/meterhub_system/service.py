"""The service that watches the machine, vouches for its clock, and shows the lamps."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable
from typing import ClassVar

from meterhub_sdk import Clock, Feature, Hub, MeterhubError, Point, Rights, Service, Value, moment

from meterhub_system.alarms import Alarms
from meterhub_system.clock_keeping import ClockKeeping, time_status
from meterhub_system.kernel_clock import since_boot
from meterhub_system.lamps import CONNECTED, LAMPS, LampState, any_connected, chosen, lamps
from meterhub_system.leds import Leds
from meterhub_system.machine import Machine, machine
from meterhub_system.monitor import Look, Monitor
from meterhub_system.points import Publisher, configured_points, identifier
from meterhub_system.processor import STEP
from meterhub_system.settings import LampName, SystemConfig
from meterhub_system.status import Info, LampStatus, Monitoring, SystemStatus, UtilityStatus

BEAT = 1.0
_LEAVE = 1.0


class System(Service[SystemConfig]):
    """Monitoring of the machine, its clock, its lamps, and what the utility calls it."""

    name = "system"
    title = "System"
    menu = "Device"
    feature = Feature("system", "System", built_in=True)
    single = True
    rights = Rights(write="R2 R3 R5")
    status_type = SystemStatus
    beat: ClassVar[float] = BEAT

    def __init__(self, hub: Hub, config: SystemConfig) -> None:
        super().__init__(hub, config)
        self._machine: Machine | None = None
        self._monitor = Monitor(config, hub.directory)
        self._publisher = Publisher(hub, self.points())
        self._look: Look | None = None
        self._clock = ClockKeeping(hub, config.clock)
        self._alarms = Alarms(hub, config.limits)
        self._leds = Leds(hub, config.leds)
        self._connected = False
        self._lamps: dict[LampName, LampState] = lamps("power-up", connected=False, ethernet=None)
        self._published_at: float | None = None
        self._sampled_at: float | None = None

    def points(self) -> Iterable[Point]:
        """All but those of cores and interfaces, which only the machine knows."""
        return configured_points(self.config)

    async def run(self) -> None:
        """Watch until cancelled."""
        self._machine = machine()
        following = asyncio.create_task(self._follow_connections())
        await self._leds.show(self._lamps)
        try:
            await self._beat()
            while not following.done():
                await asyncio.sleep(self.beat)  # so long all lamps are on, and a broken one is seen
                await self._show()
                await self._beat()
            await following
        finally:
            following.cancel()
            self._leds.end(lamps("stopped", connected=False, ethernet=None))
            await self._leave()
            await asyncio.gather(following, return_exceptions=True)

    async def _leave(self) -> None:
        """From now on nobody looks at the clock, so nobody knows whether it is right."""
        with contextlib.suppress(MeterhubError, ConnectionError, TimeoutError):
            async with asyncio.timeout(_LEAVE):
                await self.hub.time.vouch(Clock.UNKNOWN)

    async def _follow_connections(self) -> None:
        """Services say by a point each that a connection carries process data."""
        async for points in self.hub.points.latest(CONNECTED):
            self._connected = any_connected(points)

    async def _beat(self) -> None:
        at = asyncio.get_running_loop().time()
        await self._clock.look(at)
        if self._sampled_at is None or at - self._sampled_at >= STEP:
            self._sampled_at = at
            self._monitor.processor.look(at)
        if self._published_at is None or at - self._published_at >= self.config.interval:
            self._published_at = at
            self._look = await self._publish(at)

    async def _publish(self, at: float) -> Look:
        look = self._monitor.look(at)
        await self._publisher.declare(look.found)
        kernel = self._clock.kernel
        values: dict[str, Value] = look.values | {
            "clock/synchronised": kernel.synchronised,
            "clock/maximum-error": kernel.maximum_error,
        }
        values |= {identifier(name): text for name, text in self.config.utility.model_dump().items()}
        values |= {f"lamps/{lamp}": state for lamp, state in self._lamps.items()}
        await self._publisher.publish(values)
        await self._alarms.look("disk", look.status.disk.share, at)
        await self._alarms.look("memory", look.status.memory.share, at)
        await self._alarms.look("temperature", look.status.temperature, at)
        return look

    async def _show(self) -> None:
        """Show the lamps, and publish those that changed."""
        ethernet = chosen(self._look.interfaces, self.config.ethernet) if self._look is not None else None
        now = lamps("running", connected=self._connected, ethernet=ethernet)
        changed: dict[str, Value] = {f"lamps/{lamp}": now[lamp] for lamp in LAMPS if now[lamp] != self._lamps[lamp]}
        self._lamps = now
        await self._leds.show(now)
        if changed:
            await self._publisher.publish(changed)

    def status(self) -> SystemStatus:
        """Everything as it was seen last; the clock as it is now."""
        return SystemStatus(
            info=self._info(),
            monitoring=self._look.status if self._look is not None else Monitoring(),
            time=time_status(self._clock, self.hub.time.now()),
            lamps=[self._lamp(lamp) for lamp in LAMPS],
            utility=UtilityStatus(**self.config.utility.model_dump()),
        )

    def _info(self) -> Info:
        up, now = since_boot(), self.hub.time.now()
        facts = {name: getattr(self._machine, name) for name in Machine.__dataclass_fields__} if self._machine else {}
        if self._look is None:
            return Info(**facts, booted=moment(now - up), uptime=up / 1e9)
        problems = self._problems()
        return Info(
            **facts,
            state="degraded" if problems else "running",
            problems=problems,
            memory=self._look.status.memory.total,
            disk=self._look.status.disk.total,
            booted=moment(now - up),
            uptime=up / 1e9,
        )

    def _problems(self) -> list[str]:
        verdict = self._clock.verdict
        clock = [clock_words(verdict.validity)] if verdict and verdict.validity != Clock.VALID else []
        leds = [led_words(lamp) for lamp in self._leds.failures]
        return [*self._alarms.raised, *clock, *leds]

    def _lamp(self, lamp: LampName) -> LampStatus:
        failure = self._leds.failures.get(lamp, "")
        return LampStatus(lamp=lamp, state=self._lamps[lamp], led=self._leds.name_of(lamp), failure=failure)


def clock_words(validity: Clock) -> str:
    """What is wrong with a clock that is not valid."""
    return "the clock is wrong" if validity == Clock.INVALID else "nobody vouches for the clock"


def led_words(lamp: str) -> str:
    """What is wrong with a lamp whose LED fails."""
    return f"the LED of the lamp {lamp} cannot be set"
