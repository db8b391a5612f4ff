"""What one meter is asked, group by group, over whatever association there is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from meterhub_sdk import Hub

from meterhub_dlms.client.association import Association
from meterhub_dlms.client.cost import Link, shape_of
from meterhub_dlms.client.errors import AssociationError, RequestRejected
from meterhub_dlms.client.intake import Intake
from meterhub_dlms.client.mapped import MappedPoint, Scaling
from meterhub_dlms.client.planner import Item, Kind, Limits, Planner, scaler_item, value_item
from meterhub_dlms.client.request import Request
from meterhub_dlms.client.schedule import GROUPS, Schedule
from meterhub_dlms.client.settings import DlmsClientConfig, GroupName, Meter
from meterhub_dlms.codec import ln
from meterhub_dlms.codec.xdlms import AccessResult

DEVICE_NAME = ln.Attribute(1, bytes((0, 0, 42, 0, 0, 255)), 2)
"""The logical device name."""

_MAX_REJECTIONS = 3
_SAMPLE = 8


class Batch(NamedTuple):
    """One request, prepared once, and what its results are for."""

    items: Sequence[Item]
    request: Request


class Polling:
    """The polling groups of one meter. ``link`` tells what its line costs now."""

    def __init__(self, hub: Hub, config: DlmsClientConfig, meter: Meter, link: Callable[[], Link]) -> None:
        self.points = {mapping.label: MappedPoint(meter, mapping) for mapping in meter.mappings}
        self.intake = Intake(hub, config, meter)
        read = [point for point in self.points.values() if point.mapping.kind == "attribute"]
        members = {group: [point for point in read if point.mapping.group == group] for group in GROUPS}
        self._groups: dict[GroupName, list[MappedPoint]] = {g: points for g, points in members.items() if points}
        self.schedule: Schedule[Batch] = Schedule({group: config.interval(group) for group in self._groups})
        self.cycles: dict[GroupName, float] = {}
        """Seconds on the line that the last poll of each group took."""
        self.expected: dict[GroupName, float] = {}
        """Seconds on the line that its plan reckons with."""
        self._meter = meter
        self._link = link
        self._planned_with = link()
        self._clock = config.meter_time
        self._most_values = meter.values_per_request
        self._plans: dict[GroupName, list[Batch]] = {}
        self._spent: dict[GroupName, float] = {}
        self._rejections = 0

    def begin(self) -> None:
        """A new association: scalers are read again, and all groups are due."""
        for point in self.points.values():
            point.forget()
        self.intake.forget()
        self._plans.clear()
        self._spent.clear()
        self._rejections = 0
        self.schedule.restart(asyncio.get_running_loop().time())

    @property
    def read_count(self) -> int:
        """How many points are read."""
        return sum(map(len, self._groups.values()))

    def another_meter(self) -> None:
        """What was learnt of the meter before counts no more: its limits, sizes and data types, and what it lacked."""
        self._most_values = self._meter.values_per_request
        self._plans.clear()
        for point in self.points.values():
            point.renew()

    async def exchange(self, association: Association, group: GroupName) -> bool:
        """The next exchange of a group; true when it completed the group's poll."""
        batch = self.schedule.take(group, lambda: self._planned(association, group))
        if batch is not None:
            begun = asyncio.get_running_loop().time()
            await self._exchange(association, group, batch)
            spent = asyncio.get_running_loop().time() - begun
            self._spent[group] = self._spent.get(group, 0.0) + spent
        if not self.schedule.done(group):
            return False
        self.cycles[group] = self._spent.pop(group, 0.0)
        return True

    async def read_now(self, association: Association, point: MappedPoint) -> None:
        """Read one point out of turn, with its scaler where that is not known."""
        scaler = scaler_item(point) if point.scaling is Scaling.UNKNOWN else None
        items = [item for item in (scaler, value_item(point)) if item is not None]
        one_by_one = self._planner(association)._replace(limits=Limits(0, 0, 1))
        for batch in _prepared(association, one_by_one.plan(items)):
            await self.intake.take(batch.items, await association.get_many(batch.request))

    # -- planning ---------------------------------------------------------------------------------

    def _planned(self, association: Association, group: GroupName) -> list[Batch]:
        """A group's requests; registers whose scaler is still unknown are asked for it first."""
        points = self._groups[group]
        unknown = (scaler_item(point) for point in points if point.scaling is Scaling.UNKNOWN)
        scalers = [item for item in unknown if item is not None]
        if self.intake.resized or self._moved():
            self.intake.resized = False
            self._plans.clear()
        planner = self._planner(association)
        if scalers:
            return _prepared(association, planner.plan([*scalers, *map(value_item, points)], in_order=True))
        if group not in self._plans:
            plan = planner.plan([value_item(point) for point in points])
            self._plans[group] = _prepared(association, plan)
            self.expected[group] = planner._replace(clock=False).cost(plan)
        return self._plans[group]

    def _moved(self) -> bool:
        """Whether the meter's turn-around is so different that another plan may be better."""
        return self._link().moved_from(self._planned_with)

    def _planner(self, association: Association) -> Planner:
        """With the limits of the association; a protected APDU is longer both ways."""
        shape = shape_of(self._meter)
        extra = max(0, association.request_size(_SAMPLE) - shape.request_size(_SAMPLE))
        shape = shape._replace(request=shape.request + extra, answer=shape.answer + extra)
        several = association.lists and self._most_values > 1
        most = self._most_values + self._clock if several else 1
        self._planned_with = self._link()
        limits = Limits(association.request_limit, association.answer_limit, most)
        return Planner(shape, limits, self._planned_with, self._clock)

    # -- exchanging -------------------------------------------------------------------------------

    async def _exchange(self, association: Association, group: GroupName, batch: Batch) -> None:
        """One request and what it brings; where the meter rejects a list, smaller ones take its place."""
        try:
            results: Sequence[ln.GetResult] = await association.get_many(batch.request)
            self._rejections = 0
        except RequestRejected as rejected:
            if len(batch.items) > 1:
                self.schedule.put_back(group, self._smaller(association, batch))
                return
            self._rejections += 1
            if self._rejections >= _MAX_REJECTIONS:
                raise AssociationError(f"the meter rejects every request: {rejected}") from None
            results = [AccessResult.OTHER_REASON]
        await self.intake.take(batch.items, results)

    def _smaller(self, association: Association, batch: Batch) -> list[Batch]:
        """The same items in lists half as long; the meter's limit is remembered for all groups."""
        items = [item for item in batch.items if item.kind is not Kind.CLOCK]
        self._most_values = max(1, len(items) // 2)
        self._plans.clear()
        return _prepared(association, self._planner(association).plan(items, in_order=True))


def _prepared(association: Association, plan: Sequence[Sequence[Item]]) -> list[Batch]:
    return [Batch(tuple(items), association.prepare([item.attribute for item in items])) for items in plan]
