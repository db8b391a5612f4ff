"""One bus as a row of the status, and what its intervals ask too much of."""

from __future__ import annotations

import asyncio

from meterhub_sdk import Hub

from meterhub_dlms.client.bus.bus import Bus
from meterhub_dlms.client.prediction import GroupPrediction, from_settings, predict, total_load
from meterhub_dlms.client.settings import DlmsClientConfig, GroupName, Meter
from meterhub_dlms.client.status import BusStatus, GroupStatus
from meterhub_dlms.events import GROUP_TOO_FAST


class BusReport:
    """Tells how a bus is doing; cycles are predicted from the plans in use, before there are any from the settings."""

    def __init__(self, hub: Hub, config: DlmsClientConfig, bus: Bus) -> None:
        self._hub = hub
        self._config = config
        self._bus = bus
        self._warned: set[str] = set()

    def predictions(self) -> list[GroupPrediction]:
        """What the groups need, by what is known now."""
        bus = self._bus
        expected = from_settings(self._config, bus.character)

        def cycle(meter: Meter, group: GroupName) -> float:
            planned = bus.pollers[meter.label].polling.expected.get(group)
            return expected(meter, group) if planned is None else planned

        return predict(self._config, [poller.meter for poller in bus.pollers.values()], cycle)

    async def warn(self) -> None:
        """An event for each group whose interval cannot be kept, once."""
        for prediction in self.predictions():
            if not prediction.met and prediction.group not in self._warned:
                self._warned.add(prediction.group)
                await self._hub.events.record(
                    GROUP_TOO_FAST,
                    bus=self._bus.name,
                    group=prediction.group,
                    needed=round(min(prediction.finished, 1e6), 1),
                    interval=prediction.interval,
                )

    def status(self) -> BusStatus:
        """How the bus is doing."""
        bus = self._bus
        pollers = list(bus.pollers.values())
        predictions = self.predictions()
        groups = [self._group(prediction) for prediction in predictions]
        means = [poller.turnaround.mean for poller in pollers if poller.turnaround.mean is not None]
        return BusStatus(
            bus=bus.name,
            state=bus.state,
            reason=bus.reason,
            meters=len(pollers),
            connected=sum(poller.association is not None for poller in pollers),
            load=_percent(bus.load.mean(asyncio.get_running_loop().time())),
            predicted_load=_percent(total_load(predictions)),
            overruns=sum(group.overruns for group in groups),
            dropped_frames=bus.dropped,
            turnaround=round(1000 * sum(means) / len(means), 1) if means else None,
            line=None if bus.totals is None else bus.totals.statistics(),
            groups=groups,
        )

    def _group(self, prediction: GroupPrediction) -> GroupStatus:
        group = prediction.group
        pollings = [poller.polling for poller in self._bus.pollers.values()]
        measured = [polling.cycles[group] for polling in pollings if group in polling.cycles]
        return GroupStatus(
            group=group,
            interval=prediction.interval,
            predicted=round(prediction.cycle, 3),
            measured=round(sum(measured), 3) if measured else None,
            load=_percent(prediction.load),
            overruns=sum(polling.schedule.overruns.get(group, 0) for polling in pollings),
            warning=prediction.warning,
        )


def _percent(part: float) -> float:
    return round(100 * part, 1)
