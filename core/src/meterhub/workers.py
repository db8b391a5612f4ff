"""Keeps workers running: starts them in parallel, restarts with back-off, replaces what hangs."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol

import msgspec
import psutil
from meterhub_sdk import NotDone

from meterhub.process import Broken, WorkerProcess, start_worker
from meterhub.wire import Disconnected, Handler
from meterhub.worker.launch import Launch

PING_EVERY = 5.0
PING_WITHIN = 10.0
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 60.0
CALM_AFTER = 60.0
_CPU_WINDOW = 60.0

_log = logging.getLogger(__name__)


class WorkerSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker is: its distributions and the limits of their manifests.

    ``ports`` are the serial ports that its services lease, ``devices`` what was found behind them: an adapter that is
    plugged in again is another device, and needs another worker. ``memory`` in bytes (resident), ``cpu`` as a share
    of one core over a minute.
    """

    name: str
    distributions: tuple[str, ...]
    digests: tuple[str, ...]
    ports: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    memory: int | None = None
    cpu: float | None = None


class Session(Protocol):
    """The core's side of one life of a worker: answers its requests, releases what it held."""

    handlers: dict[str, Handler]

    def attach(self, process: WorkerProcess) -> None:
        """The process exists; its connection is open."""
        ...

    async def begin(self, ready: dict[str, Any]) -> None:
        """The worker is ready: start its services."""
        ...

    def end(self) -> None:
        """The connection is gone."""
        ...


class Reports(Protocol):
    """Where the supervisor tells what happened."""

    async def worker_started(self, name: str, seconds: float) -> None: ...
    async def worker_lost(self, name: str, reason: str, last_words: list[str]) -> None: ...
    async def worker_refused(self, name: str, plugin: str, kind: str, sentence: str) -> None: ...


class WorkerStatus(msgspec.Struct, kw_only=True):
    """What a status page shows of one worker."""

    name: str
    state: str = "starting"
    pid: int | None = None
    distributions: tuple[str, ...] = ()
    restarts: int = 0
    since: float = 0.0
    memory: int = 0
    cpu: float = 0.0
    enforced: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    detail: str = ""


