"""A worker gets no more than its signed manifest asked for, and what it sends is checked."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from meterhub_sdk import Reading, Refused
from meterhub_sdk.point import PatternSet

from meterhub.frames import FrameError
from meterhub.messages import Acknowledge, Publish, pack

encode = msgspec.msgpack.Encoder().encode


@pytest.fixture
async def reader(rig):
    rig.install("acme-reader", read=["meter/energy", "grid/*/power"], write=["meter/relay"])
    rig.order("meter", points=["energy", "secret"], writable=True)
    rig.order("meter@reader", "acme-reader")
    await rig.apply()
    return rig.meter("meter@reader").hub


@pytest.mark.parametrize("name", ["meter/energy", "grid/*/power", "grid/a/power"])
async def test_what_was_granted_may_be_read(reader, name) -> None:
    latest = reader.points.latest(name)
    await anext(latest)
    await latest.aclose()


@pytest.mark.parametrize("name", ["meter/secret", "meter/*", "**", "grid/**", "grid/a/energy", "*/a/power"])
async def test_what_was_not_granted_is_not_read(reader, rig, name) -> None:
    for follow in (reader.points.latest, reader.points.every):
        with pytest.raises(Refused) as caught:
            await anext(follow("meter/energy", name))
        assert str(caught.value) == (
            f"meter@reader may not read {name}: its manifest does not ask for points.read:{name}"
        )
    assert rig.hub.subscriptions == []
    assert rig.hub.queues == {}


@pytest.mark.parametrize("name", ["", "a b", "a/**/b", "x\ny", "x" * 600, "*a"])
async def test_what_is_no_name_is_not_followed(rig, name) -> None:
    rig.order("meter")
    await rig.apply()
    before = set(rig.hub.points)
    with pytest.raises(Refused):
        await anext(rig.meter().hub.points.latest(name))
    assert set(rig.hub.points) == before


async def test_what_was_not_granted_is_not_written(reader, rig) -> None:
    with pytest.raises(Refused, match=r"does not ask for points\.write:meter/energy"):
        await reader.points.write("meter/energy", 1.0, reason="")
    with pytest.raises(Refused, match="there is no point meter/relay"):
        await reader.points.write("meter/relay", 1.0, reason="")


async def test_only_an_interface_carries_requests(reader, rig) -> None:
    asked = []

    async def interface(body):
        asked.append(body)
        return {"done": True}

    rig.install("acme-http", interface=True)
    rig.order("meter@http", "acme-http")
    await rig.apply()
    with pytest.raises(Refused, match="the instance is still starting"):
        await rig.meter("meter@http").hub.interface.request("get", "/status/meter")
    rig.services.interface = interface
    with pytest.raises(Refused, match="does not ask for the capability 'interface'"):
        await reader.interface.request("get", "/status/meter", credential="token")
    answer = await rig.meter("meter@http").hub.interface.request("get", "/status/meter", credential="t", source="::1")
    assert answer == {"done": True}
    assert (asked[0]["verb"], asked[0]["path"], asked[0]["credential"], asked[0]["source"]) == (
        "get",
        "/status/meter",
        "t",
        "::1",
    )
    assert "service" not in asked[0]


async def test_only_an_interface_with_the_capability_for_it_says_who_somebody_is(rig) -> None:
    async def interface(body):
        return body["path"]

    rig.services.interface = interface
    rig.install("acme-http", interface=True)
    rig.install("utility-http", interface=True, users=True)
    rig.order("meter@http", "acme-http")
    rig.order("meter@sso", "utility-http")
    await rig.apply()
    with pytest.raises(Refused, match="does not ask for the capability 'vouch-users'"):
        await rig.meter("meter@http").hub.interface.request("post", "/session/federated", {})
    assert await rig.meter("meter@sso").hub.interface.request("post", "/session/federated", {}) == "/session/federated"


# -- a worker that does not speak through the SDK -----------------------------------------------


def worker_side(rig, label="acme-meters"):
    """The worker's own end of the socket, to say on it what the SDK never would."""
    (link,) = {m.hub._link for m in type(rig.meter()).alive.values() if rig.services.orders[m.hub.name].worker == label}
    return link.connection


async def test_points_of_others_and_points_that_are_gone_cannot_be_published(reader, rig) -> None:
    foreign = rig.hub.points["meter/energy"].number
    link = worker_side(rig, "acme-reader")
    for number in (foreign, 999_999, -1):
        link.send(Publish(False, msgspec.Raw(encode([(number, Reading(666, 1))]))))
    await rig.settle()
    assert rig.hub.points["meter/energy"].reading().value is None
    assert [entry["worker"] for entry in rig.recorded.of("worker-overstepped")] == ["acme-reader"] * 3
    assert rig.services.protests == 3
    assert link.alive


