"""Signing and verifying licences: what a vendor says to one instance, and nobody can change."""

from __future__ import annotations

from collections.abc import Mapping

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from meterhub.licensing.errors import (
    LicenceAltered,
    LicenceExpired,
    LicenceMalformed,
    NotAllowed,
    VendorUnknown,
    WrongProduct,
    WrongSerial,
)
from meterhub.licensing.text import Licence, SignedLicence, parse
from meterhub.licensing.vendor_keys import VendorKey

TYPE = "meterhub-licence+jws"
ALGORITHM = "Ed25519"


def sign(licence: Licence, kid: str, key: OKPKey) -> str:
    """The document for a customer, signed with a vendor's private key; ``LicenceMalformed`` if it cannot be one."""
    header = {"alg": ALGORITHM, "typ": TYPE, "kid": kid}
    token = jws.serialize_compact(header, licence.text(), key, algorithms=[ALGORITHM])
    signed = SignedLicence(licence, jws.detach_content(token))
    if parse(signed.text()) != signed:
        raise LicenceMalformed("the fields of the licence do not survive being written and read")
    return signed.text()


def verify(
    document: bytes | str, vendors: Mapping[str, VendorKey], *, product: str, serial: str, now: int | None
) -> Licence:
    """The licence, if a trusted vendor gave it to this instance; else the :class:`LicenceError` that says why not.

    ``now`` is in nanoseconds UTC; ``None`` means that the clock cannot be trusted, and nothing expires.
    """
    signed = parse(document)
    licence = signed.licence
    vendor = _signer(signed, vendors)
    name = f"licence {licence.number} of {licence.vendor}"
    if licence.vendor != vendor.name:
        raise NotAllowed(f"{name} is signed with the key {vendor.kid}, which belongs to {vendor.name}")
    if licence.product != product:
        raise WrongProduct(f"{name} is for the product {licence.product}, this is {product}")
    if licence.serial != serial:
        raise WrongSerial(f"{name} is for the serial number {licence.serial}, this instance has {serial}")
    for feature in licence.features:
        if not vendor.may_license(feature):
            raise NotAllowed(f"{name} names {feature}, but {vendor.name} may license {', '.join(vendor.features)} only")
    if now is not None and licence.ends is not None and now >= licence.ends:
        raise LicenceExpired(f"{name} ended on {licence.expires}: ask {licence.vendor} for a new one")
    return licence


def _signer(signed: SignedLicence, vendors: Mapping[str, VendorKey]) -> VendorKey:
    """The vendor whose key made the signature."""
    number, token, text = signed.licence.number, signed.signature, signed.licence.text()
    altered = LicenceAltered(
        f"the signature of licence {number} does not fit its text: ask {signed.licence.vendor} for the original file"
    )
    try:
        header = jws.extract_compact(token.encode(), text).headers()
        kid = header.get("kid")
        if not isinstance(kid, str) or header != {"alg": ALGORITHM, "typ": TYPE, "kid": kid}:
            raise altered
        vendor = vendors.get(kid)
        if vendor is None:
            raise VendorUnknown(
                f"licence {number} is signed with the key {kid[:80]!r}, which is not that of a trusted vendor: "
                "add the vendor's key first, if you trust it"
            )
        jws.deserialize_compact(token, vendor.key, algorithms=[ALGORITHM], payload=text)
    except (JoseError, ValueError):
        raise altered from None
    return vendor
