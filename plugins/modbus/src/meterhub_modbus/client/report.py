"""The status of the Modbus client and its plan, put together for people."""

from __future__ import annotations

import asyncio

from meterhub_sdk import Config, field, moment

from meterhub_modbus.client.device import DevicePoller
from meterhub_modbus.client.medium import Medium
from meterhub_modbus.client.planner import Hole
from meterhub_modbus.client.rows import GROUPS
from meterhub_modbus.client.settings import MediumKey, ModbusClientConfig
from meterhub_modbus.client.status import ConnectionStatus, DeviceStatus, GroupStatus


class PlannedRequest(Config):
    """One request of a poll."""

    device: str = field(title="Device", description="Its label.")
    group: str = field(title="Polling group", description="fast, normal or slow.")
    bank: str = field(title="Bank", description="coils, contacts, input or holding.")
    first: int = field(title="First address", description="Counted from 0.")
    count: int = field(title="Count", description="Registers or bits.")
    rows: list[str] = field(title="Rows", description="Labels of the values that it brings.")
    predicted: float = field(title="Time", description="By the model of the line.", unit="ms")


class PlannedGroup(Config):
    """One polling group of all devices on one connection."""

    place: str = field(title="Connection", description="Host and port.")
    group: str = field(title="Polling group", description="fast, normal or slow.")
    requests: int = field(title="Requests", description="Of all devices.")
    predicted: float = field(title="Cycle time", description="By the model of the line.", unit="s")
    interval: float = field(title="Interval", description="As in the settings.", unit="s")
    load: float = field(title="Load", description="Share of the connection's time that the group takes.", unit="%")


class Plan(Config):
    """What one poll of each group asks."""

    requests: list[PlannedRequest] = field(title="Requests", description="In their order.")
    groups: list[PlannedGroup] = field(title="Cycle times", description="For each connection and polling group.")


def plan_of(config: ModbusClientConfig, media: dict[MediumKey, Medium]) -> Plan:
    """The plan as it is now, with measured turn-around and known holes."""
    now = asyncio.get_running_loop().time()
    requests: list[PlannedRequest] = []
    groups: list[PlannedGroup] = []
    for place, medium in media.items():
        for group in GROUPS:
            polled = [poller for poller in medium.pollers if group in poller.plans.groups]
            if not polled:
                continue
            own = [request for poller in polled for request in _requests(poller, now) if request.group == group]
            seconds = sum(request.predicted for request in own) / 1000
            interval = config.interval(group)
            load = round(100 * seconds / interval, 2)
            groups.append(
                PlannedGroup(
                    place=str(place), group=group, requests=len(own), predicted=seconds, interval=interval, load=load
                )
            )
            requests += own
    return Plan(requests=requests, groups=groups)


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
    dropped = medium.dropped + (link.dropped if link is not None else 0)
    return ConnectionStatus(place=str(place), open=link is not None, dropped=dropped)


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
