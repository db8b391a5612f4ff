"""Whose signature it is, and what it says: the checks that need no file of the plugin."""

from __future__ import annotations

import meterhub_sdk
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey
from meterhub_sdk.manifest import TYPE, Manifest, ManifestError, UnknownFormat
from meterhub_sdk.signing import ALGORITHMS, REGISTRY

from meterhub.trust.errors import Expired, Invalid, Modified, Revoked, TooNew, Untrusted
from meterhub.trust.keys import Publisher, TrustStore

_HEADER = {"alg", "typ", "kid", "iat"}
_MALFORMED = (JoseError, ValueError, TypeError, AttributeError)


def open_signature(label: str, token: bytes, trust: TrustStore, *, checkout: bool) -> tuple[Publisher, Manifest]:
    """The publisher who signed and the manifest that was signed, or a ``TrustError``.

    A ``checkout`` is signed by this machine's key and by no other; that key signs nothing else.
    """
    publisher, issued, payload = _check_signature(label, token, trust, checkout=checkout)
    if not publisher.valid_at(issued):
        raise Expired(label, f"it was signed outside the time in which the key {publisher.kid!r} is valid")
    try:
        manifest = Manifest.decode(payload)
    except UnknownFormat as error:
        raise TooNew(label, str(error)) from error
    except ManifestError as error:
        raise Invalid(label, str(error)) from error
    if reason := trust.revoked(publisher.kid, manifest.digest):
        raise Revoked(label, reason)
    return publisher, manifest


def check_identity(
    label: str, name: str, version: str, publisher: Publisher, manifest: Manifest, trust: TrustStore
) -> None:
    """A ``TrustError`` unless the manifest is that of this distribution, its publisher may sign it, and it fits."""
    if (manifest.name, manifest.version) != (name, version):
        raise Modified(label, f"it was signed as {manifest.name} {manifest.version} and is here as {name} {version}")
    if not trust.may_sign(publisher, manifest.name):
        raise Untrusted(label, f"{publisher.name} ({publisher.kid}) is not trusted for the name {manifest.name}")
    if not manifest.accepts(meterhub_sdk.__version__):
        raise TooNew(label, f"it works with meterhub-sdk {manifest.sdk} and this is {meterhub_sdk.__version__}")


def _check_signature(label: str, token: bytes, trust: TrustStore, *, checkout: bool) -> tuple[Publisher, int, bytes]:
    try:
        unverified = jws.extract_compact(token, registry=REGISTRY)
        kid = str(unverified.headers().get("kid"))
    except _MALFORMED as error:
        raise Invalid(label, f"its signature cannot be read: {error}") from error
    publisher = trust.publisher(kid)
    if publisher is None:
        raise Untrusted(label, f"it is signed with the key {kid[:80]!r}, which is not known here")
    if checkout != (publisher == trust.machine):
        kind = "a checkout is signed by this machine's key" if checkout else "a machine's key signs checkouts only"
        raise Untrusted(label, f"it is signed with the key {kid!r}, but {kind}")
    try:
        good = jws.validate_compact(unverified, OKPKey.import_key(publisher.key), ALGORITHMS, REGISTRY)
    except _MALFORMED as error:
        raise Invalid(label, f"its signature cannot be checked: {error}") from error
    header = unverified.headers()
    if not good or unverified.payload is None:
        raise Invalid(label, f"its signature is not one of the key {kid!r}")
    if header.keys() != _HEADER or header["typ"] != TYPE or type(header["iat"]) is not int:
        raise Invalid(label, "its signature is of another kind than those of plugins")
    return publisher, header["iat"], unverified.payload
