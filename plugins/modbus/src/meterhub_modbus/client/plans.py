"""The requests that each polling group of one device takes, and what they leave out."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from meterhub_sdk.serial import LineStatistics

from meterhub_modbus.client.bisection import Job
from meterhub_modbus.client.link import Link
from meterhub_modbus.client.mapped import MappedRow
from meterhub_modbus.client.planner import Block, Cost, Hole, Limits, duration, plan
from meterhub_modbus.client.rows import GROUPS, GroupName
from meterhub_modbus.client.settings import Device, ModbusClientConfig
from meterhub_modbus.client.turnaround import Turnaround

_REPLAN_INTERVAL = 10.0
"""Seconds: new measurements change the plans no more often."""

Blocks = dict[GroupName, list[Block[MappedRow]]]


class Access(Protocol):
    """The way to a medium: TCP connection or serial line."""

    @property
    def kind(self) -> str:
        """For people: Modbus TCP or Modbus RTU."""
        ...

    @property
    def used_as(self) -> str:
        """What is known of the line, for people; empty where there is nothing to say."""
        ...

    def open(self) -> AbstractAsyncContextManager[Link]:
        """An open link for the length of the block; ``OSError`` or ``MeterhubError`` when there is none."""
        ...

    def statistics(self) -> LineStatistics | None:
        """What went over a serial line; ``None`` for another medium."""
        ...

    def cost(self, turnaround: float | None) -> Cost:
        """What a read costs where a device takes ``turnaround`` seconds; ``None``: not measured yet."""
        ...


class Plans:
    """The plans of one device; they follow its measured turn-around and what it refused."""

    def __init__(self, config: ModbusClientConfig, device: Device, access: Access) -> None:
        self.rows = {row.label: MappedRow(device, row) for row in config.rows(device)}
        self.turnaround = Turnaround()
        self.groups = [group for group in GROUPS if any(row.group == group for row in self.rows.values())]
        self._limits = Limits(config.register_limit(device), config.optimise)
        self._access = access
        self._holes: dict[Hole, float] = {}
        self._blocks: Blocks | None = None
        self._expires = float("inf")
        self._planned_at = 0.0

    def jobs(self, group: GroupName, now: float) -> Sequence[Job]:
        """One poll of a group."""
        return [Job(block) for block in self.blocks(now)[group]]

    def left_out(self, group: GroupName, now: float) -> list[MappedRow]:
        """Rows of a group that are not asked for, because the device refused them."""
        return [row for row in self.rows.values() if row.group == group and row.left_out_until > now]

    def blocks(self, now: float) -> Blocks:
        """The requests of all groups as they are now."""
        moved = self.turnaround.moved and now >= self._planned_at + _REPLAN_INTERVAL
        if self._blocks is None or now >= self._expires or moved:
            self._blocks = self._plan(now)
        return self._blocks

    def _plan(self, now: float) -> Blocks:
        self._holes = {hole: until for hole, until in self._holes.items() if until > now}
        waiting = [row.left_out_until for row in self.rows.values() if row.left_out_until > now]
        self._expires = min((*self._holes.values(), *waiting), default=float("inf"))
        self._planned_at = now
        asked = [row for row in self.rows.values() if row.left_out_until <= now]
        members = [[row for row in asked if row.group == group] for group in self.groups]
        cost = self._access.cost(self.turnaround.used())
        return dict(zip(self.groups, plan(members, cost, self._limits, self._holes), strict=True))

    def add_hole(self, hole: Hole, until: float) -> None:
        """No request for several values touches it until then."""
        self._holes[hole] = until
        self._blocks = None

    def leave_out(self, row: MappedRow, until: float) -> None:
        """Do not ask for a row until then."""
        row.left_out_until = until
        self.add_hole(Hole(row.bank, row.address, row.end), until)

    def expire(self) -> None:
        """Plan anew: the medium may have another speed than before."""
        self._blocks = None

    def forget(self) -> None:
        """Ask for everything again."""
        self._holes.clear()
        self._blocks = None
        for row in self.rows.values():
            row.left_out_until = 0.0

    @property
    def holes(self) -> list[Hole]:
        """What the requests go around."""
        return sorted(self._holes)

    def predicted(self, group: GroupName, now: float) -> float:
        """Seconds that one poll of a group takes at best."""
        return duration(self.blocks(now)[group], self.cost())

    def cost(self) -> Cost:
        """What a read costs by the newest measurement."""
        return self._access.cost(self.turnaround.mean)
