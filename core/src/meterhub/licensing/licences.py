"""The licences of this instance: installing, removing, believing and watching them."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from meterhub.identity import Identity
from meterhub.licensing import events
from meterhub.licensing.errors import LicenceError, LicenceOlder
from meterhub.licensing.events import Report
from meterhub.licensing.licence import verify
from meterhub.licensing.shelf import COUNT_LIMIT, SUFFIX, Kept, Shelf
from meterhub.licensing.text import Licence, parse
from meterhub.licensing.vendor_keys import VendorKey, VendorKeys
from meterhub.whole import whole

State = Literal["valid", "soon", "expired", "unusable"]

TRUSTED_FROM = 1_577_836_800 * 1_000_000_000
"""2020-01-01 UTC: a clock that shows an earlier time was never set, and no licence ends by it."""

SOON = 30 * 86_400 * 1_000_000_000
_SHOWN = 20
_FOUND = "the directory of licences"
_RANK = {"": 0, "valid": 0, "soon": 1, "expired": 2, "unusable": 3}


@dataclass(frozen=True, slots=True)
class LicenceRow:
    """An installed licence as administrators see it; ``licence`` is ``None`` and ``fault`` a sentence if unusable."""

    file: str
    state: State
    licence: Licence | None
    fault: str
    installed: int
    installed_by: str


@dataclass(frozen=True, slots=True)
class _Entry:
    kept: Kept
    licence: Licence | None
    fault: str

    def state(self, now: int | None) -> State:
        if self.licence is None:
            return "unusable"
        ends = self.licence.ends
        if now is None or ends is None or now < ends - SOON:
            return "valid"
        return "soon" if now < ends else "expired"


class Licences:
    """Which features vendors license to this instance, now.

    ``now`` is the wall clock in nanoseconds UTC. Each change of what is licensed is told to ``changed`` at once,
    before it is written about in the event log.
    """

    def __init__(
        self,
        shelf: Shelf,
        vendors: VendorKeys,
        identity: Identity,
        report: Report,
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        self.changed: Callable[[], None] = lambda: None
        self._shelf = shelf
        self._vendors = vendors
        self._identity = identity
        self._report = report
        self._now = now
        self._entries: dict[str, _Entry] = {}
        self._licensed: frozenset[str] = frozenset()
        self._changing = asyncio.Lock()

    @property
    def licensed(self) -> frozenset[str]:
        """The features that a licence names which counts now."""
        return self._licensed

    def rows(self) -> list[LicenceRow]:
        """The installed licences, those that do not count too."""
        now = self._trusted_now()
        return [
            LicenceRow(e.kept.file, e.state(now), e.licence, e.fault, e.kept.installed, e.kept.installed_by)
            for e in self._entries.values()
        ]

    async def load(self) -> None:
        """Read what is installed; call it once, before anything else."""
        kept, gone = await self._shelf.read()
        for one in kept:
            self._entries[one.file] = entry = self._entry(one)
            if not one.installed:
                await self._adopt(entry)
        for file in gone:
            reason = "the file is no longer there"
            await self._report(events.LICENCE_UNUSABLE, file=file, reason=reason)
            await self._shelf.take(file)
        await self.look()

    @whole
    async def install(self, document: bytes, user: str) -> Licence:
        """Install a licence for this instance; it counts at once, and survives a power cut, when this returns.

        A licence of the same vendor and number is replaced, unless that was issued later. :class:`LicenceError`
        says what is wrong with a licence that is refused.
        """
        async with self._changing:
            try:
                kept, licence = self._checked(document, user)
            except LicenceError as error:
                await self._report(events.LICENCE_REFUSED, user=user, reason=str(error))
                raise
            await self._shelf.put(kept)
            self._entries[kept.file] = _Entry(kept, licence, "")
            self._count()
            await self._report_installed(licence, user)
            return licence

    @whole
    async def remove(self, file: str, user: str) -> None:
        """Remove the licence in ``file`` (of :meth:`rows`); ``LicenceError`` when there is none."""
        async with self._changing:
            entry = self._entries.get(file)
            if entry is None:
                raise LicenceError(f"there is no installed licence {file[:80]!r}")
            await self._shelf.take(file)
            del self._entries[file]
            self._count()
            name = file if entry.licence is None else f"{entry.licence.number} of {entry.licence.vendor}"
            await self._report(events.LICENCE_REMOVED, licence=name, user=user)

    def vendors(self) -> list[VendorKey]:
        """The trusted vendors."""
        return list(self._vendors.keys().values())

    @whole
    async def add_vendor(self, document: bytes, features: Sequence[str], user: str) -> VendorKey:
        """Trust a vendor for the features that the patterns cover; its installed licences count from now on."""
        async with self._changing:
            key = self._vendors.add(document, features)
            self._believe_again()
            shown = {"vendor": key.name, "kid": key.kid, "fingerprint": key.fingerprint}
            await self._report(events.VENDOR_ADDED, **shown, features=", ".join(features), user=user)
            return key

    @whole
    async def remove_vendor(self, kid: str, user: str) -> None:
        """Trust a vendor no more; its licences stay installed and count no more."""
        async with self._changing:
            key = self._vendors.remove(kid)
            self._believe_again()
            await self._report(events.VENDOR_REMOVED, vendor=key.name, kid=key.kid, user=user)

    async def look(self) -> None:
        """Look at the clock: let licences end, and give notice of what ended or ends within 30 days, once each."""
        self._count()
        async with self._changing:
            now = self._trusted_now()
            for entry in list(self._entries.values()):
                await self._notice(entry, now)

    def _trusted_now(self) -> int | None:
        now = self._now()
        return now if now >= TRUSTED_FROM else None

    def _verified(self, document: bytes, now: int | None) -> Licence:
        identity = self._identity
        return verify(document, self._vendors.keys(), product=identity.product, serial=identity.serial, now=now)

    def _checked(self, document: bytes, user: str) -> tuple[Kept, Licence]:
        """A licence that may be installed, and how it is kept."""
        licence = self._verified(document, self._trusted_now())
        file = f"{licence.number}-{hashlib.sha256(licence.vendor.encode()).hexdigest()[:8]}{SUFFIX}"
        before = self._entries.get(file)
        if before is None and len(self._entries) >= COUNT_LIMIT:
            raise LicenceError(f"there is room for {COUNT_LIMIT} licences: remove one first")
        if before is not None and before.licence is not None and before.licence.issued > licence.issued:
            raise LicenceOlder(
                f"licence {licence.number} of {licence.vendor} was issued on {licence.issued}, but the one installed "
                f"on {before.licence.issued}: remove that one first, if the older is what you want"
            )
        return Kept(file, parse(document).text().encode(), self._now(), user), licence

    def _entry(self, kept: Kept) -> _Entry:
        if kept.data is None:
            return _Entry(kept, None, "the file cannot be read")
        try:
            return _Entry(kept, self._verified(kept.data, None), "")
        except LicenceError as error:
            return _Entry(kept, None, str(error))

    def _believe_again(self) -> None:
        self._entries = {file: self._entry(entry.kept) for file, entry in self._entries.items()}
        self._count()

    def _count(self) -> None:
        """What is licensed at this moment; whoever must stop services hears of it before anybody writes it down."""
        now = self._trusted_now()
        counting = [e.licence for e in self._entries.values() if e.licence and e.state(now) in ("valid", "soon")]
        licensed = frozenset(feature for licence in counting for feature in licence.features)
        if licensed != self._licensed:
            self._licensed = licensed
            self.changed()

    async def _notice(self, entry: _Entry, now: int | None) -> None:
        """Report a worse state once; the row is written after the event, so that none is lost to a power cut."""
        if now is None and entry.licence is not None:
            return
        state, before = entry.state(now), entry.kept.noticed
        if _RANK[state] == _RANK[before]:
            return
        if _RANK[state] > _RANK[before]:
            await self._report_state(entry, state)
        noticed = "" if state == "valid" else state
        await self._shelf.notice(entry.kept.file, noticed)
        self._entries[entry.kept.file] = replace(entry, kept=replace(entry.kept, noticed=noticed))

    async def _report_state(self, entry: _Entry, state: State) -> None:
        if entry.licence is None:
            await self._report(events.LICENCE_UNUSABLE, file=entry.kept.file, reason=entry.fault)
            return
        event = events.LICENCE_EXPIRED if state == "expired" else events.LICENCE_EXPIRES_SOON
        expires = str(entry.licence.expires)
        await self._report(event, licence=entry.licence.number, vendor=entry.licence.vendor, expires=expires)

    async def _report_installed(self, licence: Licence, user: str) -> None:
        features = ", ".join(licence.features[:_SHOWN])
        if len(licence.features) > _SHOWN:
            features += f" and {len(licence.features) - _SHOWN} more"
        shown = {"licence": licence.number, "vendor": licence.vendor, "features": features, "user": user}
        await self._report(events.LICENCE_INSTALLED, **shown)

    async def _adopt(self, entry: _Entry) -> None:
        """A file that somebody put into the directory: it counts, and is written about like any other."""
        kept = replace(entry.kept, installed=self._now(), installed_by=_FOUND)
        await self._shelf.adopt(kept)
        self._entries[kept.file] = replace(entry, kept=kept)
        if entry.licence is not None:
            await self._report_installed(entry.licence, _FOUND)
