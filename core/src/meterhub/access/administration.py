"""Managing users, rights and tokens: who may do it to whom, what ends with it, and its report.

The matrix says who may call these commands at all. Beyond that, RA and RM, and users who hold them,
are managed by RA alone: otherwise a security administrator could make himself more than he is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from meterhub_sdk import EventType

from meterhub.access import events
from meterhub.access.attempts import Attempts
from meterhub.access.audit import Audit
from meterhub.access.errors import AccessRefused, shown
from meterhub.access.passwords import check_password
from meterhub.access.principal import Principal
from meterhub.access.rights import Matrix
from meterhub.access.roles import FIXED, Role, format_roles, parse_roles
from meterhub.access.rules import LoginRules, LoginRulesStore
from meterhub.access.second_factor import SecondFactors, Setup
from meterhub.access.sessions import EndReason, Session, Sessions
from meterhub.access.supervision import Supervision
from meterhub.access.tokens import Token, Tokens
from meterhub.access.users import ADMIN, User, Users, check_name
from meterhub.whole import whole

MANAGERS = frozenset({Role.SECURITY_ADMIN, Role.ACCESS_ADMIN})
"""Who may end other users' API tokens; everybody may end his own."""


class Administration:
    """The commands below ``/command/users``, ``/access``, ``/tokens`` and ``/sessions``.

    Each is carried to its end once begun, one after the other; :class:`AccessRefused` says in one
    sentence why one was not done, and then nothing of it was.
    """

    def __init__(
        self,
        *,
        users: Users,
        matrix: Matrix,
        sessions: Sessions,
        tokens: Tokens,
        second_factors: SecondFactors,
        rules: LoginRulesStore,
        supervision: Supervision,
        attempts: Attempts,
        audit: Audit,
    ) -> None:
        self._users = users
        self._matrix = matrix
        self._sessions = sessions
        self._tokens = tokens
        self._second_factors = second_factors
        self._rules = rules
        self._supervision = supervision
        self._attempts = attempts
        self._audit = audit
        self._turn = asyncio.Lock()

    @whole
    async def add_user(self, by: Principal, name: str, roles: str | Iterable[str]) -> User:
        """Add an inactive user."""
        wanted = parse_roles(roles)
        async with self._turn:
            await self._reach(by, wanted, "/command/users/add")
            user = await self._users.add(name, wanted)
            await self._sessions.end_user(user.name)  # of a namesake whom an identity provider vouched for
            await self._tell(events.USER_ADDED, by, user=user.name, roles=format_roles(user.roles))
            return user

    @whole
    async def activate_user(self, by: Principal, name: str, password: str) -> User:
        """Give an inactive user a password."""
        async with self._turn:
            await self._reach(by, self._users.require(name).roles, "/command/users/activate")
            user = await self._users.activate(name, password)
            self._supervision.forget(user.name)
            await self._tell(events.USER_ACTIVATED, by, user=user.name)
            return user

    @whole
    async def reset_user(self, by: Principal, name: str) -> User:
        """Take a user's password, sessions and API tokens away."""
        async with self._turn:
            await self._reach(by, self._users.require(name).roles, "/command/users/reset")
            user = await self._users.reset(name)
            tokens = self._forget(user.name)
            await self._sessions.end_user(user.name)
            await self._tell(events.USER_RESET, by, user=user.name, tokens=tokens)
            return user

    @whole
    async def delete_user(self, by: Principal, name: str) -> User:
        """Delete a user with his sessions and API tokens."""
        async with self._turn:
            await self._reach(by, self._users.require(name).roles, "/command/users/delete")
            user = await self._users.delete(name)
            tokens = self._forget(user.name)
            await self._sessions.end_user(user.name)
            await self._tell(events.USER_DELETED, by, user=user.name, tokens=tokens)
            return user

    @whole
    async def set_roles(self, by: Principal, name: str, roles: str | Iterable[str]) -> User:
        """Give a user exactly these roles; his sessions end, his API tokens keep what he still has."""
        wanted = parse_roles(roles)
        async with self._turn:
            before = self._users.require(name).roles
            await self._reach(by, before | wanted, "/command/users/set-roles")
            user = await self._users.set_roles(name, wanted)
            await self._sessions.end_user(user.name)
            was, now = format_roles(before), format_roles(user.roles)
            await self._tell(events.ROLES_CHANGED, by, user=user.name, before=was, roles=now)
            return user

    @whole
    async def change_password(self, by: Principal, old: str, new: str) -> None:
        """Change the caller's own password; all his sessions end. A wrong old one counts as a failed login."""
        _require_own(by)
        check_password(new, by.name)
        async with self._turn:
            async with self._attempts.admitted(by.name, by.source):
                user = await self._users.change_own_password(by.name, old, new)
            if user is None:
                await self._attempts.failed(events.PASSWORD_REFUSED, by.name, by.source)
                raise AccessRefused("The old password is wrong")
            self._supervision.succeeded(by.name, by.source)
            await self._sessions.end_user(user.name)
            await self._audit.report(events.PASSWORD_CHANGED, user=user.name)

    async def begin_second_factor(self, by: Principal, password: str, issuer: str) -> Setup:
        """A new secret for the caller's authenticator app; nothing changes until a code of it is confirmed."""
        if by.via == "token":
            raise AccessRefused("An API token cannot set up a second factor: log in with the password")
        _require_own(by)
        await self._prove(by, password)
        return self._second_factors.begin(by.name, issuer)

    @whole
    async def confirm_second_factor(self, by: Principal, code: str) -> list[str]:
        """Switch on the caller's second factor; his recovery codes, shown this once."""
        async with self._turn:
            codes = await self._second_factors.confirm(by.name, code)
            await self._audit.report(events.SECOND_FACTOR_ON, user=by.name)
            return codes

    @whole
    async def remove_own_second_factor(self, by: Principal, proof: str) -> None:
        """Switch off the caller's second factor; ``proof`` is his password, or a code."""
        async with self._turn:
            await self._prove(by, proof, or_code=True)
            if await self._second_factors.remove(by.name):
                await self._audit.report(events.SECOND_FACTOR_OFF, user=by.name)

    @whole
    async def remove_second_factor(self, by: Principal, name: str) -> None:
        """Switch off another user's second factor, as when the phone was lost."""
        async with self._turn:
            user = self._users.require(name)
            await self._reach(by, user.roles, "/command/users/remove-second-factor")
            if not await self._second_factors.remove(user.name):
                raise AccessRefused(f"{shown(user.name)} has no second factor")
            await self._tell(events.SECOND_FACTOR_REMOVED, by, user=user.name)

    @whole
    async def recover_admin(self) -> str:
        """A new generated password for access_admin, whose sessions and tokens end; for the owner of the home only."""
        async with self._turn:
            password = await self._users.recover_admin()
            self._forget(ADMIN)
            self._supervision.forget(ADMIN)
            await self._sessions.end_user(ADMIN)
            await self._audit.report(events.ADMIN_RECOVERED, user=ADMIN)
            return password

    @whole
    async def set_right(self, by: Principal, path: str, verb: str, role: str, granted: bool) -> None:
        """Grant a right to a role, or take it."""
        async with self._turn:
            if await self._matrix.set(path, verb, role, granted):
                right = "granted" if granted else "taken away"
                await self._tell(events.RIGHT_CHANGED, by, path=path, verb=verb, role=role, right=right)

    @whole
    async def reset_right(self, by: Principal, path: str) -> None:
        """Go back to the default rights of a path."""
        async with self._turn:
            for verb, role, _ in await self._matrix.reset(path):
                await self._tell(events.RIGHT_CHANGED, by, path=path, verb=verb, role=role, right="the default")

    @whole
    async def set_supervision(self, by: Principal, **changes: int) -> LoginRules:
        """Change some of the rules for logins and sessions (:class:`LoginRules`)."""
        async with self._turn:
            rules = await self._rules.change(**changes)
            text = ", ".join(f"{name} {value}" for name, value in rules.model_dump().items())
            await self._tell(events.LOGIN_RULES_CHANGED, by, rules=text)
            return rules

    @whole
    async def create_token(
        self, by: Principal, label: str, roles: str | Iterable[str], seconds: int, user: str | None = None
    ) -> tuple[str, Token]:
        """An API token of the caller, or (for RA) of another user: its secret, shown this once.

        Its roles are some of its user's. A token cannot make tokens, or it would never expire.
        """
        wanted = parse_roles(roles)
        async with self._turn:
            if by.via == "token":
                raise AccessRefused("An API token cannot create another: log in with the password")
            _require_own(by)
            owner = self._users.require(by.name if user is None else check_name(user))
            if owner.name != by.name and Role.ACCESS_ADMIN not in by.roles:
                await self._refuse(
                    by, "/command/tokens/create", f"Only RA creates API tokens of others, as {owner.name}"
                )
            missing = wanted - owner.roles
            if missing:
                raise AccessRefused(f"{shown(owner.name)} does not have the roles {format_roles(missing)}")
            secret, token = await self._tokens.create(owner.name, label, wanted, seconds)
            parameters = {"user": token.user, "label": token.label, "token": token.id, "roles": format_roles(wanted)}
            await self._tell(events.TOKEN_CREATED, by, **parameters)
            return secret, token

    @whole
    async def revoke_token(self, by: Principal, id: str) -> Token:
        """End an API token: one's own, or anybody's for R6 and RA."""
        async with self._turn:
            token = self._tokens.require(id)
            if token.user != by.name:
                if MANAGERS.isdisjoint(by.roles):
                    await self._refuse(by, "/command/tokens/revoke", "Only R6 and RA revoke API tokens of others")
                await self._reach(by, self._users.require(token.user).roles, "/command/tokens/revoke")
            await self._tokens.revoke(id)
            await self._tell(events.TOKEN_REVOKED, by, user=token.user, label=token.label, token=token.id)
            return token

    @whole
    async def revoke_session(self, by: Principal, id: str) -> Session:
        """End a session by its public id."""
        session = next((session for session in self._sessions.all() if session.id == id), None)
        if session is None:
            raise AccessRefused(f"There is no session {shown(id)}")
        user = self._users.get(session.user)
        if user is not None and user.name != by.name:
            await self._reach(by, user.roles, "/command/sessions/revoke")
        await self._sessions.end(id, EndReason.REVOKED)
        return session

    def _forget(self, user: str) -> int:
        """Drop from memory what the store deleted with a user or his password; how many API tokens that were."""
        self._second_factors.forget(user)
        return self._tokens.forget(user)

    async def _prove(self, by: Principal, proof: str, *, or_code: bool = False) -> None:
        """Have the caller show that it is he who sits there; a wrong password or code counts as a failed login."""
        async with self._attempts.admitted(by.name, by.source):
            right = or_code and await self._second_factors.use(by.name, proof) is not None
            right = right or await self._users.verify(by.name, proof) is not None
        if not right:
            await self._attempts.failed(events.PASSWORD_REFUSED, by.name, by.source)
            raise AccessRefused("This is neither your password nor a code" if or_code else "The password is wrong")
        self._supervision.succeeded(by.name, by.source)

    async def _reach(self, by: Principal, roles: frozenset[Role], path: str) -> None:
        above = roles & FIXED
        if above and Role.ACCESS_ADMIN not in by.roles:
            what = f"Users with {format_roles(above)}, and these roles themselves, are managed by RA only"
            await self._refuse(by, path, what)

    async def _refuse(self, by: Principal, path: str, sentence: str) -> None:
        await self._audit.denied(by, "run", path)
        raise AccessRefused(sentence)

    async def _tell(self, event: EventType, by: Principal, **parameters: events.Parameter) -> None:
        await self._audit.report(event, by=by.name, via=by.via, source=by.source, **parameters)


def _require_own(by: Principal) -> None:
    if by.via == "provider":
        raise AccessRefused("This is for users of this device: your identity provider has your password")
