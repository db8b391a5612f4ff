"""Passwords: their rules, generated ones, and argon2id hashes, one at a time."""

from __future__ import annotations

import asyncio
import base64
import secrets
import unicodedata
from collections.abc import Callable
from typing import TypeVar

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from meterhub.access.errors import AccessRefused, PasswordRefused
from meterhub.whole import whole

T = TypeVar("T")

SHORTEST, LONGEST = 10, 128
RULES = f"{SHORTEST} to {LONGEST} characters of any kind, and not the name of the user."
MEMORY_KIB, PASSES, LANES = 19 * 1024, 2, 1
"""The cost that OWASP's password storage cheat sheet names first for argon2id (RFC 9106)."""
WAITING = 64
"""Hashes that may wait for their turn; one takes 20 to 150 ms."""

_PREFIX = f"$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$"
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # without i, l, o, u: nothing reads as something else


def generate_password() -> str:
    """A password of 100 random bits in groups of four, easy to read out and to type."""
    return grouped(5)


def grouped(groups: int) -> str:
    """Groups of four letters and digits, of 20 random bits each."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(groups))


def check_password(password: str, user: str) -> None:
    """:class:`PasswordRefused` when this may not become the password of ``user``: see :data:`RULES`.

    There is no rule on kinds of characters (NIST SP 800-63B, 3.1.1.2).
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise PasswordRefused(f"The password has {len(password)} characters: it must have {SHORTEST} to {LONGEST}")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in password):
        raise PasswordRefused("The password contains a control character: use letters, digits, signs and spaces")
    if unicodedata.normalize("NFC", password).casefold() == user.casefold():
        raise PasswordRefused("The password must not be the name of the user")


class Hasher:
    """Computes and verifies hashes in a thread, one at a time: each takes 19 MiB while it runs."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)
        self._waiting = 0
        # Looks like any other and takes as long, but belongs to no password.
        self._dummy = _PREFIX + "$".join(_unpadded(secrets.token_bytes(length)) for length in (16, 32))

    def require_room(self) -> None:
        """:class:`AccessRefused` when too many wait already, so that a flood cannot pile up."""
        if self._waiting >= WAITING:
            raise AccessRefused("Too many people log in at this moment: try again in a few seconds")

    async def hash(self, password: str) -> str:
        """The PHC string to keep for a password."""
        return await self._alone(lambda: _argon2(secrets.token_bytes(16)).derive_phc_encoded(_octets(password)))

    async def verify(self, password: str, phc: str | None) -> bool:
        """Whether the password is right; without a hash it takes as long and is not."""
        self.require_room()
        return await self._alone(lambda: _matches(password, phc or self._dummy)) and phc is not None

    @staticmethod
    def outdated(phc: str) -> bool:
        """Whether a hash was made at another cost and should be made again."""
        return not phc.startswith(_PREFIX)

    async def _alone(self, work: Callable[[], T]) -> T:
        self._waiting += 1
        try:
            async with self._turn:
                # A thread cannot be stopped, so a cancelled caller keeps his turn until it is done.
                return await whole(asyncio.to_thread)(work)
        finally:
            self._waiting -= 1


def _argon2(salt: bytes) -> Argon2id:
    return Argon2id(salt=salt, length=32, iterations=PASSES, lanes=LANES, memory_cost=MEMORY_KIB)


def _matches(password: str, phc: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(_octets(password), phc)
    except InvalidKey:
        return False
    return len(password) <= LONGEST


def _octets(password: str) -> bytes:
    # Two keyboards may compose one letter differently; a lone surrogate is wrong, but no crash.
    return unicodedata.normalize("NFC", password[: LONGEST + 1]).encode("utf-8", "surrogatepass")


def _unpadded(octets: bytes) -> str:
    return base64.b64encode(octets).decode().rstrip("=")
