"""Ways to a meter for what people ask: over the association that polls it, or as a guest, for a draft."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Protocol, TypeVar

from meterhub_sdk import Hub, Refused

from meterhub_dlms.client.association import Association
from meterhub_dlms.client.bus.bus import Bus
from meterhub_dlms.client.bus.guest import host_guest
from meterhub_dlms.client.bus.jobs import Priority
from meterhub_dlms.client.bus.media import medium_of
from meterhub_dlms.client.errors import BROKEN
from meterhub_dlms.client.introduction import Introduction
from meterhub_dlms.client.settings import DlmsClientConfig, Meter

T = TypeVar("T")

Step = Callable[[Association], Awaitable[bool]]
"""A few exchanges; true when more is to be done."""

_POLITE = 2.0
"""Seconds that a step lets polls go first before it takes its turn as a command."""


class Reach(Protocol):
    """A meter that somebody asks something; every method raises ``Refused`` with the reason when it cannot be."""

    meter: Meter

    async def perform(self, work: Callable[[Association], Awaitable[T]]) -> T:
        """Do it now, before all polls."""
        ...

    async def long(self, work: Callable[[Association], Awaitable[T]]) -> T:
        """Do what takes a while; the polls of other meters on the bus go on in between."""
        ...

    async def steps(self, step: Step, seconds: float) -> None:
        """Go on step by step for so long; polls go in between."""
        ...


class KnownMeter:
    """A meter of the settings in force, over its own association."""

    def __init__(self, bus: Bus, meter: Meter) -> None:
        self.meter = meter
        self._bus = bus

    async def perform(self, work: Callable[[Association], Awaitable[T]]) -> T:
        """At the priority of commands."""
        return await self._perform(Priority.COMMAND, work)

    async def long(self, work: Callable[[Association], Awaitable[T]]) -> T:
        """Below all polls, which interrupt it."""
        return await self._perform(Priority.PROFILE, work)

    async def steps(self, step: Step, seconds: float) -> None:
        """Each step is a turn of its own."""
        clock = asyncio.get_running_loop().time
        until = clock() + seconds
        while await self._step(step) and clock() < until:
            pass

    async def _step(self, step: Step) -> bool:
        """Below the polls; on a bus that is always busy as a command after all, or it would never begin."""
        begun = asyncio.Event()

        async def work(association: Association) -> bool:
            begun.set()
            return await step(association)

        polite = asyncio.create_task(self._perform(Priority.PROFILE, work))
        try:
            await asyncio.wait({polite}, timeout=_POLITE)
            if polite.done() or begun.is_set():
                return await polite
        finally:
            if not polite.done():
                polite.cancel()
                await asyncio.wait({polite})
        return await self._perform(Priority.COMMAND, step)

    async def _perform(self, priority: Priority, work: Callable[[Association], Awaitable[T]]) -> T:
        try:
            return await self._bus.perform(self.meter.label, priority, work)
        except BROKEN as error:
            raise _unreachable(self.meter, error) from None


class DraftMeter:
    """A meter that need not be in force: an association of its own, on the bus in force where there is one."""

    def __init__(
        self, hub: Hub, config: DlmsClientConfig, meter: Meter, introduction: Introduction, buses: Mapping[str, Bus]
    ) -> None:
        self.meter = meter
        self._hub = hub
        self._config = config
        self._introduction = introduction
        self._buses = buses

    async def perform(self, work: Callable[[Association], Awaitable[T]]) -> T:
        """At the priority of commands."""
        return await self._visit(Priority.COMMAND, work)

    async def long(self, work: Callable[[Association], Awaitable[T]]) -> T:
        """Below all polls, which interrupt it."""
        return await self._visit(Priority.PROFILE, work)

    async def steps(self, step: Step, seconds: float) -> None:
        """All in one visit, which polls of the bus interrupt."""
        clock = asyncio.get_running_loop().time

        async def work(association: Association) -> None:
            until = clock() + seconds
            while await step(association) and clock() < until:
                pass

        await self._visit(Priority.PROFILE, work)

    async def _visit(self, priority: Priority, work: Callable[[Association], Awaitable[T]]) -> T:
        meter = self.meter.model_copy(update={"label": f"{self.meter.label} (draft)"})
        visit = partial(host_guest, meter=meter, introduction=self._introduction, work=work)
        try:
            bus = self._bus()
            if bus is not None:
                return await bus.visit(meter, priority, visit)
            async with medium_of(self._hub, self._config, meter).opened(lambda: None) as access:
                return await visit(access)
        except TimeoutError:
            raise Refused(f"the meter {self.meter.label} cannot be reached within {meter.patience:g} s") from None
        except BROKEN as error:
            raise _unreachable(self.meter, error) from None

    def _bus(self) -> Bus | None:
        """The bus in force that leads to the meter; ``None`` for a TCP address that no bus uses."""
        meter = self.meter
        if meter.hdlc:
            found = next((bus for bus in self._buses.values() if bus.name == meter.bus), None)
            if found is None and meter.transport == "serial":
                raise Refused(
                    f"no meter in force uses the serial port {meter.serial_port!r}, so this service may not open it; "
                    "apply the settings with a meter on that port first"
                )
            return found
        for bus in self._buses.values():
            if any(_same_device(poller.meter, meter) for poller in bus.pollers.values()):
                return bus
        return None


def _same_device(known: Meter, meter: Meter) -> bool:
    address = meter.transport, meter.host, meter.port, meter.logical_device
    return (known.transport, known.host, known.port, known.logical_device) == address


def _unreachable(meter: Meter, error: Exception) -> Refused:
    return Refused(f"the meter {meter.label}: {str(error) or type(error).__name__}")
