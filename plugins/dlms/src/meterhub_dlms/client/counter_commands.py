"""The command about invocation counters, as part of the service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from meterhub_sdk import Config, Hub, Label, Refused, command, field

from meterhub_dlms.client.bus.bus import Bus
from meterhub_dlms.events import COUNTER_FORGOTTEN


class ForgetCounter(Config):
    """Which meter's counter to forget."""

    meter: Label = field(title="Meter", description="Label of a meter with ciphering.")


class _Host(Protocol):
    """What the command needs of the service."""

    hub: Hub
    _buses: Mapping[str, Bus] | None


class CounterCommands:
    """A base of the service."""

    @command(title="Forget the counter of a meter", rights="R5 R6")
    async def forget_counter(self: _Host, request: ForgetCounter) -> None:
        """Take the invocation counter of a meter as it is in the next association, where the meter lost it.

        Until that association stands, answers of the meter that somebody recorded would be taken too. A meter that
        lost its counter had better be given new keys: with those it begins anew by itself.
        """
        label = request.meter
        bus = (self._buses or {}).get(label)
        if bus is None:
            raise Refused(f"no meter is called {label!r}")
        credentials = bus.pollers[label].introduction.credentials
        if not credentials.keeps_received:
            raise Refused(f"no counter of the meter {label} is kept: its answers are not authenticated")
        credentials.amnesty.granted = True
        await self.hub.events.record(COUNTER_FORGOTTEN, meter=label)
