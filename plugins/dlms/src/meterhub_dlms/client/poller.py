"""One meter: connects, polls, and begins again when the meter is lost."""

from __future__ import annotations

import asyncio
from typing import NoReturn

from meterhub_sdk import EventType, Hub, Reading, Refused, Value, moment

from meterhub_dlms.client import writing
from meterhub_dlms.client.association import BROKEN, Association, AssociationRefused, RequestRejected
from meterhub_dlms.client.channel import WrapperChannel
from meterhub_dlms.client.polling import DEVICE_NAME, Polling
from meterhub_dlms.client.settings import CONNECTED, DlmsClientConfig, Meter
from meterhub_dlms.client.status import MeterStatus, State
from meterhub_dlms.client.values import readable
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.events import METER_CONNECTED, METER_LOST, METER_REFUSED

_FIRST_DELAY = 1.0


class MeterPoller:
    """Everything about one meter; :meth:`run` is a task of its own."""

    def __init__(self, hub: Hub, config: DlmsClientConfig, meter: Meter, password: bytes | None) -> None:
        self._hub = hub
        self._meter = meter
        self._password = password
        self._longest_delay = config.reconnect_delay
        self._polling = Polling(hub, config, meter)
        self._association: Association | None = None
        self._state: State = "waiting"
        self._device = ""
        self._connected_since: int | None = None
        self._losses = self._dropped = 0
        self._reported: set[EventType] = set()
        self._proven = False
        self._last_error = ""

    async def run(self) -> None:
        """Keep the meter connected and polled until cancelled."""
        await self._publish_connected(False)
        delay = _FIRST_DELAY
        while True:
            self._proven = False
            try:
                await self._session()
            except BROKEN as error:
                await self._lost(error)
            if self._proven:
                delay = _FIRST_DELAY
            await asyncio.sleep(min(delay, self._longest_delay))
            delay = min(2 * delay, self._longest_delay)

    async def write(self, label: str, value: Value) -> None:
        """Set one attribute; ``Refused`` says why not, ``NotDone`` that nobody knows."""
        point = self._polling.points.get(label)
        if point is None or not point.mapping.writable:
            raise Refused(f"{self._meter.label}/{label} is read-only")
        if self._association is None:
            raise Refused(f"{self._meter.label}/{label}: the meter is not connected")
        await writing.write(self._association, self._polling, point, value)

    def status(self) -> MeterStatus:
        """How this meter is doing."""
        association, intake = self._association, self._polling.intake
        return MeterStatus(
            label=self._meter.label,
            device=self._device,
            state=self._state,
            connected_since=None if self._connected_since is None else moment(self._connected_since),
            registers=len(self._polling.points),
            errors=self._losses + intake.errors,
            dropped_frames=self._dropped + (association.dropped if association is not None else 0),
            overruns=self._polling.schedule.overruns,
            time=intake.time_source,
            last_error=self._last_error or intake.last_error,
        )

    async def _session(self) -> NoReturn:
        """One connection, from its first byte until something breaks it."""
        self._state = "connecting"
        meter = self._meter
        channel = await WrapperChannel.connect(
            meter.host, meter.port, meter.client_address, meter.logical_device, meter.timeout
        )
        association = Association(channel, meter.timeout, self._password)
        try:
            await association.open()
            await self._begin(association)
            while True:
                self._proven |= await self._polling.turn(association)
        except asyncio.CancelledError:
            if self._association is not None:
                await association.release()
            raise
        finally:
            channel.close()
            self._association = None
            self._dropped += association.dropped

    async def _begin(self, association: Association) -> None:
        """What comes first on a new association: the meter's name, then everybody hears of it."""
        try:
            name = await association.get(DEVICE_NAME)
            if isinstance(name, Data) and isinstance(name.value, bytes):
                self._device = readable(name.value)
        except RequestRejected as rejected:
            self._device = f"unknown ({rejected})"
        self._polling.begin()
        self._association = association
        self._state, self._last_error = "connected", ""
        self._reported.clear()
        self._connected_since = self._hub.time.now()
        await self._publish_connected(True)
        await self._hub.events.record(METER_CONNECTED, meter=self._meter.label, device=self._device or "without a name")

    async def _lost(self, error: Exception) -> None:
        """Say so once; the points turn stale by themselves."""
        refused = isinstance(error, AssociationRefused)
        self._losses += 1
        self._state = "refused" if refused else "lost"
        silent = isinstance(error, TimeoutError)
        self._last_error = "no connection within the time-out" if silent else str(error) or type(error).__name__
        if self._connected_since is not None:
            self._connected_since = None
            await self._publish_connected(False)
        event = METER_REFUSED if refused else METER_LOST
        if event not in self._reported:
            self._reported.add(event)
            await self._hub.events.record(event, meter=self._meter.label, reason=self._last_error)

    async def _publish_connected(self, connected: bool) -> None:
        reading = Reading(connected, self._hub.time.now(), clock=int(self._hub.time.validity()))
        await self._hub.points.publish({f"{self._meter.label}/{CONNECTED}": reading})
