"""How much one address or one session may ask for: requests a second, and connections at a time."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Network, ip_address

from aiohttp import web

from meterhub_http.failures import Refusal

SILENCE = 20.0
"""Seconds in which a connection brings a whole request header, from its beginning or from the answer before."""
LINGER = 2.0
"""Seconds for which the rest of a body that nobody reads is taken."""
_HELD = 4096
_BURST = 4.0


@lru_cache(_HELD)
def subscriber(address: str) -> str:
    """Who is counted as one: an IPv4 address, or the network of 64 bits that a subscriber of IPv6 has as a whole."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv4Address) or found.ipv4_mapped is not None or found.is_link_local:
        return address
    return str(IPv6Network((found, 64), strict=False))


class Rate:
    """So many requests a second of each key, and four seconds' worth of them at once.

    Only the keys heard of last are remembered: a flood from very many addresses is bounded by the connections.
    """

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._most = rate * _BURST
        self._clock = clock
        self._levels: dict[str, tuple[float, float]] = {}

    def wait(self, key: str) -> float:
        """Count one request: 0 when it may go on, else the seconds until one may."""
        now = self._clock()
        level, at = self._levels.pop(key, (0.0, now))
        level = max(0.0, level - (now - at) * self._rate)
        over = level + 1 - self._most
        self._levels[key] = level + (1 if over <= 0 else 0), now
        if len(self._levels) > _HELD:
            del self._levels[next(iter(self._levels))]
        return max(0.0, over / self._rate)


class Connections:
    """Counts the connections of all listeners; one address may have half of them."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.turned_away = 0
        self._of: Counter[str] = Counter()
        self._all = 0

    @property
    def open(self) -> int:
        """How many there are."""
        return self._all

    def factory(self, server: web.Server) -> Callable[[], asyncio.Protocol]:
        """What a listener makes for each connection; ``server`` is that of the runner."""
        loop = asyncio.get_running_loop()
        return lambda: _Visitor(self, server, loop)

    def enter(self, source: str) -> bool:
        """Count a connection; ``False`` when it is one too many."""
        self._all += 1
        self._of[source] += 1
        welcome = self._all <= self.most and self._of[source] <= self.most // 2
        self.turned_away += not welcome
        return welcome

    def leave(self, source: str) -> None:
        """A connection that was counted is gone."""
        self._all -= 1
        self._of[source] -= 1
        if not self._of[source]:
            del self._of[source]


class _Visitor(web.RequestHandler):
    """A connection that is counted, and closed at once when it is one too many."""

    __slots__ = ("_connections", "_silent", "_source")

    def __init__(self, connections: Connections, server: web.Server, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # aiohttp's own runner gives None for no log
            keepalive_timeout=SILENCE,
            lingering_time=LINGER,
        )
        self._connections = connections
        self._source: str | None = None
        self._silent: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # aiohttp counts the silence after a request; before the first one older releases wait for ever.
        self._silent = self._loop.call_later(SILENCE, self.force_close)
        peer = transport.get_extra_info("peername")
        self._source = subscriber(str(peer[0]) if peer else "")
        if not self._connections.enter(self._source):
            self.force_close()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._silent is not None and (self._messages or self._current_request is not None):
            self._silent.cancel()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        """The answer to what is no HTTP; not logged, as anybody can send a lot of it."""
        if status != 400:
            return super().handle_error(request, status, exc, message)
        response = Refusal("This is no request of HTTP that can be read", status)
        response.headers.update({"Server": "Meterhub", "X-Content-Type-Options": "nosniff"})
        response.force_close()
        return response

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._silent is not None:
            self._silent.cancel()
        if self._source is not None:
            self._connections.leave(self._source)
            self._source = None
        super().connection_lost(exc)
