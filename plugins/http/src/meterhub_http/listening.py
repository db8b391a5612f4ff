"""The addresses on which browsers and programs are awaited, each with or without TLS."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from collections.abc import Callable
from typing import NamedTuple, cast

from meterhub_sdk import EventType, Hub, MeterhubError, NotReady
from meterhub_sdk.admission import AllowList
from meterhub_sdk.tls import Handshakes, TlsIdentity

from meterhub_http import events
from meterhub_http.certificates import Certificates
from meterhub_http.settings import HttpConfig

RETRY = 10.0
"""Seconds after which an address that cannot be had is tried again."""
_BACKLOG = 128
_log = logging.getLogger(__name__)

Make = Callable[[], asyncio.Protocol]


class Place(NamedTuple):
    """One address and port."""

    scheme: str
    address: str
    port: int

    @property
    def url(self) -> str:
        """As it is typed into a browser."""
        return f"{self.scheme}://{f'[{self.address}]' if ':' in self.address else self.address}:{self.port}"


class Listeners:
    """All listeners of the service; ``make`` makes what serves a connection, once it is secured."""

    def __init__(
        self,
        hub: Hub,
        config: HttpConfig,
        certificates: Certificates | None,
        make: Make,
        turned_away: Callable[[str, str], None],
    ) -> None:
        self._hub = hub
        self._allowed = AllowList(config.allowed)
        self._make = make
        self._turned_away = turned_away
        self._identity = _Identity(certificates)
        # The SDK names the identity of its own secrets; of it handshakes use what _Identity has.
        self._handshakes = Handshakes(cast(TlsIdentity, self._identity), self._handshake_failed)
        self._places = places(config)
        self._servers: dict[Place, asyncio.Server] = {}
        self.failures: dict[Place, str] = {}
        self.handshakes_failed = 0
        self.last_failure = ""

    @property
    def urls(self) -> list[str]:
        """Where it listens now."""
        return [place.url for place in self._places if place in self._servers]

    async def begin(self) -> None:
        """Listen; ``NotReady`` when not even one address can be had. :meth:`close` it in any case."""
        for place in self._places:
            await self._try(place)
        if not self._servers:
            place, reason = next(iter(self.failures.items()))
            raise NotReady(f"cannot listen on {place.address} port {place.port}: {reason}")

    async def retry(self) -> None:
        """Try again what cannot be had, until cancelled."""
        for place, reason in list(self.failures.items()):
            await self._record(events.NOT_LISTENING, address=place.url, reason=reason)
        while True:
            await asyncio.sleep(RETRY)
            await self._again()

    async def close(self) -> None:
        """Listen no more; connections stay."""
        for server in self._servers.values():
            server.close()
        self._servers.clear()
        await self._handshakes.end()

    async def _again(self) -> None:
        for place in list(self.failures):
            if await self._try(place):
                await self._record(events.LISTENING_AGAIN, address=place.url)

    async def _try(self, place: Place) -> bool:
        loop = asyncio.get_running_loop()
        make = self._unsecured if place.scheme == "https" else self._make
        try:
            server = await loop.create_server(make, place.address, place.port, reuse_address=True, backlog=_BACKLOG)
        except OSError as error:
            self.failures[place] = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
            return False
        self._servers[place] = server
        self.failures.pop(place, None)
        return True

    def _unsecured(self) -> asyncio.Protocol:
        return self._handshakes.protocol(self._make, self._admits)

    def _admits(self, address: str) -> bool:
        """Whether a client may begin a handshake."""
        if address in self._allowed:
            return True
        self._turned_away(address, "its address is not allowed")
        return False

    def _handshake_failed(self, address: str, why: str) -> None:
        """Counted only: browsers that do not know the certificate break off each time."""
        self.handshakes_failed += 1
        self.last_failure = f"{address}: {why}"
        _log.debug("%s", self.last_failure)

    async def _record(self, event: EventType, **parameters: str) -> None:
        try:
            await self._hub.events.record(event, **parameters)
        except MeterhubError as error:
            _log.warning("event %s was not recorded: %s", event.name, error)


def places(config: HttpConfig) -> list[Place]:
    """What the settings ask for."""
    ports = (("https", config.https_port), ("http", config.http_port))
    return [Place(scheme, address, port) for scheme, port in ports if port is not None for address in config.addresses]


class _Security(NamedTuple):
    """What one handshake needs: anybody may connect, whoever he is shows later."""

    context: ssl.SSLContext
    check: Callable[[bytes | None], str]


class _Identity:
    """The certificate of the moment for each handshake, with or without the name that a client asks for."""

    def __init__(self, certificates: Certificates | None) -> None:
        self._certificates = certificates

    async def fresh(self) -> _Security:
        """For a handshake that begins now."""
        assert self._certificates is not None, "there is one where there is HTTPS"
        return _Security(self._certificates.context, lambda _: "")

    async def end(self) -> None:
        """Nothing runs here."""
