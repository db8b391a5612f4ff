"""A write is acknowledged when it is done, and nobody who must not can do it."""

from __future__ import annotations

import asyncio

import pytest
from meterhub_sdk import NotDone, Point, Refused, WriteGuard

from meterhub.commands import writes
from meterhub.wire import Disconnected


def refusals(rig):
    return [entry["reason"] for entry in rig.recorded.of("write-refused")]


async def test_a_write_returns_when_the_device_did_it(relay, writer, rig) -> None:
    gate = asyncio.Event()

    async def slowly(name, value) -> None:
        await gate.wait()

    relay.on_write = slowly
    writing = asyncio.create_task(writer.write("meter/closed", True, reason="the bill was paid"))
    await rig.settle()
    assert not writing.done()
    assert rig.recorded.names == []
    gate.set()
    await writing
    (name, value, requester) = relay.written[0]
    assert (name, value, requester.name, requester.reason) == ("closed", True, "meter@writer", "the bill was paid")
    assert rig.recorded.of("point-written")[0]["sentence"] == (
        "meter@writer set meter/closed to True (the bill was paid), command 1"
    )


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("meter/opened", True, "there is no point meter/opened"),
        ("other/closed", True, "may not write other/closed: its manifest does not ask for points.write:other/closed"),
        ("meter/closed", 1, "meter/closed takes bool, not 1"),
        ("meter/closed", None, "meter/closed takes bool, not None"),
        ("meter/closed", "x" * 10_000, "meter/closed takes bool, not 'xxx"),
    ],
)
async def test_a_write_that_cannot_be_is_refused(relay, writer, rig, name, value, said) -> None:
    with pytest.raises(Refused) as caught:
        await writer.write(name, value, reason="")
    assert said in str(caught.value)
    assert len(str(caught.value)) < 200
    assert relay.written == []


async def test_a_read_only_point_is_not_written(rig, relay, writer) -> None:
    await relay.hub.points.declare(Point(name="seen", type="bool"))
    with pytest.raises(Refused, match="meter/seen is read-only"):
        await writer.write("meter/seen", True, reason="")
    assert refusals(rig) == ["meter/seen is read-only"]


async def test_the_reason_of_the_device_reaches_the_requester(relay, writer, rig) -> None:
    async def refuse(name, value) -> None:
        raise Refused("the breaker is locked by hand")

    relay.on_write = refuse
    with pytest.raises(Refused, match="the breaker is locked by hand") as caught:
        await writer.write("meter/closed", True, reason="")
    assert type(caught.value) is Refused
    assert refusals(rig) == ["the breaker is locked by hand"]


async def test_an_owner_that_dies_leaves_the_outcome_unknown(relay, writer, rig) -> None:
    started = asyncio.Event()

    async def never(name, value) -> None:
        started.set()
        await asyncio.Event().wait()

    relay.on_write = never
    writing = asyncio.create_task(writer.write("meter/closed", True, reason=""))
    await started.wait()
    await rig.kill()
    with pytest.raises(NotDone, match="whether it did what was asked is unknown"):
        await writing
    assert len(refusals(rig)) == 1
    with pytest.raises(Refused, match="meter is not running; meter/closed was not written") as caught:
        await writer.write("meter/closed", True, reason="")
    assert not isinstance(caught.value, NotDone)


async def test_a_deadline_that_passes_leaves_the_outcome_unknown(relay, writer, rig) -> None:
    async def never(name, value) -> None:
        await asyncio.Event().wait()

    relay.on_write = never
    with pytest.raises(NotDone, match=r"meter/closed did not answer within 0\.1 s; whether it was written is unknown"):
        await writer.write("meter/closed", True, reason="", timeout=0.1)
    assert len(refusals(rig)) == 1


async def test_an_order_that_arrives_after_its_deadline_is_not_carried_out(relay, rig, monkeypatch) -> None:
    """As when the owner was stopped for a while and then goes on."""
    real = writes.time.monotonic
    request = rig.sessions["acme-meters"].connection.request

    async def late(method, body=None, timeout=None, **more):
        return await request(method, {**body, "deadline": real() - 0.001}, timeout, **more)

    monkeypatch.setattr(rig.sessions["acme-meters"].connection, "request", late)
    with pytest.raises(Refused, match="closed was not written: the order came after its deadline"):
        await rig.write("meter/closed", True, timeout=1)
    assert relay.written == []


@pytest.mark.parametrize("timeout", [0, 0.05, -1, 301, float("nan"), float("inf")])
async def test_the_time_limit_of_a_write_has_limits(relay, writer, rig, timeout) -> None:
    with pytest.raises(Refused, match=r"0\.1 to 300 will do"):
        await writer.write("meter/closed", True, reason="", timeout=timeout)
    with pytest.raises(Refused, match=r"0\.1 to 300 will do"):
        await rig.write("meter/closed", True, timeout=timeout)


