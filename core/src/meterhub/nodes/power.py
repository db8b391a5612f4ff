"""Restart of the instance and reboot of the machine as paths; both answer before they happen."""

from __future__ import annotations

import asyncio
from typing import Any

from meterhub_sdk import Config, Invalid, Refused, field
from meterhub_sdk.errors import Fault

from meterhub import core_events
from meterhub.access.principal import Principal
from meterhub.events.log import EventLog
from meterhub.ports import tell
from meterhub.power import Power
from meterhub.resources import Node


class PowerArguments(Config):
    """Protects against a slip."""

    confirm: bool = field(
        False, title="Confirm", description="Must be given: every connection ends, and nothing is read meanwhile."
    )


class PowerNodes:
    """``/command/diagnostics/restart`` and ``/command/diagnostics/reboot``."""

    def __init__(self, power: Power, events: EventLog) -> None:
        self._power = power
        self._events = events

    def nodes(self) -> list[Node]:
        """The nodes of this room."""
        return [
            Node("/command/diagnostics/restart", "post", self._restart, "Restart the instance", PowerArguments),
            Node("/command/diagnostics/reboot", "post", self._reboot, "Reboot the machine", PowerArguments),
        ]

    async def _restart(self, who: Principal, asked: PowerArguments) -> Any:
        _confirmed(asked)
        if (hindrance := self._power.no_restart()) is not None:
            raise Refused(hindrance)
        await tell(self._events, core_events.RESTART_ASKED, source="core", user=who.name)
        return {"in": self._power.restart_soon()}

    async def _reboot(self, who: Principal, asked: PowerArguments) -> Any:
        _confirmed(asked)
        if (hindrance := await asyncio.to_thread(self._power.no_reboot)) is not None:
            raise Refused(hindrance)
        await tell(self._events, core_events.REBOOT_ASKED, source="core", user=who.name)
        return {"in": self._power.reboot_soon(self._failed)}

    async def _failed(self, reason: str) -> None:
        await tell(self._events, core_events.REBOOT_FAILED, source="core", reason=reason)


def _confirmed(asked: PowerArguments) -> None:
    if not asked.confirm:
        raise Invalid([Fault(["confirm"], "confirm is not given; set it to true to go on")])
