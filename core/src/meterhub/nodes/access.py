"""Users, rights, sessions and tokens as paths."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from meterhub_sdk import Config, Fault, Invalid, field

from meterhub.access.errors import PasswordRefused
from meterhub.access.gate import Access
from meterhub.access.passwords import RULES
from meterhub.access.principal import Principal
from meterhub.access.roles import ROLES
from meterhub.access.users import MOST
from meterhub.resources import Node

_TEXT = 20_000


class UserArguments(Config):
    """A user."""

    name: str = field(title="User name", max_length=_TEXT)


class RolesArguments(UserArguments):
    """A user and his roles."""

    roles: str = field(title="Roles", max_length=100, description="Such as R2 R5.")


class PasswordArguments(UserArguments):
    """A user and a new password."""

    password: str = field(title="Password", description=RULES, max_length=_TEXT, widget="password")


class OwnPasswordArguments(Config):
    """The own password, old and new."""

    old: str = field(title="Present password", max_length=_TEXT, widget="password")
    new: str = field(title="New password", description=RULES, max_length=_TEXT, widget="password")


class RightArguments(Config):
    """One box of the matrix."""

    path: str = field(title="Path", max_length=300)
    verb: str = field(title="Right", max_length=10)
    role: str = field(title="Role", max_length=10)
    granted: bool = field(title="Granted")


class PathArguments(Config):
    """One line of the matrix."""

    path: str = field(title="Path", max_length=300)


class SupervisionArguments(Config):
    """Login supervision and sessions; what is not given stays."""

    failures: int | None = field(None, title="Failed logins")
    window: int | None = field(None, title="within", unit="s")
    lock: int | None = field(None, title="lock for", unit="s")
    idle: int | None = field(None, title="Session time-out", unit="s")


class TokenArguments(Config):
    """An API token."""

    label: str = field(title="Label", max_length=200)
    roles: str = field(title="Roles", max_length=100)
    days: int = field(90, title="Valid for", unit="d", ge=1, le=365)
    user: str | None = field(None, title="For", max_length=_TEXT, description="Nothing: for oneself. Only RA may else.")


class IdArguments(Config):
    """A session or token by its public id."""

    id: str = field(title="Id", max_length=100)


class AccessNodes:
    """``/command/users/…``, ``/command/access/…``, ``/command/tokens/…``, ``/command/sessions/…``."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._do = access.administration

    def nodes(self) -> list[Node]:
        """The nodes of this room."""
        return [
            Node("/status/users", "get", self._users, "Users"),
            Node("/status/access", "get", self._matrix, "Access control"),
            Node("/data/sessions", "get", self._sessions, "Sessions and tokens"),
            Node("/command/users/add", "post", self._add, "Add a user", RolesArguments),
            Node("/command/users/activate", "post", self._activate, "Activate a user", PasswordArguments),
            Node("/command/users/reset", "post", self._reset, "Reset a user", UserArguments),
            Node("/command/users/delete", "post", self._delete, "Delete a user", UserArguments),
            Node("/command/users/set-roles", "post", self._roles, "Change roles", RolesArguments),
            Node("/command/users/change-password", "post", self._password, "Change password", OwnPasswordArguments),
            Node("/command/users/remove-second-factor", "post", self._factor, "Remove a second factor", UserArguments),
            Node("/command/access/set-right", "post", self._set_right, "Change a right", RightArguments),
            Node("/command/access/reset-right", "post", self._reset_right, "Reset rights of a path", PathArguments),
            Node("/command/access/set-supervision", "post", self._supervision, "Supervision", SupervisionArguments),
            Node("/command/tokens/create", "post", self._token, "Create an API token", TokenArguments),
            Node("/command/tokens/revoke", "post", self._revoke_token, "Revoke an API token", IdArguments),
            Node("/command/sessions/revoke", "post", self._revoke_session, "End a session", IdArguments),
        ]

    async def _users(self, _: Principal, __: Any) -> Any:
        users = self._access.users.all()
        second = self._access.second_factors.active
        rows = [
            {"name": u.name, "roles": sorted(u.roles), "active": u.active, "second_factor": second(u.name)}
            for u in users
        ]
        return {"users": rows, "maximum": MOST, "remaining": MOST - len(users)}

    async def _matrix(self, _: Principal, __: Any) -> Any:
        rows = [
            {
                "path": row.path,
                "verb": row.verb.value,
                "roles": [role.value for role, cell in row.cells.items() if cell.effective],
                "changed": {role.value: cell.changed for role, cell in row.cells.items() if cell.changed is not None},
            }
            for row in self._access.matrix.table()
        ]
        roles = {role.value: info.title for role, info in ROLES.items()}
        return {"roles": roles, "rights": rows, "rules": self._access.rules.current}

    async def _sessions(self, _: Principal, __: Any) -> Any:
        return {
            "sessions": [{"id": s.id, "user": s.user, "source": s.source} for s in self._access.sessions.all()],
            "tokens": [
                {"id": t.id, "user": t.user, "label": t.label, "roles": sorted(t.roles), "expires": t.expires}
                for t in self._access.tokens.all()
            ],
        }

    async def _add(self, who: Principal, a: RolesArguments) -> None:
        await self._do.add_user(who, a.name, a.roles)

    async def _activate(self, who: Principal, a: PasswordArguments) -> None:
        with _told_at("password"):
            await self._do.activate_user(who, a.name, a.password)

    async def _reset(self, who: Principal, a: UserArguments) -> None:
        await self._do.reset_user(who, a.name)

    async def _delete(self, who: Principal, a: UserArguments) -> None:
        await self._do.delete_user(who, a.name)

    async def _roles(self, who: Principal, a: RolesArguments) -> None:
        await self._do.set_roles(who, a.name, a.roles)

    async def _password(self, who: Principal, a: OwnPasswordArguments) -> None:
        with _told_at("new"):
            await self._do.change_password(who, a.old, a.new)

    async def _factor(self, who: Principal, a: UserArguments) -> None:
        await self._do.remove_second_factor(who, a.name)

    async def _set_right(self, who: Principal, a: RightArguments) -> None:
        await self._do.set_right(who, a.path, a.verb, a.role, a.granted)

    async def _reset_right(self, who: Principal, a: PathArguments) -> None:
        await self._do.reset_right(who, a.path)

    async def _supervision(self, who: Principal, a: SupervisionArguments) -> Any:
        return await self._do.set_supervision(who, **a.model_dump(exclude_none=True))

    async def _token(self, who: Principal, a: TokenArguments) -> Any:
        secret, token = await self._do.create_token(who, a.label, a.roles, a.days * 86_400, a.user)
        return {"token": secret, "id": token.id, "expires": token.expires}

    async def _revoke_token(self, who: Principal, a: IdArguments) -> None:
        await self._do.revoke_token(who, a.id)

    async def _revoke_session(self, who: Principal, a: IdArguments) -> None:
        await self._do.revoke_session(who, a.id)


@contextmanager
def _told_at(field: str) -> Iterator[None]:
    """A password that will not do is a fault of the field in which it was given."""
    try:
        yield
    except PasswordRefused as error:
        raise Invalid([Fault([field], str(error))]) from error
