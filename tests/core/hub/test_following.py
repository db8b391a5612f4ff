"""Subscriptions: the newest state that never slows a publisher, and queues that leave nothing out."""

from __future__ import annotations

import pytest
from meterhub_sdk import Point

from meterhub import following


@pytest.fixture(autouse=True)
def short_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "QUEUE_LENGTH", 10)


async def test_a_new_follower_gets_names_and_the_present_state_at_once(bench, channel) -> None:
    bench.declare("meter", "energy", "power")
    bench.publish("meter", energy=5)
    follower = channel()
    bench.hub.follow_latest(1, ("meter/*",), follower)
    assert follower.take() == [("meter/energy", 5), ("meter/power", None)]


async def test_a_busy_follower_gets_the_newest_only_when_it_reads_again(bench, channel) -> None:
    bench.declare("meter", "energy", "power")
    follower, other = channel(), channel()
    bench.hub.follow_latest(1, ("meter/*",), follower)
    bench.hub.follow_latest(1, ("meter/*",), other)
    follower.take(), other.take()
    follower.congested = True
    for value in range(100):
        bench.publish("meter", energy=value)
        await bench.turn()
    bench.publish("meter", power=1)
    await bench.turn()
    assert follower.take() == []
    assert len(other.take()) == 101  # the one that reads gets each
    follower.congested = False
    bench.hub.writable(follower)
    assert follower.take() == [("meter/energy", 99), ("meter/power", 1)]
    bench.hub.writable(follower)
    assert follower.take() == []


async def test_what_one_turn_publishes_arrives_as_one_batch(bench, channel) -> None:
    bench.declare("meter", "energy", "power")
    follower, queue = channel(), channel()
    bench.hub.follow_latest(1, ("meter/*",), follower)
    bench.hub.follow_every("log/default", 2, ("meter/*",), queue)
    follower.take(), queue.take()
    bench.publish("meter", energy=1, power=2)
    bench.publish("meter", energy=3)
    await bench.turn()
    assert len(follower.batches) == len(queue.batches) == 1
    assert follower.take() == [("meter/energy", 3), ("meter/power", 2)]
    assert queue.take() == [("meter/energy", 1), ("meter/power", 2), ("meter/energy", 3)]


async def test_a_name_that_nobody_offers_reads_as_missing_until_it_is_offered(bench, channel) -> None:
    follower = channel()
    bench.hub.follow_latest(1, ("meter/energy",), follower)
    assert follower.take() == [("meter/energy", None)]
    bench.declare("meter", Point(name="energy", unit="Wh"))
    bench.publish("meter", energy=1)
    await bench.turn()
    assert follower.take() == [("meter/energy", 1)]


async def test_patterns_take_up_points_that_are_declared_later(bench, channel) -> None:
    one, two = channel(), channel()
    bench.hub.follow_latest(1, ("*/energy",), one)
    bench.hub.follow_every("log/default", 2, ("meter/**",), two)
    bench.declare("meter", "energy", "phase/l1")
    bench.publish("meter", energy=1)
    bench.hub.publish(
        bench.hub.owned("meter"), [(bench.hub.points["meter/phase/l1"].number, bench.hub.points["meter/energy"].raw)]
    )
    await bench.turn()
    assert one.take() == [("meter/energy", 1)]
    assert [row for row in two.take() if row[1] is not None] == [("meter/energy", 1), ("meter/phase/l1", 1)]


async def test_an_ended_subscription_gets_nothing_more(bench, channel) -> None:
    bench.declare("meter", "energy")
    follower = channel()
    subscription = bench.hub.follow_latest(1, ("meter/energy",), follower)
    follower.take()
    bench.publish("meter", energy=1)
    bench.hub.unfollow(subscription)
    bench.hub.unfollow(subscription)
    bench.publish("meter", energy=2)
    await bench.turn()
    assert 2 not in [value for _, value in follower.take()]
    assert bench.hub.subscriptions == []


