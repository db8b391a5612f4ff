"""The fake hub and the virtual clock behave as the core does, so that a service tested with them works."""

from __future__ import annotations

import asyncio

import pytest
from meterhub_sdk import Clock, Config, ConfigError, EventType, Point, Quality, Reading, Refused, Service
from meterhub_sdk.testing import FakeHub, VirtualClock


class Idle(Service[Config]):
    """Does what the test does with its hub."""

    migrations = ("CREATE TABLE note (text TEXT)",)

    def points(self):
        return [Point(name="energy"), Point(name="closed", type="bool")]

    async def run(self) -> None:
        await asyncio.Event().wait()


@pytest.fixture
async def running(fake_hub):
    async with fake_hub.running(Idle(fake_hub, Config())):
        yield fake_hub


async def next_of(iterator):
    return await asyncio.wait_for(anext(iterator), 5)


async def test_only_declared_points_are_published(running) -> None:
    await running.points.publish({"energy": Reading(1.0, 5)})
    assert running.published == {"energy": Reading(1.0, 5)}
    with pytest.raises(Refused, match="under-test never declared a point 'power'"):
        await running.points.publish({"power": Reading(1.0, 5)})
    await running.points.declare(Point(name="power"))
    await running.points.publish({"power": Reading(1.0, 5)})


@pytest.mark.parametrize(("name", "value"), [("energy", "text"), ("energy", True), ("closed", 1)])
async def test_a_value_of_another_type_is_refused_as_the_core_would(running, name, value) -> None:
    with pytest.raises(Refused, match=f"under-test/{name} takes"):
        await running.points.publish({name: Reading(value, 5)})
    await running.points.publish({name: Reading(None, 5, Quality.INVALID)})


async def test_history_never_changes_what_is_newest(running) -> None:
    await running.points.publish({"energy": Reading(2.0, 9)})
    await running.points.publish({"energy": Reading(1.0, 5)}, history=True)
    assert running.published["energy"].value == 2.0
    assert [reading.value for _, reading in running.history] == [2.0, 1.0]


async def test_latest_brings_missing_names_first_and_then_what_changed(running) -> None:
    running.give("meter/energy", 1, unit="Wh")
    latest = running.points.latest("meter/*", "other/x")
    first = await next_of(latest)
    assert {n: r.value for n, r in first.items()} == {"other/x": None, "meter/energy": 1}
    assert first.changed == dict(first)
    running.give("meter/power", 2)
    running.give("meter/power", 3)
    running.give_all({"meter/energy": Reading(0, 1)}, history=True)
    second = await next_of(latest)
    assert {n: r.value for n, r in second.changed.items()} == {"meter/power": 3}
    assert second is first
    await latest.aclose()


async def test_every_brings_all_in_order(running) -> None:
    queue = running.points.every("meter/*")
    waiting = asyncio.create_task(anext(queue))
    await running.settle()
    running.give_all({"meter/a": Reading(1, 1)}, history=True)
    running.give("meter/b", 2)
    running.give("other/b", 3)
    batch = await waiting
    assert ([(n, r.value) for n, r in batch.readings], batch.missed, batch.sequence) == (
        [("meter/a", 1), ("meter/b", 2)],
        0,
        2,
    )
    await queue.aclose()


async def test_own_points_reach_own_subscriptions_under_their_full_names(running) -> None:
    queue = running.points.every("under-test/energy")
    waiting = asyncio.create_task(anext(queue))
    await running.settle()
    await running.points.publish({"energy": Reading(1.0, 1)})
    assert [name for name, _ in (await waiting).readings] == ["under-test/energy"]
    await queue.aclose()


async def test_writes_events_secrets_and_time_are_what_the_test_says(running, tmp_path) -> None:
    running.refusals["relay/closed"] = "it is locked"
    with pytest.raises(Refused, match="it is locked"):
        await running.points.write("relay/closed", True, reason="")
    await running.points.write("relay/other", True, reason="the bill was paid")
    assert running.writes == [("relay/other", True, "the bill was paid")]
    event = EventType(number=1, name="seen", text="{what}")
    await running.events.record(event, what="x")
    assert [(recorded.type, recorded.parameters) for recorded in running.recorded] == [(event, {"what": "x"})]
    with pytest.raises(ConfigError, match="the secret 'password' was never set"):
        await running.secret("password")
    running.secrets["password"] = "hunter2"
    assert await running.secret("password") == "hunter2"
    running.fixed_time, running.clock = 5, Clock.INVALID
    assert (running.time.now(), running.time.validity()) == (5, Clock.INVALID)
    assert running.directory == tmp_path
    assert running.store.table_names() == ["note"]
    with pytest.raises(Refused, match="a fake hub has no tree of paths"):
        await running.interface.request("get", "/status")


async def test_what_a_service_raised_comes_out(fake_hub) -> None:
    class Failing(Idle):
        async def run(self) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        async with fake_hub.running(Failing(fake_hub, Config())):
            pass


async def test_a_hub_without_a_directory_makes_one_and_takes_it_away() -> None:
    hub = FakeHub()
    directory = hub.directory
    assert directory.is_dir()
    hub.store["x"].insert({"a": 1})
    hub.close()
    assert not directory.exists()


# -- the virtual clock --------------------------------------------------------------------------


def test_an_hour_takes_no_time_and_timers_keep_their_order() -> None:
    clock = VirtualClock()
    order = []

    async def after(seconds: float, name: str) -> None:
        await asyncio.sleep(seconds)
        order.append((name, clock.elapsed))

    async def main() -> str:
        await asyncio.gather(after(3600, "hour"), after(60, "minute"), after(86_400, "day"))
        return "done"

    assert clock.run(main()) == "done"
    assert order == [("minute", 60), ("hour", 3600), ("day", 86_400)]


def test_time_limits_pass_too() -> None:
    clock = VirtualClock()

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1000):
                await asyncio.sleep(2000)

    clock.run(main())
    assert clock.elapsed == 1000


def test_a_test_that_would_hang_is_an_error() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="everything waits and no timer is set: the test would hang"):
        VirtualClock().run(main())


def test_what_is_left_running_is_cancelled() -> None:
    ended = []

    async def forever() -> None:
        try:
            await asyncio.sleep(1e9)
        finally:
            ended.append(True)

    async def main() -> None:
        task = asyncio.create_task(forever())
        await asyncio.sleep(1)
        assert not task.done()

    VirtualClock().run(main())
    assert ended == [True]


def test_a_service_runs_on_the_virtual_clock() -> None:
    class Ticker(Idle):
        async def run(self) -> None:
            for value in range(3):
                await self.hub.points.publish({"energy": Reading(float(value), value)})
                await asyncio.sleep(900)

    async def main() -> list[float]:
        hub = FakeHub()
        async with hub.running(Ticker(hub, Config())):
            await asyncio.sleep(2000)
        return [reading.value for _, reading in hub.history]

    assert VirtualClock().run(main()) == [0.0, 1.0, 2.0]
