"""The users: at most 32, kept in the store and in memory, and never without an access administrator."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import sqlite_utils

from meterhub.access.errors import AccessRefused, PasswordRefused, shown
from meterhub.access.passwords import Hasher, check_password, generate_password
from meterhub.access.roles import Role, format_roles, parse_roles
from meterhub.store import Store
from meterhub.whole import whole

MOST = 32
LONGEST_NAME = 64
ADMIN = "access_admin"
PREDEFINED: dict[str, str] = {ADMIN: "RA", "admin": "R1 R2 R3 R4 R5 R6", "manufacturer": "RM"}

_PUT = (
    "INSERT INTO access_user (name, roles, phc, initial) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (name) DO UPDATE SET roles = excluded.roles, phc = excluded.phc, initial = excluded.initial"
)
_UPDATE = "UPDATE access_user SET roles = ?, phc = ?, initial = ? WHERE name = ?"


@dataclass(frozen=True, slots=True)
class User:
    """A user; without a password (``phc``, its argon2id hash) he is inactive.

    ``initial`` while his password is one that the instance made up: whoever was shown it still has it.
    """

    name: str
    roles: frozenset[Role]
    phc: str | None = field(default=None, repr=False)
    initial: bool = False

    @property
    def active(self) -> bool:
        """Whether he has a password."""
        return self.phc is not None


def check_name(given: str) -> str:
    """A user's name in its normal form (NFC), or :class:`AccessRefused` with what is wrong with it."""
    if not 1 <= len(given) <= LONGEST_NAME:
        what = f"{shown(given)} has {len(given)} characters" if given else "The name of the user is empty"
        raise AccessRefused(f"{what}: a user's name has 1 to {LONGEST_NAME}")
    name = unicodedata.normalize("NFC", given)
    if not name.isprintable() or name != name.strip() or set(":/") & set(name) or len(name) > LONGEST_NAME:
        raise AccessRefused(
            f"{shown(given)} cannot be a user's name: it must be printable, without ':' and '/', "
            "and without a space at either end"
        )
    return name


