"""The support dump and the diagnostic log: what somebody who helps needs to see, without secrets."""

from __future__ import annotations

import asyncio
import base64
import io
import platform
import time
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
from meterhub_sdk import MeterhubError, moment

Ask = Callable[..., Awaitable[Any]]
"""``ask(verb, path, body)`` in the name of whoever wants the dump: what he may not see is not in it."""

LOG_LIMIT = 1 << 20
"""Bytes of the end of each worker's log."""
_EVENTS = 5000
_POINTS = 20_000

_STATUSES = (
    "instance", "identifiers", "services", "workers", "hub", "clock", "plugins", "licences", "configuration",
    "protocol-conversion", "synthesizers",
)  # fmt: skip


class Diagnostics:
    """``logs`` is the directory of the workers' logs."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs

    async def log(self) -> AsyncIterator[bytes]:
        """The ends of all logs of workers, one after the other."""
        for name, text in await asyncio.to_thread(self._tails):
            yield f"==== {name}\n".encode() + text + b"\n"

    async def dump(self, ask: Ask) -> AsyncIterator[bytes]:
        """A zip: versions, configuration, statuses, events, points, recent frames and logs."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("about.txt", _about())
            async for name, content in self._parts(ask):
                await asyncio.to_thread(archive.writestr, name, content)
        yield buffer.getvalue()

    async def _parts(self, ask: Ask) -> AsyncIterator[tuple[str, bytes]]:
        for name in _STATUSES:
            yield f"status/{name}.json", await _asked(ask, "get", f"/status/{name}")
        try:
            services = (await ask("get", "/status/configuration"))["services"]
        except MeterhubError:
            services = []
        for service in services:
            yield f"status/services/{service}.json", await _asked(ask, "get", f"/status/{service}")
        yield "configuration.json", await _asked(ask, "post", "/command/configuration/export", {})
        yield "events.json", await _paged(ask, "/data/event-log", "entries", "before", _EVENTS)
        yield "points.json", await _paged(ask, "/data/points", "points", "after", _POINTS)
        yield "commands.json", await _asked(ask, "get", "/data/commands", {"limit": 500})
        frames = await _frames(ask)
        if frames:
            yield "frames.pcapng", frames
        for name, text in await asyncio.to_thread(self._tails):
            yield f"logs/{name}", text

    def _tails(self) -> list[tuple[str, bytes]]:
        found = []
        for path in sorted(self._logs.glob("*.log")):
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - LOG_LIMIT))
                found.append((path.name, file.read(LOG_LIMIT)))
        return found


async def _asked(ask: Ask, verb: str, path: str, body: Any = None) -> bytes:
    """An answer as JSON; what is refused says why in its place."""
    try:
        answer = await ask(verb, path, body)
    except MeterhubError as error:
        answer = {"refused": str(error)}
    return msgspec.json.format(msgspec.json.encode(answer), indent=1)


async def _paged(ask: Ask, path: str, rows: str, cursor: str, most: int) -> bytes:
    found: list[Any] = []
    query: dict[str, Any] = {"limit": 1000, **({"format": "full"} if rows == "entries" else {})}
    try:
        while len(found) < most:
            page = await ask("get", path, query)
            found += page[rows]
            if page["next"] is None:
                break
            query[cursor] = page["next"]
    except MeterhubError as error:
        found.append({"refused": str(error)})
    return msgspec.json.format(msgspec.json.encode(found), indent=0)


async def _frames(ask: Ask) -> bytes:
    """The newest frames, as far as one answer holds them."""
    try:
        return base64.b64decode((await ask("post", "/command/frame-recorder/export", {}))["pcapng"])
    except MeterhubError:
        return b""


def _about() -> str:
    return f"made {moment(time.time_ns()).isoformat()}\n{platform.platform()}\nPython {platform.python_version()}\n"
