"""API tokens: how machines show who lets them in."""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, replace

import sqlite_utils

from meterhub.access.errors import AccessRefused, shown
from meterhub.access.roles import Role, format_roles, parse_roles
from meterhub.access.sessions import digest
from meterhub.store import Store
from meterhub.whole import whole

PREFIX = "mh_"
PER_USER = 16
SHORTEST, LONGEST = 60, 365 * 86_400
"""Seconds that a token may live."""
LONGEST_LABEL = 64


@dataclass(frozen=True, slots=True)
class Token:
    """An API token as it is listed; ``id`` is public. Times in nanoseconds UTC.

    ``roles`` is the most it may have: what counts is what its user still has of them.
    """

    id: str
    label: str
    user: str
    roles: frozenset[Role]
    created: int
    expires: int
    last_used: int | None = None


class Tokens:
    """All API tokens; the store keeps the SHA-256 of each, and the secret is shown once.

    ``now`` is the wall clock in nanoseconds. An expired token is refused, not deleted: a clock that
    jumps ahead by mistake must not destroy what its correction makes good again.
    """

    def __init__(self, store: Store, now: Callable[[], int]) -> None:
        self._store = store
        self._now = now
        self._changing = asyncio.Lock()
        rows = store.read_now(lambda db: list(db.query("SELECT * FROM access_token ORDER BY created")))
        self._tokens = {row.pop("digest"): Token(**{**row, "roles": parse_roles(row["roles"])}) for row in rows}
        self._used: set[str] = set()  # since the last save

    @whole
    async def create(self, user: str, label: str, roles: frozenset[Role], seconds: int) -> tuple[str, Token]:
        """A new token of an active user, for at most a year, and its secret.

        A user has at most 16; expired ones make room.
        """
        label = check_label(label)
        if not SHORTEST <= seconds <= LONGEST:
            raise AccessRefused(f"The token is to live {seconds} s: it must be {SHORTEST} s to {LONGEST} s (a year)")
        if not roles:
            raise AccessRefused("An API token needs at least one role")
        async with self._changing:
            for old in [token for token in self.of(user) if token.expires <= self._now()]:
                await self._delete(old)
            if len(self.of(user)) >= PER_USER:
                raise AccessRefused(f"{shown(user)} has {PER_USER} API tokens, which is the most: revoke one first")
            secret, now = PREFIX + secrets.token_urlsafe(32), self._now()
            token = Token(secrets.token_hex(8), label, user, roles, now, now + seconds * 1_000_000_000)
            await self._store.write(lambda db: _insert(db, token, digest(secret)))
            self._tokens[digest(secret)] = token
            return secret, token

    def find(self, secret: str) -> Token | None:
        """The token of that secret, unless it expired; counts as its use."""
        key = digest(secret)
        token = self._tokens.get(key)
        if token is None or token.expires <= self._now():
            return None
        self._tokens[key] = replace(token, last_used=self._now())
        self._used.add(key)
        return token

    def current(self, id: str) -> Token | None:
        """The token of that public id, unless it expired."""
        found = next((token for token in self._tokens.values() if token.id == id), None)
        return found if found is not None and found.expires > self._now() else None

    def all(self) -> list[Token]:
        """Every token, expired ones too."""
        return list(self._tokens.values())

    def of(self, user: str) -> list[Token]:
        """The tokens of one user."""
        return [token for token in self._tokens.values() if token.user == user]

    def require(self, id: str) -> Token:
        """The token of that public id; :class:`AccessRefused` when there is none."""
        for token in self._tokens.values():
            if token.id == id:
                return token
        raise AccessRefused(f"There is no API token {shown(id)}")

    @whole
    async def revoke(self, id: str) -> Token:
        """Delete a token; it works no more when this returns."""
        async with self._changing:
            token = self.require(id)
            await self._delete(token)
            return token

    def forget(self, user: str) -> int:
        """Drop a user's tokens from memory, after the store deleted them with him; how many there were."""
        before = len(self._tokens)
        self._tokens = {key: token for key, token in self._tokens.items() if token.user != user}
        return before - len(self._tokens)

    @whole
    async def save_use(self) -> None:
        """Write down when tokens were last used; called once a minute at most, to spare the flash."""
        used, self._used = self._used, set()
        times = [(self._tokens[key].last_used, key) for key in used if key in self._tokens]
        if not times:
            return
        sql = "UPDATE access_token SET last_used = ? WHERE digest = ?"
        try:
            await self._store.write(lambda db: db.conn.executemany(sql, times))
        except BaseException:
            self._used |= used
            raise

    async def _delete(self, token: Token) -> None:
        await self._store.write(lambda db: db.execute("DELETE FROM access_token WHERE id = ?", [token.id]))
        self._tokens = {key: other for key, other in self._tokens.items() if other.id != token.id}


def check_label(given: str) -> str:
    """A token's label in its normal form, or :class:`AccessRefused`."""
    label = unicodedata.normalize("NFC", given[: LONGEST_LABEL + 1]).strip()
    if not label or not label.isprintable() or len(given) > LONGEST_LABEL:
        raise AccessRefused(f"{shown(given)} cannot be a label: it has 1 to {LONGEST_LABEL} printable characters")
    return label


def _insert(db: sqlite_utils.Database, token: Token, key: str) -> None:
    # Checked here as well: the user may have been reset or deleted on the way to this transaction.
    active = db.execute("SELECT 1 FROM access_user WHERE name = ? AND phc IS NOT NULL", [token.user]).fetchone()
    if active is None:
        raise AccessRefused(f"{shown(token.user)} is not an active user")
    sql = "INSERT INTO access_token (id, digest, label, user, roles, created, expires) VALUES (?, ?, ?, ?, ?, ?, ?)"
    db.execute(sql, [token.id, key, token.label, token.user, format_roles(token.roles), token.created, token.expires])
