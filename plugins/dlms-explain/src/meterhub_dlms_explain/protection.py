# SPDX-License-Identifier: GPL-2.0-only
"""Ciphered APDUs (IEC 62056-5-3, clauses 5.3 and 7.2): nothing is deciphered whose tag was not verified first.

gurux-dlms does not verify the tag, so it never sees a ciphered APDU; ``cryptography`` does this.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import GCM

TITLE_LENGTH = 8
_TAG_LENGTH, _COUNTER_LENGTH = 12, 4
_GENERAL_GLOBAL, _GENERAL_DEDICATED, _GENERAL = 0xDB, 0xDC, 0xDD
_COMPRESSED, _BROADCAST, _ENCRYPTED, _AUTHENTICATED = 0x80, 0x40, 0x20, 0x10
_SHORT = {
    0x01: "initiate-request",
    0x05: "read-request",
    0x06: "write-request",
    0x08: "initiate-response",
    0x0C: "read-response",
    0x0D: "write-response",
    0x0E: "confirmed-service-error",
    0x16: "unconfirmed-write-request",
    0x18: "information-report",
}
_LOGICAL = {
    0xC0: "get-request",
    0xC1: "set-request",
    0xC2: "event-notification-request",
    0xC3: "action-request",
    0xC4: "get-response",
    0xC5: "set-response",
    0xC7: "action-response",
}
_NAMES = {
    **{tag + 0x20: f"glo-{name}" for tag, name in _SHORT.items()},
    **{tag + 0x40: f"ded-{name}" for tag, name in _SHORT.items()},
    **{tag + 0x08: f"glo-{name}" for tag, name in _LOGICAL.items()},
    **{tag + 0x10: f"ded-{name}" for tag, name in _LOGICAL.items()},
    _GENERAL_GLOBAL: "general-glo-ciphering",
    _GENERAL_DEDICATED: "general-ded-ciphering",
    _GENERAL: "general-ciphering",
}


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of 16 octets, or 32 in security suite 2."""

    encryption: bytes = field(repr=False)
    authentication: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Protected:
    """A ciphered APDU, taken apart: all that can be seen without keys."""

    name: str
    title: bytes
    """The sender's system title, where the APDU tells it."""
    control: int
    counter: int
    content: bytes
    """What the security header is followed by: ciphertext or plain text, and the tag."""

    @property
    def dedicated(self) -> bool:
        """Whether the key of one association protects it, not that of the meter."""
        return "ded-" in self.name

    @property
    def how(self) -> str:
        """The security control octet in words."""
        words = {_AUTHENTICATED: "authenticated", _ENCRYPTED: "encrypted", _BROADCAST: "broadcast key"}
        told = [word for bit, word in {**words, _COMPRESSED: "compressed"}.items() if self.control & bit]
        return f"{', '.join(told) or 'not protected'}; suite {self.control & 0x0F}"


def is_protected(tag: int) -> bool:
    """Whether an APDU with this first octet is ciphered."""
    return tag in _NAMES


def read_protected(apdu: bytes) -> Protected:
    """Take a ciphered APDU apart; ``ValueError`` with a sentence when it is cut off or agrees keys."""
    name, at, title = _NAMES[apdu[0]], 1, b""
    if apdu[0] == _GENERAL:
        raise ValueError("general-ciphering with its own key information is not taken apart here")
    if apdu[0] in (_GENERAL_GLOBAL, _GENERAL_DEDICATED):
        title, at = _octet_string(apdu, at, name)
        if len(title) not in (0, TITLE_LENGTH):
            raise ValueError(f"a system title has {TITLE_LENGTH} octets; that of the {name} has {len(title)}")
    content, end = _octet_string(apdu, at, name)
    if end != len(apdu):
        raise ValueError(f"{len(apdu) - end} octets follow the {name} that do not belong to it")
    if len(content) < 1 + _COUNTER_LENGTH:
        raise ValueError(f"the security header of the {name} is cut off after {len(content)} octets")
    counter = int.from_bytes(content[1:5], "big")
    return Protected(name, title, content[0], counter, content[5:])


def reveal(apdu: Protected, keys: Keys, titles: Iterable[bytes]) -> tuple[bytes, bytes]:
    """The APDU within, and the system title under which its tag is right.

    ``ValueError`` with a sentence when it has no tag, or when no title of ``titles`` (its own first) fits.
    """
    if apdu.control & _COMPRESSED:
        raise ValueError("it is compressed, which is not undone here")
    if apdu.control & _BROADCAST:
        raise ValueError("it is ciphered with the broadcast key, which is not kept here")
    if not apdu.control & _AUTHENTICATED or len(apdu.content) < _TAG_LENGTH:
        raise ValueError("it carries no tag, so nothing would prove that what comes out is right")
    tried = [apdu.title] if apdu.title else list(dict.fromkeys(titles))
    if not tried:
        raise ValueError("the sender's system title is not known: give it, or the association request before it")
    for title in tried:
        try:
            return _opened(apdu, keys, title), title
        except InvalidTag:
            continue
    told = " or ".join(title.hex() for title in tried)
    raise ValueError(f"its tag is not right under these keys and the system title {told}")


def _opened(apdu: Protected, keys: Keys, title: bytes) -> bytes:
    content, tag = apdu.content[:-_TAG_LENGTH], apdu.content[-_TAG_LENGTH:]
    nonce = title + apdu.counter.to_bytes(_COUNTER_LENGTH, "big")
    opening = Cipher(AES(keys.encryption), GCM(nonce, tag, min_tag_length=_TAG_LENGTH)).decryptor()
    opening.authenticate_additional_data(bytes([apdu.control]) + keys.authentication)
    if apdu.control & _ENCRYPTED:
        return opening.update(content) + opening.finalize()
    opening.authenticate_additional_data(content)
    opening.finalize()
    return content


def _octet_string(octets: bytes, at: int, name: str) -> tuple[bytes, int]:
    """An A-XDR octet string and the index after it."""
    if at < len(octets) and octets[at] > 0x80:
        size = octets[at] - 0x80
        length, at = int.from_bytes(octets[at + 1 : at + 1 + size], "big"), at + 1 + size
    else:
        length, at = (octets[at] if at < len(octets) else 0), at + 1
    if at + length > len(octets):
        raise ValueError(
            f"the {name} is cut off: {length} octets should follow, and {max(0, len(octets) - at)} are there"
        )
    return octets[at : at + length], at + length