async def test_a_queue_brings_everything_in_order_history_included(bench, channel) -> None:
    bench.declare("meter", "energy")
    follower = channel()
    queue = bench.hub.follow_every("log/default", 7, ("meter/energy",), follower)
    for value in range(5):
        bench.publish("meter", history=value % 2 == 0, energy=value)
    await bench.turn()
    ((number, sequence, missed, rows),) = follower.batches
    assert (number, sequence, missed) == (7, 5, 0)
    assert [reading.value for _, reading in rows] == [0, 1, 2, 3, 4]
    queue.acknowledge(5)
    assert not queue.items


async def test_a_queue_beyond_its_bound_counts_the_exact_gap(bench, channel) -> None:
    bench.declare("meter", "energy")
    follower = channel()
    queue = bench.hub.follow_every("log/default", 1, ("meter/energy",), follower)
    follower.congested = True
    for value in range(25):
        bench.publish("meter", energy=value)
    await bench.turn()
    follower.congested = False
    bench.hub.writable(follower)
    ((_, sequence, missed, rows),) = follower.batches
    assert missed == 15
    assert [reading.value for _, reading in rows] == list(range(15, 25))
    assert sequence == 25
    assert (queue.dropped, queue.untold_drops(), queue.untold_drops()) == (15, 15, 0)


async def test_a_queue_goes_on_after_the_last_acknowledged_reading(bench, channel) -> None:
    bench.declare("meter", "energy")
    first, second = channel(), channel()
    queue = bench.hub.follow_every("log/default", 1, ("meter/energy",), first)
    for value in range(4):
        bench.publish("meter", energy=value)
        await bench.turn()
    queue.acknowledge(2)
    bench.hub.release(first)
    bench.publish("meter", energy=4)
    await bench.turn()
    assert bench.hub.follow_every("log/default", 9, ("meter/energy",), second) is queue
    assert second.take() == [("meter/energy", 2), ("meter/energy", 3), ("meter/energy", 4)]
    assert queue.dropped == 0


async def test_what_was_delivered_and_acknowledged_in_time_is_not_counted_as_dropped(bench, channel) -> None:
    bench.declare("meter", "energy")
    follower = channel()
    queue = bench.hub.follow_every("log/default", 1, ("meter/energy",), follower)
    for value in range(25):  # all are delivered, none acknowledged: the oldest leave the queue
        bench.publish("meter", energy=value)
        await bench.turn()
    assert queue.dropped == 0
    queue.acknowledge(25)
    assert queue.dropped == 0
    assert len(follower.take()) == 25


async def test_what_was_delivered_to_a_worker_that_died_is_a_gap_when_it_left_the_queue(bench, channel) -> None:
    bench.declare("meter", "energy")
    first, second = channel(), channel()
    queue = bench.hub.follow_every("log/default", 1, ("meter/energy",), first)
    for value in range(25):
        bench.publish("meter", energy=value)
        await bench.turn()
    bench.hub.release(first)
    bench.hub.follow_every("log/default", 1, ("meter/energy",), second)
    ((_, _, missed, rows),) = second.batches
    assert missed == queue.dropped == 15
    assert [reading.value for _, reading in rows] == list(range(15, 25))


async def test_a_gap_longer_than_what_may_be_in_flight_does_not_stop_the_queue(bench, channel, monkeypatch) -> None:
    monkeypatch.setattr(following, "_IN_FLIGHT", 5)
    bench.declare("meter", "energy")
    first, second = channel(), channel()
    queue = bench.hub.follow_every("log/default", 1, ("meter/energy",), first)
    bench.hub.release(first)
    for value in range(100):
        bench.publish("meter", energy=value)
    bench.hub.follow_every("log/default", 2, ("meter/energy",), second)
    assert second.batches[0][2] == 90
    got = second.take()
    for _ in range(10):
        queue.acknowledge(queue.sent)
        got += second.take()
    assert got == [("meter/energy", value) for value in range(90, 100)]


