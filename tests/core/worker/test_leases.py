"""Leases of things that only one may hold, as services in workers take and give them."""

from __future__ import annotations

import asyncio

import pytest
from meterhub_sdk import Borrowers, Refused

THING = ("serial", "rs485")


@pytest.fixture
async def two(rig):
    rig.install("acme-other")
    rig.order("meter")
    rig.order("meter@other", "acme-other")
    await rig.apply()
    return rig.meter().hub, rig.meter("meter@other").hub


async def test_a_lease_brings_the_definition_and_ends_with_its_block(two, rig) -> None:
    meter, _ = two
    async with meter.lease(*THING) as lease:
        assert lease.definition == {"device": "/dev/ttyS1"}
        assert rig.services.claims.holder(THING) == "meter"
    await rig.settle()
    assert rig.services.claims.holder(THING) is None


async def test_who_lends_something_is_told_who_uses_it(two) -> None:
    meter, other = two
    async with other.lease(*THING):
        assert await meter.borrowers("serial") == {
            "rs485": Borrowers(["meter", "meter@other"], "meter@other"),
            "rs232": Borrowers([], None),
        }


async def test_only_what_the_settings_name_is_leased(two) -> None:
    meter, _ = two
    with pytest.raises(Refused, match="the settings of meter do not name the serial com1"):
        async with meter.lease("serial", "com1"):
            pass


async def test_the_other_one_waits_and_the_holder_hears_of_it(two, rig) -> None:
    meter, other = two

    async def use() -> None:
        async with other.lease(*THING, priority=1):
            assert rig.services.claims.holder(THING) == "meter@other"

    async with meter.lease(*THING) as lease:
        waiting = asyncio.create_task(use())
        await asyncio.wait_for(lease.until_wanted(), 5)
        assert not waiting.done()
    await asyncio.wait_for(waiting, 5)


async def test_the_lease_of_a_dead_worker_goes_to_the_next(two, rig) -> None:
    meter, other = two
    gate = asyncio.Event()

    async def hold(hub) -> None:
        async with hub.lease(*THING):
            await gate.wait()

    first = asyncio.create_task(hold(meter))
    await rig.settle()
    second = asyncio.create_task(hold(other))
    await rig.settle()
    assert rig.services.claims.holder(THING) == "meter"
    first.cancel()
    await rig.kill()
    assert rig.services.claims.holder(THING) == "meter@other"
    gate.set()
    await second
    await asyncio.gather(first, return_exceptions=True)


@pytest.mark.parametrize("turns", range(12))
async def test_whoever_gives_up_waiting_never_holds_it(two, rig, turns) -> None:
    """However far the request came: a port must not be held by nobody."""
    meter, other = two

    async def use() -> None:
        async with other.lease(*THING):
            await asyncio.Event().wait()

    async with meter.lease(*THING):
        waiting = asyncio.create_task(use())
        for _ in range(turns):
            await asyncio.sleep(0)
        if turns % 2:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
    if not turns % 2:
        for _ in range(turns):
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    await rig.settle()
    assert rig.services.claims.holder(THING) is None
