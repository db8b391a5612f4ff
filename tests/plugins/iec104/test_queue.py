"""Event queues of connection groups in memory, and who gets which."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from meterhub_iec104.groups import Groups, Place
from meterhub_iec104.queue import Chunk, EventQueue, packed
from meterhub_iec104.records import Position
from meterhub_iec104.rewriting import gaps, union
from meterhub_iec104.settings import Iec104Settings
from meterhub_iec104.spool import Spool


def numbers(octets: bytes, size: int = 15) -> list[int]:
    return [int.from_bytes(octets[at : at + size], "big") for at in range(0, len(octets), size)]


def chunks(*values: int, first: int = 1, key: int = 36, size: int = 15) -> list[Chunk]:
    return packed([(key, value.to_bytes(size, "big")) for value in values], first, 0)


def drain(queue: EventQueue) -> list[int]:
    found: list[int] = []
    while (packet := queue.next()) is not None:
        found += numbers(packet.octets)
        queue.acknowledged()
    return found


def test_events_of_one_type_share_an_asdu_up_to_its_size():
    queue = EventQueue(1000)
    queue.append(chunks(*range(40)))
    queue.append(chunks(*range(100, 130), first=41, key=30, size=11))
    queue.append(chunks(200, first=71))
    sizes = []
    while (packet := queue.next()) is not None:
        sizes.append((packet.key, packet.events))
        assert len(packet.octets) <= 243
    assert sizes == [(36, 16), (36, 16), (36, 8), (30, 22), (30, 8), (36, 1)]


def test_events_that_came_one_by_one_share_an_asdu_too():
    queue = EventQueue(1000)
    for number in range(20):
        queue.append(chunks(number, first=number + 1))
    packets = [packet.events for packet in iter(queue.next, None)]
    assert packets == [16, 4]


def test_the_oldest_waiting_events_make_room_and_are_counted():
    queue = EventQueue(100)
    queue.append(chunks(*range(50)))
    queue.next()
    gone = queue.append(chunks(*range(50, 200), first=51))
    assert (len(queue), queue.dropped, gone) == (100, 100, [(17, 116)])
    queue.requeue()
    assert drain(queue) == [*range(16), *range(116, 200)]


@given(
    st.lists(st.one_of(st.integers(1, 130), st.sampled_from(["next", "acknowledged", "requeue"])), max_size=80),
    st.integers(100, 300),
    st.sampled_from([4, 15]),
)
def test_what_was_not_acknowledged_goes_out_again_in_order(steps, size, octets):
    queue = EventQueue(size)
    appended, flying, done = 0, list[list[int]](), list[int]()
    for step in steps:
        if isinstance(step, int):
            queue.append(chunks(*range(appended, appended + step), first=appended + 1, size=octets))
            appended += step
        elif step == "next" and (packet := queue.next()) is not None:
            flying.append(numbers(packet.octets, octets))
        elif step == "acknowledged" and flying:
            queue.acknowledged()
            done += flying.pop(0)
            assert queue.released == done[-1] + 1
        elif step == "requeue":
            queue.requeue()
            flying.clear()
        assert len(queue) <= size
        assert len(queue) == sum(chunk.events for chunk in queue.chunks())
    queue.requeue()
    while (packet := queue.next()) is not None:
        done += numbers(packet.octets, octets)
        queue.acknowledged()
    assert done == sorted(set(done))
    assert len(done) + queue.dropped == appended


@given(st.lists(st.sets(st.integers(1, 60)), min_size=1, max_size=4))
def test_the_queues_of_all_groups_are_written_down_as_one_and_what_each_lacks(kept):
    of_groups = [[Chunk(number, 1, 36, bytes(15), 0) for number in sorted(numbers)] for numbers in kept]
    everything = union(of_groups)
    assert [chunk.first for chunk in everything] == sorted(set().union(*kept))
    for numbers, own in zip(kept, of_groups, strict=True):
        absent = {number for first, last in gaps(everything, own) for number in range(first, last + 1)}
        assert set().union(*kept) - absent == numbers


def test_a_master_finds_its_cloned_connection_again_by_its_address():
    groups = Groups(Iec104Settings(connections=3), Spool())
    one, two = groups.take("10.0.0.1"), groups.take("10.0.0.2")
    assert one is not None
    assert two is not None
    for place, address in ((one, "10.0.0.1"), (two, "10.0.0.2")):
        groups.began(place, address)
        groups.release(place)
    assert groups.take("10.0.0.2") is two
    third = groups.take("10.0.0.3")
    assert third is not None
    assert third.group.label == "connection-3"
    assert groups.take("10.0.0.4") is one
    assert groups.take("10.0.0.1") is None


def test_who_connects_and_transfers_nothing_takes_no_place_away():
    groups = Groups(Iec104Settings(connections=2), Spool())
    own: dict[str, Place] = {}
    for address in ("10.0.0.1", "10.0.0.2"):
        place = groups.take(address)
        assert place is not None
        groups.began(place, address)
        own[address] = place
    for place in own.values():
        groups.release(place)
    scan = groups.take("10.0.0.9")
    assert scan is own["10.0.0.1"]
    groups.release(scan)
    assert groups.take("10.0.0.1") is own["10.0.0.1"]
    assert groups.take("10.0.0.2") is own["10.0.0.2"]


def test_a_cloned_connection_that_no_master_ever_had_loses_nothing():
    groups = Groups(Iec104Settings(connections=2, event_queue=100), Spool())
    groups.append([(36, bytes(15))] * 130, Position(130, 0), 0)
    assert [group.dropped for group in groups.all] == [30, 0]
    for address in ("10.0.0.1", "10.0.0.2"):
        place = groups.take(address)
        assert place is not None
        assert len(place.group.queue) == 100
        groups.began(place, address)
    groups.append([(36, bytes(15))] * 10, Position(140, 0), 0)
    assert [group.dropped for group in groups.all] == [40, 10]


def test_masters_come_into_the_group_of_their_address():
    rows = [
        {"label": "north", "allowed": ["10.0.0.*"], "connections": 1},
        {"label": "south", "allowed": ["10.1.0.0/16", "10.0.0.7"], "connections": 2},
    ]
    groups = Groups(Iec104Settings.model_validate({"connection_groups": rows}), Spool())
    addresses = ("10.0.0.1", "10.0.0.2", "10.1.2.3", "10.0.0.7", "10.1.2.3", "10.2.0.1")
    places = [groups.take(address) for address in addresses]
    assert [place and place.group.label for place in places] == ["north", None, "south", "south", None, None]
    assert [groups.room(address) for address in addresses] == [1, 1, 2, 3, 2, 0]
