"""Ciphering of APDUs with security suite 0, AES-128-GCM (IEC 62056-5-3, clauses 5.3 and 7.2)."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, IntFlag
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR, GCM

from meterhub_dlms.codec.axdr import decode_octets, encode_octets
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.xdlms import CONFIRMED_SERVICE_ERROR, EXCEPTION_RESPONSE, service_error_phrase

TITLE_LENGTH = 8
KEY_LENGTH = 16
TAG_LENGTH = 12
OVERHEAD = 5 + TAG_LENGTH
"""Bytes that protection adds to an APDU beside its tag, length and system title: control byte, counter, tag."""

GENERAL_GLOBAL, GENERAL_DEDICATED = 0xDB, 0xDC
_COMPRESSED, _BROADCAST, _SUITE_MASK = 0x80, 0x40, 0x0F
_COUNTER_LENGTH = 4

_SHORT_SERVICES = frozenset({0x01, 0x05, 0x06, 0x08, 0x0C, 0x0D, 0x0E, 0x16, 0x18})
_LOGICAL_SERVICES = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC4, 0xC5, 0xC7})


class SecurityError(CodecError):
    """An APDU that is not protected as agreed, was changed on its way, or was sent before."""


class ReplayError(SecurityError):
    """A protected APDU, whole and from the right sender, whose invocation counter is not newer than the last."""


class Protection(IntFlag):
    """What protects an APDU; the value is that of the security control byte."""

    AUTHENTICATED = 0x10
    ENCRYPTED = 0x20
    BOTH = 0x30


class Wrapping(Enum):
    """Which tags carry protected APDUs, and under which key."""

    GLOBAL = "global"
    DEDICATED = "dedicated"
    GENERAL_GLOBAL = "general global"
    GENERAL_DEDICATED = "general dedicated"

    @property
    def dedicated(self) -> bool:
        """Whether the key of the association protects, not that of the meter."""
        return self in (Wrapping.DEDICATED, Wrapping.GENERAL_DEDICATED)


class Keys(NamedTuple):
    """The keys of suite 0, 16 bytes each; ``dedicated`` is for one association and may be empty."""

    encryption: bytes
    authentication: bytes
    dedicated: bytes = b""

    def __repr__(self) -> str:
        """Never the keys."""
        return "Keys(...)"


def _tags() -> tuple[dict[tuple[int, bool], int], dict[int, tuple[int, bool]]]:
    """Tags of the ciphered services: those of short names lie 32 and 64 higher, those of logical names 8 and 16."""
    ciphered: dict[tuple[int, bool], int] = {}
    for services, step in ((_SHORT_SERVICES, 0x20), (_LOGICAL_SERVICES, 0x08)):
        for tag in services:
            ciphered[tag, False], ciphered[tag, True] = tag + step, tag + 2 * step
    return ciphered, {wrapped: plain for plain, wrapped in ciphered.items()}


_CIPHERED, _PLAIN = _tags()


class Received(NamedTuple):
    """A protected APDU, taken apart but not yet verified."""

    tag: int
    dedicated: bool
    title: bytes
    """The sender's system title where the APDU carries it, else empty."""
    control: int
    counter: int
    content: bytes


def is_ciphered(apdu: bytes) -> bool:
    """Whether the tag of an APDU says that it is protected."""
    return apdu[:1] != b"" and (apdu[0] in _PLAIN or apdu[0] in (GENERAL_GLOBAL, GENERAL_DEDICATED))


def wrapping_of(apdu: bytes) -> Wrapping:
    """How an APDU is protected, so that it can be answered alike; ``SecurityError`` when it is in clear."""
    if not is_ciphered(apdu):
        raise SecurityError(_in_clear(apdu))
    if apdu[0] in (GENERAL_GLOBAL, GENERAL_DEDICATED):
        return Wrapping.GENERAL_DEDICATED if apdu[0] == GENERAL_DEDICATED else Wrapping.GENERAL_GLOBAL
    return Wrapping.DEDICATED if _PLAIN[apdu[0]][1] else Wrapping.GLOBAL


