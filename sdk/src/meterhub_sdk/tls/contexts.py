"""TLS contexts after IEC 62351-3: versions, cipher suites, and who must show which certificate."""

from __future__ import annotations

import os
import ssl

from meterhub_sdk.errors import ConfigError
from meterhub_sdk.tls.material import Material, pem
from meterhub_sdk.tls.settings import TlsEnd

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AESCCM:!aNULL:!eNULL:!PSK:!SRP:@SECLEVEL=2"
"""Of TLS 1.2: forward secrecy and authenticated encryption only (those of TLS 1.3 all are)."""

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def server_context(end: TlsEnd, material: Material) -> ssl.SSLContext:
    """The context of a listening port; clients must show a certificate where there is a rule for it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _strengthen(context, end)
    _load_identity(context, end, material)
    if material.authorities or material.pinned:
        context.verify_mode = ssl.CERT_REQUIRED
        _trust(context, material)
    return context


def client_context(end: TlsEnd, material: Material) -> ssl.SSLContext:
    """The context of a connection to another machine.

    A pinned certificate says more than a name does, so the name is not compared then; with fingerprints alone the
    certificate is compared with them and need not be signed by anybody known.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _strengthen(context, end)
    _load_identity(context, end, material)
    context.check_hostname = not material.pins
    if material.authorities or material.pinned:
        _trust(context, material)
    elif material.pins:
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_default_certs()
    return context


def _strengthen(context: ssl.SSLContext, end: TlsEnd) -> None:
    context.minimum_version = _VERSIONS[end.tls_minimum]
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE


def _trust(context: ssl.SSLContext, material: Material) -> None:
    """Accept what one of the authorities signed, though it be no root, and the pinned certificates as they are."""
    context.load_verify_locations(cadata=pem(material.authorities + material.pinned).decode())
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN


def _load_identity(context: ssl.SSLContext, end: TlsEnd, material: Material) -> None:
    """Load chain and key from memory: OpenSSL wants a name, and a private key shall not reach a disk."""
    if not material.chain:
        return
    memory = os.memfd_create("tls")
    try:
        with os.fdopen(os.dup(memory), "wb") as file:
            file.write(material.identity)
        # Without a password of its own OpenSSL would ask for one on the terminal.
        context.load_cert_chain(f"/proc/self/fd/{memory}", password=lambda: "")
    except OSError as error:  # ssl.SSLError among them
        raise ConfigError(
            f"the certificate chain in the secret {end.tls_certificate} and its key in {end.tls_key} cannot be used: "
            f"{getattr(error, 'reason', '') or error.strerror or error}"
        ) from None
    finally:
        os.close(memory)
