"""A UDP endpoint: datagrams to and from one peer."""

from __future__ import annotations

import asyncio
from typing import cast

from meterhub_sdk import NotReady, place_of
from meterhub_sdk.admission import AllowList, address_of

from meterhub_forwarding.bus import Port
from meterhub_forwarding.endpoint import Endpoint, Place
from meterhub_forwarding.events import PEER_REFUSED
from meterhub_forwarding.settings import Udp

_Address = tuple[str, int]


class Datagrams(asyncio.DatagramProtocol, Port):
    """A UDP socket on the bus. Without a fixed peer it answers whoever spoke last."""

    def __init__(self, endpoint: UdpEndpoint, end: Udp) -> None:
        Port.__init__(self, endpoint.place.bus)
        self.peer: _Address | None = None
        self.lost = asyncio.Event()
        self._endpoint = endpoint
        self._end = end
        self._fixed = end.peer_host is not None
        self._allowed = AllowList(end.allowed)
        self._held = False
        self._full = False
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Join the bus."""
        self.transport = cast(asyncio.DatagramTransport, transport)
        if self._fixed:
            self.peer = transport.get_extra_info("peername")
        self.channel = self._endpoint.place.hub.frames.channel(
            f"{self._endpoint.place.channel}: {self._endpoint.title}",
            link="udp",
            local=place_of(transport.get_extra_info("sockname")),
            remote=place_of(self.peer),
            redact=True,
        )
        self._endpoint.joined(self)

    def datagram_received(self, data: bytes, addr: _Address) -> None:
        """Pass it on; while the bus is full there is nowhere to put it."""
        if address_of(addr) not in self._allowed:
            self._endpoint.note(PEER_REFUSED, peer=f"{addr[0]}:{addr[1]}", why="its address is not allowed")
        elif self._held:
            self._endpoint.lost += len(data)
        else:
            if not self._fixed:
                self.peer = addr
            self._endpoint.state = "open"
            self.bus.received(self, data)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens at the peer: a matter of the datagram, not of the socket."""
        self._endpoint.state = f"the peer does not listen: {exc}"

    def pause_writing(self) -> None:
        """The system takes no more: datagrams are lost from now on, as anywhere on their way."""
        self._full = True

    def resume_writing(self) -> None:
        """It does again."""
        self._full = False

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave the bus."""
        self.lost.set()
        if self.channel is not None:
            self.channel.close()
        self._endpoint.left(self)

    # -- the bus ------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """To the peer, in datagrams of bounded size."""
        if self.transport is None or self.peer is None or self._full:
            self._endpoint.lost += len(data)
            return
        self.written(data)
        for at in range(0, len(data), self._end.datagram):
            piece = data[at : at + self._end.datagram]
            self.transport.sendto(piece, None if self._fixed else self.peer)

    def hold(self, held: bool) -> None:
        """UDP cannot be held back: what comes meanwhile is counted as lost."""
        self._held = held

    def pending(self) -> int:
        """None that anybody would wait for."""
        return 0

    def stalled(self) -> None:
        """Never: this port never blocks the bus."""


class UdpEndpoint(Endpoint):
    """The socket, opened again when it fails."""

    def __init__(self, place: Place, end: Udp) -> None:
        super().__init__(place, end.title)
        self._end = end
        self._socket: Datagrams | None = None

    async def attempt(self) -> None:
        """Open the socket, and stay until it is lost."""
        end = self._end
        local = (end.host, end.port or 0)
        remote = (end.peer_host, end.peer_port) if end.peer_host is not None and end.peer_port is not None else None
        datagrams = Datagrams(self, end)
        try:
            await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: datagrams, local_addr=local, remote_addr=remote
            )
        except OSError as error:
            raise NotReady(f"cannot open {self.title}: {error.strerror or error}") from error
        self.up("open")
        try:
            await datagrams.lost.wait()
        finally:
            if datagrams.transport is not None:
                datagrams.transport.abort()
        raise NotReady("the socket was closed")

    def joined(self, port: Port) -> None:
        """The socket is on the bus."""
        self._socket = cast(Datagrams, port)
        super().joined(port)

    def left(self, port: Port) -> None:
        """The socket is closed."""
        self._socket = None
        super().left(port)

    def ports(self) -> list[Port]:
        """The socket."""
        return [self._socket] if self._socket is not None else []

    def peers(self) -> list[str]:
        """Who is spoken to."""
        peer = self._socket.peer if self._socket is not None else None
        return [f"{peer[0]}:{peer[1]}"] if peer is not None else []
