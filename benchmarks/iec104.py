"""The IEC 60870-5-104 server: processor time of an event, delay and interrogations, beside c104 and hat-drivers.

``python benchmarks/iec104.py``; ``--quick`` does fewer and shorter rounds, ``--json`` prints one line for a program.
Each server is a process of its own with its feeder; the master is this one, the same bare master for all of them. What
the same feeder costs that sends to nobody is taken off.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import NamedTuple

from _iec104_servers import POINTS
from _master104 import Event, Master
from _process import Child, free_port, resident
from _stamp import passed_ms

MOST_C104, MOST_HAT, MOST_INTERROGATION = 0.3, 0.15, 0.5
NOBODY = "nobody"
MOST_GROWTH_MB = 2.0
IDLE = 1.0
"""Seconds without an event after which no more are waited for."""

SETTLED = 0.12
"""Seconds after the last event in which what there is to be done about it counts, such as bringing it to the disk."""

Figure = dict[str, float | bool | None]


class Load(NamedTuple):
    """What is sent: events a second, and points that change at once."""

    rate: int
    size: int
    share: float
    """Of the time of a round."""
    busy: float = 1.0
    """The part of each second in which they come."""

    @property
    def label(self) -> str:
        kind = "" if self.busy < 1 or self.rate > 1_000 else "_spread" if self.size > 1 else "_singly"
        return f"{self.rate}{kind}"

    @property
    def judged(self) -> bool:
        """Whether a goal is set: whoever is woken for a few points at a time mostly pays for waking up."""
        return not self.label.endswith(("_spread", "_singly"))


PLAIN = [Load(1_000, 50, 2.0, 0.2), Load(5_000, 50, 0.6), Load(1_000, 50, 1.0), Load(1_000, 1, 0.6)]
HEAVY = Load(20_000, 50, 1.0)


class Round(NamedTuple):
    """What one round measured."""

    processor: float
    """Microseconds of processor time for one event, the feeder's included and the fake hub's not."""
    feeding: float
    """Those of the fake hub."""
    delays: list[float]
    """Milliseconds."""
    lost: int
    repeated: int
    memory: int
    """Bytes that the process has afterwards."""


class Server:
    """One of them, running, with a master connected to it."""

    def __init__(self, child: Child, master: Master | None) -> None:
        self.rounds: dict[Load, list[Round]] = {}
        self.interrogations: list[float] = []
        self._child = child
        self._master = master
        # The system's clock of another process's processor time (CPUCLOCK_SCHED of Linux).
        self._clock = ~child.pid << 3 | 2

    @classmethod
    async def start(cls, kind: str, stack: AsyncExitStack) -> Server:
        """Start it for the length of the stack's block."""
        port = free_port()
        child = await Child.start(__file__.replace("iec104.py", "_iec104_servers.py"), kind, str(port))
        stack.push_async_callback(child.stop)
        await child.ask(None)
        if kind == NOBODY:
            return cls(child, None)
        master = await connected(port)
        stack.callback(master.close)
        await asyncio.sleep(0.3)  # STARTDT, and what the server has to say at first
        return cls(child, master)

    async def measure(self, load: Load, seconds: float) -> None:
        """One round."""
        count = int(load.rate * seconds * load.share) // load.size * load.size
        before = time.clock_gettime(self._clock)
        if self._master is not None:
            self._master.clear()
        told = await self._child.ask({"count": count, "size": load.size, "rate": load.rate, "busy": load.busy})
        if self._master is None:
            events, after = list[Event](), time.clock_gettime(self._clock)
        else:
            events, after = await arrived(self._master, count, self._clock)
        processor = 1e6 * (after - before - told["feeding"]) / count
        delays = [passed_ms(int(event.value), event.came) for event in events]
        different = len({(event.address, event.value) for event in events})
        lost, repeated, feeding = count - different, len(events) - different, 1e6 * told["feeding"] / count
        done = Round(processor, feeding, delays, lost, repeated, resident(self._child.pid))
        self.rounds.setdefault(load, []).append(done)

    async def interrogate(self) -> None:
        """One general interrogation, from the command to its termination."""
        master = self._master
        assert master is not None
        master.clear()
        began = time.monotonic()
        master.interrogate()
        async with asyncio.timeout(30):
            await master.terminated.wait()
        self.interrogations.append(1000 * (time.monotonic() - began))
        if master.objects != POINTS:
            raise ValueError(f"an interrogation brought {master.objects} of {POINTS} points")

    def processor(self, load: Load, feeder: Server) -> float:
        """Microseconds for an event, without those of a feeder that sends to nobody; the median of the rounds."""
        rounds = zip(self.rounds[load], feeder.rounds[load], strict=True)
        return statistics.median(mine.processor - without.processor for mine, without in rounds)

    def delay(self, load: Load, share: int) -> float:
        """The percentile of each round in milliseconds, and their median."""
        return statistics.median(
            statistics.quantiles(round.delays, n=100, method="inclusive")[share - 1] for round in self.rounds[load]
        )