class Supervised:
    """One worker, kept running until :meth:`stop`."""

    def __init__(
        self,
        spec: WorkerSpec,
        prepare: Callable[[WorkerSpec], Launch],
        session: Callable[[WorkerSpec], Session],
        reports: Reports,
        logs: Path,
    ) -> None:
        self.spec = spec
        self.status = WorkerStatus(name=spec.name, distributions=spec.distributions, since=time.time())
        self.process: WorkerProcess | None = None
        self._prepare = prepare
        self._session = session
        self._reports = reports
        self._logs = logs
        self._pause = FIRST_PAUSE
        self._replaced: str | None = None
        self._used = 0.0
        self._window = 0.0
        self.settled = asyncio.Event()
        self._task = asyncio.create_task(self._supervise(), name=f"worker {spec.name}")

    async def stop(self) -> None:
        """End the worker in order, within five seconds."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self.status.state = "stopped"

    async def _supervise(self) -> None:
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._live(began)
            except Broken as error:
                self._say("refused", str(error))
                await self._reports.worker_refused(self.spec.name, error.plugin, error.kind, str(error))
                if error.kind == "trust":
                    return
            except Exception as error:  # whatever a worker does, it must not end its own supervision
                _log.exception("worker %s", self.spec.name)
                self._say("restarting", str(error))
                await self._reports.worker_lost(self.spec.name, f"{type(error).__name__}: {error}", [])
            finally:
                self.settled.set()
            if asyncio.get_running_loop().time() - began > CALM_AFTER:
                self._pause = FIRST_PAUSE
            self.status.restarts += 1
            await asyncio.sleep(self._pause)
            self._pause = min(max(self._pause * 2, 1.0), LONGEST_PAUSE)

    async def _live(self, began: float) -> None:
        """One life: start, serve, and tell why it ended."""
        session = self._session(self.spec)
        log = self._logs / f"{self.spec.name}.log"
        self._replaced = None
        process = await start_worker(self._prepare(self.spec), session.handlers, log)
        self.process = process
        session.attach(process)
        try:
            ready = await process.until_ready()
            self._say("running", "", pid=process.pid)
            self.status.enforced = tuple(ready["sandbox"].get("enforced", ()))
            self.status.missing = tuple(ready["sandbox"].get("missing", ()))
            await self._reports.worker_started(self.spec.name, asyncio.get_running_loop().time() - began)
            await session.begin(ready)
            self.settled.set()
            await self._watch(process)
        except Broken:
            raise
        except NotDone:
            pass  # it died while it was given its orders: told below
        finally:
            session.end()
            self.process = None
            await asyncio.shield(process.stop())
        reason = self._replaced or _end(process)
        self._say("restarting", reason)
        await self._reports.worker_lost(self.spec.name, reason, list(process.last_words))

    async def _watch(self, process: WorkerProcess) -> None:
        """Until the worker ends: ping it, and look at its memory and its processor time."""
        usage = _usage_of(process.pid)
        self._used, self._window = 0.0, time.monotonic()
        ends: list[asyncio.Future[Any]] = [process.ended, process.connection.closed]
        while True:
            done, _ = await asyncio.wait(ends, timeout=PING_EVERY, return_when=asyncio.FIRST_COMPLETED)
            if done:
                await asyncio.wait([process.ended], timeout=1.0)
                return
            try:
                await process.connection.request("ping", timeout=PING_WITHIN)
                self._replaced = self._measure(usage) if usage else None
            except Disconnected:
                await asyncio.wait([process.ended], timeout=1.0)
                return
            except NotDone:
                self._replaced = f"it did not answer for {PING_WITHIN:g} s and was replaced"
            except psutil.Error:
                return
            if self._replaced:
                process.kill()
                return

    def _measure(self, usage: psutil.Process) -> str | None:
        """Look at memory and processor time; why the worker must be replaced, if it must."""
        self.status.memory = usage.memory_info().rss
        times, now = usage.cpu_times(), time.monotonic()
        total = times.user + times.system
        passed = now - self._window
        self.status.cpu = round(max(0.0, total - self._used) / max(passed, 0.001), 3)
        if passed >= _CPU_WINDOW:
            self._used, self._window = total, now
            limit = self.spec.cpu
            if limit is not None and self.status.cpu > limit:
                return f"it used {self.status.cpu:.0%} of a core for a minute (limit {limit:.0%}) and was replaced"
        return None

    def _say(self, state: str, detail: str, pid: int | None = None) -> None:
        self.status.state = state
        self.status.detail = detail
        self.status.pid = pid
        self.status.since = time.time()


def _usage_of(pid: int) -> psutil.Process | None:
    """Where memory and processor time are read; ``None`` where /proc hides other processes."""
    try:
        return psutil.Process(pid)
    except psutil.Error:
        return None


def _end(process: WorkerProcess) -> str:
    """Why a worker ended by itself."""
    closed = process.connection.closed
    if closed.done() and not closed.cancelled() and (error := closed.exception()) is not None:
        return f"{error} and was cut off"
    status = process.process.returncode
    return (
        f"it was killed by signal {-status}" if status is not None and status < 0 else f"it ended with status {status}"
    )


Starter = Callable[[WorkerSpec], Supervised]


class Workers:
    """All workers of the instance."""

    def __init__(self, starter: Starter) -> None:
        self._starter = starter
        self.running: dict[str, Supervised] = {}

    async def follow(self, specs: list[WorkerSpec]) -> None:
        """Make the running workers those of ``specs``; what did not change is not touched."""
        wanted = {spec.name: spec for spec in specs}
        gone = [name for name, worker in self.running.items() if wanted.get(name) != worker.spec]
        await _together(self.running.pop(name).stop() for name in gone)
        for name, spec in wanted.items():
            if name not in self.running:
                self.running[name] = self._starter(spec)

    async def settled(self, timeout: float) -> None:
        """Wait until every worker was ready or told why not."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await asyncio.gather(*(worker.settled.wait() for worker in self.running.values()))

    async def stop(self) -> None:
        """End all workers at the same time."""
        running, self.running = self.running, {}
        await _together(worker.stop() for worker in running.values())


async def _together(ends: Any) -> None:
    waits: list[Coroutine[Any, Any, None]] = list(ends)
    await asyncio.gather(*waits, return_exceptions=True)
