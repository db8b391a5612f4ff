"""Settings of the identity provider."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from meterhub_sdk import Config, SecretName, field
from pydantic import field_validator

Role = Literal["R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "R9"]
"""RA and RM are given by no identity provider."""


class GroupRoles(Config):
    """What the members of a group may do here."""

    group: str = field(title="Group", description="As the identity provider names it.", min_length=1, max_length=200)
    roles: list[Role] = field(title="Roles", min_length=1, max_length=9)


class IdentityProvider(Config):
    """Where people of the utility log in with the account that they have there (OpenID Connect)."""

    label: str = field("", title="Button", description="Its words; empty for those of this device.", max_length=80)
    issuer: str = field(
        title="Issuer",
        description="The address of the identity provider as it names itself, such as https://login.example/realms/grid."
        " What else is needed it tells itself.",
        max_length=300,
    )
    client_id: str = field(
        title="Client id",
        description="Under which this device is known there. The address to be registered for the way back is that of "
        "this device with /login/callback.",
        min_length=1,
        max_length=200,
    )
    client_secret: SecretName | None = field(
        None, title="Client secret", description="Empty where the identity provider gives none (a public client)."
    )
    authorities: SecretName | None = field(
        None,
        title="Authorities",
        description="Secret with the certificates of the authorities that sign for the identity provider as PEM; empty "
        "for those that the system trusts.",
    )
    scopes: list[str] = field(
        default_factory=lambda: ["openid", "profile"],
        title="Scopes",
        description="What is asked for; some identity providers tell the groups only with a scope of that name.",
        min_length=1,
        max_length=16,
    )
    name_claim: str = field(
        "preferred_username",
        title="Claim of the name",
        description="Which entry of the identity token is the name of the user.",
        min_length=1,
        max_length=100,
    )
    groups_claim: str = field(
        "groups",
        title="Claim of the groups",
        description="Which entry of the identity token lists the groups of the user.",
        min_length=1,
        max_length=100,
    )
    groups: list[GroupRoles] = field(
        default_factory=list,
        title="Groups",
        description="Who is in none of them is not let in.",
        max_length=100,
    )

    @field_validator("issuer")
    @classmethod
    def _issuer(cls, issuer: str) -> str:
        if not sound(issuer) or "?" in issuer or "#" in issuer:
            raise ValueError(f"{issuer[:80]!r} is no address with https; give one such as https://login.example")
        return issuer

    @field_validator("scopes")
    @classmethod
    def _openid(cls, scopes: list[str]) -> list[str]:
        if "openid" not in scopes:
            raise ValueError("the scope openid is missing; OpenID Connect needs it")
        return scopes


def sound(url: str) -> bool:
    """Whether an address is one of https; without TLS only on this machine."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.scheme == "http":
        return parts.hostname in ("localhost", "127.0.0.1", "::1")
    return parts.scheme == "https" and bool(parts.hostname)
