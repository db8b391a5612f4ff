"""Passes: short-lived access tokens that an API token is changed into (OAuth 2.0, client credentials)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from meterhub.access.errors import AccessRefused
from meterhub.access.roles import Role, format_roles, parse_roles
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

    def issue(self, client: str, secret: str, scope: str) -> tuple[str, Pass]:
        """A pass for an API token: its id and its secret, and some of its roles (``R1 R4``; none stands for all).

        :class:`AccessRefused` when they do not belong together or the token does not have the roles.
        """
        token = self._tokens.find(secret)
        if token is None or not secrets.compare_digest(token.id.encode(), client.encode()):
            raise AccessRefused("The client and its secret do not belong together, or the API token has ended")
        roles = parse_roles(scope) if scope.strip() else token.roles
        if missing := roles - token.roles:
            raise AccessRefused(f"The API token does not have the roles {format_roles(missing)}")
        self._tidy()
        secret = PREFIX + secrets.token_urlsafe(32)
        made = self._passes[digest(secret)] = Pass(token.id, roles, self._monotonic() + LIFETIME)
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
