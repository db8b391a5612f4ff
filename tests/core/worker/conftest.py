"""Core and workers in one process: real sessions, real programs, a real socket pair between them, no sandbox."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import types
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from meterhub_sdk import (
    Config,
    Driver,
    EventType,
    Label,
    Point,
    PointName,
    Refused,
    Requester,
    SecretName,
    Service,
    Value,
    command,
    field,
    hookimpl,
)
from meterhub_sdk.checking import check_section
from meterhub_sdk.description import Plugin
from meterhub_sdk.point import PatternSet
from pydantic import BaseModel

from meterhub.commands.ledger import Ledger, PointCommand
from meterhub.commands.writes import PointWrites
from meterhub.hub import Hub
from meterhub.schema import MIGRATIONS
from meterhub.services import Grants, Order, Services
from meterhub.session import WorkerSession
from meterhub.store import Store
from meterhub.wire import Connection
from meterhub.worker.program import Program
from meterhub.workers import WorkerSpec

SEEN = EventType(number=1, name="seen", text="{what} was seen")


class MeterConfig(Config):
    """Names of points, and how the service behaves."""

    points: list[Label] = field(["energy"], title="Points")
    kind: str = field("float", title="Type")
    writable: bool = field(False, title="Writable")
    stale_after: float | None = field(None, title="Stale after")
    reads: list[PointName] = field([], title="Reads")
    password: SecretName | None = field(None, title="Password")


class Told(Config):
    """Arguments of a command."""

    text: str = field(title="Text", max_length=10)


class Answer(BaseModel):
    """What a command or status says."""

    text: str


class Meter(Driver[MeterConfig]):
    """Does what a test tells it: each instance is found under its name in ``alive``."""

    alive: ClassVar[dict[str, Meter]] = {}

    def __init__(self, hub: Any, config: MeterConfig) -> None:
        super().__init__(hub, config)
        self.written: list[tuple[str, Value, Requester]] = []
        self.said: str | None = None
        self.failure: asyncio.Future[BaseException | None] | None = None
        self.on_write: Callable[[str, Value], Any] | None = None

    def points(self) -> Iterable[Point]:
        c = self.config
        return [Point(name=n, type=c.kind, writable=c.writable, stale_after=c.stale_after) for n in c.points]

    async def run(self) -> None:
        self.failure = asyncio.get_running_loop().create_future()
        self.alive[self.hub.name] = self
        try:
            failure = await self.failure
        finally:
            self.alive.pop(self.hub.name, None)
        if failure is not None:
            raise failure

    def end(self, failure: BaseException | None = None) -> None:
        """Leave ``run``, with an exception or without."""
        assert self.failure is not None
        self.failure.set_result(failure)

    def status(self) -> BaseModel | None:
        return None if self.said is None else Answer(text=self.said)

    async def write(self, name: str, value: Value, requester: Requester) -> None:
        self.written.append((name, value, requester))
        if self.on_write is not None:
            await self.on_write(name, value)

    @command(title="Say", timeout=2.0)
    async def say_again(self, told: Told) -> Answer:
        """Say it again."""
        if told.text == "no":
            raise Refused("it will not say that")
        if told.text == "crash":
            raise ZeroDivisionError("crash")
        return Answer(text=told.text.upper())

    @command(title="Nothing")
    async def nothing(self) -> None:
        """Do nothing."""


class Plain(Service[Config]):
    """A service without points, commands or writes."""

    async def run(self) -> None:
        await asyncio.Event().wait()


@dataclass
class FakeProcess:
    """What a session needs of a process."""

    connection: Connection


class Rig:
    """A core without disk and control socket, and workers that run in this process."""

    def __init__(self, directory: Path, recorded: Any) -> None:
        self.now = 1000.0
        self.hub = Hub(clock=lambda: self.now)
        self.recorded = recorded
        self.secrets = {"meter-password": "secret"}
        self.services = Services(self.hub, recorded, self)
        self.services.grants_of = lambda label: self.granted[label]
        self.services.event_of = lambda _, name: SEEN if name == SEEN.name else None
        self.store = Store(directory / "core.db", MIGRATIONS)
        self.ledger = Ledger(self.store, lambda: int(self.now * 1e9))
        self.services.writes = PointWrites(
            self.services, recorded, self.ledger, lambda label: self.guarded.get(label, PatternSet(()))
        )
        self.granted: dict[str, Grants] = {}
        self.guarded: dict[str, PatternSet] = {}
        self.orders: dict[str, Order] = {}
        self.sessions: dict[str, WorkerSession] = {}
        self._types: dict[str, dict[str, type[Service[Any]]]] = {}
        self._modules: dict[str, types.ModuleType] = {}
        self._directory = directory
        self._numbers = itertools.count()
        self._programs: dict[str, asyncio.Task[None]] = {}

    def get(self, name: str) -> str:
        """The secret box."""
        if name not in self.secrets:
            raise Refused(f"the secret {name!r} was never set")
        return self.secrets[name]

    def install(
        self,
        label: str = "acme-meters",
        *services: type[Service[Any]],
        guards: Iterable[Any] = (),
        read: Iterable[str] = ("**",),
        write: Iterable[str] = ("**",),
        interface: bool = False,
        clock: bool = False,
        users: bool = False,
    ) -> None:
        """A plugin that offers these services (default: :class:`Meter`) and was granted these rights."""
        offered, guarded = list(services) or [Meter, Plain], list(guards)
        module = types.ModuleType(f"test_plugin_{next(self._numbers)}")

        @hookimpl
        def meterhub_services() -> list[Any]:
            return offered

        @hookimpl
        def meterhub_check_write() -> list[Any]:
            return guarded

        module.__dict__.update(meterhub_services=meterhub_services, meterhub_check_write=meterhub_check_write)
        self._modules[label] = module
        self._types[label] = {service.name: service for service in offered}
        rights = {"interface": interface, "clock": clock, "users": users}
        self.granted[label] = Grants(read=PatternSet(read), write=PatternSet(write), **rights)
        self.guarded[label] = PatternSet(pattern for guard in guarded for pattern in guard.patterns)

    def order(self, name: str, label: str = "acme-meters", **section: Any) -> Order:
        """Configure a service of an installed plugin; :meth:`apply` makes it run."""
        checked = check_section(self._types[label][name.partition("@")[0]], section)
        assert not checked.errors, checked.errors
        directory = self._directory / name
        directory.mkdir(exist_ok=True)
        self.orders[name] = Order(
            name=name,
            distribution=label,
            worker=label,
            section=checked.section,
            points=checked.points,
            secrets=frozenset(str(need.value) for need in checked.needs if need.kind == "secret"),
            things={("serial", "rs485"): {"device": "/dev/ttyS1"}},
            lends=frozenset({("serial", "rs485"), ("serial", "rs232"), ("door", "front")}),
            directory=directory,
        )
        return self.orders[name]

    async def apply(self) -> list[str]:
        """Run what is ordered; workers that are missing are started."""

        async def between() -> None:
            for label in {order.distribution for order in self.orders.values()} - self._programs.keys():
                await self.start(label)

        changed = await self.services.follow(list(self.orders.values()), between)
        for label in list(self._programs):
            if label in self._modules and label not in self.services.sessions:
                await self.services.session_began(self.sessions[label])
        await self.settle()
        return changed

    async def start(self, label: str) -> WorkerSession:
        """Start the worker of a plugin; its services start with :meth:`apply`, or now if they are ordered."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        session = WorkerSession(WorkerSpec(name=label, distributions=(label,), digests=("1",)), self.services)
        ready: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()

        async def is_ready(body: dict[str, Any]) -> None:
            ready.set_result(body)

        connection = Connection({**session.handlers, "ready": is_ready}, label)
        await asyncio.get_running_loop().create_unix_connection(lambda: connection, sock=ours)
        session.attach(FakeProcess(connection))  # type: ignore[arg-type]
        program = Program([Plugin(label, [self._modules[label]])], {})
        self._programs[label] = asyncio.create_task(program.run(theirs))
        connection.closed.add_done_callback(lambda _: session.end())
        body = await ready
        session.guards, session.live = PatternSet(body["guards"]), True
        self.sessions[label] = session
        return session

    async def restart(self, label: str = "acme-meters") -> None:
        """The worker ends and another one takes its place."""
        await self.kill(label)
        session = await self.start(label)
        await self.services.session_began(session)
        await self.settle()

    async def kill(self, label: str = "acme-meters") -> None:
        """The worker ends at once: nothing is said any more."""
        session = self.sessions.pop(label)
        session.connection._transport.abort()
        await self._programs.pop(label)
        await self.settle()

    async def settle(self) -> None:
        """Let both sides of the sockets have their turns."""
        for _ in range(30):
            await asyncio.sleep(0)

    def meter(self, name: str = "meter") -> Meter:
        """The running instance."""
        return Meter.alive[name]

    async def write(self, name: str, value: Value, *, timeout: float = 1.0, **more: Any) -> None:
        """Write a point as anna does."""
        command = PointCommand(point=name, value=value, requester="anna")
        await self.services.writes.write(command, timeout=timeout, **more)

    async def close(self) -> None:
        for session in self.sessions.values():
            with contextlib.suppress(Refused):
                session.connection.close()
        await asyncio.gather(*self._programs.values(), return_exceptions=True)
        await self.settle()
        self.store.close()


@pytest.fixture
async def rig(tmp_path: Path, recorded: Any) -> AsyncIterator[Rig]:
    Meter.alive.clear()
    made = Rig(tmp_path, recorded)
    made.install()
    yield made
    await made.close()


@pytest.fixture
async def meter(rig: Rig) -> Meter:
    """One running service with the point ``meter/energy``."""
    rig.order("meter")
    await rig.apply()
    return rig.meter()


@pytest.fixture
def offered() -> types.SimpleNamespace:
    """The services, settings and events that the rig's plugin has."""
    return types.SimpleNamespace(Meter=Meter, Plain=Plain, MeterConfig=MeterConfig, SEEN=SEEN, Answer=Answer)


@pytest.fixture
async def relay(rig: Rig) -> Meter:
    """A service with a writable point, and one in another worker that may write it."""
    rig.install("acme-writer", write=["meter/*"])
    rig.order("meter", points=["closed"], kind="bool", writable=True)
    rig.order("meter@writer", "acme-writer", points=[])
    await rig.apply()
    return rig.meter()


@pytest.fixture
def writer(relay: Meter, rig: Rig) -> Any:
    """The points as the other service sees them."""
    return rig.meter("meter@writer").hub.points
