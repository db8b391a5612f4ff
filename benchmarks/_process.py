"""A child process of a benchmark: orders as lines of JSON on its standard input, answers on its standard output."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

_LINE = 1 << 24
_TICK = 0.001
_SCHEDULER = Path("/proc/thread-self/schedstat")


class Stalls:
    """For the length of the block: the longest time in seconds that the event loop was held up.

    Time in which the thread could run and another program had the processor does not count (Linux; elsewhere it does).
    """

    def __init__(self) -> None:
        self.longest = 0.0
        self._due = self._waited = 0.0
        self._handle: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        await asyncio.sleep(0)
        self._mark()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._note()
        if self._handle is not None:
            self._handle.cancel()

    def _mark(self) -> None:
        loop = asyncio.get_running_loop()
        self._waited = _waited()
        self._due = loop.time() + _TICK
        self._handle = loop.call_at(self._due, self._tick)

    def _note(self) -> None:
        late = asyncio.get_running_loop().time() - self._due
        self.longest = max(self.longest, late - (_waited() - self._waited))

    def _tick(self) -> None:
        self._note()
        self._mark()


def _waited() -> float:
    """Seconds that this thread waited for a processor so far."""
    try:
        return int(_SCHEDULER.read_bytes().split()[1]) / 1e9
    except OSError:
        return 0.0


class Child:
    """The parent's side."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    @classmethod
    async def start(cls, script: str, role: str, *given: socket.socket | str) -> Child:
        """Start ``script ROLE ...``; sockets are given as descriptors and belong to it from now on."""
        sockets = [item for item in given if isinstance(item, socket.socket)]
        arguments = [item if isinstance(item, str) else str(item.fileno()) for item in given]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            script,
            role,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=[sock.fileno() for sock in sockets],
            limit=_LINE,
        )
        for sock in sockets:
            sock.close()
        return cls(process)

    async def ask(self, order: Any) -> Any:
        """Send an order (``None`` sends nothing) and wait for the answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if order is not None:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
        line = await self._process.stdout.readline()
        if not line:
            raise ChildProcessError(f"process {self.pid} of the benchmark ended with {await self._process.wait()}")
        return json.loads(line)

    async def stop(self) -> None:
        """End it."""
        if self._process.returncode is None:
            self._process.terminate()
        await self._process.wait()


async def orders() -> AsyncIterator[Any]:
    """The child's side: what the parent orders."""
    reader = asyncio.StreamReader(limit=_LINE)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield json.loads(line)


def answer(body: Any) -> None:
    """Tell the parent."""
    sys.stdout.write(json.dumps(body) + "\n")
    sys.stdout.flush()


def resident(pid: int) -> int:
    """Bytes of memory that a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGESIZE")


def free_port() -> int:
    """A TCP port that nobody has."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
