"""The identity of one end, as its secrets say now: whoever renews a certificate drops no connection."""

from __future__ import annotations

import asyncio
import datetime
import logging
import ssl
from collections.abc import Callable
from typing import NamedTuple, Self

from meterhub_sdk.errors import MeterhubError
from meterhub_sdk.event import EventType, Log, Severity
from meterhub_sdk.hub import Hub
from meterhub_sdk.tls.checks import PeerCheck
from meterhub_sdk.tls.contexts import client_context, server_context
from meterhub_sdk.tls.material import Material, expiry, fingerprint, material, secrets_of, subject
from meterhub_sdk.tls.settings import TlsClient, TlsEnd, TlsServer
from pydantic import BaseModel, Field

REFRESH = 5.0
"""Seconds for which the secrets are not asked for again."""
PATIENCE = 2.0
"""Seconds that a handshake waits for the secrets; after that it takes those known."""
_LOOK = 3600.0
"""Seconds between two looks at the secrets and their dates when nobody connects."""
WARNINGS = (30, 7, 1, 0)
"""Days before the end of the own certificate at which there is an event."""

_log = logging.getLogger(__name__)


class TlsStatus(BaseModel):
    """The own certificate and the handshakes; for the status of a service."""

    subject: str = Field(title="Own certificate", description="Empty where there is none.")
    fingerprint: str = Field(title="SHA-256 fingerprint")
    expires: str = Field(title="Valid until", description="UTC; empty without a certificate.")
    days_left: int | None = Field(title="Days left", description="Below 0: it has expired.")
    revocation_until: str = Field(title="Revocation list valid until", description="UTC; empty without a list.")
    renewed: str = Field(title="Last renewed", description="UTC; empty: not since the service was started.")
    last_error: str = Field(title="Last error", description="Why secrets set since cannot be used; empty: all is well.")
    handshakes: int = Field(0, title="Handshakes under way")
    failed: int = Field(0, title="Handshakes failed")


class TlsEvents(NamedTuple):
    """What the use of TLS writes into the event log: event types of the plugin, made by :func:`tls_events`."""

    renewed: EventType
    not_renewed: EventType
    expires: EventType
    outdated: EventType


def tls_events(first: int, name: str, title: str) -> TlsEvents:
    """Four event types with the numbers from ``first`` on.

    ``name`` begins their names (``modbus``), ``title`` their texts (``The Modbus server``).
    """
    return TlsEvents(
        EventType(
            number=first,
            name=f"{name}-tls-renewed",
            text=title
            + " {service} uses the renewed secrets of TLS; its certificate is {subject}, valid until {until}",
            log=Log.SECURITY,
            severity=Severity.NOTICE,
            help="Nothing to do. Connections made before go on as they are.",
        ),
        EventType(
            number=first + 1,
            name=f"{name}-tls-not-renewed",
            text=title + " {service} goes on with the former secrets of TLS: {why}",
            log=Log.SECURITY,
            severity=Severity.ERROR,
            help="Set the secret that the sentence names again; certificate and key must belong together.",
        ),
        EventType(
            number=first + 2,
            name=f"{name}-tls-expires",
            text=title + " {service} has the TLS certificate {subject}, whose last day is {until} ({days} days left)",
            log=Log.SECURITY,
            severity=Severity.WARNING,
            help="Have the certificate renewed and set its secrets again: nothing has to be restarted.",
        ),
        EventType(
            number=first + 3,
            name=f"{name}-tls-list-outdated",
            text=title + " {service} has a revocation list that its authority wanted replaced by {until}",
            log=Log.SECURITY,
            severity=Severity.WARNING,
            help="Fetch the newest list of the authority and set its secret again. Until then the old one is used.",
        ),
    )


class Security(NamedTuple):
    """What one handshake needs."""

    context: ssl.SSLContext
    check: PeerCheck


