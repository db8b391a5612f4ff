"""Whole instances as processes of their own, for the tests here and in ``tests/interop``.

Both rooms' ``conftest.py`` register this module as a plugin, so that they share one running demo.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from meterhub_sdk.testing import free_port

from meterhub.cli.client import Client, connected
from meterhub.demo.examples import read_examples
from meterhub.demo.homes import describe_once, prepare

PATIENCE = 30.0
"""Seconds after which something that should happen did not; no test measures time."""
_SUBREAPER = 36
_PAUSE = 0.05

Document = dict[str, Any]
Until = Callable[..., Awaitable[Any]]


async def wait_until(condition: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """Wait until ``condition`` (a function or coroutine function) answers something true, and answer that."""
    end = time.monotonic() + patience
    while True:
        answer = condition()
        if isinstance(answer, Awaitable):
            answer = await answer
        if answer:
            return answer
        assert time.monotonic() < end, f"waited {patience:g} s in vain"
        await asyncio.sleep(_PAUSE)


@dataclass(frozen=True)
class Done:
    """What a command of the command line came to."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Everything it printed, in one line."""
        return " ".join((self.out + self.err).split())

    @property
    def json(self) -> Any:
        """Its output as JSON."""
        return json.loads(self.out)


@dataclass
class Home:
    """An instance as its owner sees it: by its home."""

    path: Path
    python: str = sys.executable

    def connected(self) -> contextlib.AbstractAsyncContextManager[Client]:
        """A client on the control socket."""
        return connected(self.path)

    async def get(self, path: str, body: Any = None) -> Any:
        """Read a path of the tree."""
        async with self.connected() as client:
            return await client.get(path, body)

    async def post(self, path: str, body: Any = None) -> Any:
        """Run a command of the tree."""
        async with self.connected() as client:
            return await client.post(path, body)

    async def point(self, name: str) -> dict[str, Any]:
        """A point with its newest reading."""
        (row,) = (await self.get("/data/points", {"pattern": name}))["points"]
        return dict(row)

    async def workers(self) -> dict[str, dict[str, Any]]:
        """The workers by their names."""
        return {row["name"]: row for row in (await self.get("/status/workers"))["workers"]}

    async def states(self) -> dict[str, str]:
        """The state of each configured service."""
        return {row["name"]: row["state"] for row in (await self.get("/status/services"))["services"]}

    async def running(self, *services: str) -> bool:
        """True when these services run."""
        states = await self.states()
        return all(states.get(name) == "running" for name in services)

    async def events(self, name: str = "", log: str = "all-events-and-diagnostics") -> list[dict[str, Any]]:
        """The newest thousand entries of a log, newest first; with ``name`` those of one type."""
        page = await self.get("/data/event-log", {"log": log, "least": "debug", "limit": 1000, "format": "full"})
        return [entry for entry in page["entries"] if name in ("", entry["name"])]

    async def cli(self, *arguments: str, given: str = "") -> Done:
        """Run ``meterhub`` with these arguments and this standard input."""
        process = await asyncio.create_subprocess_exec(
            *self.command(*arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "COLUMNS": "200"},
        )
        out, err = await process.communicate(given.encode())
        return Done(process.returncode or 0, out.decode(), err.decode())

    def command(self, *arguments: str) -> list[str]:
        """The command line as a list."""
        return [self.python, "-P", "-m", "meterhub", "--home", str(self.path), *arguments]


