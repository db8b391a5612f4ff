"""A machine of files: /proc and /sys as the kernel shows them, with values that a test changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest


@dataclass
class FakeMachine:
    """Trees below a temporary directory; ``proc`` is what psutil reads."""

    root: Path

    @property
    def proc(self) -> Path:
        return self.root / "proc"

    @property
    def sys(self) -> Path:
        return self.root / "sys"

    def write(self, path: str, value: object) -> Path:
        """One attribute, as the kernel ends it with a line feed."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{value}\n")
        return file

    def processor(self, *cores: tuple[int, int]) -> None:
        """/proc/stat with ticks of work and idleness of each core."""
        rows = [f"cpu{n} {busy} 0 0 {idle} 0 0 0 0 0 0" for n, (busy, idle) in enumerate(cores)]
        busy, idle = (sum(core[place] for core in cores) for place in (0, 1))
        self.write("proc/stat", "\n".join([f"cpu  {busy} 0 0 {idle} 0 0 0 0 0 0", *rows, "btime 1700000000"]))

    def memory(self, total: int, available: int) -> None:
        """/proc/meminfo, in kB."""
        names = ("Buffers", "Cached", "Active", "Inactive", "Shmem", "Slab")
        rows = {"MemTotal": total, "MemFree": 1, "MemAvailable": available, **dict.fromkeys(names, 0)}
        self.write("proc/meminfo", "\n".join(f"{name}: {value} kB" for name, value in rows.items()))

    def interface(self, name: str, *, device: bool = False, state: str = "up", speed: int = 100, **counts: int) -> None:
        """An interface of /sys/class/net."""
        place = f"sys/class/net/{name}"
        for counter in ("bytes", "packets", "errors", "dropped"):
            for way in ("rx", "tx"):
                self.write(f"{place}/statistics/{way}_{counter}", counts.get(f"{way}_{counter}", 0))
        self.write(f"{place}/operstate", state)
        self.write(f"{place}/speed", speed)
        self.write(f"{place}/address", "02:00:00:00:00:01")
        if device:
            (self.root / place / "device").mkdir(exist_ok=True)

    def disk(self, name: str, sectors: int, *, device: bool = True, partition: bool = False) -> None:
        """A block device of /sys/class/block that was written to."""
        place = f"sys/class/block/{name}"
        self.write(f"{place}/stat", f"  10 0 80 5 20 0 {sectors} 9 0 4 14")
        if device:
            (self.root / place / "device").mkdir(exist_ok=True)
        if partition:
            self.write(f"{place}/partition", 1)

    def led(self, name: str) -> Path:
        """An LED with triggers."""
        for attribute, value in {"brightness": 0, "max_brightness": 255, "trigger": "none timer [heartbeat]"}.items():
            self.write(f"sys/class/leds/{name}/{attribute}", value)
        for attribute in ("delay_on", "delay_off"):
            self.write(f"sys/class/leds/{name}/{attribute}", 0)
        return self.sys / "class/leds" / name


@pytest.fixture
def fake_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeMachine:
    """A machine of two idle cores and nothing else."""
    made = FakeMachine(tmp_path / "machine")
    made.processor((0, 0), (0, 0))
    made.memory(1000, 600)
    monkeypatch.setattr(psutil, "PROCFS_PATH", str(made.proc))
    return made


@pytest.fixture
def file_text() -> Callable[[Path], str]:
    """What was written to an attribute."""
    return lambda path: path.read_text().strip()
