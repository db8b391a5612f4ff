"""What is done for the meters of all buses beside polling: their clocks are kept, and it is watched who answers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from meterhub_sdk import Hub, Refused, moment

from meterhub_dlms.client.associating import Associating
from meterhub_dlms.client.bus.bus import Bus
from meterhub_dlms.client.clock.commands import ClockAnswer, ClockSet, ReadClock, SetClock, read_clock, set_clock
from meterhub_dlms.client.clock.keeper import ClockKeeper
from meterhub_dlms.client.kept_readings import keep_saving
from meterhub_dlms.client.meter_exchange.commands import (
    ExchangeRequest,
    Exchanges,
    ExchangesRequest,
    MeterExchange,
    exchange_meter,
    shown,
)
from meterhub_dlms.client.meter_exchange.place import MeterPlace
from meterhub_dlms.client.meter_exchange.records import Records
from meterhub_dlms.client.settings import DlmsClientConfig
from meterhub_dlms.client.status import MeterStatus


class MeterCare:
    """One clock keeper and one place for each meter; made before the buses run."""

    def __init__(self, hub: Hub, config: DlmsClientConfig, buses: Sequence[Bus], associating: Associating) -> None:
        self._hub = hub
        self._records = Records(hub.store)
        self._buses = {label: bus for bus in buses for label in bus.pollers}
        pollers = {label: bus.pollers[label] for label, bus in self._buses.items()}
        self._keepers = {
            label: ClockKeeper(hub, config, self._buses[label], poller) for label, poller in pollers.items()
        }
        self._places = {
            label: MeterPlace(hub, poller, self._records, partial(associating.forget, poller.meter))
            for label, poller in pollers.items()
        }
        self._kept = [poller.polling.intake.kept for poller in pollers.values()]

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Keep the clocks that are to be kept, and the newest readings on disk."""
        for label, keeper in self._keepers.items():
            if keeper.compares:
                tasks.create_task(keeper.run(), name=f"dlms clock {label}")
        tasks.create_task(keep_saving(self._hub.store, self._kept), name="dlms readings")

    def status(self, row: MeterStatus) -> MeterStatus:
        """The row of a meter with what is known of its clock and of who answers."""
        keeper, place = self._keepers[row.label], self._places[row.label]
        watch, set_at = keeper.watch, keeper.set_at
        return row.model_copy(
            update={
                "serial": place.occupant.serial,
                "remark": place.remark,
                "clock": watch.state,
                "clock_deviation": watch.deviation,
                "clock_set": None if set_at is None else moment(set_at),
            }
        )

    async def read_clock(self, request: ReadClock) -> ClockAnswer:
        """Read a clock."""
        return await read_clock(self._bus(request.meter), self._keepers[request.meter])

    async def set_clock(self, request: SetClock) -> ClockSet:
        """Set a clock and read it back."""
        return await set_clock(self._bus(request.meter), self._keepers[request.meter], request)

    async def exchange_meter(self, request: ExchangeRequest) -> MeterExchange:
        """Announce, confirm or withdraw an exchange."""
        return await exchange_meter(self._bus(request.meter), self._places[request.meter], request)

    def exchanges(self, request: ExchangesRequest) -> Exchanges:
        """The newest exchanges."""
        found = self._records.exchanges(request.meter, request.most)
        return Exchanges(exchanges=[shown(exchange) for exchange in found])

    def _bus(self, label: str) -> Bus:
        bus = self._buses.get(label)
        if bus is None:
            raise Refused(f"no meter is called {label!r}")
        return bus
