"""Pseudo-terminals as serial ports."""

from __future__ import annotations

import os
import tty
from collections.abc import Iterator

import pytest
from meterhub_sdk.testing import FakeHub


class Pty:
    """The far side of a serial line; ``device`` is the path of the near one."""

    def __init__(self) -> None:
        self.far, near = os.openpty()
        tty.setraw(self.far)
        os.set_blocking(self.far, False)
        self.device = os.ttyname(near)
        os.close(near)

    def send(self, data: bytes) -> None:
        os.write(self.far, data)

    def receive(self) -> bytes:
        try:
            return os.read(self.far, 65536)
        except OSError:
            return b""

    def unplug(self) -> None:
        if self.far >= 0:
            os.close(self.far)
            self.far = -1


@pytest.fixture
def pty() -> Iterator[Pty]:
    made = Pty()
    yield made
    made.unplug()


@pytest.fixture
def hub(pty: Pty, fake_hub: FakeHub) -> FakeHub:
    fake_hub.things["serial", "bus"] = {"device": pty.device}
    return fake_hub
