"""The status of the Modbus client and its plan, put together for people."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from meterhub_sdk import Config, Conversion, Peer, field, moment

from meterhub_modbus.client.device import DevicePoller
from meterhub_modbus.client.medium import Medium
from meterhub_modbus.client.planner import Hole
from meterhub_modbus.client.rows import GROUPS, GroupName
from meterhub_modbus.client.settings import MediumKey
from meterhub_modbus.client.status import ConnectionStatus, DeviceStatus, GroupLoad, GroupStatus


class PlannedRequest(Config):
    """One request of a poll."""

    device: str = field(title="Device", description="Its label.")
    group: GroupName = field(title="Polling group", description="fast, normal or slow.")
    bank: str = field(title="Bank", description="coils, contacts, input or holding.")
    first: int = field(title="First address", description="Counted from 0.")
    count: int = field(title="Count", description="Registers or bits.")
    rows: list[str] = field(title="Rows", description="Labels of the values that it brings.")
    predicted: float = field(title="Time", description="By the model of the line.", unit="ms")


class Plan(Config):
    """What one poll of each group asks."""

    requests: list[PlannedRequest] = field(title="Requests", description="In their order.")
    groups: list[GroupLoad] = field(title="Cycle times", description="For each connection and polling group.")


def plan_of(media: Mapping[MediumKey, Medium]) -> Plan:
    """The plan as it is now, with measured turn-around and known holes."""
    now = asyncio.get_running_loop().time()
    requests: list[PlannedRequest] = []
    groups: list[GroupLoad] = []
    for place, medium in media.items():
        own = [request for poller in medium.pollers for request in _requests(poller, now)]
        requests += sorted(own, key=lambda request: GROUPS.index(request.group))
        groups += loads(place, medium)
    return Plan(requests=requests, groups=groups)


def loads(place: MediumKey, medium: Medium) -> list[GroupLoad]:
    """What each polling group of a medium takes of its time, the fastest first."""
    now = asyncio.get_running_loop().time()
    found: list[GroupLoad] = []
    together = 0.0
    for group in GROUPS:
        polled = [poller for poller in medium.pollers if group in poller.plans.groups]
        if not polled:
            continue
        seconds = sum(poller.plans.predicted(group, now) for poller in polled)
        interval = polled[0].schedule.groups[group].interval
        together += seconds / interval
        found.append(
            GroupLoad(
                place=str(place),
                group=group,
                requests=sum(len(poller.plans.blocks(now)[group]) for poller in polled),
                predicted=seconds,
                interval=interval,
                load=round(100 * seconds / interval, 2),
                fits=together <= 1,
            )
        )
    return found


def _requests(poller: DevicePoller, now: float) -> list[PlannedRequest]:
    cost = poller.plans.cost()
    return [
        PlannedRequest(
            device=poller.device.label,
            group=group,
            bank=block.bank,
            first=block.first,
            count=block.count,
            rows=[value.row.label for value in block.values],
            predicted=1000 * cost.of(block.bank, block.count),
        )
        for group, blocks in poller.plans.blocks(now).items()
        for block in blocks
    ]


def connection_status(place: MediumKey, medium: Medium) -> ConnectionStatus:
    """How one medium is doing."""
    link = medium.link
    groups = loads(place, medium)
    return ConnectionStatus(
        place=str(place),
        kind=medium.access.kind,
        used_as=medium.access.used_as,
        state=medium.state,
        load=round(sum(group.load for group in groups), 2),
        dropped=medium.dropped + (link.dropped if link is not None else 0),
        line=medium.access.statistics(),
        lendings=medium.lendings,
        groups=groups,
    )


def conversion_of(pollers: Sequence[DevicePoller]) -> Conversion:
    """All devices in the form that all protocols share."""
    errors = [error for poller in pollers if (error := poller.last_error or poller.intake.problem)]
    return Conversion(
        role="client",
        peers=[
            Peer(
                name=poller.device.label,
                state=poller.state,
                since=None if poller.connected_since is None else moment(poller.connected_since),
                detail=f"{poller.device.medium} unit {poller.device.unit}",
            )
            for poller in pollers
        ],
        counters={
            "requests": sum(poller.counts.requests for poller in pollers),
            "errors": sum(poller.counts.errors for poller in pollers),
            "exceptions": sum(poller.counts.exceptions for poller in pollers),
        },
        last_error=errors[-1] if errors else "",
    )


def device_status(poller: DevicePoller) -> DeviceStatus:
    """How one device is doing."""
    now = asyncio.get_running_loop().time()
    plans, counts = poller.plans, poller.counts
    return DeviceStatus(
        label=poller.device.label,
        state=poller.state,
        connected_since=None if poller.connected_since is None else moment(poller.connected_since),
        rows=len(plans.rows),
        invalid=sum(not row.valid for row in plans.rows.values()),
        requests=counts.requests,
        errors=counts.errors,
        exceptions=counts.exceptions,
        turnaround=None if plans.turnaround.mean is None else round(1000 * plans.turnaround.mean, 3),
        groups=[
            GroupStatus(
                group=name,
                requests=len(plans.blocks(now)[name]),
                interval=group.interval,
                cycle=group.cycle,
                predicted=plans.predicted(name, now),
                overruns=group.overruns,
            )
            for name, group in poller.schedule.groups.items()
        ],
        holes=[_shown(hole) for hole in plans.holes],
        time="arrival",
        last_error=poller.last_error or poller.intake.problem,
    )


def _shown(hole: Hole) -> str:
    if hole.first >= hole.end:
        return f"{hole.bank}: no request across {hole.first}"
    return f"{hole.bank} {hole.first}" + (f" to {hole.end - 1}" if hole.end - hole.first > 1 else "")
