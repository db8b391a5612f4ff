"""A network cable that can be cut: a network namespace with the servers in it, and a pair of interfaces."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator


class Cable:
    """Joins this network namespace with one of its own. ``far`` is the address of the other side, as seen from here."""

    def __init__(self, number: int) -> None:
        self.name = f"mhfaults{number}"
        self._near = f"mhf{number}"
        net = f"10.{200 + number % 50}.{number // 50 % 250}"
        self._here, self.far = f"{net}.1", f"{net}.2"

    @property
    def inside(self) -> tuple[str, ...]:
        """What a program is started through to run at the other side."""
        return ("ip", "netns", "exec", self.name)

    def lay(self) -> None:
        """Make everything; ``CalledProcessError`` where that is not permitted."""
        _ip("netns", "add", self.name)
        _ip("link", "add", self._near, "type", "veth", "peer", "name", "far", "netns", self.name)
        _ip("address", "add", f"{self._here}/24", "dev", self._near)
        _ip("-n", self.name, "address", "add", f"{self.far}/24", "dev", "far")
        _ip("-n", self.name, "link", "set", "lo", "up")
        _ip("-n", self.name, "link", "set", "far", "up")
        self.mend()

    def cut(self) -> None:
        """Nothing goes over it any more, and nobody is told."""
        _ip("link", "set", self._near, "down")

    def mend(self) -> None:
        """It works again."""
        _ip("link", "set", self._near, "up")

    def remove(self) -> None:
        """Take it away, whatever of it there is."""
        for line in (("link", "delete", self._near), ("netns", "delete", self.name)):
            with contextlib.suppress(subprocess.CalledProcessError):
                _ip(*line)


def laid() -> Iterator[Cable]:
    """A cable for one test; ``PermissionError`` or what ``ip`` says where there can be none."""
    cable = Cable(os.getpid())
    try:
        cable.lay()
        yield cable
    finally:
        cable.remove()


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
