"""A TCP port that serves each connection in a task of its own; one that misbehaves disturbs nobody."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

READ_SIZE = 65_536
"""Bytes read ahead of whoever serves, unless it says otherwise."""

_log = logging.getLogger(__name__)

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter, str], Awaitable[None]]
"""Serves one connection until it ends; the text is the peer's address."""


class TcpListener:
    """Accepts connections, ``most`` of them at the same time."""

    def __init__(self, host: str, most: int, serve: Serve) -> None:
        self._host = host
        self._most = most
        self._serve = serve
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.accepted = 0
        self.surplus = 0
        """Connections closed for being too many."""

    async def open(self, port: int, limit: int = READ_SIZE) -> None:
        """Begin to listen; ``OSError`` when the address or port is not to be had.

        ``limit`` in bytes is what is read ahead of whoever serves.
        """
        self._server = await asyncio.start_server(self._accept, self._host, port, limit=limit)

    @property
    def port(self) -> int | None:
        """The port listened on."""
        if self._server is None or not self._server.sockets:
            return None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def connections(self) -> int:
        """How many are open now."""
        return len(self._tasks)

    async def close(self) -> None:
        """Stop listening and close all connections."""
        if self._server is not None:
            self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._tasks) >= self._most:
            self.surplus += 1
            writer.transport.abort()
            return
        self.accepted += 1
        task = asyncio.get_running_loop().create_task(self._guard(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve; a connection that breaks or is idle for too long needs no word."""
        peer = str((writer.get_extra_info("peername") or ("unknown",))[0])
        try:
            await self._serve(reader, writer, peer)
        except OSError:
            pass
        except Exception:
            _log.exception("the connection of %s ended for a fault in this program", peer)
        finally:
            writer.transport.abort()
