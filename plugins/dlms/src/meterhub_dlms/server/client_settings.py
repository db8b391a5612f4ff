"""Settings of the clients of ``dlms-server``: how each proves who it is, and what it may do."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from meterhub_sdk import Config, SecretName, field
from pydantic import AfterValidator, Field, model_validator

from meterhub_dlms.codec.acse import Mechanism
from meterhub_dlms.security import MECHANISMS, Authentication, Security, SystemTitle

_GROUP = r"(\d{1,3}|\*)"
_PATTERN = re.compile(rf"{_GROUP}[-.]{_GROUP}[:.]{_GROUP}\.{_GROUP}\.{_GROUP}[.*]{_GROUP}", re.ASCII)

Groups = tuple[int | None, ...]


def read_pattern(text: str) -> Groups:
    """The six groups of a pattern of logical names, ``None`` for any number; ``ValueError`` when malformed."""
    found = _PATTERN.fullmatch(text)
    groups = [None if group == "*" else int(group) for group in found.groups()] if found else []
    if not groups or any(group is not None and group > 255 for group in groups):
        raise ValueError(f"{text[:40]!r} is no pattern of logical names; write six groups such as 1-1:*.8.0.255")
    return tuple(groups)


def _check_pattern(text: str) -> str:
    read_pattern(text)
    return text


class ClientAccess(Config):
    """One client address that may associate."""

    address: int = field(16, title="Client address", description="16 is the public client.", ge=1, le=127)
    authentication: Authentication = field(
        "none",
        title="Authentication",
        description="none; password for low-level security (LLS); the others are high-level security (HLS), where the "
        "secret never goes over the line.",
    )
    password: SecretName | None = field(
        None,
        title="Password",
        description="Secret that holds this client's password; seven hexadecimal digits with landis-gyr.",
    )
    security: Security = field(
        "none",
        title="Least protection",
        description="What each message of this client must have at least; anything less is refused. Answers are "
        "protected as the request was.",
    )
    encryption_key: SecretName | None = field(
        None, title="Encryption key", description="Secret that holds the key as 32 hexadecimal digits (suite 0)."
    )
    authentication_key: SecretName | None = field(
        None, title="Authentication key", description="Secret that holds the key as 32 hexadecimal digits (suite 0)."
    )
    system_title: SystemTitle = field(
        "",
        title="Client's system title",
        description="16 hexadecimal digits that a ciphering client must bring; empty for any.",
    )
    referencing: Literal["logical-names", "short-names", "both"] = field(
        "logical-names", title="Referencing", description="How the client may name objects."
    )
    rights: Literal["read", "read and write"] = field(
        "read",
        title="Rights",
        description="read, or read and write: the latter may set writable objects and call methods.",
    )
    may_see: list[Annotated[str, AfterValidator(_check_pattern)]] = field(
        default_factory=list,
        title="May see",
        description="Patterns of logical names, * for any number in a group, such as 1-1:*.8.0.255; empty for all "
        "objects.",
        max_length=1000,
    )
    logical_devices: list[Annotated[int, Field(ge=1, le=16383)]] = field(
        default_factory=list,
        title="Logical devices",
        description="Addresses of the logical devices it may use; empty for all.",
        max_length=1000,
    )

    @property
    def mechanism(self) -> Mechanism:
        """How it proves who it is."""
        return MECHANISMS[self.authentication]

    @model_validator(mode="after")
    def _check(self) -> Self:
        who = f"client {self.address}"
        if self.authentication not in ("none", "gmac") and self.password is None:
            raise ValueError(f"{who} has authentication {self.authentication} but names no secret with the password")
        if (self.encryption_key is None) != (self.authentication_key is None):
            raise ValueError(f"{who} names one key only; name secrets for both the encryption and authentication key")
        if self.encryption_key is None and (self.security != "none" or self.authentication == "gmac"):
            raise ValueError(f"{who} needs the secrets of both keys for its security or authentication")
        return self
