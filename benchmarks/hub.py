"""The data hub through its sockets: 10,000 points, one publisher, five overlapping subscribers, every one a process.

``python benchmarks/hub.py``; ``--quick`` for fewer and shorter rounds, ``--json`` for one line for a program. The
reference is a chain publisher -> relay -> subscriber over Unix sockets with the same messages, one update in each
frame. Its rounds alternate with the hub's, and medians are compared: on a shared machine only ratios say anything.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import statistics
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import psutil
from _chain import Chain
from _core import Core
from _hat import Hat
from _workload import LOGGER, percentile

WINDOW = 15_000
RATE = 10_000
BATCH = 50
MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    rounds: int
    paced_rounds: int
    singles: int
    batches: int
    paced_seconds: float
    stalled_rounds: int
    stalled: int
    hat_singles: int
    hat_batches: int


FULL = Plan(9, 9, 60_000, 300_000, 1.5, 21, 60_000, 3_000, 30_000)
QUICK = Plan(3, 5, 20_000, 60_000, 0.5, 5, 25_000, 200, 2_000)


@dataclass(frozen=True)
class Figure:
    """A value, what it is compared with, and the goal of their ratio: at least, or ``at_most``; ``None`` has none."""

    value: float
    reference: float
    goal: float | None = None
    at_most: bool = False

    @property
    def ratio(self) -> float:
        """The value as a share of the reference."""
        return self.value / self.reference

    @property
    def holds(self) -> bool:
        """True when the goal is met, or there is none."""
        if self.goal is None:
            return True
        return self.ratio <= self.goal if self.at_most else self.ratio >= self.goal

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        numbers = {"value": round(self.value, 2), "reference": round(self.reference, 2), "ratio": round(self.ratio, 3)}
        return {**numbers, "goal": self.goal, "holds": self.holds}

    def told(self, name: str) -> str:
        """For people."""
        text = f"{name:32s} {self.value:>11,.1f} against {self.reference:>11,.1f}: ratio {self.ratio:5.2f}"
        if self.goal is None:
            return text
        way = "at most" if self.at_most else "at least"
        return f"{text}, goal {way} {self.goal}: {'holds' if self.holds else 'MISSED'}"


class Samples:
    """What the rounds brought, by what was measured."""

    def __init__(self) -> None:
        self._values: dict[str, list[float]] = {}

    def add(self, name: str, value: float) -> None:
        """Keep the value of one round."""
        self._values.setdefault(name, []).append(value)

    def median(self, name: str) -> float:
        """The median of the rounds."""
        return statistics.median(self._values[name])

    def figure(self, name: str, reference: str, goal: float | None = None, *, at_most: bool = False) -> Figure:
        """Compare two medians."""
        return Figure(self.median(name), self.median(reference), goal, at_most)


def processor_time(pids: list[int]) -> float:
    """Seconds that the processes have used so far."""
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return float(sum(each.user + each.system for each in times))


def check_complete(result: dict[str, Any], count: int) -> None:
    """Raise unless the logger got every update; that the others hold the newest state, they checked themselves."""
    logger = result["arrived"][LOGGER]
    if logger["seen"] != count or logger["missed"]:
        raise ValueError(f"the logger got {logger['seen']} of {count} updates and was told of {logger['missed']} lost")


async def throughput(core: Core, chain: Chain, rounds: int, count: int, size: int) -> Samples:
    """Updates a second, and µs of processor time for each: hub, chain, and the chain in frames of ``size`` as well."""
    samples = Samples()
    hub_pids = [os.getpid(), *core.pids]
    subjects: dict[str, tuple[list[int], Callable[[], Awaitable[dict[str, Any]]]]] = {
        "hub": (hub_pids, lambda: core.burst(count, size, window=WINDOW)),
        "chain": (chain.pids, lambda: chain.burst(count, 1)),
        "framed": (chain.pids, lambda: chain.burst(count, size)),
    }
    if size == 1:
        del subjects["framed"]
    for _ in range(rounds):
        for name, (pids, burst) in subjects.items():
            before = processor_time(pids)
            result = await burst()
            samples.add(f"{name} cost", (processor_time(pids) - before) / count * 1e6)
            samples.add(name, count / result["seconds"])
            if name == "hub":
                check_complete(result, count)
    return samples


async def latency(core: Core, chain: Chain, rounds: int, seconds: float, size: int) -> Samples:
    """Median and 99th percentile in µs at 10,000 updates a second, the hub's over all deliveries to all subscribers."""
    count = int(RATE * seconds) // size * size
    samples = Samples()

    def add(name: str, *histograms: Mapping[str, int]) -> None:
        merged: Counter[int] = Counter()
        for histogram in histograms:
            merged.update({int(place): number for place, number in histogram.items()})
        samples.add(f"{name} p50", percentile(merged, 0.5))
        samples.add(f"{name} p99", percentile(merged, 0.99))

    for _ in range(rounds):
        result = await core.burst(count, size, RATE, timed=True)
        check_complete(result, count)
        add("hub", *(there["latencies"] for there in result["arrived"].values()))
        add("chain", (await chain.burst(count, 1, RATE, group=size))["latencies"])
        if size > 1:
            add("framed", (await chain.burst(count, size, RATE))["latencies"])
    return samples


