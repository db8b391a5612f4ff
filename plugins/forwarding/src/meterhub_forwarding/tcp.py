"""TCP endpoints: a port that others connect to, and a connection to another machine."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from meterhub_sdk import NotReady, place_of
from meterhub_sdk.admission import AllowList, address_of
from meterhub_sdk.tls import Handshakes, TlsIdentity, TlsStatus, connect

from meterhub_forwarding.bus import Port
from meterhub_forwarding.endpoint import Endpoint, IdleWatch, Place
from meterhub_forwarding.events import PEER_REFUSED, PEER_STALLED, TLS_EVENTS
from meterhub_forwarding.settings import TcpConnect, TcpListen

HIGH_WATER = 1 << 16
CONNECT_TIMEOUT = 10.0


class Connection(asyncio.Protocol, Port):
    """One TCP connection on the bus."""

    def __init__(
        self, endpoint: Endpoint, group: object, idle: float | None, admit: Callable[[Connection], str] | None = None
    ) -> None:
        Port.__init__(self, endpoint.place.bus, group)
        self.peer = ""
        self.address = ""
        self.lost = asyncio.Event()
        self._endpoint = endpoint
        self._admit = admit
        self._idle_timeout = idle
        self._transport: asyncio.Transport | None = None
        self._joined = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Join the bus, or be refused."""
        self._transport = cast(asyncio.Transport, transport)
        self._idle = IdleWatch(self._idle_timeout, self.end)
        self.address = host = address_of(transport)
        _, port, *_ = transport.get_extra_info("peername") or ("", 0)
        self.peer = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        refusal = self._admit(self) if self._admit is not None else ""
        if refusal:
            self._endpoint.note(PEER_REFUSED, peer=self.peer, why=refusal)
            self._transport.abort()
            return
        sock = transport.get_extra_info("socket")
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._transport.set_write_buffer_limits(high=HIGH_WATER)
        self._joined = True
        self.channel = self._endpoint.place.hub.frames.channel(
            f"{self._endpoint.place.channel}: {self.peer}",
            link="tcp",
            local=place_of(transport.get_extra_info("sockname")),
            remote=self.peer,
            listening=self._admit is not None,
            redact=True,
        )
        self._endpoint.joined(self)

    def data_received(self, data: bytes) -> None:
        """Pass it on."""
        self._idle.touch()
        self.bus.received(self, data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the bus."""
        self._idle.stop()
        self.lost.set()
        if self.channel is not None:
            self.channel.close()
        if self._joined:
            self._endpoint.left(self)

    def pause_writing(self) -> None:
        """The peer reads too slowly."""
        self.bus.block(self)

    def resume_writing(self) -> None:
        """It has caught up."""
        self.bus.unblock(self)

    def end(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    # -- the bus ------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """To the peer."""
        if self._transport is not None and not self._transport.is_closing():
            self._idle.touch()
            self.written(data)
            self._transport.write(data)

    def hold(self, held: bool) -> None:
        """Stop reading from the peer, or go on."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading() if held else self._transport.resume_reading()

    def pending(self) -> int:
        """Bytes that the peer has not taken."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def stalled(self) -> None:
        """A dead peer must not hold the bus."""
        self._endpoint.lost += self.pending()
        self._endpoint.note(PEER_STALLED, peer=self.peer, seconds=self.bus.stall)
        self.end()


class Listener(Endpoint):
    """A TCP port that others connect to."""

    def __init__(self, place: Place, end: TcpListen) -> None:
        super().__init__(place, end.title)
        self._end = end
        self._allowed = AllowList(end.allowed)
        self._clients: dict[Connection, None] = {}
        self._group = None if end.hear_each_other else object()
        self._handshakes: Handshakes | None = None

    async def attempt(self) -> None:
        """Listen until cancelled."""
        self._handshakes = handshakes = await Handshakes.of(self.place.hub, self._end, TLS_EVENTS, self._refuse)
        try:
            await self._listen()
        finally:
            if handshakes is not None:
                await handshakes.end()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(self._protocol, self._end.host, self._end.port)
        except OSError as error:
            raise NotReady(f"cannot listen on {self._end.host} port {self._end.port}: {error.strerror}") from error
        self.up("listening")
        try:
            await asyncio.Event().wait()
        finally:
            server.close()
            for client in tuple(self._clients):
                client.end()

    def _protocol(self) -> asyncio.Protocol:
        """For a new client: it is not asked for a handshake unless it may come in."""
        if self._handshakes is None:
            return self._client()
        return self._handshakes.protocol(self._client, self._may_begin)

    def _client(self) -> Connection:
        return Connection(self, self._group, self._end.idle_timeout, self._admit)

    def _may_begin(self, address: str) -> bool:
        refusal = self._refusal(address)
        if refusal:
            self._refuse(address, refusal)
        return not refusal

    def _refusal(self, address: str) -> str:
        """Why nobody may come in from there; empty when one may."""
        if address not in self._allowed:
            return "its address is not allowed"
        if len(self._clients) >= self._end.max_clients and not self._end.replace_oldest:
            return f"there are {len(self._clients)} clients already"
        return ""

    def _refuse(self, peer: str, why: str) -> None:
        self.note(PEER_REFUSED, peer=peer, why=why)

    def _admit(self, client: Connection) -> str:
        """Why the client may not come in; empty when it may."""
        refusal = self._refusal(client.address)
        if refusal:
            return refusal
        if len(self._clients) >= self._end.max_clients:
            oldest = next(iter(self._clients))
            del self._clients[oldest]
            oldest.end()
        self._clients[client] = None
        return ""

    def tls(self) -> TlsStatus | None:
        """The own certificate and the handshakes."""
        return None if self._handshakes is None else self._handshakes.status()

    def left(self, port: Port) -> None:
        """Its place is free again."""
        self._clients.pop(cast(Connection, port), None)
        super().left(port)

    def ports(self) -> list[Port]:
        """The clients."""
        return list(self._clients)

    def peers(self) -> list[str]:
        """Their addresses."""
        return [client.peer for client in self._clients]


class Connector(Endpoint):
    """A connection to another machine."""

    def __init__(self, place: Place, end: TcpConnect) -> None:
        super().__init__(place, end.title, end.reconnect)
        self._end = end
        self._connection: Connection | None = None
        self._identity: TlsIdentity | None = None

    async def attempt(self) -> None:
        """Connect, and stay until the connection is lost."""
        self._identity = identity = await TlsIdentity.of(self.place.hub, self._end, TLS_EVENTS)
        if identity is not None:
            identity.start()
        try:
            await self._connect()
        finally:
            if identity is not None:
                await identity.end()

    async def _connect(self) -> None:
        self.state = "connecting"
        loop = asyncio.get_running_loop()
        connection = Connection(self, None, self._end.idle_timeout)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                if self._identity is None:
                    await loop.create_connection(lambda: connection, self._end.host, self._end.port)
                else:
                    await connect(self._identity, connection, self._end.host, self._end.port)
        except TimeoutError:
            connection.end()
            raise NotReady(f"no connection within {CONNECT_TIMEOUT:g} s") from None
        self.up("connected")
        try:
            await connection.lost.wait()
        finally:
            connection.end()
        raise NotReady("the connection was closed")

    def joined(self, port: Port) -> None:
        """The connection is on the bus."""
        self._connection = cast(Connection, port)
        super().joined(port)

    def left(self, port: Port) -> None:
        """The connection is over."""
        self._connection = None
        super().left(port)

    def ports(self) -> list[Port]:
        """The connection."""
        return [self._connection] if self._connection is not None else []

    def tls(self) -> TlsStatus | None:
        """The own certificate."""
        return None if self._identity is None else self._identity.status()

    def peers(self) -> list[str]:
        """Its address."""
        return [self._connection.peer] if self._connection is not None else []
