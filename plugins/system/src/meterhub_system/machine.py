"""What the machine is: facts that do not change while it runs."""

from __future__ import annotations

import os
import platform
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

_MODEL_KEYS = ("model name", "Model", "Hardware", "cpu model")
"""Where the processor's or the board's name stands in /proc/cpuinfo on x86, ARM and MIPS."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Of the machine and the system on it."""

    host_name: str
    operating_system: str
    kernel: str
    architecture: str
    processor: str
    processor_cores: int
    python: str


def machine() -> Machine:
    """The machine that this process runs on."""
    return Machine(
        host_name=socket.gethostname(),
        operating_system=_operating_system(),
        kernel=f"{platform.system()} {platform.release()}",
        architecture=platform.machine(),
        processor=processor_of(Path(psutil.PROCFS_PATH)),
        processor_cores=os.cpu_count() or 1,
        python=platform.python_version(),
    )


def processor_of(proc: Path) -> str:
    """The model that /proc/cpuinfo names; empty where it names none."""
    found = dict(_cpuinfo(proc))
    return next((found[key] for key in _MODEL_KEYS if found.get(key)), "")


def _cpuinfo(proc: Path) -> Iterator[tuple[str, str]]:
    try:
        lines = (proc / "cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return
    for line in lines:
        key, colon, value = line.partition(":")
        if colon:
            yield key.strip(), value.strip()


def _operating_system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "")
    except OSError:
        return ""
