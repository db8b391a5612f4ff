"""Users, roles, the path-by-role matrix, sessions and tokens, login supervision."""

from meterhub.access.errors import AccessRefused, NotLoggedIn
from meterhub.access.events import EVENT_TYPES, AccessReport
from meterhub.access.gate import Access
from meterhub.access.principal import Principal
from meterhub.access.rights import Matrix, Verb
from meterhub.access.roles import ROLES, Role
from meterhub.access.rules import LoginRules
from meterhub.access.schema import SCHEMA

__all__ = [
    "EVENT_TYPES",
    "ROLES",
    "SCHEMA",
    "Access",
    "AccessRefused",
    "AccessReport",
    "LoginRules",
    "Matrix",
    "NotLoggedIn",
    "Principal",
    "Role",
    "Verb",
]
