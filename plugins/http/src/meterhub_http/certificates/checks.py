"""Whether a certificate chain will do for HTTPS (RFC 5280, RFC 9525): match, order, dates, usage."""

from __future__ import annotations

import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509.oid import ExtendedKeyUsageOID

from meterhub_http.certificates.identity import Identity, public_bytes, wrong
from meterhub_http.certificates.models import ChainRow, alternative_names, shown

_NOT_READ = (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion, x509.UnsupportedGeneralNameType)
_BAD_SIGNATURE = (*_NOT_READ, InvalidSignature)


def checked(given: Identity, now: datetime.datetime) -> Identity:
    """The identity with its chain in order, or ``Invalid`` with what is wrong with it."""
    for each in given.chain:
        _readable(each)
    public = public_bytes(given.key.public_key())
    own = next((each for each in given.chain if public_bytes(each.public_key()) == public), None)
    if own is None:
        wrong("key", message=f"the private key is not that of the certificate of {shown(given.chain[0].subject)}")
    chain = _ordered(own, given.chain)
    for certificate in chain:
        _dates(certificate, now)
    _usage(own)
    for certificate in chain[1:]:
        _authority(certificate)
    return Identity(chain, given.key)


def _readable(certificate: x509.Certificate) -> None:
    """Parts of a certificate are read when they are asked for: ask now for what is shown later."""
    try:
        ChainRow.of(certificate)
        certificate.public_key()
    except _NOT_READ as error:
        wrong("chain", message=f"a certificate in it cannot be read: {str(error)[:120]}")


def _ordered(own: x509.Certificate, given: tuple[x509.Certificate, ...]) -> tuple[x509.Certificate, ...]:
    """From the own certificate upwards, each signed by the next."""
    chain, left = [own], [each for each in dict.fromkeys(given) if each != own]
    while left:
        above = next((each for each in left if _signed(chain[-1], each)), None)
        if above is None:
            stray, last = shown(left[0].subject), shown(chain[-1].subject)
            wrong("chain", message=f"{stray} has not signed {last}; leave it out, or give those between")
        left.remove(above)
        chain.append(above)
    return tuple(chain)


def _signed(certificate: x509.Certificate, by: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(by)
    except _BAD_SIGNATURE:
        return False
    return True


def _dates(certificate: x509.Certificate, now: datetime.datetime) -> None:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if ends < now:
        wrong("chain", message=f"the certificate of {shown(certificate.subject)} expired on {ends:%Y-%m-%d}")
    if begins > now:
        wrong(
            "chain",
            message=f"the certificate of {shown(certificate.subject)} is valid from {begins:%Y-%m-%d %H:%M} UTC on, "
            f"and the clock here says {now:%Y-%m-%d %H:%M}",
        )


def _usage(own: x509.Certificate) -> None:
    """Whether browsers take it for a server's."""
    try:
        extensions = own.extensions
    except ValueError as error:
        wrong("chain", message=f"the extensions of the certificate cannot be read: {str(error)[:120]}")
    for extension in extensions:
        value = extension.value
        servers = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
        if isinstance(value, x509.ExtendedKeyUsage) and not any(usage in servers for usage in value):
            wrong("chain", message="the certificate may not be used for servers; ask for one with serverAuth")
        if isinstance(value, x509.KeyUsage) and not (value.digital_signature or value.key_encipherment):
            wrong("chain", message="the certificate may not be used for TLS; ask for one with digitalSignature")
    if not alternative_names(own):
        wrong(
            "chain", message="the certificate has no alternative names, without which browsers refuse it; ask for them"
        )


def _authority(certificate: x509.Certificate) -> None:
    try:
        is_authority = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        is_authority = False
    if not is_authority:
        wrong("chain", message=f"{shown(certificate.subject)} stands in the chain and may not sign certificates")
