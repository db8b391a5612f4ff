"""The data hub through its sockets: 10,000 points, one publisher, five overlapping subscribers, every one a process.

``python benchmarks/hub.py``; ``--quick`` for fewer and shorter rounds, ``--json`` for one line for a program. The
reference is a chain publisher -> relay -> subscriber over Unix sockets with the same frames, one update in each. Its
rounds alternate with the hub's, and medians are compared, because on a shared machine only ratios say anything.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import statistics
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import psutil
from _chain import Chain
from _core import Core
from _hat import Hat
from _workload import LOGGER, SUBSCRIBERS, percentile

WINDOW = 15_000
RATE = 10_000
BATCH = 50
MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    rounds: int
    singles: int
    batches: int
    paced_seconds: float
    stalled: int
    hat_singles: int
    hat_batches: int


FULL = Plan(9, 60_000, 300_000, 3.0, 200_000, 3_000, 30_000)
QUICK = Plan(3, 30_000, 120_000, 0.8, 100_000, 500, 5_000)


@dataclass
class Samples:
    """Rounds of one measurement: the hub's and the chain's."""

    hub: list[float] = field(default_factory=list)
    chain: list[float] = field(default_factory=list)
    cost: dict[str, list[float]] = field(default_factory=dict)

    def note_cost(self, who: str, value: float) -> None:
        """Keep the processor time of one update, in µs over all processes."""
        self.cost.setdefault(who, []).append(value)

    def costs(self) -> str:
        """Processor time for people."""
        return ", ".join(f"{who} {statistics.median(values):.1f}" for who, values in self.cost.items())


def processor_time(pids: list[int]) -> float:
    """Seconds that the processes have used so far."""
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(each.user + each.system for each in times)


async def costed(pids: list[int], count: int, work: Callable[[], Awaitable[Any]]) -> tuple[Any, float]:
    """The result of ``work`` and what it cost, in µs of processor time for each of ``count`` updates."""
    before = processor_time(pids)
    result = await work()
    return result, (processor_time(pids) - before) / count * 1e6


def check_complete(result: dict[str, Any], count: int) -> None:
    """Raise unless the logger got every update; that the others hold the newest state, they checked themselves."""
    logger = result["arrived"][LOGGER]
    if logger["seen"] != count or logger["missed"]:
        raise ValueError(f"the logger got {logger['seen']} of {count} updates and was told of {logger['missed']} lost")


async def throughput(core: Core, chain: Chain, rounds: int, count: int, size: int, frame: int) -> Samples:
    """Updates a second of the hub with ``size`` in a publish, and of the chain with ``frame`` in a frame."""
    samples = Samples()
    for _ in range(rounds):
        result, cost = await costed([os.getpid(), *core.pids], count, lambda: core.burst(count, size, window=WINDOW))
        check_complete(result, count)
        samples.hub.append(count / result["seconds"])
        samples.note_cost("hub", cost)
        result, cost = await costed(chain.pids, count, lambda: chain.burst(count, frame))
        samples.chain.append(count / result["seconds"])
        samples.note_cost("chain", cost)
    return samples


async def latency(core: Core, chain: Chain, rounds: int, seconds: float, size: int) -> tuple[Samples, Samples]:
    """The 99th percentile and the median in µs at 10,000 updates a second, over the deliveries to all subscribers."""
    count = int(RATE * seconds) // size * size
    tail, middle = Samples(), Samples()
    for _ in range(rounds):
        result = await core.burst(count, size, RATE, timed=True)
        check_complete(result, count)
        merged: Counter[int] = Counter()
        for there in result["arrived"].values():
            merged.update({int(place): number for place, number in there["latencies"].items()})
        tail.hub.append(percentile(merged, 0.99))
        middle.hub.append(percentile(merged, 0.5))
        result = await chain.burst(count, size, RATE)
        counts = {int(place): number for place, number in result["latencies"].items()}
        tail.chain.append(percentile(counts, 0.99))
        middle.chain.append(percentile(counts, 0.5))
    return tail, middle


@dataclass
class Stall:
    """What a stopped subscriber did to the others and to the core."""

    ratios: list[float] = field(default_factory=list)
    growth: float = 0.0


async def stalled(core: Core, name: str, rounds: int, count: int) -> Stall:
    """Stop one subscriber between two bursts: throughput of the others against before, memory of the core.

    Memory counts from the first stalled burst on, which fills the bounded queue. Afterwards the subscriber goes on,
    and has the newest state or knows exactly what it missed.
    """
    outcome = Stall()
    others = [other for other in SUBSCRIBERS if other != name]
    memory = psutil.Process()
    for _ in range(rounds):
        before = await core.burst(count, BATCH)
        speed = max(before["arrived"][other]["ended"] for other in others) - before["began"]
        os.kill(core.processes[name].pid, signal.SIGSTOP)
        try:
            await core.burst(count, BATCH, without=(name,))
            filled = memory.memory_info().rss
            during = await core.burst(count, BATCH, without=(name,))
            outcome.growth = max(outcome.growth, (memory.memory_info().rss - filled) / MEGABYTE)
        finally:
            os.kill(core.processes[name].pid, signal.SIGCONT)
        outcome.ratios.append(speed / (during["seconds"] * 1e9))
        after = await core.burst(BATCH, BATCH)
        logger = after["arrived"][LOGGER]
        if name == LOGGER and logger["seen"] + logger["missed"] != 2 * count + BATCH:
            raise ValueError(f"of {2 * count + BATCH} the logger got {logger['seen']} and misses {logger['missed']}")
    return outcome


def entry(value: float, reference: float, ratio: float, goal: float | None, holds: bool) -> dict[str, Any]:
    """One figure."""
    return {
        "value": round(value, 1),
        "reference": round(reference, 1),
        "ratio": round(ratio, 3),
        "goal": goal,
        "holds": holds,
    }


def compared(samples: Samples, goal: float | None, *, at_most: bool = False) -> dict[str, Any]:
    """A figure whose ratio to the chain must be at least (or at most) ``goal``."""
    value, reference = statistics.median(samples.hub), statistics.median(samples.chain)
    ratio = value / reference
    return entry(value, reference, ratio, goal, goal is None or (ratio <= goal if at_most else ratio >= goal))


async def measure(plan: Plan) -> tuple[dict[str, Any], list[str]]:
    """All figures, and what else people may want to know."""
    figures: dict[str, Any] = {}
    notes: list[str] = []
    async with Core() as core, Chain() as chain:
        await core.burst(plan.singles, 1, window=WINDOW)
        await chain.burst(plan.singles, 1)
        singles = await throughput(core, chain, plan.rounds, plan.singles, 1, 1)
        batches = await throughput(core, chain, plan.rounds, plan.batches, BATCH, 1)
        alike = await throughput(core, chain, plan.rounds, plan.batches, BATCH, BATCH)
        figures["singles_per_s"] = compared(singles, 0.3)
        figures["batches_of_50_per_s"] = compared(batches, 0.5)
        figures["batches_of_50_per_s_chain_too"] = compared(alike, None)
        notes.append(f"processor time of one update over all processes, µs: singles {singles.costs()}; batches")
        notes[-1] += f" {batches.costs()}; chain in frames of {BATCH} {statistics.median(alike.cost['chain']):.1f}"
        for title, size in (("singles", 1), ("batches", BATCH)):
            tail, middle = await latency(core, chain, plan.rounds, plan.paced_seconds, size)
            figures[f"p99_{title}_us"] = compared(tail, 3.0, at_most=True)
            figures[f"p50_{title}_us"] = compared(middle, None)
        for title, name in (("every", LOGGER), ("latest", "server@web")):
            stall = await stalled(core, name, max(3, plan.rounds // 2), plan.stalled)
            ratio = statistics.median(stall.ratios)
            figures[f"others_beside_stopped_{title}"] = entry(ratio, 1.0, ratio, 0.9, ratio >= 0.9)
            figures[f"growth_beside_stopped_{title}_mb"] = entry(
                stall.growth, 2.0, stall.growth / 2.0, 1.0, stall.growth <= 2.0
            )
    async with Hat() as hat:
        await hat.burst(plan.hat_singles, 1)
        for title, count, size in (("singles", plan.hat_singles, 1), ("batches", plan.hat_batches, BATCH)):
            rate = count / await hat.burst(count, size)
            own = figures["singles_per_s" if size == 1 else "batches_of_50_per_s"]["value"]
            figures[f"hat_event_{title}"] = entry(own, rate, own / rate, None, True)
    return figures, notes


def told(name: str, figure: dict[str, Any]) -> str:
    """One figure for people."""
    goal = "" if figure["goal"] is None else f"   goal {figure['goal']}: {'holds' if figure['holds'] else 'MISSED'}"
    return f"{name:34s} {figure['value']:>12,} against {figure['reference']:>12,}: ratio {figure['ratio']:.2f}{goal}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    options = parser.parse_args()
    figures, notes = asyncio.run(measure(QUICK if options.quick else FULL))
    if options.json:
        print(json.dumps(figures))
    else:
        print("\n".join([*(told(name, figure) for name, figure in figures.items()), *notes]))


if __name__ == "__main__":
    main()
