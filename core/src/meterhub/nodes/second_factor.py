"""The own second factor of a login as paths."""

from __future__ import annotations

from typing import Any

import segno
from meterhub_sdk import Config, field

from meterhub.access.gate import Access
from meterhub.access.principal import Principal
from meterhub.resources import Node

_TEXT = 20_000


class BeginArguments(Config):
    """The own password, to show who sits there."""

    password: str = field(title="Present password", max_length=_TEXT, widget="password")


class ConfirmArguments(Config):
    """A code, to show that the app has the secret."""

    code: str = field(title="Code", max_length=_TEXT, description="The six digits that the app shows now.")


class ProofArguments(Config):
    """The own password, or a code."""

    proof: str = field(title="Password or code", max_length=_TEXT, widget="password")


class SecondFactorNodes:
    """``/status/second-factor`` and ``/command/second-factor/…``; authenticator apps list ``host`` beside the user."""

    def __init__(self, access: Access, host: str) -> None:
        self._factors = access.second_factors
        self._do = access.administration
        self._issuer = f"Meterhub {host}".replace(":", " ")

    def nodes(self) -> list[Node]:
        """The nodes of this room."""
        return [
            Node("/status/second-factor", "get", self._status, "Second factor"),
            Node("/command/second-factor/begin", "post", self._begin, "Set up a second factor", BeginArguments),
            Node("/command/second-factor/confirm", "post", self._confirm, "Confirm a second factor", ConfirmArguments),
            Node("/command/second-factor/remove", "post", self._remove, "Remove the second factor", ProofArguments),
        ]

    async def _status(self, who: Principal, _: Any) -> Any:
        left = self._factors.recovery_codes(who.name)
        return {"active": self._factors.active(who.name), "recovery_codes": left}

    async def _begin(self, who: Principal, a: BeginArguments) -> Any:
        setup = await self._do.begin_second_factor(who, a.password, self._issuer)
        picture = segno.make(setup.uri, micro=False).svg_data_uri(scale=4, light="white")
        return {"secret": setup.secret, "uri": setup.uri, "picture": picture}

    async def _confirm(self, who: Principal, a: ConfirmArguments) -> Any:
        return {"recovery_codes": await self._do.confirm_second_factor(who, a.code)}

    async def _remove(self, who: Principal, a: ProofArguments) -> None:
        await self._do.remove_own_second_factor(who, a.proof)
