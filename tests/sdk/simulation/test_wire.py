"""When bytes arrive, and what two at once do to each other: in virtual time, to the microsecond."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meterhub_sdk.simulation.faults import Dice, Faults
from meterhub_sdk.simulation.timeline import Timeline
from meterhub_sdk.simulation.wire import Party, Wire

CHARACTER = 10 / 9600


class Recorder(Party):
    baud = 9600

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.heard: list[tuple[float, bytes]] = []

    def hear(self, data: bytes, at: float) -> None:
        self.heard.append((at, data))


def test_each_byte_takes_its_time_and_reaches_everybody_but_the_sender(bench):
    line = bench()
    a, b, c = (line.listener(name) for name in "abc")
    line.send(a, b"abc", at=1.0)
    line.run()
    assert b.heard == c.heard
    assert [at for at, _ in b.heard] == pytest.approx([1 + CHARACTER, 1 + 2 * CHARACTER, 1 + 3 * CHARACTER])
    assert b.data == b"abc"
    assert a.heard == []


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(0, 0.2), st.binary(min_size=1, max_size=40)), min_size=1, max_size=8),
    st.sampled_from([300, 9600, 19200, 115200]),
)
def test_nothing_is_early_nothing_is_lost_and_the_end_is_exact(pauses, baud):
    timeline = Timeline()
    wire = Wire(timeline, Dice(Faults()), baud=baud)
    sender, receiver = Recorder("a"), Recorder("b")
    sender.baud = receiver.baud = baud
    wire.add(sender)
    wire.add(receiver)
    now = free = 0.0
    ends = []
    for pause, data in pauses:
        now += pause
        timeline.run(now)
        wire.send(sender, data, now)
        free = max(now, free) + len(data) * 10 / baud
        ends.append(free)
    timeline.run(1e9)
    assert b"".join(data for _, data in receiver.heard) == b"".join(data for _, data in pauses)
    times = [at for at, _ in receiver.heard]
    assert times == sorted(times)
    assert all(any(at == pytest.approx(end) for at in times) for end in ends)
    assert wire.statistics.busy == pytest.approx(sum(len(data) for _, data in pauses) * 10 / baud)
    heard = sent = 0
    for at, data in receiver.heard:
        heard += len(data)
        sent = sum(max(0, min(len(d), int((at - (end - len(d) * 10 / baud)) * baud / 10 + 1e-6)))
                   for end, (_, d) in zip(ends, pauses, strict=True))  # fmt: skip
        assert heard <= sent


def test_what_is_written_while_sending_follows_without_a_gap(bench):
    line = bench()
    a, b = line.listener("a"), line.listener("b")
    line.send(a, b"12345678", at=0.0)
    line.send(a, b"9", at=0.001)
    line.run()
    assert b.heard[-1][0] == pytest.approx(9 * CHARACTER)
    assert line.statistics.requests == 1
    (burst,) = line.wire.bursts
    assert (burst.party, bytes(burst.data), burst.begin) == ("a", b"123456789", 0.0)
    assert burst.end == pytest.approx(9 * CHARACTER)


def test_a_burst_ends_with_a_silence_of_three_and_a_half_characters(bench):
    line = bench()
    a, _ = line.listener("a"), line.listener("b")
    line.send(a, b"1", at=0.0)
    line.send(a, b"2", at=4.4 * CHARACTER)
    line.send(a, b"3", at=10 * CHARACTER)
    line.run()
    assert [bytes(burst.data) for burst in line.wire.bursts] == [b"12", b"3"]
    assert line.statistics.requests == 2


def test_two_at_once_garble_what_overlaps_and_only_that(bench):
    line = bench()
    a, b, c = (line.listener(name) for name in "abc")
    line.send(a, b"AAAAAAAAAA", at=0.0)
    line.send(b, b"BBBBBBBBBB", at=5.5 * CHARACTER)
    line.run()
    assert line.statistics.collisions == 1
    assert b.data[:5] == b"AAAAA"
    assert b"A" not in b.data[5:]
    assert a.data[5:] == b"BBBBB"
    assert b"B" not in a.data[:5]
    assert len(c.data) == 20
    assert line.statistics.busy == pytest.approx(15.5 * CHARACTER)


def test_frames_one_after_the_other_do_not_collide(bench):
    line = bench()
    a, b = line.listener("a"), line.listener("b")
    line.send(a, b"AA", at=0.0)
    line.send(b, b"BB", at=2 * CHARACTER)
    line.run()
    assert (a.data, b.data, line.statistics.collisions) == (b"BB", b"AA", 0)


def test_a_party_at_another_speed_hears_garbage(bench):
    line = bench()
    a, b, c = line.listener("a", 300), line.listener("b", 300), line.listener("c", 9600)
    line.send(a, b"/?!\r\n", at=0.0)
    line.run()
    assert b.data == b"/?!\r\n"
    assert b.heard[-1][0] == pytest.approx(5 * 10 / 300)
    assert all(heard != sent for heard, sent in zip(c.data, b.data, strict=True))
    assert line.statistics.mismatched == 5


def test_a_change_of_speed_takes_effect_from_the_next_write_and_for_what_is_still_to_be_heard(bench):
    line = bench()
    a, b = line.listener("a", 300), line.listener("b", 300)
    line.send(a, b"12", at=0.0)
    line.run(until=10 / 300)
    a.speed = b.speed = 9600
    line.send(a, b"3", at=0.05)
    line.run()
    assert b.data[0:1] + b.data[2:] == b"13"
    assert b.data[1:2] != b"2"
    assert b.heard[-1][0] == pytest.approx(20 / 300 + CHARACTER)


def test_a_sender_with_echo_hears_itself(bench):
    line = bench()
    a, b = line.listener("a", echo=True), line.listener("b")
    line.send(a, b"self", at=0.0)
    line.run()
    assert a.heard == b.heard


@pytest.mark.parametrize(
    ("baud", "pause", "violations"),
    [(9600, 3.4 * CHARACTER, 1), (9600, 3.6 * CHARACTER, 0), (115200, 0.0017, 1), (115200, 0.0018, 0)],
)
def test_a_request_too_soon_after_an_answer_is_a_violation(bench, baud, pause, violations):
    line = bench(baud=baud)
    master, slave = line.listener("master"), line.listener("slave")
    line.send(master, b"ask", at=0.0)
    line.send(slave, b"say", at=0.1)
    line.send(master, b"ask", at=0.1 + 30 / baud + pause)
    line.run()
    assert line.statistics.violations == violations
    assert (line.statistics.requests, line.statistics.replies) == (2, 1)
    assert (line.statistics.request_bytes, line.statistics.reply_bytes) == (6, 3)


def test_only_the_newest_bursts_are_kept(bench):
    timeline = Timeline()
    wire = Wire(timeline, Dice(Faults()), baud=9600, keep=3)
    party = Recorder("a")
    wire.add(party)
    for number in range(5):
        wire.send(party, bytes([number]), float(number))
    assert [bytes(burst.data) for burst in wire.bursts] == [b"\x02", b"\x03", b"\x04"]
