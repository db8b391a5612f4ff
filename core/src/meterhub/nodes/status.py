"""Status, points and services as paths."""

from __future__ import annotations

import time
from typing import Any, Protocol

from meterhub_sdk import Config, Value, field
from meterhub_sdk.description import CommandDescription, ServiceDescription
from pydantic import StrictBool, StrictFloat, StrictInt, StrictStr

from meterhub import __version__
from meterhub.access.principal import Principal
from meterhub.commands.ledger import PointCommand
from meterhub.hub import Hub
from meterhub.identity import Identity
from meterhub.nodes.point_list import PointList, PointQuery
from meterhub.operation import Operation
from meterhub.resources import Node
from meterhub.services import Services, ServiceState


class WriteArguments(Config):
    """A value for a point."""

    name: str = field(title="Point", max_length=600)
    value: StrictBool | StrictInt | StrictFloat | StrictStr = field(title="Value")
    reason: str = field("", title="Reason", max_length=200)
    timeout: float = field(10.0, title="Time limit", unit="s", ge=0.1, le=300)


class ServiceArguments(Config):
    """A service."""

    service: str = field(title="Service", max_length=130)


class Lifecycle(Protocol):
    """What the status page shows of the instance as a whole."""

    started: float
    mode: str
    state: str


class StatusNodes:
    """``/status/instance``, ``/status/services``, ``/status/workers``, ``/data/points`` and what services add."""

    def __init__(self, identity: Identity, hub: Hub, services: Services, operation: Operation, life: Lifecycle) -> None:
        self._identity = identity
        self._hub = hub
        self._point_list = PointList(hub)
        self._services = services
        self._operation = operation
        self._life = life

    def nodes(self) -> list[Node]:
        """The nodes of this room."""
        return [
            Node("/status/instance", "get", self._instance, "Instance"),
            Node("/status/identifiers", "get", self._identifiers, "Identifiers"),
            Node("/status/services", "get", self._all_services, "Services"),
            Node("/status/workers", "get", self._workers, "Workers"),
            Node("/status/hub", "get", self._hub_status, "Data hub"),
            Node("/status/clock", "get", self._clock, "Clock"),
            Node("/data/points", "get", self._points, "Points", PointQuery),
            Node("/command/points/write", "post", self._write, "Write a point", WriteArguments),
            Node("/command/services/restart", "post", self._restart, "Restart a service", ServiceArguments),
        ]

    def service_nodes(self, service: str, description: ServiceDescription) -> list[Node]:
        """The status and command nodes of one configured service."""

        async def status(_: Principal, __: Any) -> Any:
            return self._service(service)

        nodes = [Node(f"/status/{service}", "get", status, description.title)]
        nodes += [self._command_node(service, command) for command in description.commands]
        return nodes

    def _command_node(self, service: str, command: CommandDescription) -> Node:
        async def run(_: Principal, arguments: Any) -> Any:
            return await self._services.command(service, command.name, arguments, command.timeout)

        return Node(f"/command/{service}/{command.name}", "post", run, command.title)

    async def _instance(self, _: Principal, __: Any) -> Any:
        states = [state.state for state in self._services.states.values()]
        return {
            "product": self._identity.product,
            "serial": self._identity.serial,
            "version": __version__,
            "state": self._life.state,
            "mode": self._life.mode,
            "uptime": round(time.monotonic() - self._life.started, 1),
            "services": len(states),
            "services_running": states.count("running"),
            "points": sum(state.point is not None for state in self._hub.by_number),
        }

    async def _identifiers(self, _: Principal, __: Any) -> Any:
        return {"product": self._identity.product, "serial": self._identity.serial, "version": __version__}

    async def _all_services(self, _: Principal, __: Any) -> Any:
        rows = [_service_row(state) for state in self._services.states.values()]
        rows += [{"name": name, "state": "off", "detail": why} for name, why in self._operation.idle.items()]
        return {"services": sorted(rows, key=lambda row: row["name"])}

    def _service(self, service: str) -> Any:
        state = self._services.states.get(service)
        if state is None:
            return {"name": service, "state": "off", "detail": self._operation.idle.get(service, "not configured")}
        age = round(time.monotonic() - state.status_at, 1) if state.status_at else None
        return {**_service_row(state), "status": state.status, "age": age}

    async def _workers(self, _: Principal, __: Any) -> Any:
        workers = self._operation.workers
        return {"workers": [w.status for w in workers.running.values()] if workers else []}

    async def _hub_status(self, _: Principal, __: Any) -> Any:
        return {
            "points": len(self._hub.by_number),
            "published": self._hub.published,
            "delivered": self._hub.delivered,
            "refused": self._services.protests,
            "subscriptions": len(self._hub.subscriptions),
            "queues": [
                {
                    "name": q.name,
                    "waiting": len(q.items),
                    "limit": q.length,
                    "dropped": q.dropped,
                    "attached": q.channel is not None,
                }
                for q in self._hub.queues.values()
            ],
        }

    async def _clock(self, _: Principal, __: Any) -> Any:
        return {"time": time.time_ns(), "validity": self._services.clock_validity.name.lower()}

    async def _points(self, _: Principal, query: PointQuery) -> Any:
        return self._point_list.page(query)

    async def _write(self, who: Principal, arguments: WriteArguments) -> None:
        value: Value = arguments.value
        command = PointCommand(point=arguments.name, value=value, requester=who.name, reason=arguments.reason)
        await self._services.writes.write(command, timeout=arguments.timeout)

    async def _restart(self, _: Principal, arguments: ServiceArguments) -> None:
        await self._services.restart(arguments.service)


def _service_row(state: ServiceState) -> dict[str, Any]:
    return {
        "name": state.name,
        "distribution": state.distribution,
        "worker": state.worker,
        "state": state.state,
        "detail": state.detail,
        "since": state.since,
        "restarts": state.restarts,
    }
