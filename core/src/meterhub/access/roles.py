"""The roles: six that operators shape, three free ones, and two that are fixed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from meterhub.access.errors import AccessRefused, shown


class Role(StrEnum):
    """A role by the identifier that stands in the matrix and with each user."""

    CONSUMER = "R1"
    INSTALLER = "R2"
    MAINTENANCE = "R3"
    OPERATIONS = "R4"
    DEVICE_ADMIN = "R5"
    SECURITY_ADMIN = "R6"
    FREE_7 = "R7"
    FREE_8 = "R8"
    FREE_9 = "R9"
    ACCESS_ADMIN = "RA"
    MANUFACTURER = "RM"


@dataclass(frozen=True, slots=True)
class RoleInfo:
    """How a role is shown; the rights of a ``fixed`` role cannot be changed."""

    role: Role
    name: str
    title: str
    description: str
    fixed: bool = False


_ROWS = (
    RoleInfo(
        Role.CONSUMER,
        "consumer",
        "Consumer",
        "Reads identifiers, clock, status, instantaneous values and event logs; changes nothing.",
    ),
    RoleInfo(
        Role.INSTALLER,
        "installer",
        "Installer",
        "What an installation needs: wide area network, base meter, Ethernet and serial ports.",
    ),
    RoleInfo(Role.MAINTENANCE, "maintenance", "Maintenance", "As the installer, and a little more, such as updates."),
    RoleInfo(
        Role.OPERATIONS,
        "operations",
        "Operations",
        "Daily work: reads identifiers, status, event logs, instantaneous values and logged data.",
    ),
    RoleInfo(
        Role.DEVICE_ADMIN,
        "device_admin",
        "Device administrator",
        "Remote management: configuration, licences, updates, and the secrets of communication.",
    ),
    RoleInfo(Role.SECURITY_ADMIN, "security_admin", "Security administrator", "Roles, users, and what they may do."),
    RoleInfo(Role.FREE_7, "free_7", "Free role 7", "May do nothing until rights are given to it."),
    RoleInfo(Role.FREE_8, "free_8", "Free role 8", "May do nothing until rights are given to it."),
    RoleInfo(Role.FREE_9, "free_9", "Free role 9", "May do nothing until rights are given to it."),
    RoleInfo(
        Role.ACCESS_ADMIN,
        "access_admin",
        "Access administrator",
        "May do everything; fixed, so that nobody can lock everyone out.",
        fixed=True,
    ),
    RoleInfo(
        Role.MANUFACTURER,
        "manufacturer",
        "Manufacturer",
        "Production, service and repair: everything but the management of users and rights; fixed.",
        fixed=True,
    ),
)

ROLES: dict[Role, RoleInfo] = {info.role: info for info in _ROWS}
FIXED: frozenset[Role] = frozenset(info.role for info in _ROWS if info.fixed)


def parse_roles(given: str | Iterable[str]) -> frozenset[Role]:
    """Roles from ``"R1 R5"`` or a sequence of identifiers; :class:`AccessRefused` for one that does not exist."""
    names = given.split() if isinstance(given, str) else given
    return frozenset(parse_role(name) for name in names)


def parse_role(name: str) -> Role:
    """One role from its identifier; :class:`AccessRefused` when there is none of that name."""
    try:
        return Role(name)
    except ValueError:
        raise AccessRefused(f"There is no role {shown(str(name))}: the roles are {', '.join(Role)}") from None


def format_roles(roles: Iterable[Role]) -> str:
    """Roles as they are stored and logged: ``"R1 R5"``, in the order of the table."""
    held = frozenset(roles)
    return " ".join(role for role in Role if role in held)
