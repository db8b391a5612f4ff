"""Keys of publishers, and signatures over manifests (a compact JWS, ``alg: Ed25519``, RFC 7515 and RFC 9864)."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from joserfc import jws
from joserfc.jwk import OKPKey
from joserfc.registry import HeaderParameter
from meterhub_sdk.layout import FILE_LIMIT, ManifestError, check_path
from meterhub_sdk.manifest import FILENAME, PAYLOAD_LIMIT, TYPE, Manifest
from meterhub_sdk.wheel import read_wheel, write_wheel

ALGORITHMS = ["Ed25519"]
REGISTRY = jws.JWSRegistry({"iat": HeaderParameter("Issued At", "int")}, algorithms=ALGORITHMS)
"""What joserfc accepts here: this algorithm and these header fields alone, and manifests of many files."""
REGISTRY.max_payload_length = PAYLOAD_LIMIT * 4 // 3 + 4
TOKEN_LIMIT = REGISTRY.max_payload_length + REGISTRY.max_header_length + REGISTRY.max_signature_length
"""Bytes of a signature file."""

KEY_LIMIT = 4_096
NAME_LENGTH = 128
_KID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}")


def check_kid(kid: str) -> str:
    """The name of a key, or ``ValueError`` unless it is 1 to 128 letters, digits and ``. _ : @ -``."""
    if not _KID.fullmatch(kid):
        raise ValueError(f"{kid[:80]!r} is not the name of a key; use letters, digits and . _ : @ - such as acme-2026")
    return kid


def new_key(path: Path) -> Ed25519PrivateKey:
    """Make a private key and keep it in ``path`` (PKCS #8 PEM, mode 0600).

    ``FileExistsError`` when the file exists: a key that signed something is never written over.
    """
    key = Ed25519PrivateKey.generate()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123  made exclusively, with its mode from the first moment
            file.write(key_pem(key))
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return key


def key_pem(key: Ed25519PrivateKey) -> bytes:
    """The private key as PKCS #8 PEM, unencrypted: for a file of mode 0600."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def load_key(data: bytes) -> Ed25519PrivateKey:
    """The private key of a PEM text, or ``ValueError``."""
    try:
        key = load_pem_private_key(data, None) if len(data) <= KEY_LIMIT else None
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("the file holds no private key that can be read; make one with meterhub-sdk") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("the file holds no Ed25519 key; make one with meterhub-sdk")
    return key


def public_jwk(key: Ed25519PrivateKey | Ed25519PublicKey, kid: str, name: str) -> str:
    """The public half as JSON (RFC 8037) to hand to administrators: ``name`` is the publisher's, for people."""
    if not 1 <= len(name) <= NAME_LENGTH or not name.isprintable():
        raise ValueError(f"the publisher's name {name[:40]!r} is empty, too long or not printable; give its trade name")
    x = urlsafe_b64encode(_raw(key)).rstrip(b"=").decode()
    fields = {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": check_kid(kid), "name": name}
    return json.dumps(fields, indent=2, ensure_ascii=False) + "\n"


def fingerprint(key: Ed25519PrivateKey | Ed25519PublicKey) -> str:
    """What two people compare to know that they mean the same key: 128 bits of its SHA-256 in groups of four."""
    text = hashlib.sha256(_raw(key)).hexdigest()[:32]
    return "-".join(text[start : start + 4] for start in range(0, 32, 4))


def sign_manifest(manifest: Manifest, key: Ed25519PrivateKey, kid: str, iat: int | None = None) -> str:
    """The signature over a checked manifest; ``iat`` is when it is made, in seconds since 1970 (default: now)."""
    manifest.check()
    if len(payload := manifest.encode()) > PAYLOAD_LIMIT:
        raise ManifestError(f"the manifest has {len(payload):,} bytes; shorten the names of the plugin's files")
    issued = int(time.time()) if iat is None else iat
    header = {"alg": "Ed25519", "typ": TYPE, "kid": check_kid(kid), "iat": issued}
    return jws.serialize_compact(header, payload, OKPKey.import_key(key), registry=REGISTRY)


def sign_wheel(
    path: Path,
    key: Ed25519PrivateKey,
    kid: str,
    iat: int | None = None,
    extra_files: Mapping[str, bytes] | None = None,
) -> Manifest:
    """Sign the built wheel in place, in a deterministic form, and return its manifest.

    ``extra_files`` are put into its ``.dist-info`` directory. An older signature is replaced. ``ManifestError`` when
    the wheel holds what cannot be signed; it is then left as it was.
    """
    wheel = read_wheel(path)
    files = dict(wheel.files)
    for name, data in (extra_files or {}).items():
        if len(data) > FILE_LIMIT:
            raise ManifestError(f"{name} has {len(data):,} bytes; at most {FILE_LIMIT // 2**20} MB will do")
        files[check_path(f"{wheel.dist_info}/{name}")] = data
    manifest = Manifest.of(wheel.name, wheel.version, (wheel.package,), files)
    token = sign_manifest(manifest, key, kid, iat)
    write_wheel(path, wheel.dist_info, {**files, f"{wheel.dist_info}/{FILENAME}": token.encode()})
    return manifest


def _raw(key: Ed25519PrivateKey | Ed25519PublicKey) -> bytes:
    public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
    return public.public_bytes_raw()
