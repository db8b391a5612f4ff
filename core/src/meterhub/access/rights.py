"""The matrix of rights: which role may read, write or run which path."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from meterhub.access.errors import AccessRefused, shown
from meterhub.access.roles import FIXED, ROLES, Role, parse_role, parse_roles
from meterhub.store import Store
from meterhub.whole import whole


class Verb(StrEnum):
    """What can be done with a node of the tree."""

    READ = "read"
    WRITE = "write"
    RUN = "run"


VERBS: dict[str, frozenset[Verb]] = {
    "status": frozenset({Verb.READ}),
    "data": frozenset({Verb.READ}),
    "configuration": frozenset({Verb.READ, Verb.WRITE}),
    "command": frozenset({Verb.RUN}),
}
"""The verbs that each kind of path can have."""

_PATH = re.compile(r"/(status|configuration|command|data)(/[^/\x00-\x1f\x7f]{1,64}){1,3}")
# Management of users and rights, from which the manufacturer's role is kept out.
_MANAGEMENT = ("/command/users/", "/command/access/", "/command/tokens/", "/command/sessions/")
_OWN_PASSWORD = "/command/users/change-password"  # noqa: S105 - a path, which every user may run

_Key = tuple[str, Verb]


@dataclass(frozen=True, slots=True)
class Cell:
    """One box of the matrix; ``changed`` is the operator's difference, where there is one."""

    default: bool
    changed: bool | None
    effective: bool
    fixed: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the matrix: a path, a verb, and a box for each role."""

    path: str
    verb: Verb
    cells: dict[Role, Cell]


class Matrix:
    """Rights by path, verb and role: what the nodes declare, and what the operator changed.

    Nothing is granted by prefix, and nothing that is not declared is allowed to anyone. The columns
    RA and RM are fixed.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._defaults: dict[_Key, frozenset[Role]] = {}
        self._effective: dict[tuple[str, str], frozenset[Role]] = {}
        self._differences: dict[_Key, dict[Role, bool]] = {}
        self._changing = asyncio.Lock()
        rows = store.read_now(lambda db: list(db.query("SELECT path, verb, role, granted FROM access_right")))
        for row in rows:
            key = row["path"], Verb(row["verb"])
            self._differences.setdefault(key, {})[Role(row["role"])] = bool(row["granted"])

    def declare(self, path: str, verb: str, default_roles: str | Iterable[str]) -> None:
        """Enter a node with the roles that have the right by default (``"R2 R5"`` or a sequence).

        Declaring it again with the same roles changes nothing; with others it is refused until
        :meth:`withdraw`, so that nobody can widen the rights to a node that belongs to another.
        """
        key = path, _checked_verb(path, verb)
        roles = parse_roles(default_roles) - FIXED
        if self._defaults.get(key, roles) != roles:
            raise AccessRefused(f"{path} is declared already, with other rights to {verb}")
        self._defaults[key] = roles
        self._work_out(key)

    def withdraw(self, path: str) -> None:
        """Take a node out, as when its plugin is gone; the operator's changes are kept for its return."""
        for key in [key for key in self._defaults if key[0] == path]:
            del self._defaults[key], self._effective[key]

    def declares(self, path: str) -> bool:
        """Whether somebody declared this path."""
        return any(key[0] == path for key in self._defaults)

    def allows(self, roles: Iterable[Role], path: str, verb: str) -> bool:
        """Whether one of the roles may; ``False`` for what is not declared."""
        allowed = self._effective.get((path, verb))
        return allowed is not None and not allowed.isdisjoint(roles)

    @whole
    async def set(self, path: str, verb: str, role: str, granted: bool) -> bool:
        """Grant or take a right; ``True`` when this changed something.

        What equals the default is no difference and is forgotten as one. :class:`AccessRefused` for
        a path, verb or role that does not exist, and for the fixed roles.
        """
        who = parse_role(role)
        if who in FIXED:
            raise AccessRefused(f"The rights of {who} ({ROLES[who].name}) are fixed and cannot be changed")
        async with self._changing:
            key = self._declared(path, verb)
            if (who in self._effective[key]) == granted:
                return False
            different = granted != (who in self._defaults[key])
            await self._keep(key, who, granted if different else None)
        return True

    @whole
    async def reset(self, path: str) -> list[tuple[Verb, Role, bool]]:
        """Go back to the defaults of a path, declared or not; what the operator's differences were."""
        async with self._changing:
            keys = [key for key in self._differences if key[0] == path]
            if not keys and not self.declares(path):
                raise AccessRefused(f"There is no path {shown(path)} in the matrix of rights")
            await self._store.write(lambda db: db.execute("DELETE FROM access_right WHERE path = ?", [path]))
            gone = [(key[1], role, granted) for key in keys for role, granted in self._differences.pop(key).items()]
            for key in keys:
                self._work_out(key)
        return gone

    def table(self) -> list[Row]:
        """The matrix for display, in order of path and verb."""
        return [Row(path, verb, self._cells((path, verb))) for path, verb in sorted(self._defaults)]

    def _cells(self, key: _Key) -> dict[Role, Cell]:
        default, effective, changed = self._defaults[key], self._effective[key], self._differences.get(key, {})
        return {
            role: Cell(
                default=role in (effective if role in FIXED else default),
                changed=changed.get(role),
                effective=role in effective,
                fixed=role in FIXED,
            )
            for role in Role
        }

    def _declared(self, path: str, verb: str) -> _Key:
        if not self.declares(path):
            raise AccessRefused(f"There is no path {shown(path)} in the matrix of rights")
        key = path, _checked_verb(path, verb)
        if key not in self._defaults:
            raise AccessRefused(f"{path} has no right to {verb}")
        return key

    async def _keep(self, key: _Key, role: Role, granted: bool | None) -> None:
        path, verb = key
        if granted is None:
            sql = "DELETE FROM access_right WHERE path = ? AND verb = ? AND role = ?"
        else:
            sql = "INSERT OR REPLACE INTO access_right (path, verb, role, granted) VALUES (?, ?, ?, ?)"
        values = [path, verb, role, *(() if granted is None else (granted,))]
        await self._store.write(lambda db: db.execute(sql, values))
        changed = self._differences.setdefault(key, {})
        changed.pop(role, None)
        if granted is not None:
            changed[role] = granted
        if not changed:
            del self._differences[key]
        self._work_out(key)

    def _work_out(self, key: _Key) -> None:
        if key not in self._defaults:
            return
        allowed = {Role.ACCESS_ADMIN, *self._defaults[key]}
        for role, granted in self._differences.get(key, {}).items():
            allowed = allowed | {role} if granted else allowed - {role}
        if key[0] == _OWN_PASSWORD or not key[0].startswith(_MANAGEMENT):
            allowed = allowed | {Role.MANUFACTURER}
        self._effective[key] = frozenset(allowed)


def _checked_verb(path: str, verb: str) -> Verb:
    match = _PATH.fullmatch(path)
    if match is None:
        raise AccessRefused(
            f"{shown(path)} is not a path of the tree: it starts with /status, /configuration, /command or /data "
            "and has 1 to 3 more elements"
        )
    possible = VERBS[match[1]]
    try:
        found = Verb(verb)
    except ValueError:
        found = None
    if found not in possible:
        raise AccessRefused(f"{shown(verb)} is no verb of {path}: it has {' and '.join(sorted(possible))}")
    return Verb(verb)
