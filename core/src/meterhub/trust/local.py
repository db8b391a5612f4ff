"""Checkouts: this machine signs what lies in an editable installation, with a key of its own.

``<home>/machine.key`` is made on first use and never leaves the machine; the signatures are kept in
``<home>/local``, because an editable's ``.dist-info`` belongs to the installer.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jws
from joserfc.errors import JoseError
from meterhub_sdk.layout import read_entry_points
from meterhub_sdk.manifest import Manifest, ManifestError
from meterhub_sdk.signing import (
    KEY_LIMIT,
    REGISTRY,
    TOKEN_LIMIT,
    fingerprint,
    key_pem,
    load_key,
    public_jwk,
    sign_manifest,
)

from meterhub.files import FileRefused, create_once, read_limited, read_private, replace_atomically
from meterhub.trust.discover import Candidate
from meterhub.trust.errors import Invalid, Modified, TrustStoreError
from meterhub.trust.keys import MACHINE_PREFIX, Publisher, TrustStore
from meterhub.trust.tree import Unreadable, read_file, read_tree
from meterhub.trust.verify import is_clutter

KEY_FILE = "machine.key"
DIRECTORY = "local"


class LocalSignatures:
    """The machine's key and the signatures made with it.

    The key is made known to ``trust`` as soon as there is one.
    """

    def __init__(self, home: Path, trust: TrustStore) -> None:
        self._home = home
        self._trust = trust
        self._known = False
        self._learn()

    def sign(self, candidate: Candidate, iat: int | None = None) -> Manifest:
        """Sign the checkout as it is now; ``Invalid`` or ``Modified`` says what cannot be signed."""
        manifest = checkout_manifest(candidate)
        key = self._key()
        token = sign_manifest(manifest, key, _kid(key), iat)
        (self._home / DIRECTORY).mkdir(mode=0o700, exist_ok=True)
        replace_atomically(self._path(manifest.name), token.encode())
        return manifest

    def changed(self, candidate: Candidate) -> bool:
        """Whether the checkout is no longer what was signed; ``Invalid`` or ``Modified`` when it cannot be."""
        try:
            signed = jws.extract_compact((self.token(candidate) or "").encode(), registry=REGISTRY).payload
        except (JoseError, ValueError):
            return True
        return signed != checkout_manifest(candidate).encode()

    def token(self, candidate: Candidate) -> str | None:
        """The signature of a checkout, for :func:`~meterhub.trust.verify.verify_installed`; ``None`` without one."""
        self._learn()
        try:
            return read_limited(self._path(candidate.name), TOKEN_LIMIT).decode(errors="replace")
        except FileNotFoundError:
            return None
        except FileRefused as error:
            raise Invalid(candidate.label, str(error)) from error

    def _learn(self) -> None:
        """Make the key known, also one that another process has made meanwhile."""
        if not self._known and (self._home / KEY_FILE).exists():
            self._key()
            self._known = True

    def _path(self, name: str) -> Path:
        return self._home / DIRECTORY / f"{name}.jws"

    def _key(self) -> Ed25519PrivateKey:
        path = self._home / KEY_FILE
        try:
            if not path.exists():
                with suppress(FileExistsError):  # another process made it meanwhile
                    create_once(path, key_pem(Ed25519PrivateKey.generate()))
            key = load_key(read_private(path, KEY_LIMIT))
        except (ValueError, OSError) as error:
            raise TrustStoreError(f"{path} cannot be used: {error}; remove it to have a new one made") from error
        self._trust.machine = Publisher.from_jwk(public_jwk(key, _kid(key), "this machine"), names=["*"])
        return key


def checkout_manifest(candidate: Candidate) -> Manifest:
    """What the checkout of an editable installation is now."""
    label = candidate.label
    if candidate.source is None:
        raise Invalid(label, "it is not an editable installation, and this machine's key signs nothing else")
    try:
        content = {
            f"{candidate.dist_info.name}/{name}": read_file(candidate.dist_info, name)
            for name in ("METADATA", "entry_points.txt")
        }
        entries = read_entry_points(content[f"{candidate.dist_info.name}/entry_points.txt"])
        packages = tuple(sorted({value.partition(":")[0].partition(".")[0].strip() for value in entries.values()}))
        for package in packages:
            content.update(read_tree(candidate.source, package, lambda path: not is_clutter(path)))
        return Manifest.of(label, candidate.version, packages, content)
    except ManifestError as error:
        raise Invalid(label, str(error)) from error
    except Unreadable as error:
        raise Modified(label, str(error)) from error


def _kid(key: Ed25519PrivateKey) -> str:
    return MACHINE_PREFIX + fingerprint(key)
