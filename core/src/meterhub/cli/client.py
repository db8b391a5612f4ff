"""The command line's end of the control socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from meterhub_sdk import Refused

from meterhub.control import NAME
from meterhub.wire import Connection


class Client:
    """One connection to a running instance, as the owner of its home."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def request(self, verb: str, path: str, body: Any = None) -> Any:
        """Do something with a path of the tree; ``Refused`` with one sentence when it cannot be."""
        return await self._connection.request("tree", {"verb": verb, "path": path, "body": body}, timeout=330.0)

    async def get(self, path: str, body: Any = None) -> Any:
        """Read a path."""
        return await self.request("get", path, body)

    async def post(self, path: str, body: Any = None) -> Any:
        """Run a command."""
        return await self.request("post", path, body)


@asynccontextmanager
async def connected(home: Path) -> AsyncIterator[Client]:
    """A client of the instance in ``home``; ``Refused`` when none runs there."""
    path = home / NAME
    loop = asyncio.get_running_loop()
    connection = Connection({}, "the instance")
    try:
        await loop.create_unix_connection(lambda: connection, path=str(path))
    except OSError as error:
        raise Refused(
            f"no instance runs in {home} ({error.strerror}); start it with: meterhub --home {home} run"
        ) from error
    try:
        yield Client(connection)
    finally:
        connection.close()
        await asyncio.wait([connection.closed], timeout=1.0)
