"""The one way in: from a password or a credential to a principal, and from there to a yes or no."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from meterhub.access.administration import Administration
from meterhub.access.attempts import Attempts
from meterhub.access.audit import Audit
from meterhub.access.defaults import declare_core
from meterhub.access.errors import AccessRefused, NotLoggedIn, RightMissing, clean, shown
from meterhub.access.events import LOGIN, LOGIN_FAILED, LOGOUT, SESSION_ENDED, AccessReport
from meterhub.access.passes import PREFIX as PASS
from meterhub.access.passes import Pass, Passes
from meterhub.access.passwords import Hasher
from meterhub.access.principal import Principal
from meterhub.access.rights import Matrix
from meterhub.access.roles import Role
from meterhub.access.rules import LoginRulesStore
from meterhub.access.sessions import EndReason, Session, Sessions
from meterhub.access.supervision import Supervision
from meterhub.access.tokens import PREFIX, Tokens
from meterhub.access.users import ADMIN, Users
from meterhub.store import Store, StoreError

SAVE_USE = 60.0
"""Seconds between two writes of when tokens were last used."""

_log = logging.getLogger(__name__)


class Access:
    """Users, rights, sessions and tokens of one instance.

    ``report`` takes every change and refusal. ``now`` is the wall clock in nanoseconds UTC (for the
    expiry of API tokens only), ``monotonic`` seconds for all that lasts. Call :meth:`tidy` every
    few seconds.
    """

    def __init__(
        self,
        store: Store,
        report: AccessReport,
        *,
        now: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic = monotonic
        self._saved = monotonic()
        self._audit = Audit(report, monotonic)
        hasher = Hasher()
        self.rules = LoginRulesStore(store)
        self.users = Users(store, hasher)
        self.matrix = Matrix(store)
        declare_core(self.matrix)
        self.tokens = Tokens(store, now)
        self.passes = Passes(self.tokens, monotonic)
        self.sessions = Sessions(lambda: self.rules.current.idle, monotonic)
        self.sessions.on_end(self._report_end)
        self.supervision = Supervision(lambda: self.rules.current, monotonic)
        self._attempts = Attempts(self.users, hasher, self.supervision, self.rules, self._audit)
        self.administration = Administration(
            users=self.users,
            matrix=self.matrix,
            sessions=self.sessions,
            tokens=self.tokens,
            rules=self.rules,
            supervision=self.supervision,
            attempts=self._attempts,
            audit=self._audit,
        )

    async def login(self, name: str, password: str, source: str) -> tuple[str, Principal]:
        """Open a session: its token and who it is.

        :class:`AccessRefused` says neither whether the user exists nor whether he is active. A login
        that cannot be reported does not happen.
        """
        source = clean(source)
        async with self._attempts.admitted(name, source):
            user = await self.users.verify(name, password)
        if user is None:
            await self._attempts.failed(LOGIN_FAILED, name, source)
            raise AccessRefused("The user name or the password is wrong")
        self.supervision.succeeded(name, source)
        token, session = await self.sessions.open(user.name, source)
        try:
            await self._audit.report(LOGIN, user=user.name, source=source)
        except BaseException:
            await self.sessions.end(session.id, EndReason.NOT_RECORDED)
            raise
        return token, Principal(user.name, user.roles, "session", source, session.id)

    def resolve(self, credential: str | None, source: str = "", *, touch: bool = True) -> Principal:
        """Who a session or API token stands for, with the roles he has now; :class:`NotLoggedIn` otherwise.

        ``touch=False`` for requests that a page makes by itself, which must not keep a session alive.
        """
        if not credential:
            raise NotLoggedIn("This needs a login")
        source = clean(source)
        session = self.sessions.find(credential, touch=touch)
        if session is None and credential.startswith((PREFIX, PASS)):
            return self._of_token(credential, source)
        user = self.users.get(session.user) if session else None
        if session is None or user is None or not user.active:
            raise NotLoggedIn("The session has ended: log in again")
        return Principal(user.name, user.roles, "session", source or session.source, session.id)

    async def pass_for(self, client: str, secret: str, scope: str, source: str) -> tuple[str, Pass]:
        """A short-lived access token for an API token; wrong secrets are supervised like wrong passwords."""
        source = clean(source)
        async with self._attempts.admitted(client, source):
            try:
                made = self.passes.issue(client, secret, scope)
            except AccessRefused:
                made = None
        if made is None:
            await self._attempts.failed(LOGIN_FAILED, client, source)
            raise AccessRefused("The client and its secret do not belong together, or it may not have that scope")
        self.supervision.succeeded(client, source)
        return made

    async def logout(self, credential: str) -> None:
        """End the session; an API token is revoked instead, so it is refused here."""
        principal = self.resolve(credential)
        if principal.via == "token":
            raise AccessRefused("An API token has no session to end: revoke it instead")
        await self.sessions.end(principal.id, EndReason.LOGOUT)

    def control_principal(self) -> Principal:
        """The owner of the home directory, who proved it on the control socket: access_admin."""
        return Principal(ADMIN, frozenset({Role.ACCESS_ADMIN}), "control", "control socket")

    async def require(self, principal: Principal, path: str, verb: str) -> None:
        """:class:`AccessRefused`, and a report of it, unless the principal has the right."""
        if not self.matrix.allows(principal.roles, path, verb):
            await self._audit.denied(principal, verb, path)
            raise RightMissing(f"{shown(principal.name)} does not have the right to {verb} {path}")

    async def tidy(self) -> None:
        """End overdue sessions, and once a minute write down when tokens were last used."""
        await self.sessions.expire()
        if self._monotonic() - self._saved >= SAVE_USE:
            self._saved = self._monotonic()
            await self.close()

    async def close(self) -> None:
        """Write down when tokens were last used; a full disk costs only that."""
        try:
            await self.tokens.save_use()
        except StoreError as error:
            _log.warning("the last use of API tokens could not be saved: %s", error)

    def _of_token(self, secret: str, source: str) -> Principal:
        found = self.passes.find(secret) if secret.startswith(PASS) else None
        token = found[0] if found else self.tokens.find(secret)
        user = self.users.get(token.user) if token else None
        if token is None or user is None or not user.active:
            raise NotLoggedIn("The API token is unknown, expired or revoked, or its user is not active")
        roles = found[1] if found else token.roles
        return Principal(user.name, roles & user.roles, "token", source, token.id)

    async def _report_end(self, session: Session, reason: EndReason) -> None:
        if reason is EndReason.LOGOUT:
            await self._audit.report(LOGOUT, user=session.user, source=session.source)
        else:
            await self._audit.report(SESSION_ENDED, user=session.user, source=session.source, reason=reason.value)