@dataclass
class Instance(Home):
    """An instance that a test started: a process of ours."""

    process: subprocess.Popen[bytes] = field(kw_only=True)
    output: Path = field(kw_only=True)

    @property
    def said(self) -> str:
        """What it printed so far."""
        return self.output.read_text("utf-8", "replace")

    async def ready(self) -> Instance:
        """Wait until it serves; fails with its last words when it ends instead."""
        await wait_until(lambda: self._is_ready() or self.process.poll() is not None)
        assert self._is_ready(), self.said
        return self

    async def serving(self) -> Instance:
        """Wait until it serves and all its services run."""
        await self.ready()
        await wait_until(self._all_run)
        return self

    async def _all_run(self) -> bool:
        return set((await self.states()).values()) == {"running"}

    def _is_ready(self) -> bool:
        return "Meterhub runs in" in self.said

    async def ended(self) -> int:
        """Wait until it ended; its exit status."""
        await wait_until(lambda: self.process.poll() is not None)
        return self.process.wait()

    async def stop(self) -> int:
        """Stop it in order."""
        self.process.send_signal(signal.SIGTERM)
        return await self.ended()

    async def kill(self) -> None:
        """End the core alone, at once."""
        self.process.kill()
        await self.ended()

    def cut_power(self) -> None:
        """End the core and every worker at once."""
        core = psutil.Process(self.process.pid)
        for process in [core, *core.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()


@dataclass
class Demo:
    """A running ``meterhub demo``."""

    directory: Path
    process: subprocess.Popen[bytes]
    output: Path

    @property
    def said(self) -> str:
        """What it printed so far."""
        return self.output.read_text("utf-8", "replace")

    @property
    def endpoints(self) -> dict[str, dict[str, dict[str, Any]]]:
        """The listeners, as programs find them."""
        found: dict[str, Any] = json.loads((self.directory / "endpoints.json").read_bytes())
        return found

    @property
    def gateway(self) -> Home:
        """The gateway."""
        return Home(self.directory / "gateway")

    def meter(self, number: int) -> Home:
        """A meter."""
        return Home(self.directory / f"meter-{number}")

    def port(self, service: str, instance: str = "gateway") -> int:
        """Where a service listens."""
        return int(self.endpoints[instance][service]["port"])

    def core(self, instance: str) -> psutil.Process:
        """The core of one instance."""
        home = str(self.directory / instance)
        (core,) = (p for p in psutil.Process(self.process.pid).children() if home in p.cmdline())
        return core

    def processes(self) -> list[psutil.Process]:
        """The demo and everything below it."""
        top = psutil.Process(self.process.pid)
        return [top, *top.children(recursive=True)]

    async def ready(self) -> Demo:
        """Wait until the demo says what to try."""
        await wait_until(lambda: "Ctrl-C ends the demo" in self.said or self.process.poll() is not None, 2 * PATIENCE)
        assert self.process.poll() is None, self.said
        return self

    async def is_good(self) -> bool:
        """True when every point of the gateway has a good value."""
        points = (await self.gateway.get("/data/points"))["points"]
        return bool(points) and all(point["quality"] == 0 for point in points)


class Starter:
    """Starts instances and demos, and ends whatever the test left running."""

    def __init__(self, directory: Path, descriptions: Path) -> None:
        self.directory = directory
        self._descriptions = descriptions
        self._processes: list[subprocess.Popen[bytes]] = []

    def home(self, name: str, services: Document, passwords: dict[str, str] | None = None) -> Path:
        """A home that is ready for its first start with these services."""
        home = self.directory / name
        prepare(home, {"format": 1, "services": services}, passwords or {})
        shutil.copytree(self._descriptions, home / "descriptions", dirs_exist_ok=True)
        return home

    def run(self, home: Path, python: str = sys.executable, *, initial: bool = True) -> Instance:
        """Start an instance; :meth:`Instance.ready` waits for it."""
        arguments = ["run", *(["--initial", str(home / "initial.json")] if initial else [])]
        output = self.directory / f"{home.name}-{len(self._processes)}.out"
        return Instance(home, python, process=self.spawn(Home(home, python).command(*arguments), output), output=output)

    def demo(self, *arguments: str) -> Demo:
        """A starting demo of its own; :meth:`Demo.ready` waits for it."""
        number = len(self._processes)
        directory, output = self.directory / f"demo-{number}", self.directory / f"demo-{number}.out"
        line = [sys.executable, "-P", "-m", "meterhub", "demo", "--home", str(directory), *arguments]
        return Demo(directory, self.spawn(line, output), output)

    def spawn(self, line: list[str], output: Path) -> subprocess.Popen[bytes]:
        """Start a program whose output goes to a file."""
        with output.open("wb") as file:
            process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)
        self._processes.append(process)
        return process

    def descendants(self) -> list[psutil.Process]:
        """Everything below what still runs."""
        running = [psutil.Process(process.pid) for process in self._processes if process.poll() is None]
        return [below for process in running for below in process.children(recursive=True)]

    def close(self) -> None:
        """End what still runs."""
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def small_gateway() -> Document:
    """A load curve that every server shows, and a synthesizer: two workers, no device and no usual port."""
    point = {"point": "load-curve/energy-import"}
    register = {**point, "bank": "holding", "address": 0, "format": "u32"}
    served = {**point, "logical_name": "1-0:1.8.0*255", "unit": "Wh", "data_type": "double-long-unsigned"}
    return {
        "workers": {"placement": [["meterhub-load-curve", "meterhub-modbus", "meterhub-dlms", "meterhub-iec104"]]},
        "load-curve": {"speed": 60, "interval": 0.2, "initial_tariff_1": 1000},
        "losses": {"incoming": "load-curve/energy-import", "outgoing": ["load-curve/energy-export"]},
        "modbus-server": {"port": free_port(), "groups": [{"label": "meter", "rows": [register]}]},
        "dlms-server": {"port": free_port(), "clients": [{"address": 16}], "objects": [served]},
        "iec104-server": {
            "port": free_port(),
            "groups": [{"label": "meter", "rows": [{**point, "type": "M_ME_NC", "ioa": 1}]}],
        },
    }


