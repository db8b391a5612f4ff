"""Sessions: opaque tokens whose SHA-256 is kept here, in memory, and nowhere else."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from meterhub.access.roles import Role

LONGEST = 12 * 3600.0
"""Seconds after which a session ends however busy it is."""
PER_USER = 8
MOST = 128

_log = logging.getLogger(__name__)


class EndReason(StrEnum):
    """Why a session ended, as people read it."""

    LOGOUT = "logged out"
    IDLE = "no activity"
    TOO_LONG = "the longest duration was reached"
    REVOKED = "ended by an administrator"
    USER_CHANGED = "the user was changed"
    DISPLACED = "too many sessions"
    NOT_RECORDED = "the login could not be recorded"


@dataclass(slots=True)
class Session:
    """A session as it is listed; ``id`` is public. Times are monotonic seconds.

    ``roles`` are those of a user of an identity provider; what own users have is looked up with each request.
    """

    id: str
    user: str
    source: str
    started: float
    last_used: float
    roles: frozenset[Role] | None = None


EndListener = Callable[[Session, EndReason], Awaitable[None]]


def digest(secret: str) -> str:
    """What is kept of a session's or API token's secret; looking it up leaks nothing by its timing."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


class Sessions:
    """The sessions of all users.

    ``idle`` gives the time-out in force (s), ``monotonic`` the time. Every end is told to all
    listeners, whatever its reason; a session is gone before the first of them hears of it.
    """

    def __init__(self, idle: Callable[[], float], monotonic: Callable[[], float]) -> None:
        self._idle = idle
        self._monotonic = monotonic
        self._sessions: dict[str, Session] = {}
        self._listeners: list[EndListener] = []

    def on_end(self, listener: EndListener) -> None:
        """Have ``listener`` called whenever a session ends, as to release the configuration draft."""
        self._listeners.append(listener)

    async def open(self, user: str, source: str, roles: frozenset[Role] | None = None) -> tuple[str, Session]:
        """A new session and its token, which nothing can show again.

        The ninth session of a user displaces his least used one; when all places are taken, the
        user with the most sessions gives one up.
        """
        now = self._monotonic()
        displaced = self._room_for(user)
        token = secrets.token_urlsafe(32)
        session = self._sessions[digest(token)] = Session(secrets.token_hex(8), user, source, now, now, roles)
        await self._end(displaced, EndReason.DISPLACED)
        return token, session

    def find(self, token: str, *, touch: bool = True) -> Session | None:
        """The session of a token, unless it is over; ``touch`` counts this as activity."""
        session = self._sessions.get(digest(token))
        if session is None or self._overdue(session) is not None:
            return None
        if touch:
            session.last_used = self._monotonic()
        return session

    def all(self) -> list[Session]:
        """The sessions that are not over, oldest first."""
        return [session for session in self._sessions.values() if self._overdue(session) is None]

    async def end(self, id: str, reason: EndReason) -> Session | None:
        """End one session; ``None`` when there is none of that id."""
        found = [session for session in self._sessions.values() if session.id == id]
        await self._end(found, reason)
        return found[0] if found else None

    async def end_user(self, user: str, reason: EndReason = EndReason.USER_CHANGED) -> None:
        """End every session of a user."""
        await self._end([session for session in self._sessions.values() if session.user == user], reason)

    async def expire(self) -> None:
        """End what is overdue; called every few seconds, so that a forgotten draft is released."""
        for reason in (EndReason.IDLE, EndReason.TOO_LONG):
            await self._end([one for one in self._sessions.values() if self._overdue(one) is reason], reason)

    def _overdue(self, session: Session) -> EndReason | None:
        now = self._monotonic()
        if now - session.started >= LONGEST:
            return EndReason.TOO_LONG
        return EndReason.IDLE if now - session.last_used >= self._idle() else None

    def _room_for(self, user: str) -> list[Session]:
        counts = Counter(session.user for session in self._sessions.values())
        if counts[user] >= PER_USER:
            giving = user
        elif len(self._sessions) >= MOST:
            giving = counts.most_common(1)[0][0]
        else:
            return []
        theirs = [session for session in self._sessions.values() if session.user == giving]
        return [min(theirs, key=lambda session: session.last_used)]

    async def _end(self, ended: list[Session], reason: EndReason) -> None:
        ids = {session.id for session in ended}
        self._sessions = {key: session for key, session in self._sessions.items() if session.id not in ids}
        for session in ended:
            for listener in self._listeners:
                try:
                    await listener(session, reason)
                except Exception:  # the session is over all the same, and the other listeners must hear of it
                    _log.exception("a listener failed at the end of session %s of %s", session.id, session.user)
