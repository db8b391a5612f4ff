"""The points that the service offers, and how measured values become readings of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from meterhub_sdk import Hub, Point, PointType, Quality, Reading, Value

from meterhub_system.lamps import LAMPS, TITLES
from meterhub_system.settings import SystemConfig, UtilityIdentifiers

_MISSED = 3
"""Intervals without a reading after which a point is stale."""

_FIXED: tuple[tuple[str, PointType, str, str], ...] = (
    ("cpu/load-10s", "float", "%", "Processor load, mean of 10 s"),
    ("cpu/load-15min", "float", "%", "Processor load, mean of 15 min"),
    ("memory/used", "int", "B", "Memory used"),
    ("memory/total", "int", "B", "Memory"),
    ("memory/share", "float", "%", "Memory used"),
    ("memory/core", "int", "B", "Memory of the core"),
    ("disk/used", "int", "B", "Disk used"),
    ("disk/total", "int", "B", "Disk"),
    ("disk/share", "float", "%", "Disk used"),
    ("disk/written", "int", "B", "Written to the disks since the machine started"),
    ("temperature", "float", "°C", "Temperature of the hottest sensor"),
    ("uptime", "float", "s", "Time since the machine started"),
    ("clock/synchronised", "bool", "", "The kernel says that its clock is synchronised"),
    ("clock/maximum-error", "float", "s", "Bound of the clock's error"),
)
_OF_A_CORE = (("load-10s", "mean of 10 s"), ("load-15min", "mean of 15 min"))
_OF_AN_INTERFACE: tuple[tuple[str, PointType, str, str], ...] = (
    ("up", "bool", "", "link"),
    ("speed", "int", "Mbit/s", "speed"),
    ("received", "int", "B", "received"),
    ("sent", "int", "B", "sent"),
    ("received-packets", "int", "", "packets received"),
    ("sent-packets", "int", "", "packets sent"),
    ("errors", "int", "", "errors"),
    ("dropped", "int", "", "packets dropped"),
    ("receive-rate", "float", "B/s", "receiving"),
    ("send-rate", "float", "B/s", "sending"),
)


def configured_points(config: SystemConfig) -> Iterator[Point]:
    """All that is known without looking at the machine."""
    stale = stale_after(config)
    for name, kind, unit, title in _FIXED:
        yield Point(name=name, type=kind, unit=unit, title=title, stale_after=stale)
    for lamp in LAMPS:
        yield Point(name=f"lamps/{lamp}", type="str", title=f"Lamp {TITLES[lamp]}", stale_after=stale)
    for name, info in UtilityIdentifiers.model_fields.items():
        yield Point(name=identifier(name), type="str", title=info.title or name, stale_after=stale)


def core_points(core: int, stale: float) -> Iterator[Point]:
    """Of one core of the processor; they are counted from 1."""
    for name, words in _OF_A_CORE:
        title = f"Load of core {core}, {words}"
        yield Point(name=f"cpu/core-{core}/{name}", unit="%", title=title, stale_after=stale)


def interface_points(interface: str, stale: float) -> Iterator[Point]:
    """Of one network interface."""
    for name, kind, unit, words in _OF_AN_INTERFACE:
        full, title = f"network/{interface}/{name}", f"{interface}: {words}"
        yield Point(name=full, type=kind, unit=unit, title=title, source=interface, stale_after=stale)


def identifier(field: str) -> str:
    """The point of one identifier of the utility."""
    return f"utility/{field.replace('_', '-')}"


def stale_after(config: SystemConfig) -> float:
    """Seconds without a reading after which the points are stale."""
    return _MISSED * config.interval


class Publisher:
    """Publishes values under the own points, and declares those that only turn up at run time."""

    def __init__(self, hub: Hub, points: Iterable[Point]) -> None:
        self._hub = hub
        self._points = {point.name: point for point in points}

    async def declare(self, points: Iterable[Point]) -> None:
        """Offer points, each once."""
        new = [point for point in points if point.name not in self._points]
        if new:
            await self._hub.points.declare(*new)
            self._points.update((point.name, point) for point in new)

    async def publish(self, values: Mapping[str, Value]) -> None:
        """One batch, with the time of now; ``None`` is published as invalid."""
        await self._hub.points.publish({name: self._reading(name, value) for name, value in values.items()})

    def _reading(self, name: str, value: Value) -> Reading:
        quality = Quality.INVALID if value is None else Quality.GOOD
        time, clock = self._hub.time.now(), int(self._hub.time.validity())
        return Reading(value, time, int(quality), self._points[name].unit, 0, clock)
