"""The polling cycle of the Modbus client on a serial bus, beside the best that the line allows, in the same run.

``python benchmarks/bus_modbus.py``; ``--quick`` measures fewer cycles and leaves the requests for single values out,
``--json`` prints one line for a program. Ten slaves with ten 32-bit values each (registers of the Eastron SDM630),
8E1, 5 ms turn-around, on a simulated line with true timing in a process of its own. The best is found by trying all
ways to cut the ten values into requests, and is then replayed on the same line by a master that does nothing else.
Client and replay take turns on the line, as the service gives the port back whenever it is wanted. Beside it: what
other ways to plan would take, replayed likewise. Every value that the client publishes is checked, and the line counts
the requests that came before 3.5 characters of silence were over, and by how much it was late itself.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import select
import statistics
import struct
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from itertools import pairwise, product
from typing import Any

from meterhub_modbus.client.service import ModbusClient
from meterhub_modbus.client.settings import ModbusClientConfig
from meterhub_modbus.rtu import framed
from meterhub_sdk import Reading
from meterhub_sdk.simulation import LineProcess
from meterhub_sdk.testing import FakeHub, FakeLease

ADDRESSES = (0, 2, 4, 12, 14, 16, 52, 70, 72, 342)
SLAVES = range(1, 11)
BITS = 11
TURNAROUND = 0.005
GOALS = {9600: 1.05, 19_200: 1.05, 115_200: 1.15}
PATIENCE = 60.0

Block = tuple[int, int]
"""First register and number of registers."""
Plan = Sequence[Block]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer cycles, and no requests for single values")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    options = parser.parse_args()
    figures: dict[str, dict[str, Any]] = {}
    for baud in GOALS:
        figures |= asyncio.run(measure(baud, quick=options.quick))
    if options.json:
        print(json.dumps(figures))
    else:
        for name, figure in figures.items():
            print(name, *(f"{key}={value}" for key, value in figure.items()))
    sys.exit(not all(figure["holds"] for figure in figures.values()))


async def measure(baud: int, *, quick: bool) -> dict[str, dict[str, Any]]:
    """All figures of one speed."""
    plans = make_plans(baud)
    rounds, cycles = (2, 1) if quick else (5, 3)
    beside = [name for name in plans if name != "optimal" and not (quick and name.startswith("per_"))]
    ours: list[float] = []
    best: list[float] = []
    table: dict[str, float] = {}
    line = LineProcess(
        baud=baud,
        bits=BITS,
        station="meterhub_modbus.simulator.simulation:station",
        arguments={"devices": [slave(number) for number in SLAVES]},
        turnaround=TURNAROUND,
    )
    with line:
        device = line.paths["master"]
        async with polling(device, baud) as hub:
            for _ in range(rounds):
                ours += await hub.periods(cycles)
                async with hub.taken():
                    best += [await asyncio.to_thread(replay, device, baud, plans["optimal"]) for _ in range(cycles)]
            async with hub.taken():
                for name in beside:
                    table[name] = await asyncio.to_thread(replay, device, baud, plans[name])
            requests = hub.requests
    violations, late = line.statistics.violations, 1e6 * line.statistics.lateness / line.statistics.ends
    return report(baud, ours, best, table, plans, requests) | {
        f"violations_{baud}": {"value": violations, "reference": 0, "ratio": None, "goal": 0, "holds": not violations},
        f"line_late_{baud}_us": {"value": round(late, 1), "reference": 0, "ratio": None, "goal": None, "holds": True},
    }


def report(
    baud: int,
    ours: list[float],
    best: list[float],
    table: Mapping[str, float],
    plans: Mapping[str, Plan],
    requests: int,
) -> dict[str, dict[str, Any]]:
    """Medians of cycles in milliseconds, all beside the best."""
    reference = statistics.median(best)
    shown = {f"cycle_{baud}_ms": figure(statistics.median(ours), reference, GOALS[baud], requests)}
    for name, seconds in table.items():
        shown[f"{name}_{baud}_ms"] = figure(seconds, reference, None, len(plans[name]))
    return shown


def figure(seconds: float, reference: float, goal: float | None, requests: int) -> dict[str, Any]:
    """One line of the table."""
    ratio = seconds / reference
    return {
        "value": round(1000 * seconds, 1),
        "reference": round(1000 * reference, 1),
        "ratio": round(ratio, 3),
        "goal": goal,
        "holds": goal is None or ratio <= goal,
        "requests_per_slave": requests,
    }


# -- plans ------------------------------------------------------------------------------------


def make_plans(baud: int) -> dict[str, Plan]:
    """The best, and what is usual."""
    return {
        "optimal": min(all_plans(), key=lambda plan: sum(seconds(count, baud) for _, count in plan)),
        "per_register": [(address + half, 1) for address in ADDRESSES for half in (0, 1)],
        "per_value": [(address, 2) for address in ADDRESSES],
        "adjacent": greedy(0),
        "gap_10": greedy(10),
        "gap_50": greedy(50),
    }


def all_plans() -> Iterator[Plan]:
    """Every way to cut the values, in their order, into requests of at most 125 registers."""
    for cuts in product((False, True), repeat=len(ADDRESSES) - 1):
        blocks = [[ADDRESSES[0]]]
        for address, cut in zip(ADDRESSES[1:], cuts, strict=True):
            if cut:
                blocks.append([address])
            else:
                blocks[-1].append(address)
        plan = [(block[0], block[-1] + 2 - block[0]) for block in blocks]
        if all(count <= 125 for _, count in plan):
            yield plan


def greedy(gap: int) -> Plan:
    """Read over gaps of up to so many registers."""
    blocks = [[ADDRESSES[0], ADDRESSES[0] + 2]]
    for address in ADDRESSES[1:]:
        if address - blocks[-1][1] <= gap and address + 2 - blocks[-1][0] <= 125:
            blocks[-1][1] = address + 2
        else:
            blocks.append([address, address + 2])
    return [(first, end - first) for first, end in blocks]


def silence(baud: int) -> float:
    """t3.5."""
    return 3.5 * BITS / baud if baud <= 19_200 else 0.00175


def seconds(count: int, baud: int) -> float:
    """What one request for so many registers takes of the line, the silence after it included."""
    return (8 + 5 + 2 * count) * BITS / baud + max(TURNAROUND, silence(baud)) + silence(baud)


# -- the master that only replays -----------------------------------------------------------------


def replay(device: str, baud: int, plan: Plan) -> float:
    """Seconds of one cycle over all slaves."""
    descriptor = os.open(device, os.O_RDWR | os.O_NOCTTY)
    try:
        quiet(time.monotonic() + 0.02)
        begin = time.monotonic()
        for unit in SLAVES:
            for first, count in plan:
                os.write(descriptor, framed(unit, struct.pack(">BHH", 4, first, count)))
                quiet(receive(descriptor, 5 + 2 * count) + silence(baud))
        return time.monotonic() - begin
    finally:
        os.close(descriptor)


def receive(descriptor: int, size: int) -> float:
    """A whole answer; when its last byte came."""
    came = 0
    while came < size:
        if not select.select([descriptor], [], [], 2.0)[0]:
            raise TimeoutError(f"{came} of {size} bytes came")
        came += len(os.read(descriptor, 512))
    return time.monotonic()


def quiet(until: float) -> None:
    """Wait, the last moment by watching the clock."""
    time.sleep(max(0.0, until - time.monotonic() - 0.001))
    while time.monotonic() < until:
        pass


# -- the client ---------------------------------------------------------------------------------


def slave(number: int) -> dict[str, Any]:
    """One simulated device; as the real one does, it answers 0 between its values."""
    values = [{"label": f"r{address}", "value": held(number, address)} for address in ADDRESSES]
    return {"label": f"s{number}", "unit": number, "rows": rows(), "gaps": "zero", "values": values}


def held(number: int, address: int) -> float:
    """The value that a device holds in a place."""
    return 1000.0 * number + address


def rows() -> list[dict[str, Any]]:
    """Ten values."""
    return [{"label": f"r{address}", "bank": "input", "address": address, "type": "f32"} for address in ADDRESSES]


class TurnTaking(FakeHub):
    """Lends the port to the client, and takes it back for the replay."""

    def __init__(self) -> None:
        super().__init__("modbus-client")
        self.requests = 0
        self._port = asyncio.Lock()
        self._lease: FakeLease | None = None
        self._wanted = False
        self._marks: list[float] = []
        self._marked = asyncio.Event()

    @contextlib.asynccontextmanager
    async def lease(
        self, kind: str, name: str, *, priority: int = 0, seconds: float | None = None
    ) -> AsyncIterator[FakeLease]:
        async with self._port:
            self._lease = FakeLease(self.things[kind, name])
            if self._wanted:
                self._lease.want()
            yield self._lease
            self._lease = None

    @contextlib.asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """The port for somebody else."""
        self._wanted = True
        if self._lease is not None:
            self._lease.want()
        async with self._port:
            self._wanted = False
            yield

    async def publish(self, batch: Mapping[str, Reading], *, history: bool = False) -> None:
        """Note the time of each cycle; the readings themselves are checked and forgotten."""
        for name, reading in batch.items():
            slave, _, place = name.partition("/r")
            if place and (reading.quality or reading.value != held(int(slave[1:]), int(place))):
                raise ValueError(f"{name} was published as {reading}")
        if f"s{SLAVES[0]}/r{ADDRESSES[-1]}" in batch:
            self._marks.append(asyncio.get_running_loop().time())
            self._marked.set()

    async def periods(self, count: int) -> list[float]:
        """Seconds of the next so many whole cycles; the first after a turn of somebody else does not count."""
        self._marks.clear()
        async with asyncio.timeout(PATIENCE):
            while len(self._marks) <= count:
                self._marked.clear()
                await self._marked.wait()
        return [after - before for before, after in pairwise(self._marks[: count + 1])]


@contextlib.asynccontextmanager
async def polling(device: str, baud: int) -> AsyncIterator[TurnTaking]:
    """The client, which always has something to poll."""
    hub = TurnTaking()
    hub.things["serial", "bus"] = {"device": device, "baud": baud, "parity": "even"}
    devices = [
        {"label": f"s{n}", "interface": "serial", "serial_port": "bus", "unit": n, "rows": rows()} for n in SLAVES
    ]
    service = ModbusClient(hub, ModbusClientConfig.model_validate({"devices": devices, "normal": 0.1}))
    async with hub.running(service):
        await hub.periods(1)
        plan = await service.plan()
        hub.requests = len(plan.requests) // len(SLAVES)
        yield hub
    hub.close()


if __name__ == "__main__":
    main()
