"""One device on its medium: what it is asked, whether it answers, and what follows from that."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Literal

from meterhub_sdk import Hub, Reading

from meterhub_modbus.client.adapter import Request, read
from meterhub_modbus.client.bisection import Job, Split
from meterhub_modbus.client.breaker import Breaker
from meterhub_modbus.client.errors import BadAnswer, DeviceException, NoAnswer
from meterhub_modbus.client.events import DEVICE_CONNECTED, DEVICE_LOST, ROW_REFUSED
from meterhub_modbus.client.intake import Intake
from meterhub_modbus.client.link import Link
from meterhub_modbus.client.mapped import MappedRow
from meterhub_modbus.client.planner import block_of
from meterhub_modbus.client.plans import Access, Plans
from meterhub_modbus.client.rows import CONNECTED, GroupName
from meterhub_modbus.client.schedule import Schedule
from meterhub_modbus.client.settings import Device, ModbusClientConfig

_REFUSED_FOR = 3600.0
"""Seconds that a row or gap is left out when the device does not have it."""
_FAILED_FOR = 10.0
"""Seconds that it is left out when the device has it and could not give it (exception 4)."""

State = Literal["waiting", "connected", "lost"]


@dataclass(slots=True)
class Counts:
    """Since the start."""

    requests: int = 0
    errors: int = 0
    exceptions: int = 0


class DevicePoller:
    """One device; the medium's task calls it, one exchange at a time."""

    def __init__(self, hub: Hub, config: ModbusClientConfig, device: Device, access: Access) -> None:
        self.device = device
        self.plans = Plans(config, device, access)
        self.schedule = Schedule({group: config.interval(group) for group in self.plans.groups})
        self.breaker = Breaker(device.retries, config.reconnect_delay)
        self.intake = Intake(hub)
        self.counts = Counts()
        self.state: State = "waiting"
        self.connected_since: int | None = None
        self.last_error = ""
        self._hub = hub
        self._reported_lost = False
        self._withheld: list[MappedRow] = []

    # -- for the medium -----------------------------------------------------------------------

    def ready(self, now: float) -> bool:
        """False while the breaker keeps it from being asked."""
        return not self.breaker.open or now >= self.breaker.try_at

    def start_due(self, now: float) -> None:
        """Begin the polls that are due."""
        if not self.breaker.open:
            self.schedule.start_due(now, partial(self._begin, now))

    def resume(self, now: float) -> None:
        """The medium is open again: everything is due, unless the device was silent before it broke."""
        self.plans.expire()
        if self.state == "lost" and not self.breaker.open:
            self.state = "waiting"
            self.schedule.restart(now)

    def wait_until(self, now: float) -> float:
        """When there is something to do next."""
        if self.breaker.open:
            return self.breaker.try_at
        pending = any(self.schedule.pending(group) for group in self.schedule.groups)
        return now if pending else self.schedule.next_due(now)

    def _begin(self, now: float, group: GroupName) -> list[Job]:
        self._withheld += self.plans.left_out(group, now)
        return list(self.plans.jobs(group, now))

    async def publish_withheld(self) -> None:
        """Rows that are left out are invalid at each poll of their group."""
        if self._withheld:
            rows, self._withheld = self._withheld, []
            await self.intake.withhold(rows)

    # -- exchanges ----------------------------------------------------------------------------

    async def ask(self, link: Link, request: Request) -> bytes:
        """One exchange, counted and measured; raises what the link raises."""
        self.counts.requests += 1
        try:
            answer = await link.ask(request, self.device.timeout)
        except DeviceException as refusal:
            if refusal.absent:
                self._note_failure(str(refusal))
                raise NoAnswer(str(refusal)) from None
            self.counts.exceptions += 1
            self.last_error = str(refusal)
            await self._answered()
            raise
        except (NoAnswer, BadAnswer) as error:
            self._note_failure(str(error))
            raise
        self.plans.turnaround.add(answer.turnaround)
        await self._answered()
        return answer.content

    def _note_failure(self, reason: str) -> None:
        self.counts.errors += 1
        self.last_error = reason

    async def poll(self, link: Link, group: GroupName) -> None:
        """The next request of a group."""
        poll = self.schedule.groups[group]
        job = poll.take(_now())
        try:
            content = await self.ask(link, self._read(job))
        except DeviceException as refusal:
            poll.pending.extendleft(reversed(await self._refused(job, refusal)))
        except (NoAnswer, BadAnswer) as error:
            if self.breaker.failure(_now()):
                await self.lost(str(error))
            else:
                poll.pending.appendleft(job)
        else:
            job.over(explained=False)
            self.intake.trace(job.block, link.heard)
            await self.intake.take(job.block, content)
        finally:
            poll.exchanged(_now())

    async def probe(self, link: Link) -> None:
        """Ask a lost device for one value; when it answers, everything is due."""
        if not self.plans.rows:
            return
        row = min(self.plans.rows.values(), key=lambda row: row.end - row.address)
        job = Job(block_of([row]))
        try:
            content = await self.ask(link, self._read(job))
        except DeviceException:
            pass
        except (NoAnswer, BadAnswer):
            self.breaker.failure(_now())
            return
        else:
            await self.intake.take(job.block, content)

    def _read(self, job: Job) -> Request:
        return read(self.device.unit, job.block.bank, job.block.first, job.block.count)

    # -- what follows ---------------------------------------------------------------------------

    async def _refused(self, job: Job, refusal: DeviceException) -> list[Job]:
        """An exception to a read: halves to try, or rows to leave out."""
        lasting = refusal.unreadable or refusal.code == 1
        until = _now() + (_REFUSED_FOR if lasting else _FAILED_FOR)
        several = len({(row.address, row.end) for row in job.block.values}) > 1
        if several and (refusal.unreadable or refusal.code == 4):
            return list(Split(job, partial(self.plans.add_hole, until=until)).halves)
        job.over(explained=True)
        if lasting or refusal.code == 4:
            for row in job.block.values:
                self.plans.leave_out(row, until)
        if not refusal.passing:
            await self.intake.withhold(job.block.values)
        if lasting:
            await self._report(job.block.values, refusal)
        return []

    async def _report(self, rows: tuple[MappedRow, ...], refusal: DeviceException) -> None:
        """Each refused row is logged once."""
        for row in rows:
            if not row.reported:
                row.reported = True
                label, name = self.device.label, row.row.label
                await self._hub.events.record(
                    ROW_REFUSED, device=label, row=name, source=row.row.source, reason=str(refusal)
                )

    async def _answered(self) -> None:
        self.breaker.success()
        if self.state == "connected":
            return
        if self.state == "lost":
            self.schedule.restart(_now())
        self.state, self._reported_lost = "connected", False
        self.connected_since = self._hub.time.now()
        self.plans.forget()
        await self.publish_connected()
        place = f"{self.device.medium} unit {self.device.unit}"
        await self._hub.events.record(DEVICE_CONNECTED, device=self.device.label, place=place)

    async def lost(self, reason: str) -> None:
        """It counts as lost: say so once; its points turn stale by themselves."""
        self.schedule.stop()
        self.last_error = reason
        was_connected, self.state = self.state == "connected", "lost"
        self.connected_since = None
        if was_connected:
            await self.publish_connected()
        if not self._reported_lost:
            self._reported_lost = True
            place = f"{self.device.medium} unit {self.device.unit}"
            await self._hub.events.record(DEVICE_LOST, device=self.device.label, place=place, reason=reason)

    async def publish_connected(self) -> None:
        """Publish whether the device answers."""
        time, clock = self._hub.time.now(), int(self._hub.time.validity())
        reading = Reading(self.state == "connected", time, clock=clock)
        await self._hub.points.publish({f"{self.device.label}/{CONNECTED}": reading})


def _now() -> float:
    return asyncio.get_running_loop().time()
