"""``meterhub-sdk new-key`` and ``sign``: the keys of a publisher and what they sign."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from meterhub_sdk.layout import ManifestError
from meterhub_sdk.manifest import DESCRIPTION_FILE, Manifest
from meterhub_sdk.signing import KEY_LIMIT, check_kid, fingerprint, load_key, new_key, public_jwk, sign_wheel
from meterhub_sdk.tools.errors import ToolError
from meterhub_sdk.wheel import read_wheel

_MACHINE = "machine:"


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key and the name it goes by."""

    key: Ed25519PrivateKey
    kid: str

    @classmethod
    def load(cls, path: Path, kid: str | None) -> Signer:
        """The key in a file; ``kid`` may be left out where the public half lies beside it.

        :class:`ToolError` when the file holds no key, or when the public half beside it goes by another name or
        belongs to another key: a wheel signed so would be trusted by nobody.
        """
        with path.open("rb") as file:
            data = file.read(KEY_LIMIT + 1)
        try:
            key = load_key(data)
            beside = _beside(path, key)
            if kid is not None and beside not in (None, kid):
                raise ToolError(f"{public_path(path)} calls the key {beside}, not {kid[:80]}; leave --kid out")
            if (name := kid or beside) is None:
                raise ToolError(f"{public_path(path)} is not there to tell the key's name; give it with --kid")
            return cls(key, check_kid(name))
        except ValueError as error:
            raise ToolError(f"{path}: {error}") from error

    @property
    def fingerprint(self) -> str:
        """What two people compare to know that they mean the same key."""
        return fingerprint(self.key)


@dataclass(frozen=True, slots=True)
class NewKey:
    """Where a new key and its public half are, and its fingerprint."""

    private: Path
    public: Path
    fingerprint: str


def make_key(path: Path, kid: str, name: str) -> NewKey:
    """A new key in ``path`` (mode 0600) and its public half, for administrators, beside it.

    :class:`ToolError` when a name will not do or one of the files exists; nothing is written then.
    """
    public = public_path(path)
    try:
        public_jwk(Ed25519PrivateKey.generate(), kid, name)  # the names are checked before any file is made
    except ValueError as error:
        raise ToolError(str(error)) from error
    if kid.startswith(_MACHINE):
        raise ToolError(f"{kid} is the name of a machine's own key; call the key acme-2026, say")
    for file in (path, public):
        if file.exists() or file.is_symlink():
            raise ToolError(f"{file} exists already; a key is never written over, give another file")
    key = new_key(path)
    try:
        with public.open("x", encoding="utf-8") as half:
            half.write(public_jwk(key, kid, name))
    except BaseException:
        path.unlink()
        raise
    return NewKey(path, public, fingerprint(key))


def public_path(path: Path) -> Path:
    """Where the public half of a private key lies: ``my-key.pem`` has ``my-key.public.json``."""
    return path.with_name(f"{path.name.removesuffix('.pem')}.public.json")


def sign(wheels: list[Path], signer: Signer) -> list[tuple[Path, Manifest, bool]]:
    """Sign built wheels in place; each with its manifest, and whether it carries a description.

    :class:`~meterhub_sdk.layout.ManifestError` when one of them cannot be signed: then none is.
    """
    read = [(path, _checked(path)) for path in wheels]
    return [(path, sign_wheel(path, signer.key, signer.kid, issued_at()), described) for path, described in read]


def issued_at() -> int:
    """Seconds since 1970 to sign with: ``SOURCE_DATE_EPOCH`` where it is set, so that a build can be repeated."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given is None:
        return int(time.time())
    if not (given.isascii() and given.isdecimal() and len(given) <= 11):
        raise ToolError(f"SOURCE_DATE_EPOCH is {given[:40]!r}; whole seconds since 1970 would do")
    return int(given)


def _checked(path: Path) -> bool:
    wheel = read_wheel(path)
    try:
        Manifest.of(wheel.name, wheel.version, (wheel.package,), wheel.files)
    except ManifestError as error:
        raise ToolError(f"{path.name}: {error}") from error
    return f"{wheel.dist_info}/{DESCRIPTION_FILE}" in wheel.files


def _beside(path: Path, key: Ed25519PrivateKey) -> str | None:
    """The name that the public half beside a key gives it; ``None`` where there is none."""
    public = public_path(path)
    try:
        fields = json.loads(public.read_bytes()[:KEY_LIMIT])
        kid, name = str(fields["kid"]), str(fields["name"])
        same = json.loads(public_jwk(key, kid, name))["x"] == fields["x"]
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise ToolError(f"{public} is not a publisher's public key; move it away") from error
    if not same:
        raise ToolError(f"{public} belongs to another key than {path}; move it away")
    return kid
