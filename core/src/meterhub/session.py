"""The core's side of one life of a worker: answers its requests within its signed capabilities."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
from meterhub_sdk import Borrowers, Clock, Outcome, Point, Refused
from meterhub_sdk.point import PatternSet, check_name

from meterhub.access.federation import FEDERATED
from meterhub.claims import Claim
from meterhub.commands.ledger import PointCommand
from meterhub.following import LatestSubscription, Queue
from meterhub.messages import Acknowledge, Message, Names, Publish, Updates, checked_rows
from meterhub.process import WorkerProcess
from meterhub.wire import Connection, Handler
from meterhub.workers import WorkerSpec

_SUBSCRIPTIONS = 1_000
_QUEUES = 64
_QUEUE_NAME = 64

if TYPE_CHECKING:
    from meterhub.services import Services


class WorkerSession:
    """One connected worker: a channel of the hub, and the handlers of its requests."""

    def __init__(self, spec: WorkerSpec, services: Services) -> None:
        self.spec = spec
        self.guards = PatternSet(())
        self.live = False
        self._services = services
        self._hub = services.hub
        self._connection: Connection | None = None
        self._subscriptions: dict[int, LatestSubscription | Queue] = {}
        self._owned: set[int] = set()
        self._claims: dict[int, Claim] = {}
        self._leasing: dict[int, asyncio.Future[Claim]] = {}
        self.handlers: dict[str, Handler] = {
            "follow": self._follow,
            "unfollow": self._unfollow,
            "declare": self._declare,
            "write": self._write,
            "refuse": self._refuse,
            "event": self._event,
            "secret": self._secret,
            "lease": self._lease,
            "release": self._release,
            "borrowers": self._borrowers,
            "vouch": self._vouch,
            "tree": self._tree,
            "state": self._state,
            "status": self._status,
            "conversion": self._conversion,
            "steps": self._steps,
        }

    @property
    def connection(self) -> Connection:
        """The open connection; ``Refused`` while there is none."""
        if self._connection is None:
            raise Refused(f"{self.spec.name} is not running")
        return self._connection

    # -- a life, as the supervisor sees it ------------------------------------------------------

    def attach(self, process: WorkerProcess) -> None:
        """The process exists; its connection is open."""
        self._connection = process.connection
        self._connection.on_message = self._receive
        self._connection.on_writable.append(lambda: self._hub.writable(self))

    async def begin(self, ready: dict[str, Any]) -> None:
        """The worker is ready: start its services."""
        self.guards = PatternSet(ready["guards"])
        self.live = True
        self.tell_clock(self._services.clock_validity)
        self._services.traces.welcome(self)
        await self._services.session_began(self)

    def end(self) -> None:
        """The connection is gone."""
        self.live = False
        self._connection = None
        self._hub.release(self)
        for claim in self._claims.values():
            self._services.claims.release(claim)
        self._claims.clear()
        self._services.session_ended(self)

    def tell_clock(self, validity: Clock) -> None:
        """Whether the wall clock is known to be right."""
        self.connection.notify("clock", int(validity))

    async def start_service(self, name: str) -> None:
        """Give the order to start one service."""
        order = self._services.orders[name]
        owned = self._hub.owned(name)
        points = self._hub.declare(name, order.points)
        self._owned |= owned
        body = {"service": name, "section": order.section, "points": points, "directory": str(order.directory)}
        await self.connection.request("start", body)

    async def stop_service(self, name: str) -> None:
        """Give the order to stop one service, and wait until it did."""
        await self.connection.request("stop", name, timeout=5.0)

    # -- the hub's channel ----------------------------------------------------------------------

    @property
    def label(self) -> str:
        """Whom it leads to."""
        return self.spec.name

    @property
    def congested(self) -> bool:
        """True while the worker does not read fast enough."""
        return self._connection is None or self._connection.congested

    def updates(self, number: int, sequence: int, missed: int, batch: list[tuple[int, msgspec.Raw]]) -> None:
        """Deliver readings."""
        if self._connection is not None:
            self._connection.send(Updates(number, sequence, missed, batch))

    def names(self, number: int, names: list[tuple[int, str]]) -> None:
        """Tell numbers of points."""
        if names and self._connection is not None:
            self._connection.send(Names(number, names))

    def _receive(self, message: Message) -> None:
        if isinstance(message, Publish):
            try:
                self._hub.publish(self._owned, checked_rows(message.batch), history=message.history)
            except Refused as error:
                self._services.protest(self.spec.name, str(error))
        elif isinstance(message, Acknowledge):
            queue = self._subscriptions.get(message.subscription)
            if isinstance(queue, Queue) and queue.number == message.subscription and queue.channel is self:
                queue.acknowledge(message.sequence)

    # -- requests -------------------------------------------------------------------------------

    def _own(self, service: str) -> str:
        """The service named in a request, if it is one of this worker's."""
        if self._services.worker_of(service) != self.spec.name:
            raise Refused(f"{service} does not run in {self.spec.name}")
        return service

    async def _follow(self, body: dict[str, Any]) -> None:
        service = self._own(body["service"])
        names = tuple(_pattern(name) for name in body["names"])
        granted = self._services.grants(service).read
        for name in names:
            if not granted.covers(name):
                raise Refused(f"{service} may not read {name}: its manifest does not ask for points.read:{name}")
        number = int(body["number"])
        if number in self._subscriptions or len(self._subscriptions) >= _SUBSCRIPTIONS:
            raise Refused(f"{service} may not follow more: a worker has {_SUBSCRIPTIONS} subscriptions at most")
        if body["queue"] is None:
            self._subscriptions[number] = self._hub.follow_latest(number, names, self)
        else:
            queue = f"{service}/{str(body['queue'])[:_QUEUE_NAME]}"
            others = [name for name in self._hub.queues if name.startswith(f"{service}/") and name != queue]
            if len(others) >= _QUEUES:
                raise Refused(f"{service} may not have more than {_QUEUES} queues")
            self._subscriptions[number] = self._hub.follow_every(queue, number, names, self)

    async def _unfollow(self, number: int) -> None:
        subscription = self._subscriptions.pop(number, None)
        if isinstance(subscription, LatestSubscription):
            self._hub.unfollow(subscription)
        elif isinstance(subscription, Queue):
            subscription.detach(number, self)

    async def _declare(self, body: dict[str, Any]) -> list[tuple[int, str, str]]:
        service = self._own(body["service"])
        points = msgspec.convert(body["points"], list[Point])
        answer = self._hub.declare(service, points)
        self._owned |= self._hub.owned(service)
        return answer

    async def _write(self, body: dict[str, Any]) -> None:
        command = self._command(body)
        await self._services.writes.write(command, timeout=float(body["timeout"]), read_back=bool(body["read_back"]))

    async def _refuse(self, body: dict[str, Any]) -> None:
        command = self._command(body)
        outcome = msgspec.convert(body["outcome"], Outcome)
        await self._services.writes.refuse(command, outcome, str(body["because"]))

    def _command(self, body: dict[str, Any]) -> PointCommand:
        """The command in a request, if the service may give it."""
        service, name = self._own(body["service"]), str(body["name"])
        if name not in self._services.grants(service).write:
            raise Refused(f"{service} may not write {name}: its manifest does not ask for points.write:{name}")
        return PointCommand(
            point=name,
            value=body["value"],
            requester=service,
            reason=str(body["reason"]),
            origin=str(body["origin"]),
            selected=body["selected"],
        )

    async def _event(self, body: dict[str, Any]) -> None:
        await self._services.record_event(self._own(body["service"]), body["event"], body["parameters"])

    async def _secret(self, body: dict[str, Any]) -> str:
        return self._services.secret(self._own(body["service"]), body["name"])

    async def _lease(self, body: dict[str, Any]) -> dict[str, Any]:
        service, number = self._own(body["service"]), int(body["number"])
        thing = str(body["kind"]), str(body["name"])
        if thing not in self._services.orders[service].things:
            raise Refused(f"the settings of {service} do not name the {thing[0]} {thing[1]}")
        seconds = None if body["seconds"] is None else float(body["seconds"])

        def wanted() -> None:
            self.connection.notify("wanted", number)

        if number in self._leasing or number in self._claims:
            raise Refused(f"{service} has a lease number {number} already")
        definition = self._services.orders[service].things[thing]
        waiting = self._services.claims.acquire(thing, service, int(body["priority"]), seconds, wanted)
        task = self._leasing[number] = asyncio.ensure_future(waiting)
        try:
            self._claims[number] = await task
        finally:
            del self._leasing[number]
        return definition

    async def _release(self, number: int) -> None:
        waiting = self._leasing.get(number)  # the service did not wait for it
        if waiting is not None and not waiting.cancel() and waiting.exception() is None:
            self._services.claims.release(waiting.result())
        if (claim := self._claims.pop(number, None)) is not None:
            self._services.claims.release(claim)

    async def _borrowers(self, body: dict[str, str]) -> dict[str, Borrowers]:
        return self._services.borrowers(self._own(body["service"]), body["kind"])

    async def _vouch(self, body: dict[str, Any]) -> None:
        service = self._own(body["service"])
        if not self._services.grants(service).clock:
            raise Refused(f"{service} does not keep time: its manifest does not ask for the capability 'clock'")
        self._services.vouched(self.spec.name, Clock(body["validity"]))

    async def _tree(self, body: dict[str, Any]) -> Any:
        service = self._own(body.pop("service"))
        grants = self._services.grants(service)
        if not grants.interface:
            raise Refused(f"{service} is no interface: its manifest does not ask for the capability 'interface'")
        if body.get("path") == FEDERATED and not grants.users:
            raise Refused(f"{service} vouches for no users: its manifest does not ask for the capability 'vouch-users'")
        return await self._services.interface_request(body)

    async def _state(self, body: dict[str, str]) -> None:
        await self._services.service_state(self._own(body["service"]), body["state"], body["detail"])

    async def _status(self, body: dict[str, Any]) -> None:
        self._services.service_status(self._own(body["service"]), body["status"])

    async def _conversion(self, body: dict[str, Any]) -> None:
        self._services.conversion_status(self._own(body["service"]), body["conversion"])

    async def _steps(self, body: dict[str, Any]) -> None:
        self._services.traces.take(self.spec.name, body)


def _pattern(name: object) -> str:
    try:
        return check_name(str(name), pattern=True)
    except ValueError as error:
        raise Refused(str(error)) from error
