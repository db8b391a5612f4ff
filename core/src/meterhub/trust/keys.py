"""Whose signatures count: publishers with their keys, and what was withdrawn.

The vendor's publishers are compiled in (``publishers.json`` in this package); the site's own are kept in
``<home>/trust.json``. A site publisher signs only names that no vendor's publisher claims.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from meterhub_sdk.signing import NAME_LENGTH, check_kid, fingerprint

from meterhub.files import read_limited, replace_atomically
from meterhub.trust.errors import TrustStoreError

FILENAME = "trust.json"
FILE_LIMIT = 4 * 2**20
MACHINE_PREFIX = "machine:"
FORMAT = 1

_X = re.compile(r"[A-Za-z0-9_-]{43}")
_DIGEST = re.compile(r"[A-Za-z0-9_-]{43}")
_NAMES = re.compile(r"(?=.{1,128}\Z)[a-z0-9*]+(-[a-z0-9*]+)*")


class Publisher(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key and what it may sign.

    ``x`` is the raw public key in base64url, ``names`` are patterns of distribution names (``acme-*``). A signature
    counts when it was made (``iat``, seconds since 1970) from ``not_before`` to ``not_after``.
    """

    kid: str
    name: str
    x: str
    names: tuple[str, ...]
    not_before: int = 0
    not_after: int | None = None

    @classmethod
    def from_jwk(
        cls, text: bytes | str, names: Iterable[str], not_before: int = 0, not_after: int | None = None
    ) -> Publisher:
        """The publisher of the public JWK that ``meterhub-sdk`` made, trusted for these names alone."""
        try:
            fields = msgspec.json.decode(text, type=_Jwk)
        except msgspec.MsgspecError as error:
            raise TrustStoreError(f"this is not a publisher's public key: {error}; ask for the file again") from error
        if fields.d is not msgspec.UNSET:
            raise TrustStoreError(
                "this is a private key and is no longer one; make a new key and hand over its public half"
            )
        publisher = cls(
            kid=fields.kid, name=fields.name, x=fields.x, names=tuple(names), not_before=not_before, not_after=not_after
        )
        publisher.check()
        return publisher

    @property
    def key(self) -> Ed25519PublicKey:
        """The public key."""
        return Ed25519PublicKey.from_public_bytes(urlsafe_b64decode(self.x + "="))

    @property
    def fingerprint(self) -> str:
        """What people compare to know that they mean the same key."""
        return fingerprint(self.key)

    def check(self) -> None:
        """:class:`TrustStoreError` unless every field is sound."""
        try:
            check_kid(self.kid)
        except ValueError as error:
            raise TrustStoreError(str(error)) from None
        if not 1 <= len(self.name) <= NAME_LENGTH or not self.name.isprintable():
            raise TrustStoreError(f"the name of the publisher of {self.kid!r} is empty, too long or not printable")
        if not _X.fullmatch(self.x) or len(urlsafe_b64decode(self.x + "=")) != 32:
            raise TrustStoreError(f"the key {self.kid!r} is not an Ed25519 key; ask for the file again")
        if not self.names:
            raise TrustStoreError(f"the key {self.kid!r} is trusted for no names; give patterns such as acme-*")
        for names in self.names:
            if not _NAMES.fullmatch(names):
                raise TrustStoreError(f"{names[:80]!r} is not a pattern of distribution names; acme-* would be one")
        if self.not_before < 0 or (self.not_after is not None and self.not_after < self.not_before):
            raise TrustStoreError(f"the key {self.kid!r} is never valid; let its time end after it begins")

    def may_sign(self, name: str) -> bool:
        """True when one of its patterns fits the normalised name."""
        return any(fnmatchcase(name, names) for names in self.names)

    def valid_at(self, issued: int) -> bool:
        """True when a signature made then counts."""
        return self.not_before <= issued and (self.not_after is None or issued <= self.not_after)


class _Jwk(msgspec.Struct):
    kid: str
    name: str
    x: str
    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    d: Any = msgspec.UNSET