class Users:
    """All users. A change is in memory once it is on disk; what it raises changed nothing."""

    def __init__(self, store: Store, hasher: Hasher) -> None:
        self._store = store
        self._hasher = hasher
        self._changing = asyncio.Lock()
        rows = store.read_now(lambda db: list(db.query("SELECT name, roles, phc, initial FROM access_user")))
        users = (User(row["name"], parse_roles(row["roles"]), row["phc"], bool(row["initial"])) for row in rows)
        self._users = {user.name: user for user in users}

    def all(self) -> list[User]:
        """Every user in order of names."""
        return [self._users[name] for name in sorted(self._users)]

    def get(self, name: str) -> User | None:
        """The user of that name (in any Unicode form), or ``None``."""
        if len(name) > 4 * LONGEST_NAME:  # no name of 64 characters is longer in any form
            return None
        return self._users.get(unicodedata.normalize("NFC", name))

    def require(self, name: str) -> User:
        """The user of that name; :class:`AccessRefused` when there is none."""
        user = self.get(name)
        if user is None:
            raise AccessRefused(f"There is no user {shown(name)}")
        return user

    @whole
    async def bootstrap(self, *, initial: bool = True) -> str | None:
        """At the first start make the predefined users; the password of access_admin, shown this once.

        ``None`` when there are users already. The others stay inactive: nobody has a default password. Unless
        ``initial``, the password is meant to stay, as that of a demonstration.
        """
        async with self._changing:
            if self._users:
                return None
            password = generate_password()
            phc = await self._hasher.hash(password)
            users = [User(name, parse_roles(roles)) for name, roles in PREDEFINED.items()]
            users = [replace(user, phc=phc, initial=initial) if user.name == ADMIN else user for user in users]
            await self._store.write(lambda db: [db.execute(_PUT, _row(user)) for user in users])
            self._users = {user.name: user for user in users}
            return password

    @whole
    async def recover_admin(self) -> str:
        """Give access_admin a new generated password, make the user again if need be, drop its API tokens."""
        async with self._changing:
            password = generate_password()
            old = self._users.get(ADMIN, User(ADMIN, frozenset()))
            phc = await self._hasher.hash(password)
            user = replace(old, roles=old.roles | {Role.ACCESS_ADMIN}, phc=phc, initial=True)
            await self._store.write(lambda db: _put_bare(db, user))
            self._users[ADMIN] = user
            return password

    @whole
    async def add(self, name: str, roles: str | Iterable[str]) -> User:
        """Add an inactive user with at least one role."""
        user = User(check_name(name), _some(roles))
        async with self._changing:
            if user.name in self._users:
                raise AccessRefused(f"There is a user {shown(user.name)} already")
            # One place is kept for access_admin, so that recovery never finds the house full.
            kept = 0 if ADMIN in self._users or user.name == ADMIN else 1
            if len(self._users) + kept >= MOST:
                raise AccessRefused(f"There are {len(self._users)} users, and {MOST} is the most: delete one first")
            await self._store.write(lambda db: db.execute(_PUT, _row(user)))
            self._users[user.name] = user
        return user

    @whole
    async def activate(self, name: str, password: str) -> User:
        """Give an inactive user a password."""
        check_password(password, self._inactive(name).name)
        phc = await self._hasher.hash(password)
        async with self._changing:
            return await self._keep(replace(self._inactive(name), phc=phc))

    @whole
    async def reset(self, name: str) -> User:
        """Take the password away, and every API token with it: the user is inactive until activated."""
        async with self._changing:
            user = self.require(name)
            if not user.active:
                raise AccessRefused(f"The user {shown(user.name)} has no password that could be reset")
            self._refuse_last_admin(user, "reset")
            inactive = replace(user, phc=None, initial=False)
            await self._store.write(lambda db: _put_bare(db, inactive))
            self._users[user.name] = inactive
            return inactive

    @whole
    async def delete(self, name: str) -> User:
        """Delete a user and every API token of his."""
        async with self._changing:
            user = self.require(name)
            self._refuse_last_admin(user, "deleted")
            await self._store.write(lambda db: db.execute("DELETE FROM access_user WHERE name = ?", [user.name]))
            del self._users[user.name]
            return user

    @whole
    async def set_roles(self, name: str, roles: str | Iterable[str]) -> User:
        """Give a user exactly these roles, at least one."""
        wanted = _some(roles)
        async with self._changing:
            user = self.require(name)
            if Role.ACCESS_ADMIN not in wanted:
                self._refuse_last_admin(user, f"left without {Role.ACCESS_ADMIN}")
            return await self._keep(replace(user, roles=wanted))

    @whole
    async def change_own_password(self, name: str, old: str, new: str) -> User | None:
        """Change a password against the old one; ``None`` when the old one is wrong."""
        user = self.require(name)
        check_password(new, user.name)
        if not await self._hasher.verify(old, user.phc):
            return None
        if new == old:
            raise PasswordRefused("The new password is the old one: choose another")
        phc = await self._hasher.hash(new)
        async with self._changing:
            current = self.require(name)
            if current.phc != user.phc:
                raise AccessRefused("The password was changed by somebody else meanwhile: log in again")
            return await self._keep(replace(current, phc=phc, initial=False))

    async def verify(self, name: str, password: str) -> User | None:
        """The active user whose password this is. Takes as long for a name that nobody has."""
        user = self.get(name)
        phc = user.phc if user else None
        if not await self._hasher.verify(password, phc) or user is None or phc is None:
            return None
        if self._hasher.outdated(phc):
            phc = await self._rehash(user, password)
        current = self._users.get(user.name)  # he may have been reset or deleted meanwhile
        return current if current is not None and current.phc == phc else None

    @whole
    async def _rehash(self, user: User, password: str) -> str:
        phc = await self._hasher.hash(password)
        async with self._changing:
            current = self._users.get(user.name)
            if current is not None and current.phc == user.phc:
                await self._keep(replace(current, phc=phc))
        return phc

    def _inactive(self, name: str) -> User:
        user = self.require(name)
        if user.active:
            raise AccessRefused(f"The user {shown(user.name)} is active already: reset the user first")
        return user

    async def _keep(self, user: User) -> User:
        values = [format_roles(user.roles), user.phc, user.initial, user.name]
        await self._store.write(lambda db: db.execute(_UPDATE, values))
        self._users[user.name] = user
        return user

    def _refuse_last_admin(self, user: User, fate: str) -> None:
        admins = {other.name for other in self._users.values() if other.active and Role.ACCESS_ADMIN in other.roles}
        if admins == {user.name}:
            raise AccessRefused(
                f"{shown(user.name)} is the last active user with the role {Role.ACCESS_ADMIN} and cannot be {fate}: "
                "activate another one with that role first"
            )


def _some(roles: str | Iterable[str]) -> frozenset[Role]:
    wanted = parse_roles(roles)
    if not wanted:
        raise AccessRefused("A user needs at least one role")
    return wanted


def _row(user: User) -> list[str | bool | None]:
    return [user.name, format_roles(user.roles), user.phc, user.initial]


def _put_bare(db: sqlite_utils.Database, user: User) -> None:
    """One transaction: what came with the password must not survive it and count again with the next one."""
    db.execute("DELETE FROM access_token WHERE user = ?", [user.name])
    db.execute("DELETE FROM access_second_factor WHERE user = ?", [user.name])
    db.execute(_PUT, _row(user))
