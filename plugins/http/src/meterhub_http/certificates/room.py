"""Which certificate is used now: the uploaded one while it will do, else one that the box makes itself."""

from __future__ import annotations

import asyncio
import datetime
import logging
import ssl
from collections.abc import Callable
from typing import NamedTuple

from cryptography import x509
from meterhub_sdk import EventType, Hub, MeterhubError, moment

from meterhub_http import events
from meterhub_http.certificates.checks import checked
from meterhub_http.certificates.identity import Identity, certificates_of, identity_of, key_pem, read_key, wrong
from meterhub_http.certificates.making import new_key, request_for, self_made, will_do
from meterhub_http.certificates.models import (
    CertificateStatus,
    ChainRow,
    RequestArguments,
    RequestResult,
    SignedArguments,
    UploadArguments,
    shown,
)
from meterhub_http.certificates.names import Names
from meterhub_http.certificates.shelf import CANDIDATE, OWN, REQUEST, UPLOADED, Shelf, identity_in

WARNINGS = (30, 7, 1)
"""Days before the end of an uploaded certificate at which an event tells of it."""
_EVERY = 60.0
"""Seconds between looks at dates and names."""
_NONE = "none was uploaded"
_log = logging.getLogger(__name__)


class Held(NamedTuple):
    """A certificate that can be shown."""

    identity: Identity
    context: ssl.SSLContext

    @property
    def ends(self) -> datetime.datetime:
        """When the first certificate of its chain expires."""
        return min(each.not_valid_after_utc for each in self.identity.chain)


