"""The demo that is pictured, and what is added to it through REST, as any program would."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

READY_WITHIN = 180.0
STOP_WITHIN = 30.0
PASSWORD = "A long enough password 7"  # noqa: S105 -- of a demo that is gone after the pictures
UTILITY = {
    "name": "Northern Grid",
    "location": "Substation Meadow, cabinet 3",
    "device_name": "Meadow telecontrol gateway",
    "device_number": "SS-0342",
    "contact": "Control room, +44 1632 960001",
}
SOURCES = [
    {"label": "values", "points": [f"dlms-client/*/{name}" for name in ("active-power", "voltage", "current")],
     "record": "reading"},
    {"label": "energies", "points": ["dlms-client/*/energy-import", "losses/*"]},
    {"label": "machine", "points": ["system/cpu/**", "system/memory/**"], "record": "interval", "interval": 10},
]  # fmt: skip
USERS = {"anna.nowak": "R4", "jan.kowalski": "R2 R3", "control-room": "R1"}
ACTIVE = "anna.nowak"


@dataclass(frozen=True)
class Demo:
    """A running demo: the address of its gateway and the password of access_admin."""

    url: str
    password: str

    @property
    def credentials(self) -> dict[str, str]:
        """What is sent to log in."""
        return {"user": "access_admin", "password": self.password}


class Caller:
    """A user who is logged in, and what he asks through REST."""

    def __init__(self, client: aiohttp.ClientSession, url: str) -> None:
        self._client = client
        self._headers = {"Origin": url}

    async def give(self, path: str, **arguments: Any) -> Any:
        """Give one command; ``RuntimeError`` when it is refused."""
        async with self._client.post(f"/api/v1{path}", json=arguments, headers=self._headers) as answer:
            told = await answer.json() if answer.status != 204 else {}
        if answer.status >= 300 or told.get("errors"):
            raise RuntimeError(f"{path}: {told}")
        return told

    async def read(self, path: str) -> Any:
        """The answer of a path."""
        async with self._client.get(f"/api/v1{path}") as answer:
            answer.raise_for_status()
            return await answer.json()


@asynccontextmanager
async def demo(home: Path) -> AsyncIterator[Demo]:
    """Run ``meterhub demo`` in a home of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "meterhub", "demo", "--home", str(home),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(READY_WITHIN):
            greeted = await _greeted(process.stdout)
        yield greeted
    finally:
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(STOP_WITHIN):
            await process.wait()


async def _greeted(output: asyncio.StreamReader) -> Demo:
    url = password = line = ""
    async for raw in output:
        line = raw.decode()
        if found := re.search(r"access_admin at gateway, shown only now: (\S+)", line):
            password = found[1]
        if found := re.search(r"In a browser: (http://\S+)", line):
            url = found[1]
        if url and password:
            return Demo(url, password)
    raise RuntimeError(f"the demo ended before it told its address and password: {line}")


@asynccontextmanager
async def caller(running: Demo) -> AsyncIterator[Caller]:
    """Log in as access_admin."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(running.url, cookie_jar=jar) as client:
        own = Caller(client, running.url)
        await own.give("/session", **running.credentials)
        yield own


async def prepare(running: Demo) -> Demo:
    """Get past the first page, and add monitoring, a log, the utility's names, and users."""
    async with caller(running) as access_admin:
        await access_admin.give("/command/configuration/enter")
        await access_admin.give("/command/configuration/save", service="system", section={"utility": UTILITY})
        await access_admin.give("/command/configuration/save", service="data-logger", section={"sources": SOURCES})
        await access_admin.give("/command/configuration/apply", name="Monitoring and log", confirm_within=0)
        for name, roles in USERS.items():
            await access_admin.give("/command/users/add", name=name, roles=roles)
        await access_admin.give("/command/users/activate", name=ACTIVE, password=PASSWORD)
        await access_admin.give("/command/users/change-password", old=running.password, new=PASSWORD)
    return Demo(running.url, PASSWORD)