def take_apart(apdu: bytes) -> Received:
    """The parts of a protected APDU; ``CodecError`` when it is malformed, ``SecurityError`` when it is in clear."""
    if not is_ciphered(apdu):
        raise SecurityError(_in_clear(apdu))
    title, place = b"", 1
    if apdu[0] in (GENERAL_GLOBAL, GENERAL_DEDICATED):
        dedicated = apdu[0] == GENERAL_DEDICATED
        title, place = decode_octets(apdu, 1)
    else:
        dedicated = _PLAIN[apdu[0]][1]
    body, end = decode_octets(apdu, place)
    if end != len(apdu) or len(body) <= 1 + _COUNTER_LENGTH:
        raise CodecError("the ciphered APDU is malformed")
    if len(title) not in (0, TITLE_LENGTH):
        raise CodecError(f"a system title has {TITLE_LENGTH} bytes, not {len(title)}")
    return Received(apdu[0], dedicated, title, body[0], int.from_bytes(body[1:5], "big"), body[5:])


def _in_clear(apdu: bytes) -> str:
    if apdu[:1] in (bytes((EXCEPTION_RESPONSE,)), bytes((CONFIRMED_SERVICE_ERROR,))):
        return f"the answer is in clear: {service_error_phrase(apdu)}"
    return f"an APDU in clear (tag {apdu[:1].hex() or 'missing'}) came on a ciphered association"


class Ciphering:
    """Protects what one side of an association sends and verifies what it receives.

    ``counter`` gives a number that was never given before under these keys. ``partner`` is the other side's system
    title (eight bytes, known from the AARE at the latest); ``received`` holds the highest counter that came under
    the global and the dedicated key, -1 before the first, to be kept by a side that must refuse replays
    across associations.
    """

    def __init__(
        self,
        title: bytes,
        keys: Keys,
        counter: Callable[[], int],
        protection: Protection = Protection.BOTH,
        wrapping: Wrapping = Wrapping.GLOBAL,
        partner: bytes = b"",
    ) -> None:
        if len(title) != TITLE_LENGTH:
            raise CodecError(f"a system title has {TITLE_LENGTH} bytes, not {len(title)}")
        if any(len(key) != KEY_LENGTH for key in keys[:2]) or len(keys.dedicated) not in (0, KEY_LENGTH):
            raise CodecError(f"a key of security suite 0 has {KEY_LENGTH} bytes")
        if wrapping.dedicated and not keys.dedicated:
            raise CodecError("dedicated ciphering was chosen without a dedicated key")
        self.title = title
        self.keys = keys
        self.protection = protection
        self.wrapping = wrapping
        self.partner = partner
        self.received = {False: -1, True: -1}
        self._counter = counter

    def protect(self, apdu: bytes, wrapping: Wrapping | None = None) -> bytes:
        """A protected APDU; ``wrapping`` only where it differs, as for the initiate request under a dedicated key."""
        how = wrapping or self.wrapping
        key = self.keys.dedicated if how.dedicated else self.keys.encryption
        counter = self._counter().to_bytes(_COUNTER_LENGTH, "big")
        body = bytes((self.protection,)) + counter
        body += seal(key, self.keys.authentication, self.title + counter, self.protection, apdu)
        if how in (Wrapping.GENERAL_GLOBAL, Wrapping.GENERAL_DEDICATED):
            tag = GENERAL_DEDICATED if how.dedicated else GENERAL_GLOBAL
            return bytes((tag,)) + encode_octets(self.title) + encode_octets(body)
        ciphered = _CIPHERED.get((apdu[0], how.dedicated)) if apdu else None
        if ciphered is None:
            raise CodecError(f"the service {apdu[:1].hex()} has no ciphered form of its own")
        return bytes((ciphered,)) + encode_octets(body)

    def unprotect(self, apdu: bytes) -> bytes:
        """The APDU within a protected one.

        :class:`SecurityError` when it is in clear, less protected than our own are, from another sender, changed on
        its way, or not newer than the last; ``CodecError`` when it is malformed.
        """
        received = take_apart(apdu)
        self._check(received)
        key = self.keys.dedicated if received.dedicated else self.keys.encryption
        nonce = self.partner + received.counter.to_bytes(_COUNTER_LENGTH, "big")
        protection = Protection(received.control & Protection.BOTH)
        plain = unseal(key, self.keys.authentication, nonce, protection, received.content)
        if received.counter <= self.received[received.dedicated]:
            raise ReplayError(f"invocation counter {received.counter} was used before")
        expected = _PLAIN.get(received.tag)
        if not plain or (expected is not None and plain[0] != expected[0]):
            raise SecurityError("the ciphered APDU holds another service than its tag says")
        self.received[received.dedicated] = received.counter
        return plain

    def _check(self, received: Received) -> None:
        control = received.control
        if control & _SUITE_MASK or control & _COMPRESSED or control & _BROADCAST:
            raise SecurityError(f"security control byte {control:#04x} asks for what suite 0 with unicast keys is not")
        if control & self.protection != self.protection:
            raise SecurityError(f"security control byte {control:#04x} protects less than was agreed")
        if received.dedicated and not self.keys.dedicated:
            raise SecurityError("an APDU came under a dedicated key that was never agreed")
        if len(self.partner) != TITLE_LENGTH:
            raise SecurityError("the other side's system title is not known")
        if received.title and received.title != self.partner:
            raise SecurityError(f"the APDU comes from {received.title.hex()}, not from {self.partner.hex()}")


