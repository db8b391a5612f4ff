"""Whether the last stop was in order, safe mode, and what systemd is told."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from meterhub import systemd
from meterhub.starts import Starts

DAY = 86_400.0


class Clock:
    """The wall clock, in seconds."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def life(home: Path, clock: Clock, *, orderly: bool) -> Starts:
    """One start of the core, and how it ended."""
    starts = Starts(home, clock)
    starts.begin()
    if orderly:
        starts.end()
    return starts


def test_a_new_home_was_never_stopped_badly(tmp_path: Path) -> None:
    starts = Starts(tmp_path)
    assert (starts.unclean, starts.recent, starts.safe_mode) == (False, 0, False)


def test_an_orderly_stop_leaves_no_trace(tmp_path: Path) -> None:
    clock = Clock()
    for _ in range(10):
        life(tmp_path, clock, orderly=True)
    assert not Starts(tmp_path, clock).unclean
    assert list(tmp_path.iterdir()) == []


def test_three_crashes_within_ten_minutes_mean_safe_mode(tmp_path: Path) -> None:
    clock = Clock()
    for crashes in range(1, 4):
        life(tmp_path, clock, orderly=False)
        starts = Starts(tmp_path, clock)
        assert starts.unclean
        assert starts.recent == crashes
        assert starts.safe_mode == (crashes == 3)
        clock.now += 60


@pytest.mark.parametrize("jump", [DAY, -DAY, 20 * 365 * DAY])
def test_crashes_of_another_time_do_not_count_nor_does_a_jump_of_the_clock(tmp_path: Path, jump: float) -> None:
    clock = Clock()
    for _ in range(5):
        life(tmp_path, clock, orderly=False)
    clock.now += jump
    starts = Starts(tmp_path, clock)
    assert starts.unclean
    assert not starts.safe_mode


def test_a_start_that_lasts_forgives_the_crashes_before_it(tmp_path: Path) -> None:
    clock = Clock()
    for _ in range(2):
        life(tmp_path, clock, orderly=False)
    life(tmp_path, clock, orderly=False).settle()
    assert Starts(tmp_path, clock).recent == 1
    assert not Starts(tmp_path, clock).safe_mode


def test_the_record_does_not_grow(tmp_path: Path) -> None:
    clock = Clock()
    for _ in range(100):
        life(tmp_path, clock, orderly=False)
    assert (tmp_path / "starts.json").stat().st_size < 1000


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"starts": ["yesterday"]}', b"\xff", b'{"starts": null}'])
def test_a_record_that_cannot_be_read_counts_as_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "starts.json").write_bytes(content)
    starts = Starts(tmp_path)
    assert not starts.safe_mode
    starts.begin()
    assert Starts(tmp_path).unclean


# -- systemd ----------------------------------------------------------------------------------


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_hears_what_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool) -> None:
    name = f"@meterhub-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind("\0" + name[1:] if abstract else name)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        systemd.notify("READY=1")
        heard.settimeout(5)
        assert heard.recv(100) == b"READY=1"


@pytest.mark.parametrize("address", [None, "", "/nowhere/notify", "@nobody-listens-there", "x" * 200])
def test_without_systemd_nothing_happens(monkeypatch: pytest.MonkeyPatch, address: str | None) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if address is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    systemd.notify("READY=1")


@pytest.mark.parametrize(("value", "period"), [(None, None), ("", None), ("often", None), ("30000000", 15.0)])
def test_the_watchdog_hears_from_us_twice_as_often_as_it_must(
    monkeypatch: pytest.MonkeyPatch, value: str | None, period: float | None
) -> None:
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    if value is not None:
        monkeypatch.setenv("WATCHDOG_USEC", value)
    assert systemd.watchdog_period() == period
