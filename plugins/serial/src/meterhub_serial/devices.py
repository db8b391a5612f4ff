"""What the machine says of its serial devices, by /dev and sysfs, without opening any of them.

In a sandbox that closes directories the devices are found by their usual names, and what sysfs would tell
is left open; nothing fails for that.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_NAMES = re.compile(r"tty(S|USB|ACM|AMA)[0-9]{1,3}")
_GUESSES = [f"tty{kind}{number}" for kind in ("S", "USB", "ACM", "AMA") for number in range(32)]
_USB_LEVELS = 6
_TEXT_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Found:
    """A serial device; what could not be found out is empty."""

    device: str
    by_id: str = ""
    driver: str = ""
    vendor: str = ""
    product: str = ""
    description: str = ""
    serial_number: str = ""


class Devices:
    """The machine's devices below ``dev`` and ``sys``."""

    def __init__(self, dev: Path = Path("/dev"), sys: Path = Path("/sys")) -> None:
        self._dev = dev
        self._sys = sys

    def present(self, device: str) -> bool:
        """Whether the path is a character device now."""
        try:
            return stat.S_ISCHR(Path(device).stat().st_mode)
        except OSError:
            return False

    def latency(self, device: str) -> int | None:
        """The latency timer of an FTDI adapter in milliseconds; ``None`` where there is none or it is not told."""
        name = os.path.basename(os.path.realpath(device))  # noqa: PTH119 -- a name, of a link that may be broken
        text = _text(self._sys / "bus/usb-serial/devices" / name / "latency_timer")
        return int(text) if text.isdecimal() else None

    def all(self) -> Iterator[Found]:
        """Every serial device that is there, in the order of their names."""
        stable = self._stable_names()
        for name in sorted(self._names(), key=lambda name: (len(name), name)):
            path = self._dev / name
            if self.present(str(path)) and not self._empty_socket(name):
                yield self._describe(str(path), name, stable.get(name, ""))

    def _names(self) -> list[str]:
        try:
            return [name for name in os.listdir(self._dev) if _NAMES.fullmatch(name)]  # noqa: PTH208 -- names only
        except OSError:
            return _GUESSES

    def _stable_names(self) -> dict[str, str]:
        """Names of udev by the name of the device that they lead to."""
        directory = self._dev / "serial/by-id"
        try:
            return {os.path.basename(os.readlink(link)): str(link) for link in sorted(directory.iterdir())}  # noqa: PTH115, PTH119
        except OSError:
            return {}

    def _empty_socket(self, name: str) -> bool:
        """The kernel names four ttyS whether or not there is a UART; type 0 is none."""
        return name.startswith("ttyS") and _text(self._sys / "class/tty" / name / "type") == "0"

    def _describe(self, device: str, name: str, by_id: str) -> Found:
        place = Path(os.path.realpath(self._sys / "class/tty" / name / "device"))
        driver = os.path.basename(os.path.realpath(place / "driver")) if (place / "driver").exists() else ""  # noqa: PTH119
        for parent in [place, *place.parents][:_USB_LEVELS]:
            if vendor := _text(parent / "idVendor"):
                words = (_text(parent / "manufacturer"), _text(parent / "product"))
                return Found(
                    device,
                    by_id,
                    driver,
                    vendor,
                    _text(parent / "idProduct"),
                    " ".join(word for word in words if word),
                    _text(parent / "serial"),
                )
        return Found(device, by_id, driver)


def _text(path: Path) -> str:
    """The first line of a small file; empty when it is not there or may not be read."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(_TEXT_LIMIT).strip()
    except OSError:
        return ""