async def stalled(core: Core, name: str, rounds: int, count: int) -> Samples:
    """Stop one subscriber: updates a second of the others before and beside it, MB that the core grew by.

    Memory counts from the first stalled burst on, which fills the bounded queue. Afterwards the subscriber goes on,
    and has the newest state or knows exactly what it missed.
    """
    samples = Samples()
    memory = psutil.Process()
    for _ in range(rounds):
        before = await core.burst(count, BATCH)
        ended = max(there["ended"] for other, there in before["arrived"].items() if other != name)
        os.kill(core.processes[name].pid, signal.SIGSTOP)
        try:
            await core.burst(count, BATCH, without=(name,))
            filled = memory.memory_info().rss
            during = await core.burst(count, BATCH, without=(name,))
            samples.add("growth", (memory.memory_info().rss - filled) / MEGABYTE)
        finally:
            os.kill(core.processes[name].pid, signal.SIGCONT)
        samples.add("before", count / (ended - before["began"]) * 1e9)
        samples.add("beside", count / during["seconds"])
        logger = (await core.burst(BATCH, BATCH))["arrived"][LOGGER]
        if name == LOGGER and logger["seen"] + logger["missed"] != 2 * count + BATCH:
            raise ValueError(f"of {2 * count + BATCH} the logger got {logger['seen']} and misses {logger['missed']}")
    return samples


async def hub_figures(plan: Plan) -> tuple[dict[str, Figure], str]:
    """The hub beside the chain, and what the processors did."""
    figures: dict[str, Figure] = {}
    async with Core() as core, Chain() as chain:
        await core.burst(plan.singles, 1, window=WINDOW)
        await chain.burst(plan.singles, 1)
        singles = await throughput(core, chain, plan.rounds, plan.singles, 1)
        batches = await throughput(core, chain, plan.rounds, plan.batches, BATCH)
        figures["singles_per_s"] = singles.figure("hub", "chain", 0.3)
        figures["batches_per_s"] = batches.figure("hub", "chain", 0.5)
        figures["batches_per_s_framed"] = batches.figure("hub", "framed")
        for title, size in (("singles", 1), ("batches", BATCH)):
            delay = await latency(core, chain, plan.paced_rounds, plan.paced_seconds, size)
            figures[f"p99_{title}_us"] = delay.figure("hub p99", "chain p99", 3.0, at_most=True)
            figures[f"p50_{title}_us"] = delay.figure("hub p50", "chain p50")
        figures["p99_batches_us_framed"] = delay.figure("hub p99", "framed p99")
        for policy, name in (("every", LOGGER), ("latest", "server@web")):
            stall = await stalled(core, name, plan.stalled_rounds, plan.stalled)
            figures[f"others_beside_stopped_{policy}"] = stall.figure("beside", "before", 0.9)
            figures[f"growth_beside_stopped_{policy}_mb"] = Figure(stall.median("growth"), 2.0, 1.0, at_most=True)
    costs = [
        f"{title}: hub {samples.median('hub cost'):.1f}, chain {samples.median('chain cost'):.1f}"
        for title, samples in (("singles", singles), (f"batches of {BATCH}", batches))
    ]
    framed = f"chain in frames of {BATCH}: {batches.median('framed cost'):.1f}"
    return figures, f"processor time of an update over all processes, µs: {'; '.join([*costs, framed])}"


async def measure(plan: Plan) -> tuple[dict[str, Figure], str]:
    """All figures, and a line about processor time."""
    figures, costs = await hub_figures(plan)
    async with Hat() as hat:
        await hat.burst(plan.hat_singles, 1)
        for title, count, size in (("singles", plan.hat_singles, 1), ("batches", plan.hat_batches, BATCH)):
            rate = count / await hat.burst(count, size)
            figures[f"hat_event_{title}_per_s"] = Figure(figures[f"{title}_per_s"].value, rate)
    return figures, costs


def main() -> int:
    """Measure and print; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    options = parser.parse_args()
    figures, costs = asyncio.run(measure(QUICK if options.quick else FULL))
    if options.json:
        print(json.dumps({name: figure.plain() for name, figure in figures.items()}))
    else:
        print("\n".join([*(figure.told(name) for name, figure in figures.items()), costs]))
    return 0 if all(figure.holds for figure in figures.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
