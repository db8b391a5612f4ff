"""The server's side of ciphering: less protection than the client must have is refused, answers go out alike."""

from __future__ import annotations

from meterhub_dlms.codec.ciphering import (
    OVERHEAD,
    TITLE_LENGTH,
    Ciphering,
    Keys,
    Protection,
    ReplayError,
    Wrapping,
    take_apart,
    wrapping_of,
)
from meterhub_dlms.codec.xdlms import EXCEPTION_RESPONSE
from meterhub_dlms.server.keyring import Keyring

GROWTH = OVERHEAD + 6
"""Bytes that ciphering adds to an answer beside a system title, at most: tag, length of up to five bytes."""

_GENERAL = (Wrapping.GENERAL_GLOBAL, Wrapping.GENERAL_DEDICATED)


class Shield:
    """Ciphering of one association.

    Counters that came are kept in the keyring; ``proves`` tells whether the client answers a fresh challenge in each
    association. Then replays of an earlier one fail there, and only the counter of its AARQ is worth a write to disk.
    """

    def __init__(self, keyring: Keyring, keys: Keys, partner: bytes, least: Protection, *, proves: bool) -> None:
        self._keyring = keyring
        self._keys = keys
        self._least = least
        self._proves = proves
        self._begun = False
        self._used = least
        self._wrapping = Wrapping.GLOBAL
        self._ciphering = Ciphering(keyring.title, keys, keyring.counter(keys), least, partner=partner)

    @property
    def overhead(self) -> int:
        """Bytes that an answer grows by when it is protected as the last request was."""
        return GROWTH + (1 + TITLE_LENGTH) * (self._wrapping in _GENERAL)

    @property
    def expected(self) -> int:
        """The lowest counter that will do in a message with a tag under the global key."""
        return self._keyring.received(self._keys, self._ciphering.partner) + 1

    def use_dedicated(self, key: bytes) -> None:
        """The key of this association alone, from the initiate request; ``CodecError`` when it has no 16 bytes."""
        before = self._ciphering
        keys = self._keys._replace(dedicated=key)
        counter = self._keyring.counter(self._keys)
        self._ciphering = Ciphering(before.title, keys, counter, self._least, partner=before.partner)

    def open(self, apdu: bytes) -> bytes:
        """The APDU within a protected one, see :meth:`meterhub_dlms.codec.ciphering.Ciphering.unprotect`.

        The counter is looked at once the tag is known to be right: strangers must not fill the memory with titles.
        """
        received = take_apart(apdu)
        self._ciphering.received[False] = -1
        plain = self._ciphering.unprotect(apdu)
        used = Protection(received.control & Protection.BOTH)
        if not received.dedicated:
            self._check_counter(received.counter, tagged=Protection.AUTHENTICATED in used)
        self._used, self._wrapping = used, wrapping_of(apdu)
        return plain

    def _check_counter(self, counter: int, *, tagged: bool) -> None:
        keyring, keys, partner = self._keyring, self._keys, self._ciphering.partner
        if counter <= (keyring.received(keys, partner) if tagged else keyring.heard(keys, partner)):
            raise ReplayError(f"invocation counter {counter} was used before")
        if not tagged:
            keyring.hear(keys, partner, counter)
        elif self._proves and self._begun:
            keyring.follow(keys, partner, counter)
        else:
            keyring.keep(keys, partner, counter)
        self._begun = True

    def seal(self, apdu: bytes) -> bytes:
        """An answer, protected as the request was; exceptions stay in clear where they have no ciphered form."""
        if apdu[0] == EXCEPTION_RESPONSE and self._wrapping not in _GENERAL:
            return apdu
        ciphering = self._ciphering
        ciphering.protection = self._used
        try:
            return ciphering.protect(apdu, self._wrapping)
        finally:
            ciphering.protection = self._least
