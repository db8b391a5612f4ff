"""Who stands behind a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from meterhub.access.roles import Role

Via = Literal["session", "provider", "token", "control", "service"]


@dataclass(frozen=True, slots=True)
class Principal:
    """A user as one request sees him, with the roles he has at that moment.

    ``via`` says how he proved it (``provider``: an identity provider vouched for him), ``source``
    from where. ``id`` is the public id of the session or token (never the secret itself): whoever
    holds the configuration draft is known by it.
    """

    name: str
    roles: frozenset[Role]
    via: Via
    source: str = ""
    id: str = ""
