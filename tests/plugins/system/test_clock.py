"""When the clock counts as right, and what is told of it."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_sdk import Clock
from meterhub_sdk.testing import FakeHub
from meterhub_system.clock_keeping import PERIOD, SELDOM, ClockKeeping, judge, time_status
from meterhub_system.kernel_clock import (
    STA_UNSYNC,
    TIME_ERROR,
    Jumps,
    KernelClock,
    judged,
    keeper,
    kernel_clock,
    last_synchronised,
    zone,
)
from meterhub_system.settings import ClockRules

SECOND = 10**9
NOON = 1_795_000_000 * SECOND
TODAY, LONG_AGO = date(2026, 11, 21), date(1970, 1, 1)
GOOD = KernelClock(True, 0.01, 0.001)
RULES = ClockRules()


@pytest.mark.parametrize(
    ("kernel", "today", "validity", "words"),
    [
        (GOOD, TODAY, Clock.VALID, "wrong by 0.010 s at most"),
        (KernelClock(True, 1.5, 0.0), TODAY, Clock.VALID, "1.500 s"),
        (KernelClock(True, 1.501, 0.0), TODAY, Clock.UNKNOWN, "more than 1.5 s"),
        (KernelClock(False, 0.0, 0.0), TODAY, Clock.UNKNOWN, "nothing synchronises it"),
        (KernelClock(False, 16.0, 16.0), TODAY, Clock.UNKNOWN, "nothing synchronises it"),
        (KernelClock(refused="Operation not permitted"), TODAY, Clock.UNKNOWN, "Operation not permitted"),
        (KernelClock(), TODAY, Clock.UNKNOWN, "nothing synchronises it"),
        (GOOD, LONG_AGO, Clock.INVALID, "before 2024-01-01"),
        (KernelClock(refused="no"), LONG_AGO, Clock.INVALID, "1970-01-01"),
        (GOOD, date(2023, 12, 31), Clock.INVALID, "2023-12-31"),
        (GOOD, date(2024, 1, 1), Clock.VALID, "synchronised"),
    ],
)
def test_the_rules(kernel: KernelClock, today: date, validity: Clock, words: str) -> None:
    verdict = judge(kernel, today, RULES)
    assert verdict.validity == validity
    assert words in verdict.reason


@given(
    synchronised=st.sampled_from([None, False, True]),
    error=st.none() | st.floats(0, 100),
    refused=st.sampled_from(["", "EPERM"]),
    today=st.dates(),
)
def test_a_clock_that_the_kernel_does_not_vouch_for_is_never_valid(
    synchronised: bool | None, error: float | None, refused: str, today: date
) -> None:
    verdict = judge(KernelClock(synchronised, error, error, refused), today, RULES)
    assert verdict.validity != Clock.VALID or (synchronised is True and error is not None and error <= 1.5)


@pytest.mark.parametrize(
    ("answer", "status", "synchronised"),
    [(0, 0, True), (1, 0, True), (TIME_ERROR, 0, False), (TIME_ERROR, STA_UNSYNC, False), (0, STA_UNSYNC, False)],
)
def test_the_kernels_answer_is_read_with_its_flags(answer: int, status: int, synchronised: bool) -> None:
    assert judged(answer, status, 2_500_000, 1_000) == KernelClock(synchronised, 2.5, 0.001)


def test_the_kernel_of_this_machine_answers() -> None:
    found = kernel_clock()
    assert found.refused or (isinstance(found.synchronised, bool) and (found.maximum_error or 0) >= 0)


# -- jumps ------------------------------------------------------------------------------------------


@given(steps=st.lists(st.integers(-3_000, 3_000), max_size=50))
def test_every_step_is_a_jump_and_creeping_never_is(steps: list[int]) -> None:
    jumps, wall = Jumps(1.0), NOON
    assert jumps.look(wall, 0) is None
    for number, milliseconds in enumerate(steps, 1):
        wall += SECOND + milliseconds * 10**6
        found = jumps.look(wall, number * SECOND)
        assert found == (pytest.approx(milliseconds / 1000) if abs(milliseconds) >= 1000 else None)


class Times:
    """Wall clock and time since the start, which a test moves apart."""

    def __init__(self, hub: FakeHub) -> None:
        self.hub = hub
        self.boot = 0
        self.kernel = GOOD
        self.asked = 0
        hub.fixed_time = NOON

    def ask(self) -> KernelClock:
        self.asked += 1
        return self.kernel

    def on(self, seconds: float, *, jump: float = 0) -> float:
        assert self.hub.fixed_time is not None
        self.boot += round(seconds * SECOND)
        self.hub.fixed_time += round((seconds + jump) * SECOND)
        return self.boot / SECOND


@pytest.fixture
def times(fake_hub: FakeHub) -> Times:
    fake_hub.clock = Clock.UNKNOWN
    return Times(fake_hub)


def keeping(times: Times, rules: ClockRules = RULES) -> ClockKeeping:
    return ClockKeeping(times.hub, rules, times.ask, lambda: times.boot)


def told(times: Times) -> list[str]:
    return [event.type.name for event in times.hub.recorded]


async def test_the_clock_is_judged_every_ten_seconds_and_vouched_for(times: Times) -> None:
    clock = keeping(times)
    await clock.look(times.on(1))
    assert times.hub.clock == Clock.VALID
    times.kernel = KernelClock(False, 16, 16)
    await clock.look(times.on(PERIOD - 1))
    assert (times.hub.clock, times.asked) == (Clock.VALID, 1)
    await clock.look(times.on(1))
    assert (times.hub.clock, times.asked) == (Clock.UNKNOWN, 2)


async def test_a_jump_is_told_with_its_size_and_the_clock_judged_at_once(times: Times) -> None:
    clock = keeping(times)
    await clock.look(times.on(1))
    times.kernel = KernelClock(False, 16, 16)
    await clock.look(times.on(1, jump=-3600))
    assert (times.hub.clock, clock.jumps) == (Clock.UNKNOWN, 1)
    event = next(event for event in times.hub.recorded if event.type.name == "clock-jumped")
    assert event.parameters == {"seconds": "-3600.000", "left_out": 0}
    shown = time_status(clock, times.hub.now())
    assert (shown.last_jump_by, shown.jumps, shown.clock) == (-3600.0, 1, "unknown")


async def test_a_jump_into_the_past_makes_the_clock_invalid(times: Times) -> None:
    clock = keeping(times)
    await clock.look(times.on(1))
    await clock.look(times.on(1, jump=-NOON / SECOND))
    assert times.hub.clock == Clock.INVALID


async def test_a_clock_that_jumps_all_the_time_is_told_once_a_minute(times: Times) -> None:
    clock = keeping(times)
    await clock.look(times.on(1))
    for _ in range(int(SELDOM) + 1):
        await clock.look(times.on(1, jump=5))
    assert told(times).count("clock-jumped") == 2
    assert times.hub.recorded[-1].parameters["left_out"] == SELDOM - 1
    assert clock.jumps == SELDOM + 1


async def test_a_validity_that_flickers_is_told_once_a_minute_as_it_stands_then(times: Times) -> None:
    clock = keeping(times)
    await clock.look(times.on(1))
    for turn in range(13):
        times.kernel = KernelClock(turn % 2 == 1, 0.1, 0.1)
        await clock.look(times.on(PERIOD))
    assert told(times) == ["clock-valid", "clock-not-valid", "clock-not-valid"][: len(told(times))]
    assert len(told(times)) <= 3
    assert times.hub.recorded[-1].type.name == "clock-not-valid"


# -- who keeps it -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trace", "name"),
    [("run/systemd/timesync/synchronized", "systemd-timesyncd"), ("run/chrony/chronyd.pid", "chrony"), ("run/x", "")],
)
def test_who_keeps_the_clock_is_seen_by_what_it_leaves(tmp_path: Path, trace: str, name: str) -> None:
    file = tmp_path / trace
    file.parent.mkdir(parents=True)
    file.touch()
    os.utime(file, (1_700_000_000, 1_700_000_000))
    assert keeper(tmp_path) == name
    assert last_synchronised(tmp_path) == (1_700_000_000 * SECOND if "timesync" in trace else None)


def test_the_zone_is_that_of_the_machine(tmp_path: Path) -> None:
    assert zone(tmp_path)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/localtime").symlink_to("/usr/share/zoneinfo/Europe/Warsaw")
    assert zone(tmp_path) == "Europe/Warsaw"
