"""The receivers that the settings name: starts, keeps and stops their sinks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from meterhub.events.entry import Entry
from meterhub.events.log import EventLog
from meterhub.events.settings import EventLogConfig, Receiver, SyslogReceiver, Webhook
from meterhub.events.sinks import STEADY, Pace, Sink, SinkStatus, Transport
from meterhub.events.syslog import syslog_transport
from meterhub.events.webhook import WebhookTransport

GRACE = 2.0
"""Seconds that a sink which is stopped has to send what waits."""

Secrets = Callable[[str], bytes]
"""Gives the secret of a name; raises ``LookupError`` for an unknown one."""


@dataclass(frozen=True, slots=True)
class _Running:
    settings: Receiver
    sink: Sink
    task: asyncio.Task[None]


class Receivers:
    """All sinks of one event log; :meth:`apply` again after the settings changed."""

    def __init__(self, log: EventLog, secrets: Secrets, *, hostname: str, pace: Pace = STEADY) -> None:
        self._log = log
        self._secrets = secrets
        self._hostname = hostname
        self._pace = pace
        self._running: dict[str, _Running] = {}
        self._unlisten = log.listen(self._offer)

    @property
    def status(self) -> list[SinkStatus]:
        """How sending on goes, by receiver."""
        return [self._running[name].sink.status for name in sorted(self._running)]

    async def apply(self, config: EventLogConfig) -> None:
        """Start what is new, stop what is gone; a receiver whose settings did not change keeps its queue."""
        wanted: dict[str, Receiver] = {receiver.name: receiver for receiver in (*config.syslog, *config.webhooks)}
        gone = [name for name, running in self._running.items() if wanted.get(name) != running.settings]
        await asyncio.gather(*(self._stop(name) for name in gone))
        for name, receiver in wanted.items():
            if name not in self._running:
                self._start(receiver)

    async def stop(self, grace: float = GRACE) -> None:
        """Send what waits for at most ``grace`` seconds, then stop all."""
        await asyncio.gather(*(self._stop(name, grace) for name in list(self._running)))
        self._unlisten()

    def _start(self, receiver: Receiver) -> None:
        sink = Sink(self._log, receiver, self._transport(receiver), self._pace)
        task = asyncio.create_task(sink.run(), name=f"event sink {receiver.name}")
        self._running[receiver.name] = _Running(receiver, sink, task)

    async def _stop(self, name: str, grace: float = GRACE) -> None:
        running = self._running[name]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await running.sink.drained()
        del self._running[name]
        running.task.cancel()
        await asyncio.wait([running.task])
        running.sink.stopped()

    def _transport(self, receiver: Receiver) -> Transport:
        if isinstance(receiver, SyslogReceiver):
            return syslog_transport(receiver, self._hostname)
        if isinstance(receiver, Webhook):
            name = receiver.secret
            return WebhookTransport(receiver, None if name is None else lambda: self._secrets(name))
        raise TypeError(f"{type(receiver).__name__} is no receiver of entries")

    def _offer(self, entry: Entry) -> None:
        for running in self._running.values():
            running.sink.offer(entry)
