"""One look at the machine: what becomes points, and what the status shows of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from meterhub_sdk import Point, Value

from meterhub_system import resources
from meterhub_system.kernel_clock import since_boot
from meterhub_system.points import core_points, interface_points, stale_after
from meterhub_system.processor import Processor
from meterhub_system.settings import SystemConfig
from meterhub_system.status import (
    CoreLoad,
    DiskStatus,
    InterfaceStatus,
    MemoryStatus,
    Monitoring,
    ProcessorStatus,
    SensorStatus,
)
from meterhub_system.sysfs import SYS
from meterhub_system.traffic import Interface, Traffic


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen: values by the names of their points, and the points that only turned up now."""

    status: Monitoring
    interfaces: list[Interface]
    values: dict[str, Value]
    found: list[Point] = field(default_factory=list)


class Monitor:
    """Looks at processor, memory, disk, temperatures and network; ``directory`` lies on the disk that counts."""

    def __init__(self, config: SystemConfig, directory: Path, sys: Path = SYS) -> None:
        self.processor = Processor()
        self._stale = stale_after(config)
        self._directory = directory
        self._sys = sys
        self._traffic = Traffic(config.interfaces, sys)
        self._network_points: set[str] = set()

    def look(self, at: float) -> Look:
        """Look at everything; ``at`` is monotonic seconds. The processor is looked at more often, by itself."""
        interfaces = self._traffic.look(at)
        status = self._status(interfaces)
        cores = range(1, len(status.processor.cores) + 1)
        found = [point for core in cores for point in core_points(core, self._stale)]
        found += [point for one in interfaces for point in interface_points(one.name, self._stale)]
        values = dict(_resource_values(status)) | dict(_core_values(status.processor))
        # An interface that vanished takes its values with it: its points turn invalid, and stay.
        values |= dict.fromkeys(self._network_points) | dict(_traffic_values(interfaces))
        self._network_points = {name for name in values if name.startswith("network/")}
        return Look(status, interfaces, values, found)

    def _status(self, interfaces: list[Interface]) -> Monitoring:
        memory, disk = resources.memory(), resources.disk(self._directory)
        sensors = resources.temperatures(self._sys)
        return Monitoring(
            processor=_processor(self.processor),
            memory=MemoryStatus(share=memory.share, used=memory.used, total=memory.total, core=resources.core_memory()),
            disk=DiskStatus(share=disk.share, used=disk.used, total=disk.total, written=resources.written(self._sys)),
            temperature=max(sensors.values(), default=None),
            sensors=[SensorStatus(sensor=name, temperature=value) for name, value in sensors.items()],
            network=[_interface(one) for one in interfaces],
        )


def _processor(processor: Processor) -> ProcessorStatus:
    loads = enumerate(processor.cores, 1)
    return ProcessorStatus(
        load_10s=processor.all.short,
        load_15min=processor.all.long,
        cores=[CoreLoad(core=number, load_10s=load.short, load_15min=load.long) for number, load in loads],
    )


def _interface(one: Interface) -> InterfaceStatus:
    counters = {name.replace("-", "_"): value for name, value in one.counters.items()}
    return InterfaceStatus(
        name=one.name,
        state=one.state,
        speed=one.speed,
        address=one.address,
        receive_rate=one.receive_rate,
        send_rate=one.send_rate,
        **counters,
    )


def _resource_values(status: Monitoring) -> Iterator[tuple[str, Value]]:
    memory, disk = status.memory, status.disk
    yield from (("cpu/load-10s", status.processor.load_10s), ("cpu/load-15min", status.processor.load_15min))
    yield from (("memory/used", memory.used), ("memory/total", memory.total), ("memory/share", memory.share))
    yield from (("disk/used", disk.used), ("disk/total", disk.total), ("disk/share", disk.share))
    yield from (("memory/core", memory.core), ("disk/written", disk.written), ("temperature", status.temperature))
    yield "uptime", since_boot() / 1e9


def _core_values(processor: ProcessorStatus) -> Iterator[tuple[str, Value]]:
    for one in processor.cores:
        yield f"cpu/core-{one.core}/load-10s", one.load_10s
        yield f"cpu/core-{one.core}/load-15min", one.load_15min


def _traffic_values(interfaces: list[Interface]) -> Iterator[tuple[str, Value]]:
    for one in interfaces:
        place = f"network/{one.name}"
        yield from ((f"{place}/{name}", value) for name, value in one.counters.items())
        yield from ((f"{place}/up", one.up), (f"{place}/speed", one.speed))
        yield from ((f"{place}/receive-rate", one.receive_rate), (f"{place}/send-rate", one.send_rate))
