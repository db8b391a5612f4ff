"""Rules for the certificate of the other side that OpenSSL cannot be asked to check."""

from __future__ import annotations

import datetime
import hashlib
import hmac

from cryptography import x509
from meterhub_sdk.tls.material import Material, expiry, subject


class Unacceptable(Exception):
    """The certificate of the other side is not accepted; the text says why, as the end of a sentence."""


class PeerCheck:
    """Pins and revocation, checked after the handshake and before any octet of the application is handed on.

    OpenSSL would refuse everybody once a revocation list is older than its ``nextUpdate``: a station that nobody
    reaches any more for want of a file is worse than one that goes on with the last list it has. So the list is read
    here; that it is outdated is a status and an event. A list is asked about the certificate of the other side
    itself, not about authorities between: take those out of the authority's secret.
    """

    def __init__(self, material: Material) -> None:
        self._pins = material.pins
        self._authorities = material.authorities
        self._lists = material.revocation

    def __call__(self, der: bytes | None) -> str:
        """The subject of the other side's certificate, empty when it gave none; else :class:`Unacceptable`.

        None is accepted only where there are no rules: whether it must give one is for the context to say.
        """
        if der is None:
            if self._pins:
                raise Unacceptable("it gave no certificate")
            return ""
        try:
            certificate = x509.load_der_x509_certificate(der)
            serial, issuer = certificate.serial_number, certificate.issuer
            until = expiry(certificate)
        except (ValueError, x509.InvalidVersion):
            raise Unacceptable("its certificate cannot be read") from None
        name = subject(certificate)
        if datetime.datetime.now(datetime.UTC) > until:
            raise Unacceptable(f"its certificate ({name}) expired on {until:%Y-%m-%d}")
        if self._pins and not self._pinned(der):
            raise Unacceptable(f"its certificate ({name}) is none of those pinned")
        for given in self._lists:
            revoked = given.get_revoked_certificate_by_serial_number(serial) if given.issuer == issuer else None
            if revoked is not None:
                raise Unacceptable(f"its certificate ({name}) was revoked on {revoked.revocation_date_utc:%Y-%m-%d}")
        return name

    def _pinned(self, der: bytes) -> bool:
        """Compared with every pin, in a time that tells nothing."""
        digest = hashlib.sha256(der).digest()
        return sum(hmac.compare_digest(digest, pin) for pin in self._pins) > 0
