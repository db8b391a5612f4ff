"""What the kernel knows of its own clock (adjtimex(2)), who keeps it, and where it steps. Nothing here sets a clock."""

from __future__ import annotations

import ctypes
import os
import time
from dataclasses import dataclass
from pathlib import Path

from meterhub_system.sysfs import SYS, text_of

STA_UNSYNC = 0x0040
TIME_ERROR = 5
ROOT = Path("/")

# What each keeper of time leaves behind. Presence can be seen even where the contents cannot be read.
_KEEPERS = (
    ("systemd-timesyncd", "run/systemd/timesync"),
    ("chrony", "run/chrony"),
    ("ntpd", "run/ntpd.pid"),
    ("openntpd", "run/ntpd.sock"),
)
_TIMESYNCD_STAMP = "run/systemd/timesync/synchronized"


class _Timex(ctypes.Structure):
    """``struct timex`` as the C library has it; the rest of it is room for what this reader does not need."""

    _fields_ = [
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("frequency", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_long * 48),
    ]


@dataclass(frozen=True, slots=True)
class KernelClock:
    """The kernel's own account: errors in seconds. ``refused`` says why there is none."""

    synchronised: bool | None = None
    maximum_error: float | None = None
    estimated_error: float | None = None
    refused: str = ""


def kernel_clock() -> KernelClock:
    """Ask the kernel. With ``modes`` 0 the call changes nothing and needs no right."""
    asked = _Timex()
    library = ctypes.CDLL(None, use_errno=True)
    answer = int(library.adjtimex(ctypes.byref(asked)))
    if answer < 0:
        return KernelClock(refused=os.strerror(ctypes.get_errno()))
    return judged(answer, asked.status, asked.maxerror, asked.esterror)


def judged(answer: int, status: int, maxerror: int, esterror: int) -> KernelClock:
    """An answer of adjtimex(2) in words; the errors are in microseconds. Any answer but an error of the clock will do:
    the others only announce leap seconds."""
    return KernelClock(answer != TIME_ERROR and not status & STA_UNSYNC, maxerror / 1e6, esterror / 1e6)


def tick_source(sys: Path = SYS) -> str:
    """The hardware counter that the clock runs by, such as tsc."""
    return text_of(sys / "devices/system/clocksource/clocksource0/current_clocksource") or ""


def keeper(root: Path = ROOT) -> str:
    """The program that seems to keep the clock, by what it leaves in /run; empty where there is none."""
    return next((name for name, trace in _KEEPERS if _there(root / trace)), "")


def last_synchronised(root: Path = ROOT) -> int | None:
    """When systemd-timesyncd last set the clock right, in nanoseconds since 1970; others do not say."""
    try:
        return (root / _TIMESYNCD_STAMP).stat().st_mtime_ns
    except OSError:
        return None


def _there(path: Path) -> bool:
    try:
        path.stat()
    except OSError:
        return False
    return True


def zone(root: Path = ROOT) -> str:
    """The time zone of the machine as its database names it, such as Europe/Warsaw; else its abbreviation."""
    try:
        _, found, name = str((root / "etc/localtime").readlink()).rpartition("zoneinfo/")
    except OSError:
        found, name = "", ""
    return name if found else time.tzname[0]


class Jumps:
    """Finds steps of the wall clock: against the time since the machine started, which nobody can set.

    CLOCK_BOOTTIME and not CLOCK_MONOTONIC: it goes on while the machine sleeps, so waking up is no jump.
    """

    def __init__(self, least: float) -> None:
        self._least = round(least * 1e9)
        self._offset: int | None = None

    def look(self, wall: int, since_boot: int) -> float | None:
        """The step since the look before in seconds, or ``None``; both times in nanoseconds.

        What creeps, as when the clock is slewed, is never one: each look counts from the one before.
        """
        before, self._offset = self._offset, wall - since_boot
        if before is None or abs(self._offset - before) < self._least:
            return None
        return (self._offset - before) / 1e9


def since_boot() -> int:
    """Nanoseconds since the machine started, sleep included."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
