"""The ill-treated process, seen from the tests: started, looked at, killed and started again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tty
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

from rig.plan import Plan

PATIENCE = 20.0
"""Seconds after which something that should happen did not; generous, since nothing here measures time."""
_SERVED = Path(__file__).with_name("served.py")


class Terminal:
    """A serial line: the service has one end, the test the other. It stays open while processes come and go."""

    def __init__(self) -> None:
        self.ours, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        os.set_blocking(self.ours, False)
        self.device = os.ttyname(self._theirs)

    async def send(self, data: bytes) -> None:
        """All of it, as fast as the other end takes it; what comes back meanwhile is thrown away."""
        async with asyncio.timeout(PATIENCE):
            while data:
                self.drain()
                try:
                    data = data[os.write(self.ours, data) :]
                except BlockingIOError:
                    await asyncio.sleep(0.001)

    @contextlib.asynccontextmanager
    async def streams(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """The same as streams, for as long as the block."""
        loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        incoming, outgoing = (os.fdopen(os.dup(self.ours), mode, buffering=0) for mode in ("rb", "wb"))
        receiving, _ = await loop.connect_read_pipe(lambda: protocol, incoming)
        sending, _ = await loop.connect_write_pipe(asyncio.Protocol, outgoing)
        try:
            yield reader, asyncio.StreamWriter(sending, protocol, reader, loop)
        finally:
            receiving.close()
            sending.abort()
            await asyncio.sleep(0)

    def drain(self) -> bytes:
        """What came so far."""
        got = b""
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(self.ours, 65536):
                got += piece
        return got

    async def ask(self, request: bytes, answer: Callable[[bytes], Any]) -> None:
        """Send a valid request until ``answer`` is true of what comes back: a bus may need a pause to find its feet."""
        async with asyncio.timeout(PATIENCE):
            while True:
                await asyncio.sleep(0.02)
                self.drain()
                await self.send(request)
                got = b""
                for _ in range(100):
                    await asyncio.sleep(0.005)
                    got += self.drain()
                    if answer(got):
                        return

    def close(self) -> None:
        """Unplug it."""
        os.close(self.ours)
        os.close(self._theirs)


class Stage:
    """One process that serves a plan; ``before`` is what it is started through, such as ``ip netns exec``."""

    def __init__(self, plan: Plan, before: Sequence[str] = ()) -> None:
        self.plan = plan
        self._before = before
        self._process: subprocess.Popen[bytes]

    async def start(self) -> None:
        """Start it, and wait until it listens everywhere."""
        file = self.plan.directory / "plan.json"
        file.write_text(json.dumps(self.plan.document()), "utf-8")
        self._process = subprocess.Popen([*self._before, sys.executable, "-P", str(_SERVED), str(file)])
        for port in self.plan.tcp_ports:
            await self._listens(port)

    async def _listens(self, port: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while True:
                assert self._process.poll() is None, "it ended while it started"
                try:
                    _, writer = await asyncio.open_connection(self.plan.host, port)
                except OSError:
                    await asyncio.sleep(0.01)
                else:
                    writer.transport.abort()
                    return

    async def give(self, **readings: Any) -> None:
        """Publish new values of the points of the device ``d``."""
        await self.look(give={f"d/{name}": value for name, value in readings.items()})

    async def look(self, **order: Any) -> dict[str, Any]:
        """How it is doing (``served.House.look``); fails when the process ended or hangs."""
        assert self._process.poll() is None, f"the process ended with status {self._process.poll()}"
        async with asyncio.timeout(PATIENCE):
            reader, writer = await asyncio.open_unix_connection(self.plan.directory / "control", limit=1 << 20)
            try:
                writer.write(json.dumps(order).encode() + b"\n")
                seen = await reader.read()
            finally:
                writer.transport.abort()
        return dict(json.loads(seen))

    async def until(self, condition: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """Wait until it looks so."""
        for _ in range(200):
            seen = await self.look()
            if condition(seen):
                return seen
            await asyncio.sleep(PATIENCE / 200)
        raise AssertionError(f"waited in vain; it looks like {seen}")

    def kill(self) -> None:
        """As a power cut would."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """In order; fails when that hangs or ends in an error."""
        self._process.send_signal(signal.SIGTERM)
        try:
            assert self._process.wait(PATIENCE) == 0
        finally:
            self.kill()
