"""One worker process: its socket, its standard error, its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import Any

from meterhub_sdk import MeterhubError

from meterhub.wire import Connection, Handler
from meterhub.worker.launch import Launch, send_launch

READY_WITHIN = 30.0
STOP_WITHIN = 4.0
_LAST_WORDS_WITHIN = 1.0
_LOG_SIZE = 1 << 20
_LINE = 2000
_LINES_A_SECOND = 200
_KEPT = ("PATH", "TZ", "LANG", "LC_ALL", "COVERAGE_PROCESS_START")


class Broken(MeterhubError):
    """The worker could not begin: ``kind`` is ``trust`` or ``import``, ``plugin`` the distribution."""

    def __init__(self, kind: str, plugin: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind
        self.plugin = plugin


class WorkerProcess:
    """A started worker; :attr:`ready` gives what it said once its plugins were imported."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], connection: Connection) -> None:
        self.name = name
        self.process = process
        self.connection = connection
        self.ready: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.last_words: deque[str] = deque(maxlen=40)
        self.fell_silent = asyncio.Event()
        """Set once its standard error was read to the end."""

    @property
    def pid(self) -> int:
        """The process id."""
        return self.process.pid

    async def until_ready(self) -> dict[str, Any]:
        """Wait until it can take orders; :class:`Broken` when it cannot begin."""
        waits: list[asyncio.Future[Any]] = [self.ready, self.ended]
        done, _ = await asyncio.wait(waits, timeout=READY_WITHIN, return_when=asyncio.FIRST_COMPLETED)
        if self.ready in done:
            return self.ready.result()
        if self.ended in done:
            with contextlib.suppress(TimeoutError):  # a process that it left behind may hold the pipe open
                async with asyncio.timeout(_LAST_WORDS_WITHIN):
                    await self.fell_silent.wait()
            raise Broken("import", self.name, f"{self.name} ended before it was ready: {self.told()}")
        raise Broken("import", self.name, f"{self.name} was not ready within {READY_WITHIN:g} s")

    def told(self) -> str:
        """The last line of its standard error."""
        return self.last_words[-1] if self.last_words else f"exit status {self.process.returncode}"

    async def stop(self) -> None:
        """Ask it to end by closing the socket; after four seconds, kill it."""
        self.connection.close()
        done, _ = await asyncio.wait([self.ended], timeout=STOP_WITHIN)
        if not done:
            self.kill()
            await asyncio.wait([self.ended])

    def kill(self) -> None:
        """End it at once."""
        if not self.ended.done():
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGKILL)


async def start_worker(launch: Launch, handlers: dict[str, Handler], log: Path) -> WorkerProcess:
    """Start a worker; its standard error goes line by line into ``log`` (at most 1 MiB, one old copy)."""
    ours, theirs = socket.socketpair()
    ours.setblocking(True)
    environment = {key: os.environ[key] for key in _KEPT if key in os.environ}
    if launch.sandbox.write:
        environment["TMPDIR"] = launch.sandbox.write[0]
    process = subprocess.Popen(  # noqa: ASYNC220 - fork and exec take a millisecond
        [sys.executable, "-I", "-m", "meterhub.worker", str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        cwd="/",
        start_new_session=True,
    )
    theirs.close()
    answers = dict(handlers)
    worker = WorkerProcess(launch.name, process, Connection(answers, launch.name))
    answers["ready"] = _ready(worker)
    answers["broken"] = _broken(worker)
    try:
        await _connect(worker, ours, launch, log)
    except BaseException:  # it was called off: nothing of it stays
        process.kill()
        process.wait()
        worker.connection.close()
        if process.stdout is not None:
            process.stdout.close()
        raise
    return worker


async def _connect(worker: WorkerProcess, ours: socket.socket, launch: Launch, log: Path) -> None:
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        send_launch(ours, launch)
    ours.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.create_unix_connection(lambda: worker.connection, sock=ours)
    assert worker.process.stdout is not None
    await loop.connect_read_pipe(lambda: _LogLines(worker, log), worker.process.stdout)
    _watch(loop, worker)


def _ready(worker: WorkerProcess) -> Handler:
    async def ready(body: dict[str, Any]) -> None:
        if not worker.ready.done():
            worker.ready.set_result(body)

    return ready


def _broken(worker: WorkerProcess) -> Handler:
    async def broken(body: dict[str, str]) -> None:
        if not worker.ready.done():
            worker.ready.set_exception(Broken(body["kind"], body["label"], body["sentence"]))

    return broken


def _watch(loop: asyncio.AbstractEventLoop, worker: WorkerProcess) -> None:
    descriptor = os.pidfd_open(worker.pid)

    def ended() -> None:
        loop.remove_reader(descriptor)
        os.close(descriptor)
        if not worker.ended.done():
            worker.ended.set_result(worker.process.wait())

    loop.add_reader(descriptor, ended)


class _LogLines(asyncio.Protocol):
    """Takes standard error apart into lines, keeps the last ones and writes them to the log file."""

    def __init__(self, worker: WorkerProcess, log: Path) -> None:
        self._worker = worker
        self._path = log
        self._rest = b""
        self._second = 0
        self._count = 0

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LINE:
            lines.append(self._rest)
            self._rest = b""
        taken = [line[:_LINE].decode("utf-8", "replace").rstrip() for line in lines if self._allowed()]
        self._worker.last_words.extend(line for line in taken if line)
        with contextlib.suppress(OSError):  # a full disk must not stop the core from reading
            self._write(taken)

    def connection_lost(self, error: Exception | None) -> None:
        if self._rest:
            self.data_received(b"\n")
        self._worker.fell_silent.set()

    def _allowed(self) -> bool:
        second = int(asyncio.get_running_loop().time())
        if second != self._second:
            self._second, self._count = second, 0
        self._count += 1
        return self._count <= _LINES_A_SECOND

    def _write(self, lines: list[str]) -> None:
        if not lines:
            return
        if self._path.exists() and self._path.stat().st_size > _LOG_SIZE:
            self._path.replace(self._path.with_suffix(".old.log"))
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)
