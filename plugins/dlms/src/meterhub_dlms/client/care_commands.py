"""The commands about clocks and the exchange of meters, as part of the service."""

from __future__ import annotations

from meterhub_sdk import Refused, command

from meterhub_dlms.client.care import MeterCare
from meterhub_dlms.client.clock.commands import ClockAnswer, ClockSet, ReadClock, SetClock
from meterhub_dlms.client.meter_exchange.commands import ExchangeRequest, Exchanges, ExchangesRequest, MeterExchange


class CareCommands:
    """A base of the service."""

    _care: MeterCare | None = None

    @command(title="Read the clock of a meter", rights="R2 R3 R4 R5", timeout=60.0)
    async def read_clock(self, request: ReadClock) -> ClockAnswer:
        """What the clock of a meter shows, and how far it deviates from that of this unit."""
        return await self._meters.read_clock(request)

    @command(title="Set the clock of a meter", rights="R3 R5", timeout=60.0)
    async def set_clock(self, request: SetClock) -> ClockSet:
        """Set the clock of a meter to the time of this unit, or to another one, and read it back.

        Refused within a few seconds of a quarter-hour, as the measuring period would get too long or too short.
        """
        return await self._meters.set_clock(request)

    @command(title="Exchange a meter", rights="R2 R3 R5", timeout=300.0)
    async def exchange_meter(self, request: ExchangeRequest) -> MeterExchange:
        """The meter is replaced by another one; its points and mappings stay as they are.

        All mappings of the old meter are read once more where it still answers. The exchange is over when the new
        meter answers and its first readings are there; a meter that answers already is confirmed as the new one. Keys
        and passwords of the new meter are settings.
        """
        return await self._meters.exchange_meter(request)

    @command(title="List the exchanges of meters", rights="R2 R3 R4 R5")
    async def exchanges(self, request: ExchangesRequest) -> Exchanges:
        """Closing and opening readings of the exchanges, the newest first."""
        return self._meters.exchanges(request)

    @property
    def _meters(self) -> MeterCare:
        if self._care is None:
            raise Refused("the service has not begun yet; try again in a moment")
        return self._care
