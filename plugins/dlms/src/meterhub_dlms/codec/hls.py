"""High-level security: both sides prove that they know a secret (IEC 62056-5-3, clause 5.2.2; Green Book 9.2.7.4)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import NamedTuple

from meterhub_dlms.codec.acse import Mechanism
from meterhub_dlms.codec.ciphering import TITLE_LENGTH, Keys, Protection, SecurityError, seal
from meterhub_dlms.codec.errors import CodecError

MIN_CHALLENGE, MAX_CHALLENGE = 8, 64
"""Bytes of a challenge (Green Book 9.2.7.4)."""

LANDIS_LENGTH = 8
"""Hexadecimal digits of a Landis+Gyr challenge; the password has one less."""

_GMAC_LENGTH = 17
_HEX = frozenset(b"0123456789ABCDEF")

HIGH = frozenset({Mechanism.MANUFACTURER, Mechanism.MD5, Mechanism.SHA1, Mechanism.GMAC, Mechanism.SHA256})
"""The mechanisms of this module."""


class Parties(NamedTuple):
    """What both sides told each other, as one of them sees it: system titles and challenges."""

    own_challenge: bytes
    partner_challenge: bytes
    own_title: bytes = b""
    partner_title: bytes = b""

    @property
    def reversed(self) -> Parties:
        """The same as the other side sees it."""
        return Parties(self.partner_challenge, self.own_challenge, self.partner_title, self.own_title)


class Secrets(NamedTuple):
    """What proves who one is: a password for the hashes and Landis+Gyr, keys and a counter for GMAC."""

    password: bytes = b""
    keys: Keys | None = None
    counter: Callable[[], int] | None = None

    def __repr__(self) -> str:
        """Never the secrets."""
        return "Secrets(...)"


def challenge(mechanism: Mechanism, length: int = 16) -> bytes:
    """A fresh challenge that nobody can foretell.

    For Landis+Gyr's own mechanism eight hexadecimal digits. The last one chooses an operation of which the answer
    tells whether the whole password is known: 0 leaves it out, and OR (1) hides it behind our own digits.
    """
    if mechanism is Mechanism.MANUFACTURER:
        digits = secrets.token_hex(LANDIS_LENGTH // 2).upper()[:-1]
        return (digits + secrets.choice("2345")).encode("ascii")
    if not MIN_CHALLENGE <= length <= MAX_CHALLENGE:
        raise CodecError(f"a challenge of {length} bytes was asked for; {MIN_CHALLENGE} to {MAX_CHALLENGE} will do")
    return secrets.token_bytes(length)


def proof(mechanism: Mechanism, parties: Parties, known: Secrets) -> bytes:
    """The answer to the other side's challenge.

    :class:`SecurityError` when that challenge is too short, or our own sent back; ``CodecError`` when a secret
    for the mechanism is missing.
    """
    _check_challenge(mechanism, parties)
    if mechanism is not Mechanism.GMAC:
        return _hashed(mechanism, parties, known.password)
    if known.counter is None:
        raise CodecError("GMAC takes an invocation counter")
    return _gmac(parties, _keys_of(known), known.counter())


def verify(mechanism: Mechanism, parties: Parties, known: Secrets, answer: bytes) -> int | None:
    """Check the other side's answer to our challenge; with GMAC, give the invocation counter that it used.

    :class:`SecurityError` when the answer is wrong. The comparison takes the same time wherever they differ.
    """
    counter = None
    if mechanism is Mechanism.GMAC:
        if len(answer) != _GMAC_LENGTH or answer[0] != Protection.AUTHENTICATED:
            raise SecurityError("the answer to the challenge is malformed")
        counter = int.from_bytes(answer[1:5], "big")
        expected = _gmac(parties.reversed, _keys_of(known), counter)
    else:
        expected = _hashed(mechanism, parties.reversed, known.password)
    if not hmac.compare_digest(expected, answer):
        raise SecurityError("the other side answered the challenge wrongly: it does not know the secret")
    return counter


def _hashed(mechanism: Mechanism, parties: Parties, password: bytes) -> bytes:
    told = parties.partner_challenge
    if mechanism is Mechanism.MD5:
        return hashlib.md5(told + password, usedforsecurity=False).digest()
    if mechanism is Mechanism.SHA1:
        return hashlib.sha1(told + password, usedforsecurity=False).digest()
    if mechanism is Mechanism.SHA256:
        titles = parties.own_title + parties.partner_title
        return hashlib.sha256(password + titles + told + parties.own_challenge).digest()
    if mechanism is Mechanism.MANUFACTURER:
        return landis_gyr(told, password)
    raise CodecError(f"authentication mechanism {mechanism} is no high-level security")


def _gmac(parties: Parties, keys: Keys, counter: int) -> bytes:
    """Control byte, counter and tag over the challenge, under the title of the side that answers."""
    if len(parties.own_title) != TITLE_LENGTH:
        raise SecurityError("GMAC takes the system titles of both sides")
    octets = counter.to_bytes(4, "big")
    nonce = parties.own_title + octets
    sealed = seal(keys.encryption, keys.authentication, nonce, Protection.AUTHENTICATED, parties.partner_challenge)
    return bytes((Protection.AUTHENTICATED,)) + octets + sealed[len(parties.partner_challenge) :]


def landis_gyr(seed: bytes, password: bytes) -> bytes:
    """The answer of Landis+Gyr's mechanism 2: eight hexadecimal digits to eight, with a password of seven digits.

    The last digit of the seed chooses what is done digit by digit, and stays: 0 nothing, 1 OR, 2 XOR, 3 addition and
    OR in turn, 4 addition and XOR in turn, 5 addition. Reproduced from public test vectors.
    """
    if len(seed) != LANDIS_LENGTH or not _HEX.issuperset(seed):
        raise SecurityError(f"the meter's challenge is not {LANDIS_LENGTH} hexadecimal digits")
    if len(password) != LANDIS_LENGTH - 1 or not _HEX.issuperset(password):
        raise CodecError(f"the password of Landis+Gyr meters has {LANDIS_LENGTH - 1} hexadecimal digits")
    operations = _LANDIS.get(seed[-1:])
    if operations is None:
        raise SecurityError(f"the meter's challenge ends in {seed[-1:].decode()}; 0 to 5 are known")
    pairs = zip(seed, password, strict=False)
    digits = [operations[i % 2](int(chr(a), 16), int(chr(b), 16)) & 0xF for i, (a, b) in enumerate(pairs)]
    return bytes(b"0123456789ABCDEF"[digit] for digit in digits) + seed[-1:]


def _keep(digit: int, _: int) -> int:
    return digit


_LANDIS: dict[bytes, tuple[Callable[[int, int], int], Callable[[int, int], int]]] = {
    b"0": (_keep, _keep),
    b"1": (int.__or__, int.__or__),
    b"2": (int.__xor__, int.__xor__),
    b"3": (int.__add__, int.__or__),
    b"4": (int.__add__, int.__xor__),
    b"5": (int.__add__, int.__add__),
}


def _check_challenge(mechanism: Mechanism, parties: Parties) -> None:
    told = parties.partner_challenge
    if not MIN_CHALLENGE <= len(told) <= MAX_CHALLENGE:
        raise SecurityError(f"a challenge of {len(told)} bytes came; {MIN_CHALLENGE} to {MAX_CHALLENGE} will do")
    if hmac.compare_digest(told, parties.own_challenge) and mechanism is not Mechanism.MANUFACTURER:
        raise SecurityError("our own challenge came back: the other side wants us to answer it for them")


def _keys_of(known: Secrets) -> Keys:
    if known.keys is None:
        raise CodecError("GMAC takes an encryption and an authentication key")
    return known.keys
