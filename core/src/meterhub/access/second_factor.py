"""The second factor of a login: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for its loss.

Six digits from SHA-1 every 30 s, as every app knows them. One step of tolerance either way; each step and each
recovery code is good once, after a restart too.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto

import msgspec
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from meterhub.access.errors import AccessRefused, shown
from meterhub.access.passwords import grouped
from meterhub.access.sessions import digest
from meterhub.sealing import Sealed, SealingKey
from meterhub.store import Store
from meterhub.whole import whole

STEP = 30
"""Seconds for which a code stands."""
TOLERANCE = 1
"""Steps that the clock of a phone may be ahead or behind."""
RECOVERY_CODES = 10
PENDING = 600.0
"""Seconds in which a second factor that was begun has to be confirmed."""

_DIGITS = 6
_SECRET_BYTES = 20  # RFC 4226, 4: 160 bits are recommended
_RECOVERY_GROUPS = 4
_CONTEXT = b"meterhub second factor\0"
_LONGEST = 64
_UPDATE = "UPDATE access_second_factor SET last_step = ?, recovery = ? WHERE user = ?"


@dataclass(frozen=True, slots=True)
class Setup:
    """What an authenticator app needs: the secret in base32 to type, the same as an ``otpauth:`` address to scan."""

    secret: str
    uri: str


class Used(Enum):
    """What was good at a login."""

    CODE = auto()
    RECOVERY_CODE = auto()


@dataclass(frozen=True, slots=True)
class _Factor:
    """``last_step`` is the newest step that was used; ``recovery`` are digests of the codes that were not."""

    secret: Sealed
    last_step: int
    recovery: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Pending:
    secret: bytes
    until: float


class SecondFactors:
    """The second factors of all users; the secrets are encrypted under ``key``.

    ``now`` is the wall clock in nanoseconds UTC, by which the codes change, ``monotonic`` seconds. A user's row in the
    store goes with the user's password; :meth:`forget` is for what is here in memory.
    """

    def __init__(self, store: Store, key: SealingKey, now: Callable[[], int], monotonic: Callable[[], float]) -> None:
        self._store = store
        self._key = key
        self._now = now
        self._monotonic = monotonic
        self._changing = asyncio.Lock()
        self._pending: dict[str, _Pending] = {}
        rows = store.read_now(lambda db: list(db.query("SELECT * FROM access_second_factor")))
        self._factors = {
            row["user"]: _Factor(
                msgspec.msgpack.decode(row["secret"], type=Sealed), row["last_step"], frozenset(row["recovery"].split())
            )
            for row in rows
        }

    def active(self, user: str) -> bool:
        """Whether this user needs a code to log in."""
        return user in self._factors

    def recovery_codes(self, user: str) -> int:
        """How many recovery codes the user has left."""
        return len(self._factors[user].recovery) if user in self._factors else 0

    def begin(self, user: str, issuer: str) -> Setup:
        """A new secret, which counts once :meth:`confirm` was given a code of it; apps list it under ``issuer``."""
        if user in self._factors:
            raise AccessRefused("You have a second factor already: remove it first")
        secret = secrets.token_bytes(_SECRET_BYTES)
        self._pending[user] = _Pending(secret, self._monotonic() + PENDING)
        return Setup(base64.b32encode(secret).decode(), _totp(secret).get_provisioning_uri(user, issuer))

    @whole
    async def confirm(self, user: str, code: str) -> list[str]:
        """Switch on what was begun, with a code that shows that the app has it; the recovery codes, shown this once."""
        async with self._changing:
            pending = self._pending.get(user)
            if pending is None or pending.until <= self._monotonic():
                raise AccessRefused("Nothing was begun, or too long ago: begin again")
            step = self._step_of(pending.secret, _plain(code), after=0)
            if step is None:
                raise AccessRefused(
                    "The code is wrong: give the one that the app shows now, and see to the device's time"
                )
            codes = [grouped(_RECOVERY_GROUPS) for _ in range(RECOVERY_CODES)]
            sealed = self._key.seal(pending.secret, _CONTEXT + user.encode())
            factor = _Factor(sealed, step, frozenset(digest(_plain(code)) for code in codes))
            sql = "INSERT INTO access_second_factor (user, secret, last_step, recovery) VALUES (?, ?, ?, ?)"
            row = [user, msgspec.msgpack.encode(sealed), step, " ".join(sorted(factor.recovery))]
            await self._store.write(lambda db: db.execute(sql, row))
            self._factors[user] = factor
            del self._pending[user]
            return codes

    @whole
    async def use(self, user: str, code: str) -> Used | None:
        """Spend a code or a recovery code; ``None`` when it is none of this user's, or was used before.

        :class:`AccessRefused` when codes cannot be checked, because the key of the secrets is not the one they were
        kept under; recovery codes can.
        """
        code = _plain(code)
        async with self._changing:
            factor = self._factors.get(user)
            if factor is None:
                return None
            if (spent := digest(code)) in factor.recovery:
                await self._keep(user, replace(factor, recovery=factor.recovery - {spent}))
                return Used.RECOVERY_CODE
            if len(code) != _DIGITS:
                return None
            step = self._step_of(self._secret(user, factor), code, after=factor.last_step)
            if step is None:
                return None
            await self._keep(user, replace(factor, last_step=step))
            return Used.CODE

    @whole
    async def remove(self, user: str) -> bool:
        """Whether there was one; the password alone lets the user in from now on."""
        async with self._changing:
            await self._store.write(lambda db: db.execute("DELETE FROM access_second_factor WHERE user = ?", [user]))
            return self._factors.pop(user, None) is not None

    def forget(self, user: str) -> None:
        """Drop a user's second factor from memory, after the store deleted it with him or his password."""
        self._factors.pop(user, None)
        self._pending.pop(user, None)

    def _secret(self, user: str, factor: _Factor) -> bytes:
        secret = self._key.opened(factor.secret, _CONTEXT + user.encode())
        if secret is None:
            raise AccessRefused(
                f"The codes of {shown(user)} cannot be checked, because the key of the secrets was lost: "
                "use a recovery code, or have the second factor removed"
            )
        return secret

    def _step_of(self, secret: bytes, code: str, *, after: int) -> int | None:
        """The step after ``after`` whose code this is; every step is compared, in constant time."""
        given, totp = code.encode("utf-8", "surrogatepass"), _totp(secret)
        present = self._now() // (STEP * 1_000_000_000)
        steps = range(max(after + 1, present - TOLERANCE), present + TOLERANCE + 1)
        right = [step for step in steps if secrets.compare_digest(totp.generate(step * STEP), given)]
        return right[0] if right else None

    async def _keep(self, user: str, factor: _Factor) -> None:
        values = [factor.last_step, " ".join(sorted(factor.recovery)), user]
        await self._store.write(lambda db: db.execute(_UPDATE, values))
        self._factors[user] = factor


def _totp(secret: bytes) -> TOTP:
    return TOTP(secret, _DIGITS, SHA1(), STEP)  # noqa: S303 - what RFC 6238 and the apps use


def _plain(code: str) -> str:
    """A code as it is compared: people type spaces and dashes as they please."""
    return "".join(code[:_LONGEST].split()).replace("-", "").casefold()
