"""Stations within the process: when they are asked and when their answers come."""

from __future__ import annotations

import pytest
from meterhub_sdk.simulation import Reply

CHARACTER = 10 / 9600


def test_an_answer_begins_a_turnaround_after_the_request(bench):
    line = bench()
    master = line.listener("master")
    line.station(lambda data: [data.upper()], turnaround=0.05)
    line.send(master, b"ask", at=1.0)
    line.run()
    assert master.data == b"ASK"
    assert master.heard[0][0] == pytest.approx(1 + 4 * CHARACTER + 0.05)


@pytest.mark.parametrize(("silence", "wait"), [(3.5, 3.5), (0.0, 0.0), (10.0, 10.0)])
def test_an_answer_never_begins_before_the_silence_that_ends_the_request(bench, silence, wait):
    line = bench()
    master = line.listener("master")
    line.station(lambda data: [b"!"], turnaround=0.0, silence=silence)
    line.send(master, b"ask", at=0.0)
    line.run()
    assert master.heard[0][0] == pytest.approx((3 + wait + 1) * CHARACTER)


def test_a_station_gets_what_came_between_two_silences(bench):
    line = bench()
    master = line.listener("master")
    heard = []
    line.station(lambda data: heard.append(data) or [])
    line.send(master, b"one", at=0.0)
    line.send(master, b"more", at=5 * CHARACTER)
    line.send(master, b"two", at=0.1)
    line.run()
    assert heard == [b"onemore", b"two"]


def test_a_reply_has_its_own_turnaround_and_several_follow_each_other(bench):
    line = bench()
    master = line.listener("master")
    line.station(lambda data: [Reply(b"a", turnaround=0.2), b"b", Reply(b"c", turnaround=0.1)], turnaround=0.05)
    line.send(master, b"?", at=0.0)
    line.run()
    after = CHARACTER + 0.2
    assert [at for at, _ in master.heard] == pytest.approx(
        [after + CHARACTER, after + 2 * CHARACTER, after + 3 * CHARACTER + 0.1]
    )


def test_stations_hear_each_other_and_answer_for_themselves(bench):
    line = bench()
    master = line.listener("master")
    heard = {"x": [], "y": []}

    def station(name):
        def answer(data):
            heard[name].append(data)
            return [b"from " + name.encode()] if data == name.encode() else []

        return answer

    for name in heard:
        line.station(station(name), name=name)
    line.send(master, b"x", at=0.0)
    line.send(master, b"y", at=0.5)
    line.run()
    assert master.data == b"from xfrom y"
    assert heard == {"x": [b"x", b"y", b"from y"], "y": [b"x", b"from x", b"y"]}


def test_a_station_changes_its_speed_once_its_answer_is_sent(bench):
    line = bench(baud=300)
    master = line.listener("master")
    heard = []

    def meter(data):
        heard.append(data)
        return [Reply(b"\x06ok", then_baud=9600)] if data == b"\x06go" else [b"fast"]

    line.station(meter)
    line.send(master, b"\x06go", at=0.0)
    line.run()
    assert master.data == b"\x06ok"
    master.heard.clear()
    master.speed = 9600
    line.send(master, b"hello", at=10.0)
    line.run()
    assert heard == [b"\x06go", b"hello"]
    assert master.data == b"fast"
    assert master.heard[-1][0] == pytest.approx(10 + (5 + 3.5 + 4) * CHARACTER)