async def test_a_write_to_a_service_that_takes_none_is_refused(rig, offered) -> None:
    class Lamp(offered.Plain):
        name = "lamp"

        def points(self):
            return [Point(name="on", type="bool", writable=True)]

    rig.install("acme-lamp", Lamp)
    rig.order("lamp", "acme-lamp")
    await rig.apply()
    with pytest.raises(Refused, match="on was not written"):
        await rig.write("lamp/on", True, timeout=1)


# -- guards -----------------------------------------------------------------------------------


@pytest.fixture
def guarded(rig, offered):
    """Puts a guard into a worker of its own."""

    async def guard(check, *patterns) -> None:
        rig.install("acme-guard", offered.Plain, guards=[WriteGuard(patterns or ("*/closed",), check)])
        rig.order("plain", "acme-guard")
        await rig.apply()

    return guard


async def test_a_guard_may_turn_a_write_down(relay, writer, rig, guarded) -> None:
    asked = []

    def check(name, value, requester) -> None:
        asked.append((name, value, requester.name, requester.reason))
        if value:
            raise Refused("there is no credit")

    await guarded(check)
    await writer.write("meter/closed", False, reason="night")
    with pytest.raises(Refused, match="meter/closed was not written: there is no credit"):
        await writer.write("meter/closed", True, reason="day")
    assert asked == [("meter/closed", False, "meter@writer", "night"), ("meter/closed", True, "meter@writer", "day")]
    assert [value for _, value, _ in relay.written] == [False]


async def test_a_guard_is_asked_only_about_its_patterns(relay, writer, guarded) -> None:
    def check(name, value, requester) -> None:
        raise Refused("never")

    await guarded(check, "valve/**")
    await writer.write("meter/closed", True, reason="")
    assert len(relay.written) == 1


async def test_a_guard_that_fails_is_as_good_as_one_that_says_no(relay, writer, guarded, caplog) -> None:
    def check(name, value, requester) -> None:
        raise ZeroDivisionError("oops")

    await guarded(check)
    with pytest.raises(Refused, match="meter/closed was not written: ZeroDivisionError: oops"):
        await writer.write("meter/closed", True, reason="")
    assert relay.written == []


async def test_a_guard_that_is_silent_means_no_and_nothing_was_written(
    relay, writer, rig, guarded, monkeypatch
) -> None:
    await guarded(lambda *_: None)
    connection = rig.sessions["acme-guard"].connection

    async def silent(*_, **__) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(connection, "request", silent)
    with pytest.raises(Refused, match=r"a guard did not answer within 0\.1 s") as caught:
        await rig.write("meter/closed", True, timeout=0.1)
    assert not isinstance(caught.value, NotDone)
    assert relay.written == []


async def test_a_guard_that_dies_while_it_is_asked_means_no(relay, rig, guarded, monkeypatch) -> None:
    await guarded(lambda *_: None)

    async def dies(*_, **__) -> None:
        raise Disconnected("acme-guard ended")

    monkeypatch.setattr(rig.sessions["acme-guard"].connection, "request", dies)
    with pytest.raises(Refused, match="a guard did not answer") as caught:
        await rig.write("meter/closed", True, timeout=1)
    assert not isinstance(caught.value, NotDone)
    assert relay.written == []


async def test_a_guard_that_does_not_run_means_no(relay, writer, rig, guarded) -> None:
    await guarded(lambda *_: None)
    await writer.write("meter/closed", True, reason="")
    await rig.kill("acme-guard")
    with pytest.raises(Refused, match="its guard in acme-guard is not running"):
        await writer.write("meter/closed", False, reason="")
    assert len(relay.written) == 1
    del rig.orders["plain"]
    await rig.services.follow(list(rig.orders.values()), _nothing)
    await writer.write("meter/closed", False, reason="")
    assert len(relay.written) == 2


async def _nothing() -> None:
    return None


async def test_guards_are_asked_in_parallel(relay, rig, offered) -> None:
    meeting = asyncio.Barrier(2)
    for label in ("acme-one", "acme-two"):
        rig.install(
            label, type(label, (offered.Plain,), {"name": label}), guards=[WriteGuard(("**",), lambda *_: None)]
        )
        rig.order(label, label)
    await rig.apply()
    for label in ("acme-one", "acme-two"):
        request = rig.sessions[label].connection.request

        async def meet(*a, request=request, **k):
            await meeting.wait()
            return await request(*a, **k)

        rig.sessions[label].connection.request = meet
    await rig.write("meter/closed", True, timeout=5)
    assert len(relay.written) == 1
