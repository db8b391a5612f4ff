"""Certificates and requests that the box makes itself."""

from __future__ import annotations

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from meterhub_http.certificates.identity import Identity, Key, wrong
from meterhub_http.certificates.models import RequestArguments, alternative_names
from meterhub_http.certificates.names import Names
from meterhub_http.settings import HOST

_VALID = datetime.timedelta(days=397)  # browsers take no longer ones
_RENEWED = datetime.timedelta(days=30)
_DAY = datetime.timedelta(days=1)
_COMMON_NAME_LIMIT = 64


def self_made(names: Names, now: datetime.datetime) -> Identity:
    """A certificate that the box signed itself: ECDSA with P-256, for all its names."""
    key = ec.generate_private_key(ec.SECP256R1())
    last = next((name for name in reversed(names.hosts) if len(name) <= _COMMON_NAME_LIMIT), "localhost")
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, last), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Meterhub")]
    )
    builder = x509.CertificateBuilder(
        issuer_name=subject,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now - _DAY,
        not_valid_after=now + _VALID,
    )
    for extension, critical in (
        (x509.SubjectAlternativeName(names.general()), False),
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_for_tls(), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
    ):
        builder = builder.add_extension(extension, critical)
    return Identity((builder.sign(key, hashes.SHA256()),), key)


def will_do(made: Identity, names: Names, now: datetime.datetime) -> bool:
    """Whether a self-made certificate stands for all names, and will for some weeks."""
    own = made.own
    in_time = own.not_valid_before_utc <= now <= own.not_valid_after_utc - _RENEWED
    return in_time and not names.missing(alternative_names(own))


def new_key(kind: str) -> Key:
    """A new private key; one of RSA takes a second."""
    if kind == "RSA 3072":
        return rsa.generate_private_key(65537, 3072)
    return ec.generate_private_key(ec.SECP256R1())


def request_for(asked: RequestArguments, key: Key, own: Names) -> bytes:
    """A certificate request as PEM (PKCS#10, RFC 2986); ``Invalid`` for a name that is none."""
    try:
        names = Names.of(asked.names)
    except ValueError as error:
        wrong("names", message=str(error))
    if not asked.names:
        common = [asked.common_name.lower()] if HOST.fullmatch(asked.common_name) else []
        names = Names(tuple(dict.fromkeys([*common, *own.hosts])), own.addresses)
    parts = (
        (NameOID.COUNTRY_NAME, asked.country),
        (NameOID.STATE_OR_PROVINCE_NAME, asked.state),
        (NameOID.LOCALITY_NAME, asked.locality),
        (NameOID.ORGANIZATION_NAME, asked.organisation),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, asked.unit),
        (NameOID.COMMON_NAME, asked.common_name),
    )
    builder = x509.CertificateSigningRequestBuilder(
        x509.Name([x509.NameAttribute(kind, text) for kind, text in parts if text])
    )
    builder = builder.add_extension(x509.SubjectAlternativeName(names.general()), critical=False)
    builder = builder.add_extension(_for_tls(), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _for_tls() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
