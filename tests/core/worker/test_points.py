"""Points as a service in a worker meets them: publishing, following, declaring."""

from __future__ import annotations

import asyncio
from collections import deque

import pytest
from meterhub_sdk import Batch, Clock, Point, Quality, Reading, Refused

from meterhub.worker.service_hub import together


def values(readings):
    return {name: reading.value for name, reading in readings.items()}


async def follow(iterator, *, count):
    """What the next ``count`` turns bring."""
    return [await asyncio.wait_for(anext(iterator), 5) for _ in range(count)]


@pytest.fixture
async def two(rig):
    """A meter and a reader in another worker."""
    rig.install("acme-reader")
    rig.order("meter", points=["energy", "power"])
    rig.order("meter@reader", "acme-reader", points=[])
    await rig.apply()
    return rig.meter(), rig.meter("meter@reader")


async def test_a_reading_crosses_two_workers_untouched(two, rig) -> None:
    meter, reader = two
    latest = reader.hub.points.latest("meter/energy")
    (first,) = await follow(latest, count=1)
    assert first["meter/energy"] == Reading.missing()
    given = Reading(123.5, 987654321, Quality.SUBSTITUTED, "Wh", 3, Clock.INVALID)
    await meter.hub.points.publish({"energy": given})
    (now,) = await follow(latest, count=1)
    assert now["meter/energy"] == now.changed["meter/energy"] == given
    await latest.aclose()
    await rig.settle()
    assert rig.hub.subscriptions == []


async def test_only_what_changed_is_in_changed(two) -> None:
    meter, reader = two
    await meter.hub.points.publish({"energy": Reading(1, 1), "power": Reading(2, 1)})
    latest = reader.hub.points.latest("meter/*")
    (first,) = await follow(latest, count=1)
    assert values(first.changed) == values(first) == {"meter/energy": 1, "meter/power": 2}
    await meter.hub.points.publish({"power": Reading(3, 1)})
    (second,) = await follow(latest, count=1)
    assert values(second.changed) == {"meter/power": 3}
    assert values(second) == {"meter/energy": 1, "meter/power": 3}
    assert second is first
    await latest.aclose()


async def test_a_slow_service_skips_values_in_between(two, rig) -> None:
    meter, reader = two
    latest = reader.hub.points.latest("meter/energy")
    await follow(latest, count=1)
    for value in range(100):
        await meter.hub.points.publish({"energy": Reading(value, 1)})
    await rig.settle()
    (now,) = await follow(latest, count=1)
    assert now["meter/energy"].value == 99
    await latest.aclose()


async def test_an_interval_brings_the_state_changed_or_not(two) -> None:
    _, reader = two
    latest = reader.hub.points.latest("meter/energy", every=0.01)
    changes = [len((await asyncio.wait_for(anext(latest), 5)).changed) for _ in range(3)]
    assert changes == [1, 0, 0]
    await latest.aclose()


async def test_a_queue_brings_everything_history_included(two, rig) -> None:
    meter, reader = two
    queue = reader.hub.points.every("meter/energy")
    waiting = asyncio.create_task(anext(queue))
    await rig.settle()
    for value in range(3):
        await meter.hub.points.publish({"energy": Reading(value, 1)}, history=value == 1)
    batch = await asyncio.wait_for(waiting, 5)
    got = list(batch.readings)
    while len(got) < 3:
        got += (await asyncio.wait_for(anext(queue), 5)).readings
    assert [reading.value for _, reading in got] == [0, 1, 2]
    assert rig.hub.points["meter/energy"].reading().value == 2
    await queue.aclose()


async def test_what_came_while_nobody_looked_is_one_batch_up_to_a_gap_and_a_thousand_readings() -> None:
    def batch(first: int, count: int, missed: int = 0) -> Batch:
        numbers = range(first, first + count)
        return Batch([("meter/energy", Reading(number, 1)) for number in numbers], missed, numbers[-1])

    came = deque([batch(1, 1), batch(2, 3), batch(15, 2, missed=10), batch(17, 990), batch(1007, 20), batch(1027, 1)])
    taken = []
    while came:
        one = together(came)
        taken.append(([reading.value for _, reading in one.readings], one.missed, one.sequence))
    assert taken == [
        ([1, 2, 3, 4], 0, 4),
        (list(range(15, 1007)), 10, 1006),
        (list(range(1007, 1028)), 0, 1027),
    ]


async def test_a_queue_goes_on_after_the_last_acknowledged_batch_when_its_worker_died(two, rig) -> None:
    meter, reader = two
    queue = reader.hub.points.every("meter/energy", queue="log")
    waiting = asyncio.create_task(anext(queue))
    await rig.settle()
    await meter.hub.points.publish({"energy": Reading(1, 1)})
    assert [r.value for _, r in (await waiting).readings] == [1]
    await meter.hub.points.publish({"energy": Reading(2, 1)})
    batch = await asyncio.wait_for(anext(queue), 5)  # acknowledges the first, is not acknowledged itself
    assert [r.value for _, r in batch.readings] == [2]
    await rig.settle()
    await rig.kill("acme-reader")
    await meter.hub.points.publish({"energy": Reading(3, 1)})
    session = await rig.start("acme-reader")
    await rig.services.session_began(session)
    await rig.settle()
    queue = rig.meter("meter@reader").hub.points.every("meter/energy", queue="log")
    batch = await asyncio.wait_for(anext(queue), 5)
    assert ([r.value for _, r in batch.readings], batch.missed) == ([2, 3], 0)
    await queue.aclose()


