"""REST and pages: a whole instance, asked by programs, watched by browsers, and used by a person at Chromium.

``python benchmarks/web.py``; ``--quick`` for shorter rounds, ``--json`` for one line for a program. What REST and live
pages cost is processor time of the core and of the http worker together, so the shared machine hardly matters; what a
person waits for is time on the clock, and a busy machine lengthens it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from _pages import measure_pages
from _web_instance import Instance

GOAL_READS = 3_000
"""Reads of a status for each second of processor time, at least."""
GOAL_LIVE = 5.0
"""Percent of a core for all browsers, at most."""
BROWSERS = 50
PAGES = ("/status/instance", "/status/load-curve")
"""What a browser's page shows: both change every second."""
CONNECTIONS = 16


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    rounds: int
    reads: int
    live_rounds: int
    live_seconds: float
    page_rounds: int


FULL = Plan(rounds=9, reads=4_000, live_rounds=5, live_seconds=10, page_rounds=5)
QUICK = Plan(rounds=3, reads=1_000, live_rounds=1, live_seconds=4, page_rounds=1)


def used(processes: list[psutil.Process]) -> list[float]:
    """Seconds of processor time of each so far."""
    times = [process.cpu_times() for process in processes]
    return [float(each.user + each.system) for each in times]


async def reads(instance: Instance, cookie: str, count: int) -> None:
    """Read a status so often, over some connections that stay."""
    request = f"GET /api/v1/status/instance HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\n\r\n".encode()

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", instance.port)
        for _ in range(count // CONNECTIONS):
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise ValueError(head.decode())
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            body = await reader.readexactly(length)
            if not body.startswith(b'{"product"'):
                raise ValueError(body.decode())
        writer.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(client())


@contextlib.asynccontextmanager
async def browsers(instance: Instance, cookies: list[str]) -> AsyncIterator[list[int]]:
    """A browser for each session, with a live page; counts the events that come."""
    events = [0]
    query = "&".join(f"path={page}" for page in PAGES)
    request = f"GET /api/v1/stream?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: %s\r\n\r\n"

    async def browser(cookie: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", instance.port, limit=1 << 20)
        try:
            writer.write((request % cookie).encode())
            while line := await reader.readline():
                events[0] += line.startswith(b"event: update")
        finally:
            writer.close()

    tasks = [asyncio.create_task(browser(cookie)) for cookie in cookies]
    try:
        await asyncio.sleep(2)  # the first answers are not what a live page costs
        yield events
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def share(processes: list[psutil.Process], seconds: float) -> list[float]:
    """Percent of a core of each process in this time."""
    loop = asyncio.get_running_loop()
    before, began = used(processes), loop.time()
    await asyncio.sleep(seconds)
    passed = loop.time() - began
    return [(now - then) / passed * 100 for now, then in zip(used(processes), before, strict=True)]


async def measure(plan: Plan) -> dict[str, Any]:
    """All figures."""
    with tempfile.TemporaryDirectory(prefix="meterhub-web-") as directory:
        instance = Instance(Path(directory) / "home")
        try:
            await instance.start()
            await instance.add_users()
            figures = {**await rest(instance, plan), **await live(instance, plan)}
            return {**figures, **await measure_pages(instance, plan.page_rounds)}
        finally:
            await instance.stop()


async def rest(instance: Instance, plan: Plan) -> dict[str, Any]:
    """Reads for each second of processor time."""
    cookie, processes = await instance.login(), await instance.processes()
    await reads(instance, cookie, plan.reads // 4)
    rates: list[float] = []
    core: list[float] = []
    for _ in range(plan.rounds):
        before = used(processes)
        await reads(instance, cookie, plan.reads)
        spent = [now - then for now, then in zip(used(processes), before, strict=True)]
        rates.append(plan.reads // CONNECTIONS * CONNECTIONS / sum(spent))
        core.append(spent[0] / sum(spent))
    rate = statistics.median(rates)
    return {
        "reads": {
            "value": round(rate),
            "of_the_core": round(statistics.median(core), 2),
            "goal": GOAL_READS,
            "holds": rate >= GOAL_READS,
        }
    }


async def live(instance: Instance, plan: Plan) -> dict[str, Any]:
    """Percent of a core that open browsers cost, beyond what the instance needs without them."""
    cookies = [await instance.login(number) for number in range(BROWSERS)]
    processes = await instance.processes()
    costs: list[float] = []
    idle: list[float] = []
    for _ in range(plan.live_rounds):
        alone = await share(processes, plan.live_seconds / 2)
        async with browsers(instance, cookies) as events:
            begun = events[0]
            watched = await share(processes, plan.live_seconds)
            seen = events[0] - begun
        if seen < BROWSERS * len(PAGES) * (plan.live_seconds - 1) * 0.8:
            raise ValueError(f"only {seen} events came to {BROWSERS} browsers in {plan.live_seconds:g} s")
        idle.append(sum(alone))
        costs.append(sum(watched) - sum(alone))
    cost = statistics.median(costs)
    return {
        "live": {
            "value": round(cost, 2),
            "without_browsers": round(statistics.median(idle), 2),
            "goal": GOAL_LIVE,
            "holds": cost <= GOAL_LIVE,
        }
    }


def told(figures: dict[str, Any]) -> str:
    """For people."""
    reads_, live_ = figures["reads"], figures["live"]
    lines = [
        f"status reads per CPU-second of http and core   {reads_['value']:>8,} (core {reads_['of_the_core']:.0%})"
        f", goal at least {reads_['goal']:,}: {'holds' if reads_['holds'] else 'MISSED'}",
        f"{BROWSERS} browsers on live pages, percent of a core  {live_['value']:>8.1f}"
        f" (without them {live_['without_browsers']:.1f}), goal at most {live_['goal']:g}: "
        f"{'holds' if live_['holds'] else 'MISSED'}",
    ]
    for name, each in figures.items():
        if "most" in each:
            spread = f"{each['least']:g} to {each['most']:g}" + (f", p95 {each['p95']:g}" if "p95" in each else "")
            goal = "no goal" if each["goal"] is None else f"goal at most {each['goal']:g}"
            lines.append(f"{name:<46} {each['value']:>8g} ({spread}), {goal}: {'holds' if each['holds'] else 'MISSED'}")
    return "\n".join(lines)


def main() -> int:
    """Measure, tell, and answer 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--json", action="store_true", help="one line for a program")
    given = parser.parse_args()
    figures = asyncio.run(measure(QUICK if given.quick else FULL))
    print(json.dumps(figures) if given.json else told(figures))
    return 0 if all(figure["holds"] for figure in figures.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
