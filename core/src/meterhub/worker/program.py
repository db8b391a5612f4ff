"""What a worker does once its plugins are imported: it carries out the core's orders."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from typing import Any

import msgspec
from meterhub_sdk import Clock, Refused, Requester, Service
from meterhub_sdk.checking import Checked, check_section
from meterhub_sdk.description import Plugin
from meterhub_sdk.point import PatternSet

from meterhub.wire import Handler
from meterhub.worker.link import Link
from meterhub.worker.running import Running, Started

STATUS_PERIOD = 1.0

_log = logging.getLogger(__name__)


class Program:
    """One worker: some plugins, their services, and the link to the core."""

    def __init__(self, plugins: list[Plugin], sandbox: dict[str, list[str]]) -> None:
        self._plugins = {plugin.label: plugin for plugin in plugins}
        self._sandbox = sandbox
        self._running: dict[str, Running] = {}
        self._link: Link | None = None
        self._guards = [(PatternSet(guard.patterns), guard.check) for plugin in plugins for guard in plugin.guards()]

    async def run(self, sock: socket.socket) -> None:
        """Serve the core until it closes the socket."""
        handlers: dict[str, Handler] = {
            "describe": self._describe,
            "check": self._check,
            "start": self._start,
            "stop": self._stop,
            "command": self._command,
            "write": self._write,
            "check-write": self._check_write,
            "clock": self._clock,
            "ping": self._ping,
        }
        self._link = link = await Link.open(sock, handlers)
        patterns = [pattern for guarded, _ in self._guards for pattern in guarded.patterns]
        link.connection.notify("ready", {"pid": os.getpid(), "sandbox": self._sandbox, "guards": patterns})
        pusher = asyncio.create_task(self._push_statuses(link))
        try:
            await asyncio.wait([link.connection.closed])
        finally:
            pusher.cancel()
            await asyncio.gather(*(running.stop() for running in self._running.values()), return_exceptions=True)

    async def _describe(self, label: str) -> Any:
        return self._plugin(label).describe().encode()

    async def _check(self, body: dict[str, Any]) -> Checked:
        service = self._service_type(body["service"])
        return check_section(service, body["section"], version=body["version"])

    async def _start(self, body: dict[str, Any]) -> None:
        order = msgspec.convert(body, Started)
        if order.service in self._running:
            raise Refused(f"{order.service} is already running")
        assert self._link is not None
        link = self._link

        def tell(state: str, detail: str) -> None:
            link.connection.notify("state", {"service": order.service, "state": state, "detail": detail})

        self._running[order.service] = Running(self._service_type(order.service), order, link, tell)

    async def _stop(self, service: str) -> None:
        running = self._running.pop(service, None)
        if running is not None:
            await running.stop()

    async def _command(self, body: dict[str, Any]) -> Any:
        return await self._found(body["service"]).command(body["name"], body["arguments"])

    async def _write(self, body: dict[str, Any]) -> None:
        if time.monotonic() > body["deadline"]:
            raise Refused(f"{body['name']} was not written: the order came after its deadline")
        requester = Requester(body["requester"], body["reason"])
        await self._found(body["service"]).write(body["name"], body["value"], requester)

    async def _check_write(self, body: dict[str, Any]) -> None:
        requester = Requester(body["requester"], body["reason"])
        for patterns, check in self._guards:
            if body["name"] in patterns:
                check(body["name"], body["value"], requester)

    async def _clock(self, validity: int) -> None:
        if self._link is not None:
            self._link.clock = Clock(validity)

    async def _ping(self, _: Any) -> None:
        return None

    def _plugin(self, label: str) -> Plugin:
        if label not in self._plugins:
            raise Refused(f"{label} does not run in this worker")
        return self._plugins[label]

    def _service_type(self, service: str) -> type[Service[Any]]:
        name = service.partition("@")[0]
        for plugin in self._plugins.values():
            if name in plugin.services:
                return plugin.services[name]
        raise Refused(f"no plugin in this worker offers the service {name!r}")

    def _found(self, service: str) -> Running:
        if service not in self._running:
            raise Refused(f"{service} is not running")
        return self._running[service]

    async def _push_statuses(self, link: Link) -> None:
        while True:
            await asyncio.sleep(STATUS_PERIOD)
            for name, running in list(self._running.items()):
                try:
                    for kind, content in running.news().items():
                        link.connection.notify(kind, {"service": name, kind: content})
                except Exception:
                    _log.exception("the status of %s", name)
