"""The vendors whose licences this instance believes, each with its key and the features it may license."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from meterhub.files import read_private, replace_atomically
from meterhub.licensing.errors import VendorError

TEXT_LENGTH = 100
COUNT_LIMIT = 100
PATTERN_LIMIT = 50
PUBLIC_LIMIT = 4096
FILE_LIMIT = 1024 * 1024

KID = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
PATTERN = re.compile(r"(?=.{1,100}$)[a-z0-9._*-]+")
_X = re.compile(r"[A-Za-z0-9_-]{43}")


def is_plain(text: str) -> bool:
    """Whether a text can stand in one line of a licence: printable, 1 to 100 characters, single spaces inside."""
    return 1 <= len(text) <= TEXT_LENGTH and text.isprintable() and text == " ".join(text.split())


class PublicKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The public half of an Ed25519 key as a JSON Web Key (RFC 8037, section 2)."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: str


class Vendor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a vendor hands out: its name and its public key."""

    format: Literal[1]
    kid: str
    name: str
    key: PublicKey


class _Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    vendor: Vendor
    features: list[str]


@dataclass(frozen=True, slots=True)
class VendorKey:
    """A trusted vendor. ``features`` are patterns in which ``*`` stands for any characters: ``acme.*``."""

    kid: str
    name: str
    key: OKPKey
    features: tuple[str, ...] = ("*",)

    @property
    def fingerprint(self) -> str:
        """The thumbprint of the key (RFC 7638, SHA-256), to compare over the telephone."""
        return self.key.thumbprint()

    def may_license(self, feature: str) -> bool:
        """Whether one of the patterns covers the feature."""
        return any(fnmatchcase(feature, pattern) for pattern in self.features)


class VendorKeys:
    """The trusted vendors, kept in ``file`` (such as ``<home>/trust/vendors.json``, mode 0600).

    What :meth:`add` and :meth:`remove` did is on disk when they return. ``VendorError`` when the file is damaged.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._entries = self._load()
        self._keys = {entry.vendor.kid: _key(entry) for entry in self._entries}

    def keys(self) -> dict[str, VendorKey]:
        """The vendors by the identifier of their key."""
        return dict(self._keys)

    def add(self, document: bytes, features: Sequence[str] = ("*",)) -> VendorKey:
        """Trust the vendor whose public JSON this is, for the features that the patterns cover.

        ``VendorError`` for a document that is none, a pattern that is none, or a key identifier that is known.
        """
        if len(document) > PUBLIC_LIMIT:
            raise VendorError(f"a vendor's public key has at most {PUBLIC_LIMIT} bytes, this has {len(document)}")
        try:
            vendor = msgspec.json.decode(document, type=Vendor)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise VendorError(f"this is not the public key of a vendor: {error}") from None
        entry = _Entry(vendor, list(features))
        key = _key(entry)
        if key.kid in self._keys:
            raise VendorError(f"the key {key.kid} is trusted already: remove it first to change what it may license")
        if len(self._keys) >= COUNT_LIMIT:
            raise VendorError(f"there is room for {COUNT_LIMIT} vendors: remove one first")
        self._replace([*self._entries, entry])
        return key

    def remove(self, kid: str) -> VendorKey:
        """Trust a vendor no more; ``VendorError`` when there is none with that key."""
        key = self._keys.get(kid)
        if key is None:
            raise VendorError(f"there is no trusted vendor with the key {kid[:80]!r}")
        self._replace([entry for entry in self._entries if entry.vendor.kid != kid])
        return key

    def _load(self) -> list[_Entry]:
        try:
            return msgspec.json.decode(read_private(self._file, FILE_LIMIT), type=list[_Entry])
        except FileNotFoundError:
            return []
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise VendorError(f"{self._file} cannot be read ({error}): restore it from a backup") from None

    def _replace(self, entries: list[_Entry]) -> None:
        try:
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_atomically(self._file, msgspec.json.format(msgspec.json.encode(entries), indent=2) + b"\n")
        except OSError as error:
            raise VendorError(f"{self._file} cannot be written, so the vendors stay as they were: {error}") from None
        self._entries = entries
        self._keys = {entry.vendor.kid: _key(entry) for entry in entries}


def _key(entry: _Entry) -> VendorKey:
    """The entry with its key, or ``VendorError`` with what is wrong with it."""
    vendor = entry.vendor
    if KID.fullmatch(vendor.kid) is None:
        raise VendorError(f"kid must be 1 to 80 small letters, digits and hyphens, not {vendor.kid[:80]!r}")
    if not is_plain(vendor.name):
        raise VendorError(f"name must be 1 to {TEXT_LENGTH} printable characters, not {vendor.name[:80]!r}")
    if not 1 <= len(entry.features) <= PATTERN_LIMIT:
        raise VendorError(
            f"say with 1 to {PATTERN_LIMIT} patterns which features {vendor.name} may license, such as acme.* or *"
        )
    for pattern in entry.features:
        if PATTERN.fullmatch(pattern) is None:
            raise VendorError(f"a pattern of features is such as acme.* or *, not {pattern[:80]!r}")
    if _X.fullmatch(vendor.key.x) is None:
        raise VendorError(f"the public key of {vendor.name} must be 32 bytes in base64url: x has another length")
    try:
        key = OKPKey.import_key({"kty": vendor.key.kty, "crv": vendor.key.crv, "x": vendor.key.x})
    except (JoseError, ValueError) as error:
        raise VendorError(f"the public key of {vendor.name} is none: {error}") from None
    return VendorKey(vendor.kid, vendor.name, key, tuple(entry.features))