def seal(key: bytes, authentication: bytes, nonce: bytes, protection: Protection, plain: bytes) -> bytes:
    """Ciphertext and tag, as the protection has them; ``nonce`` is system title and counter (12 bytes)."""
    control = bytes((protection,))
    if protection is Protection.ENCRYPTED:
        return _keystream(key, nonce, plain)
    sealing = Cipher(AES(key), GCM(nonce)).encryptor()
    if protection is Protection.AUTHENTICATED:
        sealing.authenticate_additional_data(control + authentication + plain)
        content = plain + sealing.finalize()
    else:
        sealing.authenticate_additional_data(control + authentication)
        content = sealing.update(plain) + sealing.finalize()
    return content + sealing.tag[:TAG_LENGTH]


def unseal(key: bytes, authentication: bytes, nonce: bytes, protection: Protection, content: bytes) -> bytes:
    """The plain text; :class:`SecurityError` when the tag says that content, key or sender are wrong."""
    control = bytes((protection,))
    if protection is Protection.ENCRYPTED:
        return _keystream(key, nonce, content)
    if Protection.AUTHENTICATED not in protection or len(content) < TAG_LENGTH:
        raise SecurityError("the APDU carries no authentication tag")
    text, tag = content[:-TAG_LENGTH], content[-TAG_LENGTH:]
    opening = Cipher(AES(key), GCM(nonce, tag, min_tag_length=TAG_LENGTH)).decryptor()
    try:
        if protection is Protection.AUTHENTICATED:
            opening.authenticate_additional_data(control + authentication + text)
            opening.finalize()
            return text
        opening.authenticate_additional_data(control + authentication)
        return opening.update(text) + opening.finalize()
    except InvalidTag:
        raise SecurityError("the authentication tag is wrong: other keys, or the APDU was changed") from None


def _keystream(key: bytes, nonce: bytes, text: bytes) -> bytes:
    """Encryption without a tag: the counter mode within GCM, whose first block (1) is the tag's."""
    return Cipher(AES(key), CTR(nonce + b"\x00\x00\x00\x02")).encryptor().update(text)
