"""Other people's programs against a running demo, with the harness of ``tests/system``."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

_NAME = "meterhub_system_harness"


def pytest_configure(config: pytest.Config) -> None:
    """Register the harness, once for this room and ``tests/system``."""
    if config.pluginmanager.has_plugin(_NAME):
        return
    spec = importlib.util.spec_from_file_location(_NAME, Path(__file__).parents[1] / "system" / "harness.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[_NAME] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    config.pluginmanager.register(module, _NAME)


@pytest.fixture(autouse=True)
def _tidy(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every process that the test started is gone afterwards."""
    with sys.modules[_NAME].no_process_left():
        yield


class Master:
    """A running c104 master and what it told so far."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.told: list[dict[str, Any]] = []
        self.complaints: list[str] = []
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            try:
                self.told.append(json.loads(line))
            except ValueError:
                self.complaints.append(line.decode("utf-8", "replace"))

    def values(self, ioa: int) -> list[dict[str, Any]]:
        """What came for an object, oldest first."""
        return [entry for entry in self.told if entry.get("ioa") == ioa]

    def connections(self) -> int:
        """How often it began data transfer."""
        return sum(entry.get("connected") is True for entry in self.told)

    async def stop(self) -> None:
        """Let it disconnect and end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            async with asyncio.timeout(10):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
        await self._reader


StartMaster = Callable[..., Awaitable[Master]]


@pytest.fixture
async def master() -> AsyncIterator[StartMaster]:
    """Starts a c104 master: its port, the type it understands, the objects it wants."""
    if importlib.util.find_spec("c104") is None:
        pytest.skip("c104 is not installed")
    started: list[Master] = []

    async def start(port: int, kind: str, *addresses: int) -> Master:
        line = [sys.executable, str(Path(__file__).parent / "peers" / "c104_master.py"), str(port), kind]
        process = await asyncio.create_subprocess_exec(
            *line,
            *map(str, addresses),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "TZ": "UTC"},
        )
        started.append(Master(process))
        return started[-1]

    yield start
    await asyncio.gather(*(running.stop() for running in started))


@pytest.fixture
def mbpoll() -> Callable[..., Awaitable[tuple[int, str]]]:
    """Runs mbpoll once over TCP, unit 1, addresses counted from 0: exit status and output."""
    program = shutil.which("mbpoll")
    if program is None:
        pytest.skip("mbpoll is not installed")

    async def run(port: int, *arguments: str) -> tuple[int, str]:
        line = [program, "-m", "tcp", "-p", str(port), "-a", "1", "-0", "-1", "-q", *arguments, "127.0.0.1"]
        process = await asyncio.create_subprocess_exec(
            *line, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output, _ = await process.communicate()
        return process.returncode or 0, output.decode()

    return run


@pytest.fixture
async def watch_registers() -> AsyncIterator[Callable[[int, int], list[str]]]:
    """Reads two registers ten times a second with pymodbus until the test ends; gives what went wrong so far."""
    client_module = pytest.importorskip("pymodbus.client")
    tasks: list[asyncio.Task[None]] = []
    ended = asyncio.Event()  # a cancellation may be swallowed: pymodbus uses asyncio.wait_for, and this may be 3.11

    async def watch(port: int, address: int, wrong: list[str]) -> None:
        client = client_module.AsyncModbusTcpClient("127.0.0.1", port=port, retries=0)
        assert await client.connect()
        try:
            while not ended.is_set():
                answer = await client.read_holding_registers(address, count=2, device_id=1)
                if answer.isError():
                    wrong.append(str(answer))
                await asyncio.sleep(0.1)
        except Exception as error:
            wrong.append(f"{type(error).__name__}: {error}")
        finally:
            client.close()

    def start(port: int, address: int) -> list[str]:
        wrong: list[str] = []
        tasks.append(asyncio.create_task(watch(port, address, wrong)))
        return wrong

    yield start
    ended.set()
    await asyncio.gather(*tasks, return_exceptions=True)
