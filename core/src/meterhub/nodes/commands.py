"""The command ledger and substitutions as paths."""

from __future__ import annotations

from typing import Any

from meterhub_sdk import Config, field
from pydantic import StrictBool, StrictFloat, StrictInt, StrictStr

from meterhub.access.principal import Principal
from meterhub.commands.ledger import Ledger, LedgerQuery
from meterhub.commands.substitutions import LONGEST, Substitutions
from meterhub.resources import Node


class SubstituteArguments(Config):
    """A value that a point has for a limited time, whatever its device says."""

    name: str = field(title="Point", max_length=600)
    value: StrictBool | StrictInt | StrictFloat | StrictStr = field(title="Value")
    seconds: float = field(3600.0, title="For", unit="s", ge=1, le=LONGEST)
    reason: str = field("", title="Reason", max_length=200)


class ReleaseArguments(Config):
    """A point that shall read what its device says again."""

    name: str = field(title="Point", max_length=600)


class CommandNodes:
    """``/data/commands``, ``/data/substitutions`` and the commands that substitute a point and release it."""

    def __init__(self, ledger: Ledger, substitutions: Substitutions) -> None:
        self._ledger = ledger
        self._substitutions = substitutions

    def nodes(self) -> list[Node]:
        """The nodes of this room."""
        return [
            Node("/data/commands", "get", self._commands, "Commands", LedgerQuery),
            Node("/data/substitutions", "get", self._listing, "Substituted points"),
            Node("/command/points/substitute", "post", self._substitute, "Substitute a point", SubstituteArguments),
            Node("/command/points/release", "post", self._release, "Release a substituted point", ReleaseArguments),
        ]

    async def _commands(self, _: Principal, query: LedgerQuery) -> Any:
        return await self._ledger.read(query)

    async def _listing(self, _: Principal, __: Any) -> Any:
        return {"substitutions": self._substitutions.listing()}

    async def _substitute(self, who: Principal, asked: SubstituteArguments) -> None:
        await self._substitutions.substitute(
            asked.name, asked.value, seconds=asked.seconds, user=who.name, reason=asked.reason
        )

    async def _release(self, who: Principal, asked: ReleaseArguments) -> None:
        await self._substitutions.release(asked.name, user=who.name)
