"""Channels under test: pseudo-terminals as serial ports, and real sockets."""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from meterhub_forwarding.service import Forwarding
from meterhub_forwarding.settings import ForwardingConfig
from meterhub_sdk import testing
from meterhub_sdk.testing import FakeHub


class Far:
    """The far side of a serial port."""

    def __init__(self, link: str) -> None:
        self.link = link
        self.fd = -1
        self.plug()

    def plug(self) -> None:
        """Plug the adapter in: the same name, another device."""
        self.fd, near = os.openpty()
        tty.setraw(self.fd)
        os.set_blocking(self.fd, False)
        if os.path.lexists(self.link):
            os.remove(self.link)
        os.symlink(os.ttyname(near), self.link)
        os.close(near)

    def unplug(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def send(self, data: bytes) -> None:
        os.write(self.fd, data)

    async def receive(self, count: int) -> bytes:
        """Exactly this many bytes."""
        data = b""
        async with asyncio.timeout(10):
            while len(data) < count:
                try:
                    data += os.read(self.fd, count - len(data))
                except OSError:
                    await asyncio.sleep(0.001)
        return data


class Rig:
    """A hub with serial ports, and helpers around a running service."""

    def __init__(self, hub: FakeHub, directory: str) -> None:
        self.hub = hub
        self.fars: dict[str, Far] = {}
        self.service: Forwarding
        self.directory = directory

    def port(self, name: str, **settings: Any) -> Far:
        """A serial port by this name; its device is a link below /dev/shm, which is below /dev."""
        far = self.fars[name] = Far(f"{self.directory}/{name}")
        self.hub.things["serial", name] = {"device": far.link, "baud": 115200, **settings}
        return far

    @asynccontextmanager
    async def running(self, *channels: dict[str, Any]) -> AsyncIterator[None]:
        self.service = Forwarding(self.hub, ForwardingConfig.model_validate({"channels": channels}))
        async with self.hub.running(self.service):
            yield

    def end(self, index: int = 0, channel: int = 0) -> Any:
        """The status of an endpoint."""
        return self.service.status().channels[channel].endpoints[index]

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.002)

    def names(self) -> list[str]:
        """The events recorded so far."""
        return [event.type.name for event in self.hub.recorded]


@pytest.fixture
def rig(fake_hub: FakeHub) -> Iterator[Rig]:
    directory = f"/dev/shm/forwarding-{os.getpid()}"
    os.makedirs(directory, exist_ok=True)
    made = Rig(fake_hub, directory)
    yield made
    for far in made.fars.values():
        far.unplug()
        os.remove(far.link)
    os.rmdir(directory)


@pytest.fixture
def free_port() -> Callable[[], int]:
    """Finds one more TCP and UDP port that is free."""
    return testing.free_port


Connect = Callable[[int], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Connects to a port of this machine, as soon as it listens."""
    writers: list[asyncio.StreamWriter] = []

    async def make(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        async with asyncio.timeout(10):
            while True:
                try:
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.005)
                else:
                    writers.append(writer)
                    return reader, writer

    yield make
    for writer in writers:
        writer.transport.abort()
    await asyncio.sleep(0)