class _Site(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of ``trust.json``."""

    format: int = FORMAT
    publishers: tuple[Publisher, ...] = ()
    revoked_keys: dict[str, tuple[str, ...]] = {}
    revoked_releases: tuple[str, ...] = ()

    def check(self) -> None:
        if self.format != FORMAT:
            raise TrustStoreError(f"{FILENAME} is of format {self.format}; this release reads format {FORMAT}")
        for publisher in self.publishers:
            publisher.check()
            if publisher.kid.startswith(MACHINE_PREFIX):
                raise TrustStoreError(f"{publisher.kid!r} is the name of a machine's key; call the key acme-2026, say")
        for digests in (self.revoked_releases, *self.revoked_keys.values()):
            for digest in digests:
                if not _DIGEST.fullmatch(digest):
                    raise TrustStoreError(f"{digest[:80]!r} is not the digest of a release; it has 43 characters")


class _Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    site: _Site
    vendor: tuple[Publisher, ...]
    machine: Publisher | None


class TrustStore:
    """What this installation trusts; each change is on disk before it counts.

    ``machine`` is the key of this machine, which signs checkouts and nothing else.
    """

    def __init__(
        self,
        path: Path | None = None,
        *,
        vendor: tuple[Publisher, ...] = (),
        machine: Publisher | None = None,
        site: _Site | None = None,
    ) -> None:
        self.machine = machine
        self._path = path
        self._vendor = vendor
        self._site = site or _Site()
        self._site.check()

    @classmethod
    def load(cls, home: Path) -> TrustStore:
        """The store of a home; one without ``trust.json`` trusts the vendor's publishers alone."""
        path = home / FILENAME
        try:
            site = msgspec.json.decode(read_limited(path, FILE_LIMIT), type=_Site)
        except FileNotFoundError:
            site = _Site()
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise TrustStoreError(f"{path} cannot be read: {error}; restore it from a backup") from error
        return cls(path, vendor=_vendor_publishers(), site=site)

    @classmethod
    def from_message(cls, message: Any) -> TrustStore:
        """The store that :meth:`as_message` described; it decides the same and keeps nothing."""
        try:
            found = msgspec.convert(message, _Message)
        except msgspec.ValidationError as error:
            raise TrustStoreError(f"this is not a trust store: {error}") from error
        return cls(vendor=found.vendor, machine=found.machine, site=found.site)

    def as_message(self) -> dict[str, Any]:
        """Everything that decides, as plain dictionaries, lists, texts and numbers; there is no secret in it."""
        plain: dict[str, Any] = msgspec.to_builtins(_Message(self._site, self._vendor, self.machine))
        return plain

    @property
    def publishers(self) -> tuple[Publisher, ...]:
        """Every publisher: the vendor's, the site's, and this machine if it has a key."""
        return (*self._vendor, *self._site.publishers, *((self.machine,) if self.machine else ()))

    def publisher(self, kid: str) -> Publisher | None:
        """The publisher whose key has this name."""
        return next((publisher for publisher in self.publishers if publisher.kid == kid), None)

    def may_sign(self, publisher: Publisher, name: str) -> bool:
        """True when this publisher is trusted for a distribution of that name.

        What the vendor's publishers claim is theirs, whatever a site's publisher was trusted with before; this
        machine signs any checkout.
        """
        if publisher == self.machine:
            return True
        reserved = publisher not in self._vendor and any(vendor.may_sign(name) for vendor in self._vendor)
        return publisher.may_sign(name) and not reserved

    def revoked(self, kid: str, digest: str) -> str | None:
        """One sentence when the release of that digest, or the key that signed it, was withdrawn."""
        if digest in self._site.revoked_releases:
            return "this release was withdrawn"
        if kid in self._site.revoked_keys and digest not in self._site.revoked_keys[kid]:
            return f"the key {kid!r} that signed it was withdrawn"
        return None

    def add(self, publisher: Publisher) -> None:
        """Trust a publisher; :class:`TrustStoreError` when it claims a known key's name or the vendor's names."""
        publisher.check()
        if self.publisher(publisher.kid):
            raise TrustStoreError(f"there is a key {publisher.kid!r} already; give the new one another name")
        for names in publisher.names:
            for vendor in self._vendor:
                if any(_overlap(names, theirs) for theirs in vendor.names):
                    raise TrustStoreError(f"{names} covers names of {vendor.name}; give a narrower pattern")
        self._change(publishers=(*self._site.publishers, publisher))

    def revoke(self, kid: str, still_good: Iterable[str] = ()) -> None:
        """Withdraw a key; the releases of these digests stay good, so they need not be signed again."""
        if self.publisher(kid) is None:
            raise TrustStoreError(f"there is no key {kid!r}; the list of publishers has the names")
        self._change(revoked_keys={**self._site.revoked_keys, kid: tuple(sorted(set(still_good)))})

    def revoke_release(self, digest: str) -> None:
        """Withdraw one release."""
        self._change(revoked_releases=tuple(sorted({*self._site.revoked_releases, digest})))

    def _change(self, **fields: Any) -> None:
        changed = msgspec.structs.replace(self._site, **fields)
        changed.check()
        if self._path is not None:
            replace_atomically(self._path, msgspec.json.format(msgspec.json.encode(changed), indent=2) + b"\n")
        self._site = changed


def _vendor_publishers() -> tuple[Publisher, ...]:
    data = files("meterhub.trust").joinpath("publishers.json").read_bytes()
    return msgspec.json.decode(data, type=tuple[Publisher, ...])


@cache
def _overlap(one: str, other: str) -> bool:
    """True when some name fits both patterns."""
    if not one or not other:
        return not (one + other).strip("*")
    if one[0] == "*":
        return _overlap(one[1:], other) or _overlap(one, other[1:])
    if other[0] == "*":
        return _overlap(other, one)
    return one[0] == other[0] and _overlap(one[1:], other[1:])
