"""What people give and see of certificates."""

from __future__ import annotations

from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from meterhub_sdk import Config, field
from pydantic import BaseModel, Field

FILE_LIMIT = 100_000
"""Characters of a chain or a key."""
_SHOWN = 300


class UploadArguments(Config):
    """A certificate and its private key."""

    chain: str = field(
        title="Certificate chain",
        description="As PEM: the certificate of this device first, then those between it and the authority. Or a "
        "PKCS#12 file (.p12, .pfx) in base64.",
        widget="file",
        min_length=1,
        max_length=FILE_LIMIT,
    )
    key: str = field(
        "",
        title="Private key",
        description="As PEM; empty where the file of the chain holds it.",
        widget="file",
        max_length=FILE_LIMIT,
    )
    passphrase: str = field(
        "",
        title="Passphrase",
        description="Of the key or the PKCS#12 file; empty for none. It is not kept.",
        widget="password",
        max_length=1024,
    )


class RequestArguments(Config):
    """What is to stand in a certificate that an authority will sign."""

    common_name: str = field(
        title="Common name", description="The host name of this device.", min_length=1, max_length=64
    )
    organisation: str = field("", title="Organisation", max_length=64)
    unit: str = field("", title="Organisational unit", max_length=64)
    locality: str = field("", title="Locality", max_length=128)
    state: str = field("", title="State or province", max_length=128)
    country: str = field("", title="Country", description="Two capital letters, such as PL.", pattern="^([A-Z]{2})?$")
    names: list[str] = field(
        default_factory=list,
        title="Alternative names",
        description="Host names and IP addresses under which this device is reached; empty: the common name and those "
        "that it knows of itself.",
        max_length=32,
    )
    key: Literal["EC P-256", "RSA 3072"] = field("EC P-256", title="Key", description="It never leaves the device.")


class SignedArguments(Config):
    """What an authority made of a request."""

    chain: str = field(
        title="Certificate chain",
        description="As PEM: the signed certificate first, then those between it and the authority.",
        widget="file",
        min_length=1,
        max_length=FILE_LIMIT,
    )


class RequestResult(BaseModel):
    """A certificate request (PKCS#10)."""

    request: str = Field(title="Certificate request", description="As PEM, for the authority.")


class ChainRow(BaseModel):
    """One certificate of a chain."""

    subject: str = Field(title="Subject")
    issuer: str = Field(title="Issuer")
    valid_from: str = Field(title="Valid from")
    valid_to: str = Field(title="Valid to")
    subject_key_id: str = Field(title="Subject key identifier")
    alternative_names: list[str] = Field(title="Alternative names")
    fingerprint: str = Field(title="SHA-256 fingerprint")

    @classmethod
    def of(cls, certificate: x509.Certificate) -> ChainRow:
        """What a certificate says of itself."""
        return cls(
            subject=shown(certificate.subject),
            issuer=shown(certificate.issuer),
            valid_from=certificate.not_valid_before_utc.isoformat(timespec="seconds"),
            valid_to=certificate.not_valid_after_utc.isoformat(timespec="seconds"),
            subject_key_id=_key_id(certificate),
            alternative_names=alternative_names(certificate),
            fingerprint=certificate.fingerprint(hashes.SHA256()).hex(":").upper(),
        )


class CertificateStatus(BaseModel):
    """The certificate that browsers and programs are shown."""

    source: Literal["uploaded", "self-made"] = Field(title="Certificate")
    warning: str = Field(title="Warning", description="Empty when all is well.")
    days_left: int = Field(title="Days left", json_schema_extra={"unit": "d"})
    request: str = Field(title="Open request", description="Whose signed certificate may be uploaded; empty for none.")
    chain: list[ChainRow] = Field(title="Certificate chain")


def shown(name: x509.Name) -> str:
    """A name as RFC 4514 writes it, but in the order of the certificate, at most 300 characters."""
    return ", ".join(part.rfc4514_string() for part in name.rdns)[:_SHOWN] or "(no name)"


def alternative_names(certificate: x509.Certificate) -> list[str]:
    """Host names and IP addresses for which a certificate stands."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    addresses = [str(address) for address in found.get_values_for_type(x509.IPAddress)]
    return [*found.get_values_for_type(x509.DNSName), *addresses]


def _key_id(certificate: x509.Certificate) -> str:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    except (x509.ExtensionNotFound, ValueError):
        return ""
    return found.digest.hex(":").upper()
