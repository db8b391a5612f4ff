"""Faults come at their rates, are the same for the same seed, and are counted."""

from __future__ import annotations

import pytest
from meterhub_sdk.simulation import Fate, Faults


def talk(line, requests=400, every=1.0):
    """Requests that a station answers with their capitals; answers what the master heard after each."""
    master = line.listener("master")
    line.station(lambda data: [data.upper()], turnaround=0.05)
    answers = []
    for number in range(requests):
        line.send(master, b"a-request-of-20-byte", at=number * every)
        line.run(until=(number + 1) * every - 1e-6)
        answers.append(master.data)
        master.heard.clear()
    line.run()
    return answers


RATES = [
    (Faults(lost=0.1), "lost", 800),
    (Faults(corrupted=0.1), "corrupted", 800),
    (Faults(late=0.1, late_by=0.3), "late", 400),
    (Faults(foreign=0.1), "foreign", 400),
]


@pytest.mark.parametrize(("faults", "name", "of"), RATES)
def test_a_fault_comes_about_as_often_as_asked_for(bench, faults, name, of):
    line = bench(faults)
    talk(line)
    counted = {key: getattr(line.statistics, key) for key in ("lost", "corrupted", "late", "foreign")}
    assert 0.05 * of < counted.pop(name) < 0.16 * of
    assert set(counted.values()) == {0}


def test_the_same_seed_makes_the_same_faults_and_another_one_others(bench):
    def heard(seed):
        return talk(bench(Faults(lost=0.05, corrupted=0.05, late=0.05, foreign=0.05, seed=seed)), 100)

    assert heard(1) == heard(1)
    assert heard(1) != heard(2)


def test_a_lost_frame_is_heard_by_nobody_but_takes_its_time(bench):
    line = bench(Faults(lost=1.0))
    a, b = line.listener("a", echo=True), line.listener("b")
    line.send(a, b"gone", at=0.0)
    line.run()
    assert b.data == b""
    assert a.data == b"gone"
    assert line.statistics.busy == pytest.approx(40 / 9600)
    assert line.wire.bursts[0].fate is Fate.LOST


def test_a_corrupted_frame_has_one_to_three_bytes_wrong(bench):
    line = bench(Faults(corrupted=1.0))
    a, b = line.listener("a"), line.listener("b")
    for number in range(50):
        line.send(a, bytes(20), at=float(number))
        line.run(until=number + 0.5)
        assert len(b.data) == 20
        assert 1 <= sum(map(bool, b.data)) <= 3
        b.heard.clear()
    assert {bytes(burst.data) for burst in line.wire.bursts} == {bytes(20)}


def test_a_late_answer_comes_whole_and_in_silence(bench):
    line = bench(Faults(late=1.0, late_by=2.0))
    master = line.listener("master")
    line.station(lambda data: [b"late answer"] if data == b"ask" else [])
    line.send(master, b"ask", at=0.0)
    line.send(master, bytes(200), at=1.95)
    line.run(until=1.9)
    assert master.data == b""
    line.run()
    assert master.data == b"late answer"
    begin = 1.95 + 200 * 10 / 9600 + 3.5 * 10 / 9600
    assert master.heard[-1][0] == pytest.approx(begin + 110 / 9600)
    assert line.statistics.collisions == 0


def test_requests_are_never_late(bench):
    line = bench(Faults(late=1.0, late_by=2.0))
    a, b = line.listener("a"), line.listener("b")
    line.send(a, b"ask", at=0.0)
    line.run(until=0.1)
    assert b.data == b"ask"


def test_a_foreign_frame_follows_a_request_after_silence(bench):
    line = bench(Faults(foreign=1.0, frames=(b"nobody asked",)))
    master = line.listener("master")
    line.station(lambda data: [b"answer"] if data == b"ask" else [], turnaround=0.05)
    line.send(master, b"ask", at=0.0)
    line.run()
    assert master.data == b"nobody askedanswer"
    assert [burst.fate for burst in line.wire.bursts] == [Fate.SOUND, Fate.FOREIGN, Fate.SOUND]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"lost": 5}, "the rate lost is 5; 0 to 1 would do"),
        ({"foreign": -0.1}, "the rate foreign is -0.1"),
        ({"lost": 0.5, "late": 0.6}, "lower one of the rates"),
        ({"late_by": -1}, "late replies come after -1 s"),
    ],
)
def test_rates_that_cannot_be_are_refused_in_one_sentence(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        Faults(**settings)
