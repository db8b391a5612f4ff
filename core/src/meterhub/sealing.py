"""Encryption of what the core keeps secret: AES-256-GCM (NIST SP 800-38D) under a key file made on first use."""

from __future__ import annotations

import secrets
import threading
from pathlib import Path
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from meterhub_sdk import Refused

from meterhub.files import create_once, read_private

KEY_BYTES = 32
_NONCE_BYTES = 12


class SecretError(Refused):
    """A secret cannot be kept, read or imported; the text is one sentence that never contains its value."""


class Sealed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value under a key; without that key it tells its length, nothing else."""

    nonce: Annotated[bytes, msgspec.Meta(min_length=_NONCE_BYTES, max_length=_NONCE_BYTES)]
    value: bytes


def seal(key: bytes, value: bytes, context: bytes) -> Sealed:
    """Encrypt a value; only who names the same ``context`` (what it is, and whose) can open it."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return Sealed(nonce, AESGCM(key).encrypt(nonce, value, context))


def opened(key: bytes, sealed: Sealed, context: bytes) -> bytes | None:
    """The value; ``None`` when it was sealed under another key or for another context, or altered."""
    try:
        return AESGCM(key).decrypt(sealed.nonce, sealed.value, context)
    except (InvalidTag, ValueError):
        return None


class SealingKey:
    """The key in ``path`` (mode 0600); what goes wrong with the file raises :class:`SecretError`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._making = threading.Lock()

    def seal(self, value: bytes, context: bytes) -> Sealed:
        """:func:`seal` under this key, which is made when there is none."""
        with self._making:
            key = self.read() or self._new()
        return seal(key, value, context)

    def opened(self, sealed: Sealed, context: bytes) -> bytes | None:
        """:func:`opened` under this key; ``None`` also while there is none."""
        key = self.read()
        return None if key is None else opened(key, sealed, context)

    def read(self) -> bytes | None:
        """The key, or ``None`` when nobody made one yet (or it was lost)."""
        try:
            key = read_private(self.path, KEY_BYTES)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise SecretError(f"the key of the secrets cannot be read: {error}") from None
        if len(key) != KEY_BYTES:
            raise SecretError(f"{self.path} has {len(key)} bytes instead of {KEY_BYTES}: restore it from a backup")
        return key

    def _new(self) -> bytes:
        key = secrets.token_bytes(KEY_BYTES)
        try:
            create_once(self.path, key)
        except OSError as error:
            raise SecretError(f"{self.path} cannot be written, so the secret was not kept: {error}") from None
        return key
