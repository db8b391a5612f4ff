"""A certificate chain with its private key, and how both are read from what people have."""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple, NoReturn

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import pkcs12
from meterhub_sdk import Fault, Invalid

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

MOST = 10
"""Certificates of a chain."""
_NOT_READ = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion)
_KINDS = {
    "PRIVATE KEY-----": "a private key",
    "BEGIN CERTIFICATE REQUEST": "a certificate request; upload what the authority made of it",
    "BEGIN NEW CERTIFICATE REQUEST": "a certificate request; upload what the authority made of it",
    "BEGIN PKCS7": "a PKCS#7 file; convert it with: openssl pkcs7 -print_certs",
    "BEGIN CERTIFICATE": "a certificate",
    "BEGIN X509 CRL": "a revocation list",
    "BEGIN PUBLIC KEY": "a public key",
    "BEGIN PGP": "a PGP file",
    "ssh-": "a public key of SSH",
    "<": "a page or an XML file",
    "{": "JSON",
    "eyJ": "a licence or another signed token",
}


class Identity(NamedTuple):
    """The chain begins with the own certificate."""

    chain: tuple[x509.Certificate, ...]
    key: Key

    @property
    def own(self) -> x509.Certificate:
        """The certificate that the key belongs to."""
        return self.chain[0]

    @property
    def pem(self) -> bytes:
        """Everything in one file, the key without a passphrase."""
        return key_pem(self.key) + b"".join(each.public_bytes(serialization.Encoding.PEM) for each in self.chain)

    def __repr__(self) -> str:
        return f"Identity({self.own.subject.rfc4514_string()[:80]})"


def wrong(field: str, *, message: str) -> NoReturn:
    """Refuse what was given in a field."""
    raise Invalid([Fault([field], message)])


def key_pem(key: Key) -> bytes:
    """A private key as PKCS#8."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def public_bytes(key: PublicKeyTypes) -> bytes:
    """What tells public keys apart."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def identity_of(chain: str, key: str, passphrase: str) -> Identity:
    """What was uploaded; ``Invalid`` says what it is instead. Nothing is checked yet but that it can be read."""
    password = passphrase.encode() or None
    if "-----BEGIN" not in chain:
        return _of_pkcs12(chain, password)
    certificates = certificates_of(chain)
    if key.strip():
        return Identity(certificates, _key_of("key", key, password))
    if "PRIVATE KEY-----" not in chain:
        wrong("key", message="there is no private key; give it, or a file that holds the certificate and its key")
    return Identity(certificates, _key_of("chain", chain[chain.index("-----BEGIN") :], password))


def certificates_of(text: str) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM file; ``Invalid`` when there are none or too many."""
    if "-----BEGIN CERTIFICATE-----" not in text:
        what = kind_of(text)
        wrong("chain", message=f"a certificate chain as PEM (BEGIN CERTIFICATE) belongs here, and this is {what}")
    try:
        found = tuple(x509.load_pem_x509_certificates(text.encode()))
    except _NOT_READ as error:
        wrong("chain", message=f"a certificate in it is damaged: {str(error)[:120]}")
    if len(found) > MOST:
        wrong("chain", message=f"it has {len(found)} certificates; a chain has {MOST} at most")
    return found


def kind_of(text: str) -> str:
    """What a text is, for the end of a sentence."""
    stripped = text.strip()
    if not stripped:
        return "empty"
    if "-----BEGIN" in stripped:
        stripped = stripped[stripped.index("-----BEGIN") :]
    found = (sign for sign in _KINDS if stripped.startswith(sign) or ("BEGIN" in stripped and sign in stripped))
    sign = next(found, None)
    return "something else" if sign is None else _KINDS[sign]


def read_key(pem: bytes) -> Key:
    """A private key of an own file; ``ValueError`` when it is none."""
    key = serialization.load_pem_private_key(pem, password=None)
    if not isinstance(key, Key):
        raise ValueError("it is no RSA or EC key")
    return key


def _key_of(field: str, text: str, password: bytes | None) -> Key:
    if "PRIVATE KEY-----" not in text:
        what = kind_of(text)
        wrong(field, message=f"a private key as PEM (BEGIN PRIVATE KEY) belongs here, and this is {what}")
    if "BEGIN OPENSSH" in text:
        wrong(field, message="this is a key of SSH; convert it with: ssh-keygen -p -m PKCS8")
    encrypted = "ENCRYPTED" in text
    if encrypted and password is None:
        wrong("passphrase", message="the private key is encrypted; give its passphrase")
    begin = text.index("-----BEGIN", max(0, text.index("PRIVATE KEY-----") - 40))
    try:
        key = serialization.load_pem_private_key(text[begin:].encode(), password if encrypted else None)
    except _NOT_READ:
        sentence = "the passphrase is not that of the private key" if encrypted else "the private key is damaged"
        wrong("passphrase" if encrypted else field, message=sentence)
    return _usable(field, key)


def _of_pkcs12(text: str, password: bytes | None) -> Identity:
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not data.startswith(b"\x30"):  # a sequence of ASN.1: what every such file begins with
        what = kind_of(text)
        wrong(
            "chain",
            message=f"a certificate chain as PEM, or a PKCS#12 file in base64, belongs here, and this is {what}",
        )
    try:
        key, own, others = pkcs12.load_key_and_certificates(data, password)
    except _NOT_READ as error:
        if "password" in str(error).lower():
            wrong("passphrase", message="the passphrase is not that of the PKCS#12 file")
        wrong("chain", message="this is binary, and no PKCS#12 file; give the certificate chain as PEM")
    if key is None or own is None:
        wrong("chain", message="the PKCS#12 file holds no certificate with its private key")
    if len(others) >= MOST:
        wrong("chain", message=f"it has {len(others) + 1} certificates; a chain has {MOST} at most")
    return Identity((own, *others), _usable("chain", key))


def _usable(field: str, key: object) -> Key:
    """A key that browsers know; ``Invalid`` for others."""
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in ("secp256r1", "secp384r1", "secp521r1"):
        return key
    if isinstance(key, rsa.RSAPrivateKey):
        if 2048 <= key.key_size <= 8192:
            return key
        wrong(field, message=f"the key is RSA with {key.key_size} bits; 2048 to 8192 will do")
    wrong(
        field, message="the key is of a kind that browsers do not know; RSA and EC with P-256, P-384 or P-521 will do"
    )
