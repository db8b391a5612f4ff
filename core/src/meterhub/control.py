"""The control socket: the owner of the home is access_admin there."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from pathlib import Path
from typing import Any

from meterhub_sdk import Refused

from meterhub.access.gate import Access
from meterhub.core_events import BAD_PEER
from meterhub.ports import EventRecorder
from meterhub.resources import Tree
from meterhub.wire import Connection, Handler

NAME = "control.sock"
_CONNECTIONS = 16


class ControlSocket:
    """Listens on ``<home>/control.sock`` (mode 0600) and checks who connects."""

    def __init__(self, home: Path, tree: Tree, access: Access, events: EventRecorder) -> None:
        self._path = home / NAME
        self._tree = tree
        self._access = access
        self._events = events
        self._owner = home.stat().st_uid
        self._server: asyncio.Server | None = None
        self._connections: set[_ControlConnection] = set()

    async def start(self) -> None:
        """Listen; a socket left over from a killed core is replaced."""
        self._path.unlink(missing_ok=True)
        previous = os.umask(0o177)
        try:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_unix_server(self._connection, path=str(self._path))
        finally:
            os.umask(previous)

    async def stop(self) -> None:
        """Close the socket and every connection."""
        if self._server is not None:
            self._server.close()
        for connection in tuple(self._connections):
            connection.close()
        self._path.unlink(missing_ok=True)

    def _connection(self) -> Connection:
        return _ControlConnection(self, {"tree": self._request})

    async def _request(self, body: Any) -> Any:
        if not isinstance(body, dict) or not {"verb", "path"} <= body.keys():
            raise Refused("a request has a verb and a path")
        principal = self._access.control_principal()
        return await self._tree.request(principal, str(body["verb"]), str(body["path"]), body.get("body"))

    def admits(self, uid: int) -> bool:
        """True for the owner of the home and for root, as long as there is room."""
        return uid in (0, self._owner) and len(self._connections) < _CONNECTIONS

    def opened(self, connection: _ControlConnection) -> None:
        """A connection was admitted."""
        self._connections.add(connection)

    def ended(self, connection: _ControlConnection) -> None:
        """A connection ended; one that sent rubbish is an event."""
        self._connections.discard(connection)
        closed = connection.closed
        if closed.done() and (error := closed.exception()) is not None:
            self._events.record_soon(BAD_PEER, source="control socket", reason=str(error))


class _ControlConnection(Connection):
    def __init__(self, control: ControlSocket, handlers: dict[str, Handler]) -> None:
        super().__init__(handlers, "the command line")
        self._control = control

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        peer = transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        _, uid, _ = struct.unpack("3i", peer)
        super().connection_made(transport)
        if self._control.admits(uid):
            self._control.opened(self)
        else:
            transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._control.ended(self)
        super().connection_lost(error)
