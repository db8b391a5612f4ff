"""What a TLS context is made of: secrets, read and understood before OpenSSL sees them."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from meterhub_sdk.errors import ConfigError
from meterhub_sdk.hub import Hub
from meterhub_sdk.tls.settings import TlsEnd

_CRL_BEGIN = b"-----BEGIN X509 CRL-----"
_CRL_END = b"-----END X509 CRL-----"
_NOT_READ = (ValueError, UnsupportedAlgorithm, x509.InvalidVersion)


@dataclass(frozen=True, slots=True)
class Material:
    """The secrets of one end, as PEM and as what they say. Its ``repr`` shows no key."""

    chain: tuple[x509.Certificate, ...]
    key: _Hidden
    authorities: tuple[x509.Certificate, ...]
    pinned: tuple[x509.Certificate, ...]
    pins: frozenset[bytes]
    revocation: tuple[x509.CertificateRevocationList, ...]

    @property
    def own(self) -> x509.Certificate | None:
        """The own certificate."""
        return self.chain[0] if self.chain else None

    @property
    def identity(self) -> bytes:
        """Chain and key as PEM."""
        return pem(self.chain) + self.key.value


class _Hidden:
    """Octets that no message shows."""

    def __init__(self, value: bytes) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "<private key>"


async def secrets_of(hub: Hub, end: TlsEnd) -> dict[str, str]:
    """The secrets that the settings name; ``ConfigError`` when one was never set."""
    return {name: await hub.secret(name) for name in end.tls_secrets}


def material(end: TlsEnd, secrets: dict[str, str]) -> Material:
    """What the secrets say; ``ConfigError`` names the one that cannot be used, and shows nothing of it."""
    chain = _certificates(end.tls_certificate, secrets, "certificate chain")
    authorities = _certificates(end.tls_authority, secrets, "certificate of an authority")
    pinned = _certificates(end.tls_pinned, secrets, "pinned certificate")
    key = b""
    if end.tls_key is not None:
        key = _matching_key(end, secrets[end.tls_key], chain[0])
    pins = {bytes.fromhex(pin) for pin in end.tls_pins} | {fingerprint(certificate) for certificate in pinned}
    revocation = _revocation_lists(end, secrets, authorities)
    return Material(chain, _Hidden(key), authorities, pinned, frozenset(pins), revocation)


def fingerprint(certificate: x509.Certificate) -> bytes:
    """SHA-256 of the certificate."""
    return certificate.fingerprint(hashes.SHA256())


def pem(certificates: tuple[x509.Certificate, ...]) -> bytes:
    """Certificates as PEM, one behind the other."""
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates)


def subject(certificate: x509.Certificate) -> str:
    """Whose certificate it is, as RFC 4514 writes it, at most 200 characters."""
    try:
        return certificate.subject.rfc4514_string()[:200]
    except _NOT_READ:
        return "a subject that cannot be read"


def expiry(certificate: x509.Certificate) -> datetime.datetime:
    """The last moment at which it is valid, UTC."""
    return certificate.not_valid_after_utc


def _certificates(name: str | None, secrets: dict[str, str], what: str) -> tuple[x509.Certificate, ...]:
    if name is None:
        return ()
    try:
        return tuple(x509.load_pem_x509_certificates(secrets[name].encode()))
    except _NOT_READ:
        raise ConfigError(f"the secret {name} holds no {what} as PEM (BEGIN CERTIFICATE); set it again") from None


def _matching_key(end: TlsEnd, text: str, certificate: x509.Certificate) -> bytes:
    """The key as PEM, once it is known to be the certificate's."""
    try:
        key: Any = serialization.load_pem_private_key(text.encode(), password=None)
    except TypeError:
        raise ConfigError(
            f"the secret {end.tls_key} holds a private key that is encrypted with a password; give it without one: the "
            "secrets of this instance are encrypted anyway"
        ) from None
    except _NOT_READ:
        raise ConfigError(
            f"the secret {end.tls_key} holds no private key as PEM (BEGIN PRIVATE KEY); set it again"
        ) from None
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        raise ConfigError(
            f"the private key in the secret {end.tls_key} belongs to another certificate than the first one in "
            f"{end.tls_certificate}; set the two that belong together"
        )
    return bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _revocation_lists(
    end: TlsEnd, secrets: dict[str, str], authorities: tuple[x509.Certificate, ...]
) -> tuple[x509.CertificateRevocationList, ...]:
    """The lists, each signed by one of the authorities: anybody else's would lock clients out."""
    name = end.tls_revocation_list
    if name is None:
        return ()
    blocks = secrets[name].encode().split(_CRL_BEGIN)[1:]
    lists = []
    for block in blocks:
        try:
            lists.append(x509.load_pem_x509_crl(_CRL_BEGIN + block.partition(_CRL_END)[0] + _CRL_END + b"\n"))
        except _NOT_READ:
            lists.clear()
            break
    if not lists:
        raise ConfigError(f"the secret {name} holds no revocation list as PEM (BEGIN X509 CRL); set it again")
    for given in lists:
        if not any(signed(given, authority) for authority in authorities):
            raise ConfigError(
                f"the secret {name} holds a revocation list of {given.issuer.rfc4514_string()[:200]!r} that no "
                f"certificate in {end.tls_authority} has signed; set the list of that authority"
            )
    return tuple(lists)


def signed(given: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    """Whether the authority signed the list."""
    if given.issuer != authority.subject:
        return False
    try:
        return given.is_signature_valid(authority.public_key())  # type: ignore[arg-type]  # others raise TypeError
    except (TypeError, InvalidSignature, *_NOT_READ):
        return False
