"""The point trace in the core."""

from __future__ import annotations

import asyncio
import types
from typing import Any

import msgspec
import pytest
from meterhub_sdk import Point, Reading, Refused

from meterhub.hub import Hub
from meterhub.watching.traces import AT_ONCE, STEPS, PointTraces


class FakeSession:
    """A worker that remembers what it was told to trace."""

    def __init__(self) -> None:
        self.live = True
        self.told: list[list[str]] = []
        self.connection = types.SimpleNamespace(notify=lambda method, points: self.told.append(points))


class FakeFollower:
    """A connection that takes everything."""

    label = "meterhub-iec104"
    congested = False

    def updates(self, number: int, sequence: int, missed: int, batch: Any) -> None:
        pass

    def names(self, number: int, names: Any) -> None:
        pass


@pytest.fixture
async def hub() -> Hub:
    hub = Hub()
    hub.declare("meter", [Point(name=f"energy-{number}", unit="Wh") for number in range(AT_ONCE + 1)])
    return hub


@pytest.fixture
async def session() -> FakeSession:
    return FakeSession()


@pytest.fixture
async def traces(hub: Hub, session: FakeSession) -> PointTraces:
    return PointTraces(hub, lambda: [session])  # type: ignore[list-item, return-value]


def publish(hub: Hub, name: str, value: float) -> None:
    raw = msgspec.Raw(msgspec.msgpack.encode(Reading(value, 1, unit="Wh")))
    hub.publish(hub.owned("meter"), [(hub.points[f"meter/{name}"].number, raw)])


def steps(traces: PointTraces, point: str = "meter/energy-0") -> list[tuple[str, str]]:
    return [(step.step, step.detail) for step in traces.traces[point].steps]


def told(*rows: tuple[str, str, str, int], missed: int = 0) -> dict[str, Any]:
    return {"steps": list(rows), "missed": missed}


async def test_arrival_and_delivery_are_steps_of_a_traced_point_alone(hub, traces, session):
    hub.follow_latest(1, ("meter/*",), FakeFollower())
    hub.follow_every("iec104-server/all", 2, ("meter/*",), FakeFollower())
    publish(hub, "energy-0", 1.0)
    await asyncio.sleep(0)
    traces.start("meter/energy-0", 60)
    assert session.told == [["meter/energy-0"]]
    publish(hub, "energy-0", 2.0)
    publish(hub, "energy-1", 9.0)
    await asyncio.sleep(0)
    assert steps(traces) == [
        ("hub", "reading arrived: 2.0 Wh"),
        ("delivered", "to meterhub-iec104, newest value: 2.0 Wh"),
        ("delivered", "to iec104-server/all, every value: 2.0 Wh"),
    ]
    traces.stop("meter/energy-0")
    assert session.told[-1] == []
    publish(hub, "energy-0", 3.0)
    assert len(steps(traces)) == 3
    assert not hub.traced


async def test_steps_of_workers_join_those_of_the_core_and_others_are_nobodys(traces):
    traces.start("meter/energy-0", 60)
    rows = [("meter/energy-0", "sent", "I(3)", 5), ("meter/energy-1", "sent", "I(4)", 6)]
    traces.take("meterhub-iec104", told(*rows, missed=7))
    (step,) = traces.traces["meter/energy-0"].steps
    assert (step.worker, step.step, step.detail, step.time) == ("meterhub-iec104", "sent", "I(3)", 5)
    assert traces.traces["meter/energy-0"].missed == 7


async def test_a_trace_ends_by_itself_and_its_steps_stay(traces, session):
    traces.start("meter/energy-0", 0.01)
    traces.take("w", told(("meter/energy-0", "sent", "", 1)))
    async with asyncio.timeout(5):
        while traces.points:
            await asyncio.sleep(0.005)
    assert session.told[-1] == []
    assert steps(traces) == [("sent", "")]


async def test_a_flood_of_steps_keeps_the_newest_and_counts_the_others(traces):
    traces.start("meter/energy-0", 60)
    for number in range(STEPS + 5):
        traces.take("w", told(("meter/energy-0", "sent", str(number), number)))
    trace = traces.traces["meter/energy-0"]
    assert (len(trace.steps), trace.missed, trace.steps[-1].detail) == (STEPS, 5, str(STEPS + 4))


async def test_only_points_that_exist_can_be_traced_and_not_too_many(traces):
    with pytest.raises(Refused, match="no point 'meter/enregy'"):
        traces.start("meter/enregy", 60)
    for number in range(AT_ONCE):
        traces.start(f"meter/energy-{number}", 60)
    traces.start("meter/energy-0", 60)
    with pytest.raises(Refused, match=f"{AT_ONCE} points are traced already"):
        traces.start(f"meter/energy-{AT_ONCE}", 60)
    with pytest.raises(Refused, match="not traced now"):
        traces.stop(f"meter/energy-{AT_ONCE}")


async def test_a_worker_that_begins_during_a_trace_hears_of_it(traces, session):
    traces.welcome(session)
    assert session.told == []
    traces.start("meter/energy-0", 60)
    late = FakeSession()
    traces.welcome(late)  # type: ignore[arg-type]
    assert late.told == [["meter/energy-0"]]
