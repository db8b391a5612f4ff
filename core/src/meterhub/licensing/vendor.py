"""The vendor's side: making a key once, and issuing licences with it."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from meterhub.files import create_once, read_limited, read_private
from meterhub.identity import PRODUCT
from meterhub.licensing.errors import VendorError
from meterhub.licensing.licence import sign
from meterhub.licensing.text import Licence
from meterhub.licensing.vendor_keys import PUBLIC_LIMIT, TEXT_LENGTH, PublicKey, Vendor, is_plain


@dataclass(frozen=True, slots=True)
class VendorFiles:
    """The two files of a vendor: ``private`` stays in the safe, ``public`` goes to customers."""

    private: Path
    public: Path


def new_vendor(name: str, directory: Path) -> VendorFiles:
    """Make a vendor's key: ``<name>.pem`` (PKCS #8, mode 0600) and ``<name>.json`` (public) in ``directory``.

    ``VendorError`` when one of the files exists: a lost private key would make every later licence impossible.
    """
    if not is_plain(name):
        raise VendorError(f"the name of a vendor must be 1 to {TEXT_LENGTH} printable characters, not {name[:80]!r}")
    slug = _slug(name)
    files = VendorFiles(directory / f"{slug}.pem", directory / f"{slug}.json")
    for path in (files.private, files.public):
        if path.exists():
            raise VendorError(f"{path} exists already: move it away first, if a new key is what you want")
    key = OKPKey.generate_key("Ed25519")
    x = str(key.as_dict(private=False)["x"])
    kid = f"{slug}-{hashlib.sha256(x.encode()).hexdigest()[:8]}"
    public = Vendor(1, kid, name, PublicKey("OKP", "Ed25519", x))
    try:
        create_once(files.private, key.as_pem(private=True))
        create_once(files.public, msgspec.json.format(msgspec.json.encode(public), indent=2) + b"\n", 0o644)
    except OSError as error:
        raise VendorError(f"the key of {name} cannot be written: {error}") from None
    return files


def issue(
    files: VendorFiles,
    *,
    serial: str,
    number: str,
    features: Sequence[str],
    issued: date,
    expires: date | None = None,
    product: str = PRODUCT,
) -> str:
    """The text of a licence for one instance, to be sent to the customer.

    ``VendorError`` when the key cannot be read, ``LicenceMalformed`` (with the line) for a field that cannot stand
    in a licence.
    """
    try:
        vendor = msgspec.json.decode(read_limited(files.public, PUBLIC_LIMIT), type=Vendor)
        key = OKPKey.import_key(read_private(files.private, PUBLIC_LIMIT))
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, JoseError, ValueError) as error:
        raise VendorError(f"the key in {files.private} cannot be used: {error}") from None
    if key.as_dict(private=False).get("x") != vendor.key.x or not key.is_private:
        raise VendorError(f"{files.private} is not the private key that belongs to {files.public}")
    licence = Licence(
        vendor=vendor.name,
        product=product,
        serial=serial,
        number=number,
        issued=issued,
        features=tuple(features),
        expires=expires,
    )
    return sign(licence, vendor.kid, key)


def _slug(name: str) -> str:
    """A file name: ``ACME Métering`` becomes ``acme-metering``."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].strip("-") or "vendor"
