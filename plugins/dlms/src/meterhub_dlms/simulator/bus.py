"""The meters of one bus as a station of the SDK's simulated line."""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from meterhub_dlms.link.hdlc_deframer import HdlcDeframer
from meterhub_dlms.link.hdlc_frame import HdlcAddress
from meterhub_dlms.server.hdlc_line import PAUSE
from meterhub_dlms.simulator.meter import SimulatedMeter
from meterhub_dlms.simulator.settings import MeterBusConfig


class MeterBus:
    """All meters of the settings: called with what came between two silences, answers what to send.

    ``meters`` has them by their addresses; switch one off by its :attr:`~SimulatedMeter.switched_on`. It may be made
    in one thread and used by another, but by one at a time.
    """

    def __init__(self, settings: MeterBusConfig) -> None:
        self._loop = asyncio.new_event_loop()
        self._deframer = HdlcDeframer()
        self._heard_at = time.monotonic()
        self.meters: dict[int, SimulatedMeter] = {}
        weakref.finalize(self, _close, self._loop, self.meters)
        with ThreadPoolExecutor(1) as aside:  # whoever makes a bus may be within an event loop already
            aside.submit(self._loop.run_until_complete, _install(settings, self.meters)).result()

    def __call__(self, heard: bytes) -> list[bytes]:
        """What the meters answer, in the order in which they were asked."""
        now = time.monotonic()
        if now - self._heard_at > PAUSE:
            self._deframer.reset()
        self._heard_at = now
        return [
            answer
            for frame in self._deframer.feed(heard)
            if (meter := self._asked(frame.destination)) is not None
            for answer in self._loop.run_until_complete(meter.answer(frame.encode(), time.time_ns()))
        ]

    def _asked(self, address: HdlcAddress) -> SimulatedMeter | None:
        """The meter at an address; one that names no physical device is for a meter that is alone."""
        if address.lower is None:
            return next(iter(self.meters.values())) if len(self.meters) == 1 else None
        return self.meters.get(address.lower)


async def _install(settings: MeterBusConfig, meters: dict[int, SimulatedMeter]) -> None:
    now = time.time_ns()
    for address in settings.addresses:
        meters[address] = await SimulatedMeter.install(settings, address, now)


def _close(loop: asyncio.AbstractEventLoop, meters: Mapping[int, SimulatedMeter]) -> None:
    loop.close()
    for meter in meters.values():
        meter.close()
