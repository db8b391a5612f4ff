"""The files of certificates in the service's private directory: nobody else reads them, none is ever half written."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

from meterhub_sdk import NotReady

from meterhub_http.certificates.identity import Identity, certificates_of, read_key

UPLOADED, OWN, REQUEST, CANDIDATE = "uploaded.pem", "self-made.pem", "request.pem", "candidate.pem"
_LIMIT = 1 << 20
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!eNULL:@SECLEVEL=2"
"""Of TLS 1.2: forward secrecy and authenticated encryption only (those of TLS 1.3 all are)."""


class Shelf:
    """Files by their names; ``NotReady`` when the disk does not take one."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(mode=0o700, exist_ok=True)

    def read(self, name: str) -> bytes | None:
        """What is in a file; ``None`` when there is none."""
        try:
            with (self._directory / name).open("rb") as file:
                return file.read(_LIMIT)
        except FileNotFoundError:
            return None

    def write(self, name: str, data: bytes) -> Path:
        """Write a file whole; answers its path."""
        path, new = self._directory / name, self._directory / f".{name}.new"
        try:
            new.unlink(missing_ok=True)
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
            self._sync()
        except OSError as error:
            raise NotReady(f"the certificate cannot be kept on the disk: {error.strerror}") from error
        return path

    def rename(self, name: str, to: str) -> None:
        """Put a file in the place of another."""
        (self._directory / name).replace(self._directory / to)
        self._sync()

    def delete(self, name: str) -> None:
        """Forget a file, if there is one."""
        (self._directory / name).unlink(missing_ok=True)
        self._sync()

    def context(self, name: str) -> ssl.SSLContext:
        """The TLS context of the chain and key in a file; ``ValueError`` when OpenSSL does not take them."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(_CIPHERS)
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
        context.set_alpn_protocols(["http/1.1"])
        try:
            # Without a password of its own OpenSSL would ask for one on the terminal.
            context.load_cert_chain(self._directory / name, password=lambda: "")
        except OSError as error:  # ssl.SSLError among them
            raise ValueError(getattr(error, "reason", "") or error.strerror or str(error)) from error
        return context

    def _sync(self) -> None:
        handle = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def identity_in(raw: bytes) -> Identity:
    """What an own file holds; ``ValueError`` or ``Invalid`` when it is damaged."""
    text = raw.decode("ascii")
    return Identity(certificates_of(text), read_key(raw))
