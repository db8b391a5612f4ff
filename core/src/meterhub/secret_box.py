"""Named secrets of the configuration: passwords and keys of meters, kept apart from it and encrypted.

Each value is encrypted by AES-256-GCM (NIST SP 800-38D) with its name as associated data, under a key file that is
made on first use. A copied configuration or backup without that key file reveals names and lengths, nothing else.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from meterhub_sdk.point import check_element

from meterhub.files import read_limited, replace_atomically
from meterhub.sealing import KEY_BYTES, Sealed, SealingKey, SecretError, opened, seal

VALUE_LIMIT = 60_000
COUNT_LIMIT = 1_000
FILE_LIMIT = 2 * VALUE_LIMIT * COUNT_LIMIT
PASSPHRASE_LENGTH = 12

_CONTEXT = b"meterhub secret\0"
_EXPORT_CONTEXT = b"meterhub secrets export\0"
_UNREADABLE = (OSError, msgspec.MsgspecError, UnicodeDecodeError)


class _File(msgspec.Struct, forbid_unknown_fields=True):
    format: Literal[1]
    secrets: dict[str, Sealed]


class _Derivation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Parameters of Argon2id, memory in KiB; limited, so that a hostile export cannot exhaust the box.

    The defaults are the second recommended option of RFC 9106, section 4.
    """

    salt: Annotated[bytes, msgspec.Meta(min_length=16, max_length=64)]
    memory: Annotated[int, msgspec.Meta(ge=1024, le=262_144)] = 65_536
    iterations: Annotated[int, msgspec.Meta(ge=1, le=10)] = 3
    lanes: Annotated[int, msgspec.Meta(ge=1, le=8)] = 4

    def key(self, passphrase: str) -> bytes:
        derivation = Argon2id(
            salt=self.salt,
            length=KEY_BYTES,
            iterations=self.iterations,
            lanes=self.lanes,
            memory_cost=self.memory,
        )
        return derivation.derive(passphrase.encode("utf-8", "surrogatepass"))


class _Export(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: Literal[1]
    argon2id: _Derivation
    secrets: Sealed


class SecretBox:
    """The secrets in ``<directory>/secrets.json``, encrypted under the key in ``key_file`` (mode 0600).

    What :meth:`set`, :meth:`delete` and :meth:`import_` did is on disk when they return; each may run in a thread.
    Everything raises :class:`SecretError`, also the constructor when the file is damaged.
    """

    def __init__(self, directory: Path, key_file: Path) -> None:
        self._path = directory / "secrets.json"
        self.key = SealingKey(key_file)
        self._changing = threading.Lock()
        self._sealed = self._load()

    def __repr__(self) -> str:
        return f"<SecretBox {', '.join(self.names())}>"

    def names(self) -> list[str]:
        """The names, sorted."""
        return sorted(self._sealed)

    def set(self, name: str, value: str) -> None:
        """Keep a secret under ``name`` (as a label in settings), 1 to 10,000 bytes of UTF-8, in place of any other."""
        self._keep({name: value})

    def get(self, name: str) -> str:
        """The value, or :class:`SecretError` when there is none or it was encrypted under another key."""
        sealed = self._sealed.get(name)
        if sealed is None:
            raise SecretError(f"there is no secret {name!r}: set it first")
        return self._plain(name, sealed)

    def delete(self, name: str) -> None:
        """Forget a secret; :class:`SecretError` when there is none of that name."""
        with self._changing:
            if name not in self._sealed:
                raise SecretError(f"there is no secret {name!r} to delete")
            self._replace({other: sealed for other, sealed in self._sealed.items() if other != name})

    def export(self, passphrase: str) -> dict[str, Any]:
        """All secrets as one JSON object, encrypted under a key that Argon2id derives from ``passphrase``.

        It takes 64 MiB and some tenths of a second (seconds on a small board): run it in a thread.
        """
        if len(passphrase) < PASSPHRASE_LENGTH:
            raise SecretError(f"the passphrase has {len(passphrase)} characters: use at least {PASSPHRASE_LENGTH}")
        plain = msgspec.msgpack.encode({name: self._plain(name, sealed) for name, sealed in self._sealed.items()})
        derivation = _Derivation(salt=secrets.token_bytes(16))
        sealed = seal(derivation.key(passphrase), plain, _EXPORT_CONTEXT)
        document: dict[str, Any] = msgspec.to_builtins(_Export(format=1, argon2id=derivation, secrets=sealed))
        return document

    def import_(self, document: Mapping[str, Any], passphrase: str) -> list[str]:
        """Take over what :meth:`export` gave, all of it or nothing; the names, sorted. Others of ours stay."""
        try:
            exported = msgspec.convert(document, type=_Export)
        except msgspec.ValidationError as error:
            raise SecretError(f"these are no exported secrets: {error}") from None
        if len(exported.secrets.value) > FILE_LIMIT:
            raise SecretError(f"the exported secrets are larger than {FILE_LIMIT} bytes")
        plain = opened(exported.argon2id.key(passphrase), exported.secrets, _EXPORT_CONTEXT)
        if plain is None:
            raise SecretError("the passphrase is wrong, or the exported secrets were altered")
        try:
            values = msgspec.msgpack.decode(plain, type=dict[str, str])
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise SecretError("the exported secrets are damaged") from None
        self._keep(values)
        return sorted(values)

    def _plain(self, name: str, sealed: Sealed) -> str:
        value = self.key.opened(sealed, _CONTEXT + name.encode())
        if value is None:
            raise SecretError(
                f"the secret {name!r} cannot be decrypted with {self.key.path}: "
                "that key is missing or another one, or the file was altered; set the secret again"
            )
        return value.decode()

    def _keep(self, values: Mapping[str, str]) -> None:
        encoded = {name: _encoded(name, value) for name, value in values.items()}
        with self._changing:
            if len(self._sealed.keys() | encoded.keys()) > COUNT_LIMIT:
                raise SecretError(f"there is room for {COUNT_LIMIT} secrets: delete one first")
            fresh = {name: self.key.seal(value, _CONTEXT + name.encode()) for name, value in encoded.items()}
            self._replace({**self._sealed, **fresh})

    def _load(self) -> dict[str, Sealed]:
        try:
            return msgspec.json.decode(read_limited(self._path, FILE_LIMIT), type=_File).secrets
        except FileNotFoundError:
            return {}
        except _UNREADABLE as error:
            raise SecretError(f"{self._path} cannot be read ({error}): restore it from a backup") from None

    def _replace(self, sealed: dict[str, Sealed]) -> None:
        """The file first, then the memory: what a caller was told is on disk."""
        try:
            replace_atomically(self._path, msgspec.json.encode(_File(format=1, secrets=sealed)))
        except OSError as error:
            raise SecretError(f"{self._path} cannot be written, so the secrets stay as they were: {error}") from None
        self._sealed = sealed


def _encoded(name: str, value: str) -> bytes:
    try:
        check_element(name)
    except ValueError as error:
        raise SecretError(f"a secret cannot have this name: {error}") from None
    try:
        data = value.encode()
    except UnicodeEncodeError:
        raise SecretError(f"the value of the secret {name!r} is no valid Unicode text") from None
    if not 1 <= len(data) <= VALUE_LIMIT:
        raise SecretError(f"the value of the secret {name!r} has {len(data)} bytes: 1 to {VALUE_LIMIT} will do")
    return data
