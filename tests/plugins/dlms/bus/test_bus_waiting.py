"""How long is waited for answers: short for fast meters, as ever for slow ones; and what that brings on a bad line."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_dlms.client.bus.turnaround import Turnaround
from meterhub_dlms.client.bus.waiting import Patience, Waiting
from meterhub_sdk.simulation import Faults, LineProcess

REGISTERS = 20


def measured(*samples):
    turnaround = Turnaround()
    for sample in samples:
        turnaround.add(sample)
    return turnaround


def waits(patience, usual, answer_time=0.15):
    """Of one frame that is never answered."""
    waiting = Waiting(patience, answer_time, usual)
    taken = [waiting.seconds]
    while waiting.again(taken[-1], garbage=False):
        taken.append(waiting.seconds)
    return taken


def test_a_meter_that_nothing_is_known_of_has_the_time_outs_of_the_settings():
    assert waits(Patience(1.0, 2), Turnaround()) == [1.0, 1.0, 1.0]
    assert waits(Patience(1.0, 0), Turnaround()) == [1.0]


def test_a_fast_meter_is_asked_again_soon():
    taken = waits(Patience(1.0, 2, measured(*[0.05] * 20)), Turnaround())
    assert 0.2 <= taken[0] <= 0.25
    assert taken == pytest.approx(sorted(taken[:-1]) + taken[-1:])


def test_a_new_meter_on_a_known_line_is_given_twice_as_long():
    usual = measured(*[0.05] * 20)
    known = Waiting(Patience(1.0, 2, usual), 0.15, usual).seconds
    assert known < Waiting(Patience(1.0, 2), 0.15, usual).seconds < 2 * known


def test_an_uneven_meter_is_given_longer():
    even, uneven = measured(*[0.1] * 40), measured(*[0.05, 0.15] * 20)
    seconds = [Waiting(Patience(5.0, 2, each), 0.0, Turnaround()).seconds for each in (even, uneven)]
    assert seconds[1] > 2 * seconds[0]


def test_a_meter_that_became_slow_is_measured_again():
    """Every repetition makes the next wait longer, until an answer comes to a frame that was sent once."""
    turnaround = measured(*[0.05] * 20)
    for _ in range(30):
        if Waiting(Patience(5.0, 2, turnaround), 0.0, turnaround).seconds > 2.0:
            break
        turnaround.missed()
    turnaround.add(2.0)
    assert Waiting(Patience(5.0, 2, turnaround), 0.0, turnaround).seconds > 1.0


@given(
    timeout=st.floats(0.02, 300), retries=st.integers(0, 10), samples=st.lists(st.floats(-1, 400), max_size=30),
    others=st.lists(st.floats(0, 400), max_size=10), answer_time=st.floats(0, 7), missed=st.integers(0, 100),
)  # fmt: skip
def test_no_wait_is_longer_than_the_time_out_and_all_are_as_long_as_ever(
    timeout, retries, samples, others, answer_time, missed
):
    turnaround = measured(*samples)
    for _ in range(missed):
        turnaround.missed()
    taken = waits(Patience(timeout, retries, turnaround), measured(*others), answer_time)
    assert max(taken) <= timeout
    assert len(taken) <= 3 * (retries + 1)
    assert sum(taken) <= timeout * (retries + 1) + 1e-6
    if len(taken) < 3 * (retries + 1):
        assert sum(taken) >= timeout * (retries + 1) - 0.02


@pytest.mark.slow
@pytest.mark.parametrize("names", ["logical-names", "short-names"])
async def test_ten_meters_on_a_bad_line_publish_all_their_values_and_no_wrong_one(hub, read, until, names):
    registers = [
        {"logical_name": f"1-0:{1 + n}.8.0*255", "value": 1e6 + 1000 * n, "per_meter": 1e6} for n in range(REGISTERS)
    ]
    right = {f"m{17 + m}/r{n}": 1e6 * (m + 1) + 1000 * n for m in range(10) for n in range(REGISTERS)}
    meters = {"meters": 10, "first_address": 17, "registers": registers, "profile_period": 0}
    faults = Faults(lost=0.05, corrupted=0.05, late=0.05, late_by=1.2, seed=11)
    station = "meterhub_dlms.simulator:meters"
    with LineProcess(baud=115_200, turnaround=0.02, station=station, arguments=meters, faults=faults) as line:
        hub.things["serial", "bus"] = {"device": line.paths["master"], "baud": 115_200}
        mappings = [
            {"label": f"r{n}", "logical_name": f"1-0:{1 + n}.8.0*255", "group": "fast"} for n in range(REGISTERS)
        ]
        common = {"transport": "serial", "serial_port": "bus", "referencing": names, "mappings": mappings}
        rows = [{"label": f"m{17 + m}", "physical_address": 17 + m, **common} for m in range(10)]
        async with read(rows, fast=1.0, reconnect_delay=1) as client, asyncio.timeout(60):
            while any(row.state != "connected" for row in client.status().meters):
                await asyncio.sleep(0.02)
            hub.history.clear()
            for name in right:
                while sum(published == name for published, _ in hub.history) < 2:
                    await asyncio.sleep(0.02)
            status = client.status()
    wrong = [(name, r.value) for name, r in hub.history if name in right and r.value not in (right[name], None)]
    assert wrong == []
    faults_seen = line.statistics
    assert min(faults_seen.lost, faults_seen.corrupted, faults_seen.late) > 0
    assert status.buses[0].dropped_frames + sum(row.dropped_frames for row in status.meters) > 0
