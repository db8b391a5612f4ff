"""Leases: one holder at a time, by priority, by order, and for a time."""

from __future__ import annotations

import asyncio

import pytest
from meterhub_sdk import Refused

from meterhub.claims import WAITING, Claim, Claims

PORT = ("serial", "rs485")


class Asked:
    """Counts how often a holder was asked to give the thing back."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


async def start(claims: Claims, service: str, priority: int = 0, seconds: float | None = None) -> asyncio.Task[Claim]:
    task = asyncio.create_task(claims.acquire(PORT, service, priority, seconds, Asked()))
    await asyncio.sleep(0)
    return task


async def test_a_free_thing_is_granted_at_once_and_then_only_to_one() -> None:
    claims = Claims()
    first = await (await start(claims, "polling"))
    second = await start(claims, "forwarding")
    assert claims.holder(PORT) == "polling"
    assert not second.done()
    claims.release(first)
    assert (await second).service == "forwarding"
    assert claims.holder(PORT) == "forwarding"


async def test_the_highest_priority_waits_shortest_and_equals_keep_their_order() -> None:
    claims = Claims()
    holder = await (await start(claims, "holder", priority=9))
    tasks = [await start(claims, name, priority) for name, priority in (("a", 1), ("b", 5), ("c", 1), ("d", 5))]
    served: list[str] = []
    claims.release(holder)
    while len(served) < len(tasks):
        await asyncio.sleep(0)
        name = claims.holder(PORT)
        assert name is not None
        served.append(name)
        claims.release(next(t.result() for t in tasks if t.done() and t.result().service == name))
    assert served == ["b", "d", "a", "c"]
    assert claims.holder(PORT) is None


async def test_only_a_higher_priority_asks_the_holder_to_yield_and_only_once() -> None:
    claims = Claims()
    asked = Asked()
    await claims.acquire(PORT, "polling", 3, None, asked)
    waiting = [await start(claims, "equal", 3), await start(claims, "higher", 4), await start(claims, "highest", 5)]
    assert asked.times == 1
    for task in waiting:
        task.cancel()


async def test_a_holder_whose_time_is_over_yields_to_anybody() -> None:
    claims = Claims()
    asked = Asked()
    await claims.acquire(PORT, "forwarding", 9, 0.01, asked)
    waiting = await start(claims, "polling", 0)
    async with asyncio.timeout(5):
        while not asked.times:
            await asyncio.sleep(0.005)
    waiting.cancel()


async def test_whoever_comes_after_the_holders_time_finds_it_over() -> None:
    claims = Claims()
    asked = Asked()
    await claims.acquire(PORT, "forwarding", 9, 0.0, asked)
    await asyncio.sleep(0.01)
    assert asked.times == 0
    waiting = await start(claims, "polling", 0)
    assert asked.times == 1
    waiting.cancel()


async def test_who_stops_waiting_is_not_served() -> None:
    claims = Claims()
    holder = await (await start(claims, "holder"))
    quitter, patient = await start(claims, "quitter", 5), await start(claims, "patient")
    quitter.cancel()
    await asyncio.sleep(0)
    claims.release(holder)
    claims.release(holder)
    assert (await patient).service == "patient"


async def test_the_queue_is_bounded() -> None:
    claims = Claims()
    tasks = [await start(claims, f"s{n}") for n in range(WAITING + 1)]
    with pytest.raises(Refused, match="claims wait for the serial rs485 already"):
        await claims.acquire(PORT, "one-more", 0, None, Asked())
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