class TlsIdentity:
    """Context and rules of one end, made from its secrets and made anew when these are set again.

    Secrets that cannot be used leave everything as it was; :meth:`status` and an event say why.
    """

    def __init__(self, hub: Hub, end: TlsEnd, events: TlsEvents, secrets: dict[str, str]) -> None:
        self._hub = hub
        self._end = end
        self._events = events
        self._build: Callable[[TlsEnd, Material], ssl.SSLContext] = (
            server_context if isinstance(end, TlsServer) else client_context
        )
        self._useless: dict[str, str] = {}
        """Secrets that were tried and cannot be used."""
        self._last_error = ""
        self._renewed = ""
        self._warned: set[tuple[bytes, int]] = set()
        self._next = 0.0
        self._asking: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._use(secrets)

    @classmethod
    async def of(cls, hub: Hub, end: TlsServer | TlsClient, events: TlsEvents) -> Self | None:
        """The identity that the settings name, ``None`` where they want no TLS.

        ``ConfigError`` when a secret is missing or of no use.
        """
        return cls(hub, end, events, await secrets_of(hub, end)) if end.tls_wanted else None

    def start(self) -> None:
        """Look at the secrets and their dates now and then, though nobody connects, until :meth:`end`."""
        self._watching = asyncio.create_task(self._watch(), name="TLS certificates")

    async def end(self) -> None:
        """Look no more."""
        running = [task for task in (self._asking, self._watching) if task is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def fresh(self) -> Security:
        """What a handshake that begins now shall use: no older than some seconds, unless the core does not answer."""
        now = asyncio.get_running_loop().time()
        if self._asking is None and now >= self._next:
            self._next = now + REFRESH
            self._asking = asyncio.create_task(self._ask(), name="TLS secrets")
        if self._asking is not None:
            await asyncio.wait({self._asking}, timeout=PATIENCE)
        return self._security

    def status(self) -> TlsStatus:
        """For people."""
        own = self._material.own
        until = self._list_until()
        return TlsStatus(
            subject=subject(own) if own else "",
            fingerprint=fingerprint(own).hex() if own else "",
            expires=_shown(expiry(own)) if own else "",
            days_left=self.days_left(),
            revocation_until=_shown(until) if until else "",
            renewed=self._renewed,
            last_error=self._last_error,
        )

    def days_left(self) -> int | None:
        """Whole days for which the own certificate is still valid, below 0 once it expired; ``None`` without one."""
        own = self._material.own
        return (expiry(own) - self._now()).days if own else None

    def _use(self, secrets: dict[str, str]) -> None:
        made = material(self._end, secrets)
        self._security = Security(self._build(self._end, made), PeerCheck(made))
        self._material = made
        self._used, self._useless = secrets, {}

    async def _ask(self) -> None:
        """Ask for the secrets, and use them where they are others than before."""
        try:
            secrets = await secrets_of(self._hub, self._end)
            if secrets not in (self._used, self._useless):
                await self._renew(secrets)
            if secrets == self._used:
                self._last_error = ""
        except MeterhubError as error:
            if str(error) != self._last_error:
                self._last_error = str(error)
                await self._record(self._events.not_renewed, why=str(error))
        finally:
            self._asking = None

    async def _renew(self, secrets: dict[str, str]) -> None:
        self._useless = secrets
        self._use(secrets)
        self._renewed = _shown(self._now())
        own = self._material.own
        await self._record(
            self._events.renewed,
            subject=subject(own) if own else "none",
            until=f"{expiry(own):%Y-%m-%d}" if own else "-",
        )
        await self._warn()

    async def _watch(self) -> None:
        while True:
            await self._warn()
            await asyncio.sleep(_LOOK)
            await self.fresh()

    async def _warn(self) -> None:
        """Events for what is about to end, each once."""
        own, days = self._material.own, self.days_left()
        if own is not None and days is not None:
            passed = [limit for limit in WARNINGS if days < limit]
            if passed and self._first(fingerprint(own), passed[-1]):
                await self._record(
                    self._events.expires, subject=subject(own), until=f"{expiry(own):%Y-%m-%d}", days=days
                )
        until = self._list_until()
        if until is not None and until < self._now() and self._first(b"revocation list", int(until.timestamp())):
            await self._record(self._events.outdated, until=f"{until:%Y-%m-%d}")

    def _first(self, what: bytes, limit: int) -> bool:
        """Whether this was not warned of yet; it is from now on."""
        known = (what, limit) in self._warned
        self._warned.add((what, limit))
        return not known

    async def _record(self, event: EventType, **parameters: str | int) -> None:
        try:
            await self._hub.events.record(event, service=self._hub.name, **parameters)
        except MeterhubError as error:
            _log.warning("event %s was not recorded: %s", event.name, error)

    def _list_until(self) -> datetime.datetime | None:
        """When the first of the revocation lists is to be replaced."""
        dates = [given.next_update_utc for given in self._material.revocation]
        return min((date for date in dates if date is not None), default=None)

    def _now(self) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(self._hub.time.now() // 1_000_000_000, datetime.UTC)


def _shown(when: datetime.datetime) -> str:
    return when.isoformat(timespec="seconds")
