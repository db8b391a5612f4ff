"""The configured services: where each runs, and how it is doing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
from meterhub_sdk import Borrowers, Clock, ConfigError, EventType, MeterhubError, NotDone, Point, Refused
from meterhub_sdk.point import PatternSet

from meterhub.claims import Claims
from meterhub.commands.writes import PointWrites
from meterhub.core_events import (
    PROTEST,
    SERVICE_FAILED,
    SERVICE_RECOVERED,
    SERVICE_RETRYING,
    SERVICE_WAITING,
)
from meterhub.hub import Hub
from meterhub.ports import EventRecorder, SecretSource
from meterhub.session import WorkerSession
from meterhub.watching.traces import PointTraces


class Grants(msgspec.Struct, frozen=True, kw_only=True):
    """What the signed manifest of a service's distribution asks for, as the core enforces it."""

    read: PatternSet
    write: PatternSet
    interface: bool = False
    users: bool = False
    clock: bool = False


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """A service as the applied configuration wants it."""

    name: str
    distribution: str
    worker: str
    section: dict[str, Any]
    points: list[Point]
    secrets: frozenset[str]
    things: dict[tuple[str, str], dict[str, Any]] = {}
    lends: frozenset[tuple[str, str]] = frozenset()
    directory: Path


class ServiceState(msgspec.Struct, kw_only=True):
    """What a status page shows of one service."""

    name: str
    distribution: str
    worker: str
    state: str = "starting"
    detail: str = ""
    since: float = 0.0
    restarts: int = 0
    trouble: str = ""
    status: Any = None
    status_at: float = 0.0
    conversion: Any = None


_TROUBLES = {"waiting": SERVICE_WAITING, "failed": SERVICE_FAILED, "retrying": SERVICE_RETRYING}
RECOVERED_AFTER = 10.0
Interface = Callable[[dict[str, Any]], Awaitable[Any]]


