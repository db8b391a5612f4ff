"""A bus of simulated meters, for tests, benchmarks and trying things out without a meter.

::

    meterhub-sdk simulate-line --station meterhub_dlms.simulator:meters --arguments '{"meters": 31}' \\
        --turnaround 50 --link /dev/shm/bus

The meters are made of the objects and services of ``dlms-server``; the line that they are on is the SDK's. In one
process with a test::

    bus = meters(meters=10, password="00000000")
    with SimulatedLine(Terminal("master"), InProcess(bus, turnaround=0.05), baud=9600) as line: ...
"""

from __future__ import annotations

from typing import Any

from meterhub_dlms.simulator.bus import MeterBus
from meterhub_dlms.simulator.settings import MeterBusConfig

__all__ = ["MeterBus", "MeterBusConfig", "meters"]


def meters(**settings: Any) -> MeterBus:
    """A station of a simulated line; ``settings`` are those of :class:`MeterBusConfig`, ``ValueError`` when wrong."""
    return MeterBus(MeterBusConfig.model_validate(settings))