# -- fixtures ---------------------------------------------------------------------------------------


@pytest.fixture
def until() -> Until:
    """Waits for a condition."""
    return wait_until


@pytest.fixture(scope="session")
def descriptions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the checkouts' hooks declare, asked for once by all processes of a run, and known to its demos."""
    home = tmp_path_factory.mktemp("described")
    everybody = home.parents[1] if "PYTEST_XDIST_WORKER" in os.environ else home.parent
    os.environ["XDG_CACHE_HOME"] = str(everybody / "cache")
    with (everybody / "described.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        prepare(home, {"format": 1, "services": {}}, {})
        asyncio.run(describe_once([home]))
    return home / "descriptions"


@pytest.fixture
def starter(tmp_path: Path, descriptions: Path) -> Iterator[Starter]:
    """Starts what a test needs."""
    starting = Starter(tmp_path, descriptions)
    yield starting
    starting.close()


_shared: set[int] = set()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, descriptions: Path) -> Iterator[Starter]:
    """Starts what lives as long as the session."""
    starting = Starter(tmp_path_factory.mktemp("shared"), descriptions)
    yield starting
    below = starting.descendants()
    starting.close()
    _, alive = psutil.wait_procs(below, timeout=5)
    assert not alive, "they outlived those who started them"


@pytest.fixture(scope="session")
def demo(shared: Starter) -> Demo:
    """One demo for all tests that only look at it."""
    running = shared.demo()
    _shared.add(running.process.pid)
    return asyncio.run(running.ready())


@pytest.fixture(scope="session")
def shared_gateway(shared: Starter) -> Instance:
    """One small gateway for all tests that leave it as it was."""
    home = shared.home("gateway", small_gateway())
    running = shared.run(home)
    _shared.add(running.process.pid)
    return asyncio.run(running.serving())


@pytest.fixture
async def gateway(shared_gateway: Instance) -> AsyncIterator[Instance]:
    """The shared gateway, with nobody in configuration mode."""
    yield shared_gateway
    if (await shared_gateway.get("/status/configuration"))["editor"] is not None:
        await shared_gateway.post("/command/configuration/cancel-other")


@pytest.fixture
async def own_gateway(starter: Starter) -> Instance:
    """A small gateway that the test may break."""
    return await starter.run(starter.home("gateway", small_gateway())).serving()


@pytest.fixture
async def own_demo(starter: Starter) -> Demo:
    """A demo that the test may break, with every point good."""
    running = await starter.demo().ready()
    await wait_until(running.is_good)
    return running


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A TCP port that somebody else listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield int(sock.getsockname()[1])


@pytest.fixture
def examples() -> dict[str, Document]:
    """The documents under ``docs/examples`` by the name of their instance."""
    return read_examples()


def _started_since(before: set[psutil.Process]) -> set[psutil.Process]:
    """New processes, but those that something older started, such as the browser of the session."""
    found = set()
    for process in _descendants() - before:
        with contextlib.suppress(psutil.Error):
            if before.isdisjoint(process.parents()):
                found.add(process)
    return found


@contextlib.contextmanager
def no_process_left() -> Iterator[None]:
    """Fails when a process that was started within is still there afterwards, orphans included."""
    libc = ctypes.CDLL(None)
    before = _descendants()
    libc.prctl(_SUBREAPER, 1, 0, 0, 0)  # an orphan becomes ours and is seen
    try:
        yield
        end = time.monotonic() + 5.0
        while (left := _started_since(before)) and time.monotonic() < end:
            time.sleep(_PAUSE)
        told = [f"{process.pid} {_line(process)}" for process in left]
        for process in left:
            process.kill()
        assert not told, f"still there: {told}"
    finally:
        libc.prctl(_SUBREAPER, 0, 0, 0, 0)


def _descendants() -> set[psutil.Process]:
    """The processes below this one, without those of the shared demo; orphans that ended are taken away."""
    found: set[psutil.Process] = set()
    for child in psutil.Process().children():
        if child.pid in _shared:
            continue
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.status() == psutil.STATUS_ZOMBIE:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(child.pid, os.WNOHANG)
                continue
            found |= {child, *child.children(recursive=True)}
    return found


def _line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return "gone"
