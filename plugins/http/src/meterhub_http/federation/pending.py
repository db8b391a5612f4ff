"""Logins that are under way at the identity provider: each may come back once, to the browser that went."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

SECONDS = 600.0
"""Time that people have to log in there."""
PER_SOURCE = 16
MOST = 512


@dataclass(frozen=True, slots=True)
class Pending:
    """``binding`` is the cookie of the browser, ``verifier`` the secret of PKCE (RFC 7636), ``to`` the page to show."""

    source: str
    redirect_uri: str
    to: str
    nonce: str
    verifier: str
    binding: str
    until: float


class PendingLogins:
    """By the state that comes back; who begins too many at a time loses the oldest."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pending: dict[str, Pending] = {}

    def begin(self, source: str, redirect_uri: str, to: str) -> tuple[str, Pending]:
        """A new one, and its state."""
        now = self._clock()
        self._pending = {state: one for state, one in self._pending.items() if one.until > now}
        self._make_room(source)
        state, nonce, verifier, binding = (secrets.token_urlsafe(32) for _ in range(4))
        made = self._pending[state] = Pending(source, redirect_uri, to, nonce, verifier, binding, now + SECONDS)
        return state, made

    def take(self, state: str, binding: str) -> Pending | None:
        """The login of this state and cookie, which is over with it; ``None`` when there is none."""
        found = self._pending.pop(state, None)
        if found is None or found.until <= self._clock():
            return None
        return found if secrets.compare_digest(found.binding.encode(), binding.encode()) else None

    def _make_room(self, source: str) -> None:
        counts = Counter(one.source for one in self._pending.values())
        if counts[source] < PER_SOURCE and len(self._pending) < MOST:
            return
        giving = source if counts[source] >= PER_SOURCE else counts.most_common(1)[0][0]
        del self._pending[next(state for state, one in self._pending.items() if one.source == giving)]
