"""Passes: short-lived access tokens that an API token is changed into (OAuth 2.0, client credentials)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from meterhub.access.errors import RightMissing, shown
from meterhub.access.roles import Role, parse_roles
from meterhub.access.sessions import digest
from meterhub.access.tokens import Token, Tokens

PREFIX = "mhp_"
LIFETIME = 3600.0
"""Seconds that a pass is good for."""
MOST = 1000


@dataclass(frozen=True, slots=True)
class Pass:
    """``token`` is the public id of the API token behind it; it ends by the monotonic clock, and with its token."""

    token: str
    roles: frozenset[Role]
    until: float


class Passes:
    """All passes, in memory: a restart ends them, and a client fetches another."""

    def __init__(self, tokens: Tokens, monotonic: Callable[[], float]) -> None:
        self._tokens = tokens
        self._monotonic = monotonic
        self._passes: dict[str, Pass] = {}

    def token_of(self, client: str, secret: str) -> Token | None:
        """The API token that is meant by its id and its secret; ``None`` when they do not belong together."""
        token = self._tokens.find(secret)
        return token if token is not None and secrets.compare_digest(token.id.encode(), client.encode()) else None

    def issue(self, token: Token, scope: str) -> tuple[str, Pass]:
        """A pass with some of the token's roles (``R1 R4``; none stands for all).

        :class:`RightMissing` when the token has not all of them.
        """
        wanted = frozenset(scope.split()) or token.roles
        if missing := wanted - token.roles:
            raise RightMissing(f"The API token does not have the roles {shown(' '.join(sorted(missing)))}")
        self._tidy()
        secret = PREFIX + secrets.token_urlsafe(32)
        made = self._passes[digest(secret)] = Pass(token.id, parse_roles(wanted), self._monotonic() + LIFETIME)
        return secret, made

    def find(self, secret: str) -> tuple[Token, frozenset[Role]] | None:
        """The API token behind a pass and the roles of the pass; ``None`` once either is over."""
        known = self._passes.get(digest(secret))
        if known is None or known.until <= self._monotonic():
            return None
        token = self._tokens.current(known.token)
        return (token, known.roles & token.roles) if token is not None else None

    def _tidy(self) -> None:
        """Forget what is over; when too many are left, the oldest goes."""
        now = self._monotonic()
        self._passes = {key: one for key, one in self._passes.items() if one.until > now}
        while len(self._passes) >= MOST:
            del self._passes[next(iter(self._passes))]
