"""A whole instance behind http, with users whose password is known."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

import aiohttp
import psutil
from _process import free_port

from meterhub.cli.client import connected
from meterhub.demo.homes import prepare

USERS = 10
VISITOR = "visitor"
"""Who looks at pages; nobody else takes his sessions away."""
PASSWORD = "correct horse battery staple 7"


class Instance:
    """A running instance with the http service and something that changes."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def base(self) -> str:
        """Where it is reached."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it and wait until it answers."""
        http = {"http_port": self.port, "https_port": None, "http_mode": "plain", "rate": 100_000, "connections": 1000}
        prepare(self.home, {"format": 1, "services": {"http": http, "load-curve": {}}}, {})
        arguments = ["--home", str(self.home), "run", "--initial", str(self.home / "initial.json")]
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-m", "meterhub", *arguments, stdout=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(60), aiohttp.ClientSession() as session:
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"{self.base}/healthz") as answer:
                        if answer.status == 200:
                            break
                await asyncio.sleep(0.1)

    async def processes(self) -> list[psutil.Process]:
        """The core and the http worker."""
        assert self._process is not None
        async with connected(self.home) as client:
            rows = (await client.get("/status/workers"))["workers"]
        http = next(row["pid"] for row in rows if row["name"] == "meterhub-http")
        return [psutil.Process(self._process.pid), psutil.Process(http)]

    async def add_users(self) -> None:
        """Users whose password is known: one may have no more than a few sessions."""
        async with connected(self.home) as client:
            for name in [VISITOR, *(f"bench{number}" for number in range(USERS))]:
                await client.post("/command/users/add", {"name": name, "roles": "R3 R5"})
                await client.post("/command/users/activate", {"name": name, "password": PASSWORD})

    async def login(self, number: int = 0) -> str:
        """The cookie of a new session."""
        body = {"user": f"bench{number % USERS}", "password": PASSWORD}
        async with aiohttp.ClientSession() as session, session.post(f"{self.base}/api/v1/session", json=body) as answer:
            answer.raise_for_status()
            return f"meterhub={answer.cookies['meterhub'].value}"

    async def stop(self) -> None:
        """Stop it in order."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            await self._process.wait()
