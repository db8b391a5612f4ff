"""Event queues and the slots that keep them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from meterhub_iec104.queue import EventQueue
from meterhub_iec104.slots import Slots


def number(octets: bytes) -> int:
    return int.from_bytes(octets, "big")


def events(*numbers: int, key: int = 36, size: int = 15) -> list[tuple[int, bytes]]:
    return [(key, n.to_bytes(size, "big")) for n in numbers]


def drain(queue: EventQueue) -> list[int]:
    found: list[int] = []
    while (packet := queue.next()) is not None:
        found += map(number, packet.objects)
        queue.acknowledged()
    return found


def test_events_of_one_type_share_an_asdu_up_to_its_size():
    queue = EventQueue(1000)
    queue.append(events(*range(40)))
    queue.append(events(*range(100, 130), key=30, size=11))
    queue.append(events(200))
    sizes = []
    while (packet := queue.next()) is not None:
        sizes.append((packet.key, len(packet.objects)))
        assert sum(map(len, packet.objects)) <= 243
    assert sizes == [(36, 16), (36, 16), (36, 8), (30, 22), (30, 8), (36, 1)]


def test_the_oldest_waiting_events_make_room_and_are_counted():
    queue = EventQueue(100)
    queue.append(events(*range(50)))
    queue.next()
    queue.append(events(*range(50, 200)))
    assert (len(queue), queue.dropped) == (100, 100)
    queue.requeue()
    assert drain(queue) == [*range(16), *range(116, 200)]


@given(
    st.lists(st.one_of(st.integers(1, 30), st.sampled_from(["next", "acknowledged", "requeue"])), max_size=80),
    st.integers(100, 300),
)
def test_what_was_not_acknowledged_goes_out_again_in_order(steps, size):
    queue = EventQueue(size)
    appended, flying, done = 0, list[list[int]](), list[int]()
    for step in steps:
        if isinstance(step, int):
            queue.append(events(*range(appended, appended + step)))
            appended += step
        elif step == "next" and (packet := queue.next()) is not None:
            flying.append([number(octets) for octets in packet.objects])
        elif step == "acknowledged" and flying:
            queue.acknowledged()
            done += flying.pop(0)
        elif step == "requeue":
            queue.requeue()
            flying.clear()
        assert len(queue) <= size
    queue.requeue()
    done += drain(queue)
    assert done == sorted(set(done))
    assert len(done) + queue.dropped == appended


def test_a_master_finds_its_slot_again_by_its_address():
    slots = Slots(3, 100)
    one, two = slots.take("10.0.0.1"), slots.take("10.0.0.2")
    assert one is not None
    assert two is not None
    slots.release(one)
    slots.release(two)
    assert slots.take("10.0.0.2") is two
    third = slots.take("10.0.0.3")
    assert third is not None
    assert third.number == 3
    assert slots.take("10.0.0.4") is one
    assert slots.take("10.0.0.1") is None
