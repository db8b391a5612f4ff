"""Two ends of one socket pair in this process, and bare sockets against one end."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from meterhub.wire import Connection, Handler

Connect = Callable[..., Awaitable[Connection]]


async def _end(sock: socket.socket, handlers: dict[str, Handler], label: str) -> Connection:
    sock.setblocking(False)
    connection = Connection(handlers, label)
    await asyncio.get_running_loop().create_unix_connection(lambda: connection, sock=sock)
    return connection


@pytest.fixture
async def pair() -> AsyncIterator[Callable[..., Awaitable[tuple[Connection, Connection]]]]:
    """Makes two connected ends, each with its handlers."""
    made: list[Connection] = []

    async def connect(
        ours: dict[str, Handler] | None = None, theirs: dict[str, Handler] | None = None
    ) -> tuple[Connection, Connection]:
        one, other = socket.socketpair()
        made.extend([await _end(one, ours or {}, "them"), await _end(other, theirs or {}, "us")])
        return made[-2], made[-1]

    yield connect
    for connection in made:
        connection.close()
    await asyncio.gather(*(connection.closed for connection in made), return_exceptions=True)


@pytest.fixture
async def bare() -> AsyncIterator[Callable[..., Awaitable[tuple[Connection, socket.socket]]]]:
    """Makes one end, and the naked socket of a peer that does what it likes."""
    made: list[tuple[Connection, socket.socket]] = []

    async def connect(handlers: dict[str, Handler] | None = None) -> tuple[Connection, socket.socket]:
        one, other = socket.socketpair()
        other.setblocking(False)
        made.append((await _end(one, handlers or {}, "the peer"), other))
        return made[-1]

    yield connect
    for connection, sock in made:
        connection.close()
        sock.close()
    await asyncio.gather(*(connection.closed for connection, _ in made), return_exceptions=True)