async def test_a_service_that_follows_again_before_the_old_subscription_is_closed_goes_on(two, rig) -> None:
    """Python closes an abandoned asynchronous generator when it likes, often after the next one began."""
    meter, reader = two
    old = reader.hub.points.every("meter/energy")
    waiting = asyncio.create_task(anext(old))
    await rig.settle()
    await meter.hub.points.publish({"energy": Reading(1, 1)})
    await waiting
    new = reader.hub.points.every("meter/energy")
    assert [r.value for _, r in (await asyncio.wait_for(anext(new), 5)).readings] == [1]
    await old.aclose()
    await rig.settle()
    await meter.hub.points.publish({"energy": Reading(2, 1)})
    assert [r.value for _, r in (await asyncio.wait_for(anext(new), 5)).readings] == [2]
    await new.aclose()


async def test_points_found_at_run_time_are_declared_and_reach_followers(two, rig) -> None:
    meter, reader = two
    latest = reader.hub.points.latest("meter/**")
    await follow(latest, count=1)
    with pytest.raises(Refused, match="meter never declared a point 'found/deep'"):
        await meter.hub.points.publish({"found/deep": Reading(1, 1)})
    await meter.hub.points.declare(Point(name="found/deep", type="int", unit="Wh"))
    await meter.hub.points.publish({"found/deep": Reading(7, 1)})
    while values(await asyncio.wait_for(anext(latest), 5)).get("meter/found/deep") != 7:
        pass
    await latest.aclose()


@pytest.mark.parametrize("name", ["", "a b", "a/../b/*", "x" * 600])
async def test_a_point_with_a_bad_name_is_refused(meter, name) -> None:
    with pytest.raises(Refused):
        await meter.hub.points.declare(Point(name=name))


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("float", "text", "meter/energy takes float, not 'text'"),
        ("float", True, "meter/energy takes float, not True"),
        ("int", 1.5, "meter/energy takes int, not 1.5"),
        ("bool", 1, "meter/energy takes bool, not 1"),
        ("str", 1, "meter/energy takes str, not 1"),
        ("str", "x" * 5000, "meter/energy got 5000 characters; at most 4096 will do"),
    ],
)
async def test_a_value_of_another_type_is_refused(rig, kind, value, said) -> None:
    rig.order("meter", kind=kind, points=["energy", "power"])
    await rig.apply()
    sound = {"float": 1.0, "int": 1, "bool": True, "str": "x"}[kind]
    with pytest.raises(Refused) as caught:
        await rig.meter().hub.points.publish({"power": Reading(sound, 1), "energy": Reading(value, 1)})
    assert str(caught.value) == said
    await rig.settle()
    assert rig.hub.points["meter/power"].reading().value is None
    await rig.meter().hub.points.publish({"energy": Reading(None, 1, Quality.INVALID), "power": Reading(sound, 1)})
    await rig.settle()
    assert rig.hub.points["meter/power"].reading().value == sound


async def test_the_points_of_a_dead_worker_turn_stale_at_once_and_good_with_its_next_life(two, rig) -> None:
    meter, reader = two
    await meter.hub.points.publish({"energy": Reading(5, 77)})
    await reader.hub.points.declare(Point(name="own"))
    await reader.hub.points.publish({"own": Reading(1, 1)})
    await rig.settle()
    await rig.kill("acme-meters")
    assert rig.hub.points["meter/energy"].reading() == Reading(5, 77, Quality.STALE)
    assert rig.hub.points["meter@reader/own"].reading().quality == Quality.GOOD
    session = await rig.start("acme-meters")
    await rig.services.session_began(session)
    await rig.settle()
    assert rig.hub.points["meter/energy"].reading().quality == Quality.STALE
    await rig.meter().hub.points.publish({"energy": Reading(6, 78)})
    await rig.settle()
    assert rig.hub.points["meter/energy"].reading() == Reading(6, 78)


async def test_a_batch_that_is_too_large_is_refused_and_not_lost_silently(rig) -> None:
    rig.order("meter", kind="str", points=[f"p{n}" for n in range(400)])
    await rig.apply()
    batch = {f"p{n}": Reading("x" * 4000, 1) for n in range(400)}
    with pytest.raises(Exception, match="send less at once"):
        await rig.meter().hub.points.publish(batch)
    await rig.settle()
    assert rig.hub.published == 0


async def test_a_service_that_only_publishes_does_not_starve_its_neighbours(rig) -> None:
    rig.order("meter")
    rig.order("meter@2")
    await rig.apply()
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(count())
    for value in range(1000):
        await rig.meter().hub.points.publish({"energy": Reading(value, 1)})
    other.cancel()
    assert turns >= 10
