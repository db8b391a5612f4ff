"""Files of the machine that the capabilities ``monitoring`` and ``leds`` open to a worker."""

from __future__ import annotations

import os
from pathlib import Path

# Entries of /sys/class are links into /sys/devices, which is what is read in the end.
_FACTS = ("/sys/class/thermal", "/sys/class/hwmon", "/sys/class/net", "/sys/class/block", "/sys/devices")
_LEDS = Path("/sys/class/leds")


def readable() -> list[str]:
    """What monitoring reads beside what every worker may.

    Of other processes it is only how much memory and time the core takes: all of /proc would show the command lines of
    every program.
    """
    core = f"/proc/{os.getpid()}"
    return [*_FACTS, f"{core}/stat", f"{core}/statm"]


def leds(directory: Path = _LEDS) -> list[str]:
    """The LEDs of the machine, by the places that the links of the class lead to."""
    try:
        found = sorted(directory.iterdir())
    except OSError:
        return []
    return [str(led.resolve()) for led in found]
