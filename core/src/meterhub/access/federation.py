"""Users of a utility's identity provider: an interface vouches for them, and here is what they may become.

They have no password here and are not among the 32: a session carries the roles that came with it, until it ends.
Nobody gets in under the name of an own user, and a new own user ends the sessions under his name: one can never pass
for the other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from meterhub.access.errors import AccessRefused, RightMissing, shown
from meterhub.access.roles import FIXED, Role, format_roles, parse_roles
from meterhub.access.users import check_name

FEDERATED = "/session/federated"
"""Where an interface vouches for a user; only those with the capability ``vouch-users`` may."""
LONGEST_ISSUER = 300
LONGEST_SUBJECT = 255
"""OpenID Connect Core 1.0, 2: a subject has at most 255 characters."""


@dataclass(frozen=True, slots=True)
class Vouched:
    """Whom an identity provider vouches for; ``user`` is ``name@host`` of the issuer."""

    user: str
    issuer: str
    subject: str
    roles: frozenset[Role]


def vouched(issuer: str, subject: str, name: str, roles: Iterable[str]) -> Vouched:
    """:class:`AccessRefused` for what cannot be a user; :class:`RightMissing` for roles that nobody gets this way."""
    try:
        host = urlsplit(issuer).hostname if len(issuer) <= LONGEST_ISSUER else None
    except ValueError:
        host = None
    if not host or not issuer.isprintable():
        raise AccessRefused(f"{shown(issuer)} is no address of an identity provider")
    if not 1 <= len(subject) <= LONGEST_SUBJECT or not subject.isprintable():
        raise AccessRefused(f"{shown(subject)} cannot be the subject of an identity token")
    given = parse_roles(roles)
    if given & FIXED:
        raise RightMissing(f"No identity provider gives the roles {format_roles(FIXED)}")
    return Vouched(f"{check_name(name)}@{host}", issuer, subject, given)