class Services:
    """See the module. What it needs of its surroundings comes in by :mod:`meterhub.ports`."""

    writes: PointWrites
    """Given by the instance before anything runs."""

    def __init__(self, hub: Hub, events: EventRecorder, secrets: SecretSource) -> None:
        self.hub = hub
        self.claims = Claims()
        self.orders: dict[str, Order] = {}
        self.states: dict[str, ServiceState] = {}
        self.sessions: dict[str, WorkerSession] = {}
        self.clock_validity = Clock.UNKNOWN
        self._clock_keeper: str | None = None
        self.protests = 0
        self.grants_of: Callable[[str], Grants] = lambda _: Grants(read=PatternSet(()), write=PatternSet(()))
        self.event_of: Callable[[str, str], EventType | None] = lambda _d, _n: None
        self.version_of: Callable[[str], str] = lambda _: "unknown"
        self.interface: Interface | None = None
        self.traces = PointTraces(hub, self.sessions.values)
        self._events = events
        self._secrets = secrets
        self._ordering = asyncio.Lock()

    # -- configuration --------------------------------------------------------------------------

    async def follow(self, orders: list[Order], between: Callable[[], Awaitable[None]]) -> list[str]:
        """Make the running services those of ``orders``; ``between`` brings the workers in line.

        Only services whose order changed are stopped and started. Answers their names.
        """
        async with self._ordering:
            return await self._follow({order.name: order for order in orders}, between)

    async def _follow(self, wanted: dict[str, Order], between: Callable[[], Awaitable[None]]) -> list[str]:
        changed = [name for name in {*self.orders, *wanted} if self.orders.get(name) != wanted.get(name)]
        await asyncio.gather(*(self._stop(name) for name in changed))
        for name in changed:
            self.orders.pop(name, None)
            if name not in wanted:
                self.states.pop(name, None)
                self.hub.withdraw(name)
                for queue in [q for q in self.hub.queues if q.startswith(f"{name}/")]:
                    self.hub.drop_queue(queue)
        for name in changed:
            if (order := wanted.get(name)) is not None:
                self.orders[name] = order
                self.hub.declare(name, order.points, only=True)
        alive = {name for name, session in self.sessions.items() if session.live}
        await between()
        for name in changed:
            if (order := self.orders.get(name)) is not None:
                self._fresh_state(order)  # only now: a worker that `between` replaced was lost on purpose
                if order.worker in alive:
                    await self._start_again(name)
        return changed

    def _fresh_state(self, order: Order) -> None:
        self.states[order.name] = ServiceState(
            name=order.name, distribution=order.distribution, worker=order.worker, since=time.time()
        )

    async def _stop(self, name: str) -> None:
        session = self.session_of(name)
        if session is not None:
            try:
                await session.stop_service(name)
            except MeterhubError as error:
                if session.live:
                    self.protest(session.spec.name, f"{name} did not stop: {error}")
                    session.connection.close()  # its worker is replaced: two of the service must never run
        self.hub.lost(name)

    async def _start_again(self, name: str) -> None:
        session = self.session_of(name)
        if session is not None:
            try:
                await self._start(session, name)
            except NotDone as error:
                await self.service_state(name, "failed", str(error))

    async def _start(self, session: WorkerSession, name: str) -> None:
        """Give the order to start; ``NotDone`` when the worker is lost, which is told by others."""
        try:
            await session.start_service(name)
        except NotDone:
            raise
        except MeterhubError as error:
            await self.service_state(name, "failed", str(error))

    async def restart(self, name: str) -> None:
        """Stop and start one service; ``Refused`` when it is not configured."""
        async with self._ordering:
            if name not in self.orders:
                raise Refused(f"there is no running service {name!r}")
            await self._stop(name)
            await self._start_again(name)

    async def secret_set(self, secret: str) -> None:
        """A secret has a new value: start again whatever waited, as it may have waited for this."""
        for name, order in list(self.orders.items()):
            if secret in order.secrets and self.states[name].state == "waiting":
                await self.restart(name)

    # -- what sessions tell ---------------------------------------------------------------------

    async def session_began(self, session: WorkerSession) -> None:
        """A worker is ready: start all services that belong to it."""
        async with self._ordering:
            self.sessions[session.spec.name] = session
            for order in [order for order in self.orders.values() if order.worker == session.spec.name]:
                await self._start(session, order.name)

    def session_ended(self, session: WorkerSession) -> None:
        """A worker is gone: the points of its services turn stale at once."""
        if self.sessions.get(session.spec.name) is session:
            del self.sessions[session.spec.name]
        if self._clock_keeper == session.spec.name:
            self.vouched(None, Clock.UNKNOWN)
        for state in self.states.values():
            if state.worker == session.spec.name:
                self.hub.lost(state.name)
                state.state, state.detail, state.since = "lost", "its worker ended", time.time()

    async def service_state(self, name: str, state: str, detail: str) -> None:
        """A service started, failed, waits or tries again; only the first of a row is an event."""
        known = self.states.get(name)
        if known is None or known.state == state == "running":
            return
        known.state, known.detail, known.since = state, detail, time.time()
        if state == "running" and known.trouble:
            asyncio.get_running_loop().call_later(RECOVERED_AFTER, self._recovered, known, known.since)
        event = _TROUBLES.get(state)
        if event is None:
            return
        known.restarts += 1
        self.hub.lost(name)
        if known.trouble != detail:
            known.trouble = detail
            version = self.version_of(known.distribution)
            await self._events.record(event, source=name, service=name, version=version, reason=detail)

    def _recovered(self, known: ServiceState, since: float) -> None:
        if known.trouble and known.state == "running" and known.since == since:
            known.trouble = ""
            self._events.record_soon(SERVICE_RECOVERED, source=known.name, service=known.name)

    def service_status(self, name: str, status: Any) -> None:
        """Keep the newest status of a service with its age."""
        if (known := self.states.get(name)) is not None:
            known.status, known.status_at = status, time.monotonic()

    def conversion_status(self, name: str, conversion: Any) -> None:
        """Keep how the client or server that a service is is doing."""
        if (known := self.states.get(name)) is not None:
            known.conversion = conversion

    def protest(self, worker: str, sentence: str) -> None:
        """A worker did what it may not; counted, and told without holding anybody up."""
        self.protests += 1
        self._events.record_soon(PROTEST, source=worker, worker=worker, reason=sentence)

    async def record_event(self, service: str, event: str, parameters: dict[str, Any]) -> None:
        """Write an event of a plugin; ``Refused`` when its distribution never declared it."""
        distribution = self.orders[service].distribution
        known = self.event_of(distribution, event)
        if known is None:
            raise Refused(f"{distribution} declares no event {event!r}")
        await self._events.append(self._events.draft(known, service, distribution, parameters))

    def secret(self, service: str, name: str) -> str:
        """A secret that the settings of the service name."""
        if name not in self.orders[service].secrets:
            raise Refused(f"the settings of {service} do not name the secret {name!r}")
        try:
            return self._secrets.get(name)
        except Refused as error:
            raise ConfigError(f"{error}; set it with: meterhub secret set {name}") from error

    async def interface_request(self, body: dict[str, Any]) -> Any:
        """A request that an interface carries for its user."""
        if self.interface is None:
            raise Refused("the instance is still starting")
        return await self.interface(body)

    def vouched(self, worker: str | None, validity: Clock) -> None:
        """A worker says whether the wall clock is right; tell all of them."""
        self._clock_keeper, self.clock_validity = worker, validity
        for session in self.sessions.values():
            if session.live:
                session.tell_clock(validity)

    def worker_of(self, service: str) -> str | None:
        """The worker that a configured service runs in."""
        order = self.orders.get(service)
        return order.worker if order else None

    def borrowers(self, service: str, kind: str) -> dict[str, Borrowers]:
        """Who uses the things of this kind that a service lends."""
        return {
            thing[1]: Borrowers(
                sorted(o.name for o in self.orders.values() if thing in o.things), self.claims.holder(thing)
            )
            for thing in self.orders[service].lends
            if thing[0] == kind
        }

    def grants(self, service: str) -> Grants:
        """What a service may do."""
        return self.grants_of(self.orders[service].distribution)

    # -- writes and commands --------------------------------------------------------------------

    def session_of(self, service: str) -> WorkerSession | None:
        """The living session of the worker that a configured service runs in."""
        order = self.orders.get(service)
        session = self.sessions.get(order.worker) if order else None
        return session if session is not None and session.live else None

    async def command(self, service: str, name: str, arguments: Any, timeout: float) -> Any:
        """Run a command of a running service."""
        session = self.session_of(service)
        if session is None:
            raise Refused(f"{service} is not running; its commands wait until it is")
        body = {"service": service, "name": name, "arguments": arguments}
        return await session.connection.request("command", body, timeout)