async def test_no_more_than_the_bound_is_in_flight(bench, channel, monkeypatch) -> None:
    monkeypatch.setattr(following, "_IN_FLIGHT", 4)
    monkeypatch.setattr(following, "_SENT_AT_ONCE", 3)
    bench.declare("meter", "energy")
    follower = channel()
    queue = bench.hub.follow_every("log/default", 1, ("meter/energy",), follower)
    for value in range(9):
        bench.publish("meter", energy=value)
    await bench.turn()
    assert [len(batch[3]) for batch in follower.batches] == [3, 1]
    queue.acknowledge(3)
    assert [len(batch[3]) for batch in follower.batches] == [3, 1, 3]
    queue.acknowledge(2)  # an old acknowledgement changes nothing
    queue.acknowledge(10_000)  # nor can one reach beyond what was sent
    assert queue.acknowledged == 7
    assert [value for _, value in follower.take()] == list(range(9))


async def test_other_names_start_the_queue_afresh_and_what_waited_is_a_gap(bench, channel) -> None:
    bench.declare("meter", "energy", "power")
    first, second = channel(), channel()
    bench.hub.follow_every("log/default", 1, ("meter/energy",), first)
    bench.publish("meter", energy=1)
    await bench.turn()
    bench.hub.release(first)
    bench.publish("meter", energy=2)
    bench.publish("meter", energy=3)
    queue = bench.hub.follow_every("log/default", 2, ("meter/*",), second)
    bench.publish("meter", power=4)
    await bench.turn()
    ((number, _, missed, rows),) = second.batches
    assert (number, missed, queue.dropped) == (2, 3, 3)
    assert [(name, reading.value) for name, reading in rows] == [("meter/power", 4)]
    assert sum(queue in state.every for state in bench.hub.by_number) == 2


async def test_a_queue_is_forgotten_with_its_service(bench, channel) -> None:
    bench.declare("meter", "energy")
    bench.hub.follow_every("log/default", 1, ("meter/*",), channel())
    bench.hub.drop_queue("log/default")
    bench.hub.drop_queue("log/default")
    bench.publish("meter", energy=1)
    assert bench.hub.queues == {}
    assert bench.hub.points["meter/energy"].every == []


async def test_an_old_subscription_that_ends_late_does_not_silence_the_one_that_took_over(bench, channel) -> None:
    bench.declare("meter", "energy")
    follower = channel()
    queue = bench.hub.follow_every("log/default", 1, ("meter/energy",), follower)
    bench.hub.follow_every("log/default", 2, ("meter/energy",), follower)
    queue.detach(1, follower)
    bench.publish("meter", energy=1)
    await bench.turn()
    assert follower.take() == [("meter/energy", 1)]
    queue.detach(2, follower)
    bench.publish("meter", energy=2)
    await bench.turn()
    assert follower.take() == []


async def test_one_follower_that_does_not_read_costs_nobody_else_anything(bench, channel) -> None:
    bench.declare("meter", "energy")
    stuck, good = channel(), channel()
    bench.hub.follow_every("stuck/default", 1, ("meter/energy",), stuck)
    bench.hub.follow_every("good/default", 1, ("meter/energy",), good)
    stuck.congested = True
    for value in range(1000):
        bench.publish("meter", energy=value)
        await bench.turn()
    assert [value for _, value in good.take()] == list(range(1000))
    assert len(bench.hub.queues["stuck/default"].items) == 10
    assert bench.hub.queues["stuck/default"].dropped == 990


async def test_order_is_kept_for_each_publisher(bench, channel) -> None:
    bench.declare("a", "x")
    bench.declare("b", "x")
    follower = channel()
    queue = bench.hub.follow_every("log/default", 1, ("*/x",), follower)
    for value in range(50):
        bench.publish("a", x=value)
        bench.publish("b", x=-value)
        await bench.turn()
        queue.acknowledge(queue.sent)
    rows = follower.take()
    assert [value for name, value in rows if name == "a/x"] == list(range(50))
    assert [value for name, value in rows if name == "b/x"] == [-value for value in range(50)]