async def measure(rounds: int, seconds: float) -> dict[str, Figure]:
    """All figures; the servers take turns."""
    kinds = [NOBODY, "meterhub"]
    kinds += ["c104", "c104_batch"] if installed("c104") else []
    kinds += ["hat"] if installed("hat.drivers") else []
    async with AsyncExitStack() as stack:
        servers = {kind: await Server.start(kind, stack) for kind in kinds}
        for _ in range(rounds):
            for load in PLAIN:
                for kind, server in servers.items():
                    if kind != "c104_batch" or load.rate == 5_000:
                        await server.measure(load, seconds)
        for _ in range(rounds):
            for kind in (NOBODY, "meterhub"):
                await servers[kind].measure(HEAVY, seconds)
        if installed("c104"):
            servers["c104_untagged"] = await Server.start("c104_untagged", stack)
        for _ in range(20 * rounds):
            for kind in servers.keys() & {"meterhub", "c104_untagged"}:
                await servers[kind].interrogate()
    return dict(figures(servers))


async def arrived(master: Master, count: int, clock: int) -> tuple[list[Event], float]:
    """What came, once so many events have, or none came for a while; and what the clock said soon after the last."""
    seen, changed, read = -1, 0.0, 0.0
    while True:
        now = time.monotonic()
        if master.objects != seen:
            seen, changed = master.objects, now
        if now <= changed + SETTLED:
            read = time.clock_gettime(clock)
        elif seen >= count or now > changed + IDLE:
            return list(master.events()), read
        await asyncio.sleep(0.01)


async def connected(port: int) -> Master:
    """A master of a server that begins to listen soon."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(10):
        while True:
            try:
                return (await loop.create_connection(Master, "127.0.0.1", port))[1]
            except ConnectionRefusedError:
                await asyncio.sleep(0.05)


def figures(servers: dict[str, Server]) -> Iterator[tuple[str, Figure]]:
    """What was measured, by name."""
    ours, feeder = servers["meterhub"], servers.pop(NOBODY)
    goals = {"c104": MOST_C104, "hat": MOST_HAT}
    for load in PLAIN:
        for kind, other in servers.items():
            if kind != "meterhub" and load in other.rounds:
                goal = goals.get(kind) if load.judged else None
                yield (
                    f"event_us_{load.label}_{kind}",
                    figure(ours.processor(load, feeder), other.processor(load, feeder), goal),
                )
    for load in PLAIN:
        for share in (50, 95):
            for kind in servers.keys() & goals.keys():
                other = servers[kind]
                yield (
                    f"delay_p{share}_ms_{load.label}_{kind}",
                    figure(ours.delay(load, share), other.delay(load, share)),
                )
    for load in (*PLAIN, HEAVY):
        value = sum(round.lost + round.repeated for round in ours.rounds[load])
        yield f"lost_{load.label}", {"value": value, "reference": 0, "ratio": None, "goal": 0, "holds": value == 0}
    yield f"event_us_{HEAVY.label}", figure(ours.processor(HEAVY, feeder), None)
    for load in (*PLAIN, HEAVY):
        hub, pace = (
            statistics.median(getattr(round, what) for round in server.rounds[load])
            for server, what in ((ours, "feeding"), (feeder, "processor"))
        )
        yield f"left_out_us_{load.label}", figure(hub + pace, None)
    yield f"delay_p95_ms_{HEAVY.label}", figure(ours.delay(HEAVY, 95), None)
    growth = (ours.rounds[HEAVY][-1].memory - ours.rounds[HEAVY][0].memory) / 1e6
    yield f"growth_mb_{HEAVY.label}", figure(growth, MOST_GROWTH_MB, 1.0)
    theirs = statistics.median(servers["c104_untagged"].interrogations) if "c104_untagged" in servers else None
    yield "interrogation_ms", figure(statistics.median(ours.interrogations), theirs, MOST_INTERROGATION)


def figure(value: float, reference: float | None, goal: float | None = None) -> Figure:
    """Value, reference, their ratio, and whether that is the goal at most; without a reference nothing is claimed."""
    ratio = None if reference is None else round(value / reference, 3)
    return {
        "value": round(value, 3),
        "reference": None if reference is None else round(reference, 3),
        "ratio": ratio,
        "goal": goal,
        "holds": ratio is None or goal is None or ratio <= goal,
    }


def installed(library: str) -> bool:
    """Whether a reference is there."""
    try:
        return importlib.util.find_spec(library) is not None
    except ModuleNotFoundError:
        return False


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    options = parser.parse_args()
    results = asyncio.run(measure(3, 0.4) if options.quick else measure(7, 3.0))
    if options.json:
        print(json.dumps(results))
    else:
        for name, one in results.items():
            print(f"{name:30}", *(f"{key}={value}" for key, value in one.items()))
    for library, package in (("c104", "c104"), ("hat.drivers", "hat-drivers")):
        if not installed(library):
            print(f"{package} is not installed (pip install {package}): not compared with it", file=sys.stderr)
    sys.exit(not all(one["holds"] for one in results.values()))


if __name__ == "__main__":
    main()
