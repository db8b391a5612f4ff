"""Which devices a worker may open as serial ports: those that the settings name, while they are there.

A sandbox grants files, not names: an adapter that is plugged in again is another device, and needs a new worker.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path

_SUBSYSTEMS = Path("/sys/dev/char")
_PSEUDO_TERMINALS = range(136, 144)
_VIRTUAL_TERMINALS = 64
_TERMINAL_MAJOR, _ALTERNATE_MAJOR = 4, 5


class SerialDevices:
    """The devices behind the paths of the settings, symbolic links such as those of /dev/serial/by-id followed."""

    def __init__(self) -> None:
        self._known: dict[str, set[str]] = {}

    def of(self, paths: Iterable[str]) -> tuple[str, ...]:
        """Every device that was ever seen behind these paths, so that only one that turns up makes a difference."""
        for path in paths:
            self._look(path)
        return tuple(sorted({device for path in paths for device in self._known[path]}))

    def changed(self) -> bool:
        """Whether behind a path that was asked for another device turned up since."""
        looks = [self._look(path) for path in self._known]
        return any(looks)

    def _look(self, path: str) -> bool:
        known = self._known.setdefault(path, set())
        found = _identity(path)
        new = found is not None and found not in known
        if found is not None:
            known.add(found)
        return new


def openable(paths: Iterable[str]) -> list[str]:
    """Those of the paths behind which there is a serial port now, as the paths of the devices themselves."""
    return [os.path.realpath(path) for path in paths if _identity(path) is not None]


def _identity(path: str) -> str | None:
    """What tells a device from another one at the same path; ``None`` when there is no serial port there."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return None
    if not stat.S_ISCHR(found.st_mode) or not _is_serial(os.major(found.st_rdev), os.minor(found.st_rdev)):
        return None
    # A pseudo-terminal that comes back has the inode number of the one before.
    return f"{os.path.realpath(path)} {found.st_ino} {found.st_ctime_ns}"


def _is_serial(major: int, minor: int) -> bool:
    """No disk, no console, nobody's keyboard: settings that name those get nothing."""
    if major in _PSEUDO_TERMINALS:
        return True
    if major == _ALTERNATE_MAJOR or (major == _TERMINAL_MAJOR and minor < _VIRTUAL_TERMINALS):
        return False
    return (_SUBSYSTEMS / f"{major}:{minor}" / "subsystem").resolve().name == "tty"
