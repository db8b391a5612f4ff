"""Memory, disk and temperature of the machine, and what the core's process takes of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import psutil

from meterhub_system.sysfs import SYS, entries_of, number_of, text_of

_SECTOR = 512
_SECTORS_WRITTEN = 6
"""In ``stat`` of a block device, whose sectors are of 512 bytes whatever the disk's (Documentation/block/stat.rst)."""
_COLDEST, _HOTTEST = -60.0, 200.0


@dataclass(frozen=True, slots=True)
class Store:
    """Memory or a disk, in bytes."""

    used: int
    total: int

    @property
    def share(self) -> float:
        """What is used, in percent."""
        return 100.0 * self.used / self.total if self.total else 0.0


def memory() -> Store:
    """All but what the kernel could give to a program now (MemAvailable, proc(5))."""
    found = psutil.virtual_memory()
    return Store(found.total - found.available, found.total)


def disk(directory: Path) -> Store:
    """The file system that holds the directory; what is kept back for root counts as used."""
    found = os.statvfs(directory)
    return Store((found.f_blocks - found.f_bavail) * found.f_frsize, found.f_blocks * found.f_frsize)


def written(sys: Path = SYS) -> int | None:
    """Bytes written to the disks since the machine started, ``None`` where it shows no disk.

    Flash wears by them. Partitions, and disks that the kernel only makes of others, are left out.
    """
    disks = [
        entry
        for entry in entries_of(sys / "class/block")
        if (entry / "device").exists() and not (entry / "partition").exists()
    ]
    counts = [fields[_SECTORS_WRITTEN] for fields in map(_fields, disks) if len(fields) > _SECTORS_WRITTEN]
    return sum(int(count) for count in counts if count.isdecimal()) * _SECTOR if counts else None


def _fields(disk: Path) -> list[str]:
    return (text_of(disk / "stat") or "").split()


def temperatures(sys: Path = SYS) -> dict[str, float]:
    """Degrees Celsius by the name of the sensor: thermal zones of the kernel, and chips of the hwmon class.

    A value out of all reason, as a sensor that is not connected shows, is left out.
    """
    sensors = [(zone / "temp", text_of(zone / "type") or zone.name) for zone in entries_of(sys / "class/thermal")]
    for chip in entries_of(sys / "class/hwmon"):
        name = text_of(chip / "name") or chip.name
        for sensor in sorted(chip.glob("temp*_input")):
            label = text_of(chip / sensor.name.replace("_input", "_label")) or sensor.name.removesuffix("_input")
            sensors.append((sensor, f"{name} {label}"))
    found: dict[str, float] = {}
    for path, name in sensors:
        millidegrees = number_of(path)
        if millidegrees is not None and _COLDEST <= millidegrees / 1000 <= _HOTTEST:
            unique = name if name not in found else f"{name} ({path.parent.name})"
            found[unique] = millidegrees / 1000
    return found


def core_memory() -> int | None:
    """Bytes that the core's process holds, ``None`` where it cannot be seen. It is what started this worker."""
    try:
        held: int = psutil.Process(os.getppid()).memory_info().rss
    except psutil.Error:
        return None
    return held
