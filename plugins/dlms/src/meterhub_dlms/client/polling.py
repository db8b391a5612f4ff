"""What one meter is asked, group by group, over whatever association there is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from meterhub_sdk import Hub

from meterhub_dlms.client.association import Association, AssociationError, RequestRejected
from meterhub_dlms.client.intake import Intake
from meterhub_dlms.client.mapped import MappedPoint, Scaling
from meterhub_dlms.client.planner import Batch, Kind, Limits, plan, scaler_item, value_item
from meterhub_dlms.client.schedule import GROUPS, Schedule
from meterhub_dlms.client.settings import DlmsClientConfig, GroupName, Meter
from meterhub_dlms.codec import ln
from meterhub_dlms.codec.xdlms import AccessResult
from meterhub_dlms.link.errors import LinkError

DEVICE_NAME = ln.Attribute(1, bytes((0, 0, 42, 0, 0, 255)), 2)
"""The logical device name."""

KEEP_ALIVE = 60.0
"""Seconds without a request after which one is sent: meters close idle associations, commonly after 120 s."""

_MAX_REJECTIONS = 3
_ONE_BY_ONE = Limits(0, 0, 1)


class Polling:
    """The polling groups of one meter."""

    def __init__(self, hub: Hub, config: DlmsClientConfig, meter: Meter) -> None:
        self.points = {mapping.label: MappedPoint(meter, mapping) for mapping in meter.mappings}
        self.intake = Intake(hub, meter, meter_time=config.meter_time)
        members = {g: [p for p in self.points.values() if p.mapping.group == g] for g in GROUPS}
        self._groups: dict[GroupName, list[MappedPoint]] = {g: points for g, points in members.items() if points}
        self.schedule = Schedule({group: config.interval(group) for group in self._groups})
        self._clock = config.meter_time
        self._most_values = meter.values_per_request
        self._plans: dict[GroupName, list[Batch]] = {}
        self._rejections = 0

    def begin(self) -> None:
        """A new association: scalers are read again, and all groups are due."""
        for point in self.points.values():
            point.forget()
        self.intake.forget()
        self._plans.clear()
        self._rejections = 0
        self.schedule.restart(asyncio.get_running_loop().time())

    async def turn(self, association: Association) -> bool:
        """The next exchange, or the wait for it; true when it completed a group's poll."""
        clock = asyncio.get_running_loop().time
        work = self.schedule.next(clock(), lambda group: self._planned(association, group))
        if work is not None:
            group, batch = work
            await self._exchange(association, group, batch)
            return self.schedule.done(group)
        wait = self.schedule.wait(clock())
        with suppress(TimeoutError):
            await asyncio.wait_for(association.channel.lost.wait(), min(wait, KEEP_ALIVE))
            raise LinkError(association.channel.reason)
        if wait > KEEP_ALIVE:
            with suppress(RequestRejected):
                await association.get(DEVICE_NAME)
        return False

    async def read_now(self, association: Association, point: MappedPoint) -> None:
        """Read one point out of turn, with its scaler where that is not known."""
        scaler = scaler_item(point) if point.scaling is Scaling.UNKNOWN else None
        items = [item for item in (scaler, value_item(point)) if item is not None]
        for batch in plan(items, _ONE_BY_ONE, clock=self._clock):
            await self.intake.take(batch, await association.get_all(batch.request, len(batch.items)))

    def _planned(self, association: Association, group: GroupName) -> list[Batch]:
        """A group's requests; registers whose scaler is still unknown are asked for it first."""
        points = self._groups[group]
        unknown = (scaler_item(point) for point in points if point.scaling is Scaling.UNKNOWN)
        scalers = [item for item in unknown if item is not None]
        if scalers:
            return plan([*scalers, *map(value_item, points)], self._limits(association), clock=self._clock)
        if group not in self._plans:
            values = [value_item(point) for point in points]
            self._plans[group] = plan(values, self._limits(association), clock=self._clock)
        return self._plans[group]

    def _limits(self, association: Association) -> Limits:
        """What fits: a meter answers no more at once than it can receive itself."""
        size = association.request_limit
        several = association.lists and self._most_values > 1
        return Limits(size, size, self._most_values + self._clock if several else 1)

    async def _exchange(self, association: Association, group: GroupName, batch: Batch) -> None:
        """One request and what it brings; where the meter rejects a list, smaller ones take its place."""
        try:
            results: Sequence[ln.GetResult] = await association.get_all(batch.request, len(batch.items))
            self._rejections = 0
        except RequestRejected as rejected:
            if len(batch.items) > 1:
                self.schedule.put_back(group, self._smaller(association, batch))
                return
            self._rejections += 1
            if self._rejections >= _MAX_REJECTIONS:
                raise AssociationError(f"the meter rejects every request: {rejected}") from None
            results = [AccessResult.OTHER_REASON]
        await self.intake.take(batch, results)

    def _smaller(self, association: Association, batch: Batch) -> list[Batch]:
        """The same items in lists half as long; the meter's limit is remembered for all groups."""
        items = [item for item in batch.items if item.kind is not Kind.CLOCK]
        self._most_values = max(1, len(items) // 2)
        self._plans.clear()
        return plan(items, self._limits(association), clock=self._clock)
