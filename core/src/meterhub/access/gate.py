"""The one way in: from a password or a credential to a principal, and from there to a yes or no."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from meterhub_sdk import EventType

from meterhub.access.administration import Administration
from meterhub.access.attempts import Attempts
from meterhub.access.audit import Audit
from meterhub.access.defaults import declare_core
from meterhub.access.errors import AccessRefused, CodeNeeded, NotLoggedIn, RightMissing, clean, shown
from meterhub.access.events import (
    CODE_REFUSED,
    LOGIN,
    LOGIN_FAILED,
    LOGOUT,
    PROVIDER_LOGIN,
    PROVIDER_LOGIN_REFUSED,
    RECOVERY_CODE_USED,
    SESSION_ENDED,
    AccessReport,
)
from meterhub.access.federation import Vouched
from meterhub.access.passes import PREFIX as PASS
from meterhub.access.passes import Pass, Passes
from meterhub.access.passwords import Hasher
from meterhub.access.principal import Principal
from meterhub.access.rights import Matrix
from meterhub.access.roles import Role, format_roles
from meterhub.access.rules import LoginRulesStore
from meterhub.access.second_factor import SecondFactors, Used
from meterhub.access.sessions import EndReason, Session, Sessions
from meterhub.access.supervision import Supervision
from meterhub.access.tokens import PREFIX, Tokens
from meterhub.access.users import ADMIN, User, Users
from meterhub.sealing import SealingKey
from meterhub.store import Store, StoreError

SAVE_USE = 60.0
"""Seconds between two writes of when tokens were last used."""

_log = logging.getLogger(__name__)


class Access:
    """Users, rights, sessions and tokens of one instance.

    ``report`` takes every change and refusal; ``key`` encrypts the secrets of second factors. ``now`` is the wall
    clock in nanoseconds UTC (for the expiry of API tokens and the codes of second factors only), ``monotonic`` seconds
    for all that lasts. Call :meth:`tidy` every few seconds.
    """

    def __init__(
        self,
        store: Store,
        report: AccessReport,
        key: SealingKey,
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
        self.second_factors = SecondFactors(store, key, now, monotonic)
        self.sessions = Sessions(lambda: self.rules.current.idle, monotonic)
        self.sessions.on_end(self._report_end)
        self.supervision = Supervision(lambda: self.rules.current, monotonic)
        self._attempts = Attempts(self.users, hasher, self.supervision, self.rules, self._audit)
        self.administration = Administration(
            users=self.users,
            matrix=self.matrix,
            sessions=self.sessions,
            tokens=self.tokens,
            second_factors=self.second_factors,
            rules=self.rules,
            supervision=self.supervision,
            attempts=self._attempts,
            audit=self._audit,
        )

    async def login(self, name: str, password: str, source: str, code: str = "") -> tuple[str, Principal]:
        """Open a session: its token and who it is.

        :class:`AccessRefused` says neither whether the user exists nor whether he is active. Who has a second factor
        gives a ``code`` of it; :class:`CodeNeeded` when it is missing. A login that cannot be reported does not happen.
        """
        source = clean(source)
        async with self._attempts.admitted(name, source):
            user = await self.users.verify(name, password)
            complete = user is not None and await self._second_step(user, source, code)
        if user is None:
            await self._attempts.failed(LOGIN_FAILED, name, source)
            raise AccessRefused("The user name or the password is wrong")
        if not complete:
            await self._attempts.failed(CODE_REFUSED, name, source)
            raise AccessRefused("The code is wrong, or it was used before")
        self.supervision.succeeded(name, source)
        token, session = await self.sessions.open(user.name, source)
        await self._report_login(session, LOGIN, {})
        return token, Principal(user.name, user.roles, "session", source, session.id)

    async def admit(self, who: Vouched, source: str) -> tuple[str, Principal]:
        """Open a session for a user of an identity provider; :class:`RightMissing` for one without a role."""
        source, provider = clean(source), {"issuer": who.issuer, "subject": who.subject}
        if self.users.get(who.user) is not None:
            raise AccessRefused(f"There is a user {shown(who.user)} of this device: only the password lets him in")
        if not who.roles:
            await self._audit.report(PROVIDER_LOGIN_REFUSED, user=who.user, source=source, **provider)
            raise RightMissing(f"{shown(who.user)} has no role here")
        token, session = await self.sessions.open(who.user, source, who.roles)
        await self._report_login(session, PROVIDER_LOGIN, {**provider, "roles": format_roles(who.roles)})
        return token, Principal(who.user, who.roles, "provider", source, session.id)

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
        if session is not None and session.roles is not None:
            return Principal(session.user, session.roles, "provider", source or session.source, session.id)
        user = self.users.get(session.user) if session else None
        if session is None or user is None or not user.active:
            raise NotLoggedIn("The session has ended: log in again")
        return Principal(user.name, user.roles, "session", source or session.source, session.id)

    async def pass_for(self, client: str, secret: str, scope: str, source: str) -> tuple[str, Pass]:
        """A short-lived access token for an API token; wrong secrets are supervised like wrong passwords.

        :class:`NotLoggedIn` for a wrong client or secret, :class:`RightMissing` for more roles than the token has.
        """
        source = clean(source)
        async with self._attempts.admitted(client, source):
            token = self.passes.token_of(client, secret)
        if token is None:
            await self._attempts.failed(LOGIN_FAILED, client, source)
            raise NotLoggedIn("The client and its secret do not belong together, or the API token has ended")
        self.supervision.succeeded(client, source)
        return self.passes.issue(token, scope)

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

    async def _report_login(self, session: Session, event: EventType, more: dict[str, str]) -> None:
        try:
            await self._audit.report(event, user=session.user, source=session.source, **more)
        except BaseException:
            await self.sessions.end(session.id, EndReason.NOT_RECORDED)
            raise

    async def _second_step(self, user: User, source: str, code: str) -> bool:
        """Whether the code is right, or none is needed; asking for it is no failed login, and no end of such."""
        if not self.second_factors.active(user.name):
            return True
        if not code:
            self.supervision.withdraw(user.name, source)
            raise CodeNeeded("Give the code that your authenticator app shows, or a recovery code")
        used = await self.second_factors.use(user.name, code)
        if used is Used.RECOVERY_CODE:
            left = self.second_factors.recovery_codes(user.name)
            await self._audit.report(RECOVERY_CODE_USED, user=user.name, source=source, left=left)
        return used is not None

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
