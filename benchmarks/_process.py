"""A child process of a benchmark: orders as lines of JSON on its standard input, answers on its standard output."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator
from typing import Any

_LINE = 1 << 24


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