@pytest.mark.parametrize(
    "rows", [[[0, "no reading"]], [[0, [1, 2, 9]]], "none", [[0, ["x" * 5000, 1]]], [[0, [1, 2**63]]]]
)
async def test_what_is_no_reading_ends_its_senders_connection_only(reader, rig, rows) -> None:
    latest = reader.points.latest("meter/energy")
    await anext(latest)
    bad = rig.sessions["acme-meters"].connection
    worker_side(rig).send(Publish(False, msgspec.Raw(encode(rows))))
    with pytest.raises(FrameError):
        await asyncio.wait_for(bad.closed, 5)
    await rig.settle()
    assert worker_side_alive(rig, "acme-reader")
    await latest.aclose()


def worker_side_alive(rig, label):
    return rig.sessions[label].live


@pytest.mark.parametrize(
    "method", ["follow", "declare", "write", "event", "secret", "tree", "state", "status", "lease"]
)
async def test_no_worker_speaks_for_services_of_another(reader, rig, method) -> None:
    body = {"service": "meter", "names": ["meter/energy"], "number": 77, "queue": None, "points": [], "name": "x"}
    body |= {"event": "seen", "parameters": {}, "state": "failed", "detail": "", "status": {}, "value": 1}
    with pytest.raises(Refused, match="meter does not run in acme-reader"):
        await worker_side(rig, "acme-reader").request(method, body)
    assert rig.services.states["meter"].state == "running"


@pytest.mark.parametrize("method", ["follow", "unfollow", "declare", "write", "event", "secret", "tree", "state"])
@pytest.mark.parametrize("body", [None, 5, "x", [], {}, {"service": "meter"}, {"service": ["meter"]}])
async def test_a_request_that_makes_no_sense_is_an_error_and_no_more(rig, method, body, caplog) -> None:
    rig.order("meter")
    await rig.apply()
    link = worker_side(rig)
    if (method, body) != ("unfollow", None):
        try:
            await link.request(method, body)
        except Exception as error:
            assert type(error).__module__.startswith("meterhub")  # noqa: PT017 - each kind is as good
    assert await rig.sessions["acme-meters"].connection.request("ping") is None
    assert link.alive


async def test_subscriptions_and_queues_are_bounded(rig) -> None:
    rig.order("meter")
    await rig.apply()
    link = worker_side(rig)

    async def follow(number, queue=None):
        body = {"service": "meter", "names": ["meter/energy"], "number": number, "queue": queue}
        await link.request("follow", body)

    await follow(500_000)
    with pytest.raises(Refused):
        await follow(500_000)
    for number in range(64):
        await follow(number, f"queue-{number}")
    with pytest.raises(Refused, match="meter may not have more than 64 queues"):
        await follow(64, "one-more")
    await follow(65, "queue-3")  # the same one again
    for number in range(100, 100 + 1000 - 66):
        await follow(number)
    with pytest.raises(Refused, match="1000 subscriptions at most"):
        await follow(2000)
    assert len(rig.hub.subscriptions) == 935


async def test_an_acknowledgement_counts_only_from_whom_it_was_sent_to(rig) -> None:
    rig.install("acme-reader")
    rig.order("meter")
    rig.order("meter@reader", "acme-reader")
    await rig.apply()
    queue = rig.meter("meter@reader").hub.points.every("meter/energy")
    waiting = asyncio.create_task(anext(queue))
    await rig.settle()
    await rig.meter().hub.points.publish({"energy": Reading(1, 1)})
    await waiting
    (kept,) = rig.hub.queues.values()
    worker_side(rig).send(Acknowledge(kept.number, 1))
    await rig.settle()
    assert kept.acknowledged == 0
    await queue.aclose()


async def test_a_worker_that_says_it_is_well_a_million_times_costs_no_memory(rig) -> None:
    rig.order("meter")
    await rig.apply()
    loop = asyncio.get_running_loop()
    timers = len(loop._scheduled)
    link = worker_side(rig)
    for _ in range(500):
        link.notify("state", {"service": "meter", "state": "running", "detail": "x"})
        await asyncio.sleep(0)
    await rig.settle()
    assert len(loop._scheduled) - timers < 50


async def test_a_name_the_grants_do_not_speak_of_is_not_readable_by_default() -> None:
    assert "meter/energy" not in PatternSet(())
    assert not PatternSet(()).covers("**")


def test_bodies_have_one_encoding() -> None:
    assert bytes(pack({"a": 1})) == encode({"a": 1})
