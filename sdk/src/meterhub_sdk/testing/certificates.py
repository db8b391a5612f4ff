"""Certificates for one test: an authority, whom it signs, and whom it revokes."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_PEM = serialization.Encoding.PEM
_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate with its key; one that is an authority signs others."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @classmethod
    def authority(cls, name: str = "an authority") -> Self:
        """One that signed itself."""
        return cls._made(name, None, 100, is_authority=True)

    def issue(self, name: str, *, days: float = 100, is_authority: bool = False) -> Self:
        """A certificate signed by this authority, for ``name`` as common name and host, valid for so many days."""
        return self._made(name, self, days, is_authority=is_authority)

    def revocation_list(self, *revoked: Identity, days: float = 10) -> str:
        """A list of this authority as PEM, which is to be replaced in so many days."""
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateRevocationListBuilder(
            issuer_name=self.certificate.subject,
            last_update=now + min(days, 0) * _DAY - _DAY,
            next_update=now + days * _DAY,
        )
        for identity in revoked:
            entry = x509.RevokedCertificateBuilder(identity.certificate.serial_number, now - _DAY)
            builder = builder.add_revoked_certificate(entry.build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(_PEM).decode()

    @property
    def pem(self) -> str:
        """The certificate."""
        return self.certificate.public_bytes(_PEM).decode()

    @property
    def key_pem(self) -> str:
        """The private key."""
        return self._key_pem(serialization.NoEncryption())

    def encrypted_key_pem(self, password: str) -> str:
        """The private key behind a password."""
        return self._key_pem(serialization.BestAvailableEncryption(password.encode()))

    @property
    def pin(self) -> str:
        """The SHA-256 fingerprint of the certificate."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def _key_pem(self, encryption: serialization.KeySerializationEncryption) -> str:
        return self.key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, encryption).decode()

    @classmethod
    def _made(cls, name: str, issuer: Identity | None, days: float, *, is_authority: bool) -> Self:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        until = datetime.datetime.now(datetime.UTC) + days * _DAY
        builder = x509.CertificateBuilder(
            issuer_name=subject if issuer is None else issuer.certificate.subject,
            subject_name=subject,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=until - max(200, days + 1) * _DAY,
            not_valid_after=until,
        )
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        builder = builder.add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        return cls(builder.sign(key if issuer is None else issuer.key, hashes.SHA256()), key)