class Certificates:
    """See the module. Handshakes ask for :attr:`context`, so that a change drops nobody."""

    def __init__(self, hub: Hub, names: Callable[[], Names]) -> None:
        self._hub = hub
        self._names = names
        self._shelf = Shelf(hub.directory / "certificates")
        self._shelf.delete(CANDIDATE)  # of an upload that a restart cut short
        self._uploaded, self._problem = self._kept()
        self._own: Held | None = None
        self._warned: set[tuple[int, int]] = set()
        self._busy = asyncio.Lock()
        self._used, self._why = self._choose()
        self._told: Held | None = None

    @property
    def context(self) -> ssl.SSLContext:
        """What a handshake that begins now shall use."""
        return self._used.context

    async def watch(self) -> None:
        """Look at dates and names now and then, and tell of what changes, until cancelled."""
        while True:
            try:
                async with self._busy:
                    await self.look()
            except (MeterhubError, OSError) as error:
                _log.warning("the certificate could not be looked after: %s", error)
            await asyncio.sleep(_EVERY)

    async def look(self) -> None:
        """Use what is to be used now."""
        self._used, self._why = self._choose()
        if self._used is not self._told:
            self._told = self._used
            await self._record(events.SELF_MADE_USED if self._why else events.CERTIFICATE_USED, **self._facts())
        if not self._why:
            await self._warn(self._used)

    async def upload(self, given: UploadArguments) -> None:
        """Take a chain with its key into use; ``Invalid`` when it will not do, and nothing has changed then."""
        identity = await asyncio.to_thread(identity_of, given.chain, given.key, given.passphrase)
        async with self._busy:
            await self._take(identity)

    async def request(self, asked: RequestArguments) -> RequestResult:
        """A request for a certificate, with a new key that stays here; one made before is forgotten."""
        key = await asyncio.to_thread(new_key, asked.key)
        made = request_for(asked, key, self._names())
        async with self._busy:
            self._shelf.write(REQUEST, key_pem(key) + made)
            await self._record(events.CERTIFICATE_REQUESTED, subject=self._open_request())
        return RequestResult(request=made.decode())

    async def signed(self, given: SignedArguments) -> None:
        """Take what an authority made of the request into use."""
        chain = certificates_of(given.chain)
        async with self._busy:
            raw = self._shelf.read(REQUEST)
            if raw is None:
                wrong(
                    "chain", message="no certificate was requested here; request one, or upload the chain with its key"
                )
            await self._take(Identity(chain, read_key(raw)))
            self._shelf.delete(REQUEST)

    async def remove(self) -> None:
        """Forget the uploaded certificate and its key; the box makes its own."""
        async with self._busy:
            self._shelf.delete(UPLOADED)
            self._uploaded, self._problem = None, _NONE
            await self.look()

    def status(self) -> CertificateStatus:
        """For people."""
        days = (self._used.ends - self._now()).days
        warning = ""
        if self._why:
            warning = f"Browsers warn of this certificate, which this device has made itself: {self._why}."
        elif self._used.identity.own.not_valid_before_utc > self._now():
            warning = "The certificate is not valid yet by the clock of this device."
        elif days < WARNINGS[0]:
            warning = f"The certificate expires in {days} days; have it renewed and upload it."
        return CertificateStatus(
            source="self-made" if self._why else "uploaded",
            warning=warning,
            days_left=days,
            request=self._open_request(),
            chain=[ChainRow.of(each) for each in self._used.identity.chain],
        )

    # -- inside ---------------------------------------------------------------------------------

    async def _take(self, identity: Identity) -> None:
        """Check, try and keep a certificate, in this order."""
        good = checked(identity, self._now())
        self._shelf.write(CANDIDATE, good.pem)
        try:
            context = self._shelf.context(CANDIDATE)
        except ValueError as error:
            self._shelf.delete(CANDIDATE)
            wrong("chain", message=f"OpenSSL does not take this certificate: {error}")
        self._shelf.rename(CANDIDATE, UPLOADED)
        self._uploaded, self._problem = Held(good, context), ""
        await self.look()

    def _kept(self) -> tuple[Held | None, str]:
        """The uploaded certificate of an earlier life, else why there is none to use."""
        raw = self._shelf.read(UPLOADED)
        if raw is None:
            return None, _NONE
        try:
            return Held(identity_in(raw), self._shelf.context(UPLOADED)), ""
        except (ValueError, TypeError, MeterhubError) as error:
            return None, f"the uploaded one cannot be used ({str(error)[:120]})"

    def _choose(self) -> tuple[Held, str]:
        """What to use now, and why it is self-made."""
        if self._uploaded is None:
            return self._self_made(), self._problem
        if self._uploaded.ends < self._now():
            return self._self_made(), f"the uploaded one expired on {self._uploaded.ends:%Y-%m-%d}"
        return self._uploaded, ""

    def _self_made(self) -> Held:
        names, now = self._names(), self._now()
        if self._own is None:
            self._own = self._made_before()
        if self._own is None or not will_do(self._own.identity, names, now):
            made = self_made(names, now)
            self._shelf.write(OWN, made.pem)
            self._own = Held(made, self._shelf.context(OWN))
        return self._own

    def _made_before(self) -> Held | None:
        raw = self._shelf.read(OWN)
        try:
            return Held(identity_in(raw), self._shelf.context(OWN)) if raw is not None else None
        except (ValueError, TypeError, MeterhubError):
            return None  # a damaged one is made anew

    def _open_request(self) -> str:
        raw = self._shelf.read(REQUEST)
        try:
            return shown(x509.load_pem_x509_csr(raw).subject) if raw is not None else ""
        except ValueError:
            return ""

    def _facts(self) -> dict[str, str]:
        own = self._used.identity.own
        return {"subject": shown(own.subject), "until": f"{self._used.ends:%Y-%m-%d}", "why": self._why}

    async def _warn(self, held: Held) -> None:
        """An event for each limit that has passed, once."""
        days = (held.ends - self._now()).days
        passed = [limit for limit in WARNINGS if days < limit]
        if passed and (known := (held.identity.own.serial_number, passed[-1])) not in self._warned:
            self._warned.add(known)
            subject = shown(held.identity.own.subject)
            await self._record(events.CERTIFICATE_EXPIRES, subject=subject, until=f"{held.ends:%Y-%m-%d}", days=days)

    async def _record(self, event: EventType, **parameters: str | int) -> None:
        try:
            await self._hub.events.record(event, **parameters)
        except MeterhubError as error:
            _log.warning("event %s was not recorded: %s", event.name, error)

    def _now(self) -> datetime.datetime:
        return moment(self._hub.time.now())
