"""A driver whose commands are all the ways in which a plugin goes wrong."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from typing import Any, Literal

from meterhub_sdk import (
    Config,
    ConfigError,
    Driver,
    EventType,
    Feature,
    Label,
    NotReady,
    Point,
    PointName,
    Reading,
    Refused,
    TcpPort,
    command,
    field,
)
from pydantic import BaseModel

SEEN = EventType(number=1, name="seen", text="{what} was seen")


class SourceConfig(Config):
    """What it offers and how it behaves."""

    version = 2

    points: list[Label] = field(["energy"], title="Points", max_length=5000)
    value: float = field(1.0, title="Value")
    behaviour: Literal["good", "not-ready", "wrong", "crash"] = field("good", title="Behaviour")
    stale_after: float | None = field(None, title="Stale after", unit="s", gt=0)
    port: TcpPort | None = field(None, title="Port")
    reads: list[PointName] = field([], title="Reads")
    password: str = field("", title="Password", widget="password", max_length=20)

    @classmethod
    def migrate(cls, old: dict[str, Any], version: int) -> dict[str, Any]:
        """Version 1 had one point, ``name``."""
        return {"points": [old["name"]], **{key: value for key, value in old.items() if key != "name"}}


class Told(Config):
    """Arguments of commands."""

    value: float = field(0.0, title="Value")
    text: str = field("", title="Text")


class Told2(BaseModel):
    """What commands answer."""

    pid: int


def _burn() -> None:
    while True:
        pass


class Source(Driver[SourceConfig]):
    """Publishes its value once, and again whenever it is told."""

    title = "Source"

    def points(self):
        limit = self.config.stale_after
        return [Point(name=name, unit="Wh", writable=True, stale_after=limit) for name in self.config.points]

    async def run(self) -> None:
        self.published = 0
        self.written: list[Any] = []
        if self.config.behaviour == "not-ready":
            raise NotReady("the other side is absent")
        if self.config.behaviour == "wrong":
            raise ConfigError("these settings cannot work")
        if self.config.behaviour == "crash":
            os._exit(7)
        await self._publish(self.config.value)
        await asyncio.Event().wait()

    async def _publish(self, value: float) -> None:
        now = self.hub.time.now()
        await self.hub.points.publish({name: Reading(value, now, unit="Wh") for name in self.config.points})
        self.published += 1

    def status(self) -> BaseModel | None:
        return Told2(pid=os.getpid())

    async def write(self, name, value, requester) -> None:
        if value == 666:
            raise Refused("the device says no")
        if value == 667:
            os.kill(os.getpid(), signal.SIGKILL)
        if value == 668:
            await asyncio.sleep(300)
        await self._publish(value)

    @command(title="Publish")
    async def publish(self, told: Told) -> Told2:
        """Publish a value."""
        await self._publish(told.value)
        return Told2(pid=os.getpid())

    @command(title="Publish much")
    async def publish_much(self, told: Told) -> Told2:
        """Publish 0 to the value, one by one."""
        for value in range(int(told.value)):
            await self._publish(float(value))
        return Told2(pid=os.getpid())

    @command(title="See")
    async def see(self, told: Told) -> None:
        """Write an event."""
        await self.hub.events.record(SEEN, what=told.text)

    @command(title="Fail")
    async def fail(self) -> None:
        """Raise what no command should."""
        raise ZeroDivisionError("in a command")

    @command(title="Die")
    async def die(self, told: Told) -> None:
        """Say last words and end with a signal."""
        print(told.text, file=sys.stderr, end="", flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)

    @command(title="Hang", timeout=0.5)
    async def hang(self) -> None:
        """Block the event loop."""
        time.sleep(3600)

    @command(title="Burn")
    async def burn(self) -> None:
        """Use a processor core in a thread, while the event loop stays free."""
        self.burning = asyncio.create_task(asyncio.to_thread(_burn))

    @command(title="Leak")
    async def leak(self) -> None:
        """Take more memory than was granted."""
        taken = []
        while True:
            taken.append(bytearray(16 << 20))

    @command(title="Garbage")
    async def garbage(self) -> None:
        """Send the core what is no message."""
        self.hub._link.connection._transport.write(b"\x00\x00\x00\x04\xc1\xc1\xc1\xc1")

    @command(title="Flood")
    async def flood(self) -> None:
        """Ask for more at once than anybody may."""
        for _ in range(3000):
            self.hub._link.connection.notify("event", {"service": self.hub.name, "event": "seen", "parameters": {}})

    @command(title="Refuse")
    async def refuse(self) -> None:
        """Turn the command down."""
        raise Refused("not today")

    @command(title="Slow", timeout=0.3)
    async def slow(self) -> None:
        """Take longer than allowed."""
        await asyncio.sleep(300)


class Alias(Source):
    """The same behind a licence, and only once."""

    name = "alias"
    feature = Feature("acme.alias", "Alias")
    single = True
