"""kill -9 of the server while events flow: every event reaches the master once, but for what it had not confirmed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import struct
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from meterhub_sdk.testing import free_port

KILLS = 25
PEER = Path(__file__).parent / "peers" / "killed_server.py"


class Core:
    """What the hub does for the server: keeps what was not acknowledged and gives it again to the next life."""

    def __init__(self) -> None:
        self.given = self.taken = 0
        self.pid = 0
        self.lives = 0
        self.flows = True
        self._server: asyncio.Server | None = None
        self._feeds: list[asyncio.Task[None]] = []

    async def listen(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def until(self, life: int) -> None:
        while self.lives < life:
            await asyncio.sleep(0.005)

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        await asyncio.gather(*self._feeds)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        feed = asyncio.current_task()
        assert feed is not None
        self._feeds.append(feed)
        with contextlib.suppress(ConnectionError):
            self.pid = int(await reader.readline())
            self.lives += 1
            writer.write(b"%d\n" % self.given)
            if self.given > self.taken:
                writer.write(b"%d %d\n" % (self.taken + 1, self.given - self.taken))
            taking = asyncio.create_task(self._take(reader))
            source = random.Random(self.lives)
            while not taking.done():
                if self.flows and self.given - self.taken < 500:
                    count = source.randint(1, 30)
                    writer.write(b"%d %d\n" % (self.given + 1, count))
                    self.given += count
                await asyncio.sleep(0.002)
            await taking
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    async def _take(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await reader.readline():
                self.taken = int(line)


class ControlCentre:
    """A master that insists on the rule: what it confirmed comes no more, and the rest in order, nothing left out."""

    def __init__(self) -> None:
        self.seen = 0
        self.confirmed = 0
        """Up to here the server answered a test frame that came after the acknowledgement."""
        self.repeated = 0

    async def follow(self, master: Any, until: int | None = None) -> None:
        """Until the connection breaks, or ``until`` was confirmed."""
        asked: int | None = None
        fresh = True
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while until is None or self.confirmed < until:
                frame = await master.frame()
                if frame == b"\x83\0\0\0":
                    self.confirmed, asked = asked, None
                elif not frame[0] & 1:
                    master.received = (master.received + 1) & 0x7FFF
                    if frame[4] == 36:
                        self._take(frame[10:], fresh)
                        fresh = False
                    master.supervise()
                if asked is None:
                    asked = self.seen
                    master.unnumbered(0x43)

    def _take(self, body: bytes, fresh: bool) -> None:
        numbers = [int(struct.unpack_from("<f", body, at + 3)[0]) for at in range(0, len(body), 15)]
        if fresh:
            assert self.confirmed < numbers[0] <= self.seen + 1, f"{numbers[0]} after {self.confirmed}, {self.seen}"
            self.repeated += self.seen + 1 - numbers[0]
            self.seen = numbers[0] - 1
        assert numbers == list(range(self.seen + 1, self.seen + 1 + len(numbers)))
        self.seen = numbers[-1]


@pytest.fixture
async def core() -> AsyncIterator[Core]:
    core = Core()
    yield core
    await core.close()


@pytest.mark.slow
async def test_no_event_is_lost_or_repeated_by_25_kills(tmp_path, core, raw_master):
    seed = int(os.environ.get("METERHUB_SEED", random.randrange(1 << 32)))
    print(f"seed {seed}")
    source = random.Random(seed)
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(PEER), str(await core.listen()), str(port), str(tmp_path)
    )
    centre = ControlCentre()
    try:
        async with asyncio.timeout(100):
            for life in range(1, KILLS + 1):
                await core.until(life)  # only then the life before has let go of the port
                master = await raw_master(port)
                following = asyncio.create_task(centre.follow(await master.start()))
                await asyncio.sleep(source.uniform(0.0, 0.15))
                os.kill(core.pid, signal.SIGKILL)
                await following
            core.flows = False
            await core.until(KILLS + 1)
            master = await raw_master(port)
            await centre.follow(await master.start(), core.given)
    finally:
        process.kill()
        with contextlib.suppress(ProcessLookupError):
            os.kill(core.pid, signal.SIGKILL)
        await process.wait()
    print(f"{core.given} events, {centre.repeated} repeated that were not confirmed")
    assert centre.seen == core.given > 1000
