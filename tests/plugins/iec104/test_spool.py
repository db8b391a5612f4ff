"""Event queues on disk: what a restart, a kill or a full disk leaves of them."""

from __future__ import annotations

import asyncio
import os
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meterhub_iec104.asdu import key
from meterhub_iec104.groups import Groups
from meterhub_iec104.records import Position
from meterhub_iec104.rewriting import Rewriting
from meterhub_iec104.settings import Iec104Settings
from meterhub_iec104.spool import Spool

KEYS = (key(36, 3, 1), key(30, 3, 1))
GROUPS = [{"label": "a", "allowed": ["*.*.*.*"], "event_queue": 100}, {"label": "b", "allowed": ["*.*.*.*"]}]


def numbers(queue: Any) -> list[int]:
    found: list[int] = []
    for chunk in queue.chunks():
        size = len(chunk.octets) // chunk.events
        found += (int.from_bytes(chunk.octets[at : at + size], "big") for at in range(0, len(chunk.octets), size))
    return found


def events(first: int, count: int) -> list[tuple[int, bytes]]:
    return [(KEYS[n // 7 % 2], n.to_bytes(15 - n // 7 % 2, "big")) for n in range(first, first + count)]


class Home:
    """A server's queues without the server; :meth:`again` is what a kill and a start do."""

    def __init__(self, directory: Path, rows: list[dict[str, Any]] | None = None, file_size: int = 600) -> None:
        self.directory, self.file_size = directory, file_size
        self.rows = GROUPS if rows is None else rows
        self.open()

    def open(self) -> None:
        self.spool = Spool(self.file_size)
        config = Iec104Settings.model_validate({"connection_groups": self.rows})
        self.groups = Groups(config, self.spool)
        self.saved = self.spool.load(self.directory)
        self.left_out = self.groups.restore(self.saved, lambda key, item: True)
        self.spool.begin(self.groups.all)

    def again(self, rows: list[dict[str, Any]] | None = None) -> None:
        self.rows = self.rows if rows is None else rows
        self.spool.close()
        self.open()

    def give(self, first: int, count: int) -> None:
        self.groups.append(events(first, count), Position(first + count, first), 7)

    @property
    def kept(self) -> list[list[int]]:
        return [numbers(group.queue) for group in self.groups.all]

    @property
    def dropped(self) -> list[int]:
        return [group.queue.dropped for group in self.groups.all]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("give"), st.integers(1, 90)),
        st.tuples(st.sampled_from(["send", "acknowledge", "reconnect"]), st.integers(0, 1)),
        st.tuples(st.just("again"), st.just(0)),
        st.tuples(st.just("missed"), st.just(3)),
    ),
    max_size=60,
)


@given(STEPS)
@settings(max_examples=30, deadline=None)
async def test_a_kill_at_any_time_changes_nothing_in_the_queues(steps):
    with tempfile.TemporaryDirectory() as directory:
        home, given_, flying = Home(Path(directory, "q")), 0, [0, 0]
        for step, number in [*steps, ("again", 0)]:
            group = home.groups.all[number % 2]
            if step == "give":
                home.give(given_, number)
                given_ += number
            elif step == "missed":
                home.groups.missed(number)
            elif step == "send" and group.queue.next() is not None:
                flying[number] += 1
            elif step == "acknowledge" and flying[number]:
                flying[number] -= 1
                group.queue.acknowledged()
                group.settle()
            elif step == "reconnect":
                flying[number] = 0
                group.queue.requeue()
            elif step == "again":
                before = (home.kept, home.dropped, home.spool.next)
                home.again()
                assert (home.kept, home.dropped, home.spool.next) == before
                assert home.saved.damaged == 0
                flying = [0, 0]
        home.spool.close()


async def test_files_go_when_every_group_has_what_is_in_them(tmp_path):
    home = Home(tmp_path / "q")
    for number in range(100):
        home.give(number, 1)
        for group in home.groups.all[: 1 if number < 90 else 2]:
            while group.queue.next() is not None:
                group.queue.acknowledged()
            group.settle()
        files = len(list((tmp_path / "q").iterdir()))
        assert number < 50 or number >= 90 or files > 3
    home.give(100, 20)
    async with asyncio.timeout(40):
        while len(list((tmp_path / "q").iterdir())) > 3:  # none goes before those after it are on the medium
            await asyncio.sleep(0.01)
            home.spool.released(0, home.spool.next - 1)
    home.spool.close()


@given(st.data())
@settings(max_examples=30, deadline=None)
async def test_a_torn_end_costs_no_more_than_what_was_written_last(data):
    with tempfile.TemporaryDirectory() as directory:
        home = Home(Path(directory, "q"), file_size=1_000_000)
        for number in range(8):
            home.give(number, 1)
        home.spool.close()
        path = max(Path(directory, "q").iterdir())
        octets = path.read_bytes()
        cut = data.draw(st.integers(len(octets) - 200, len(octets)))
        path.write_bytes(octets[:cut] + data.draw(st.binary(max_size=20)))
        home.open()
        kept = home.kept[0]
        assert kept == list(range(len(kept)))
        assert len(kept) >= 3
        assert home.saved.damaged == 1 or len(kept) == 8 or cut < len(octets)
        home.give(100, 1)
        home.again()
        assert home.kept[0] == [*kept, 100]
        assert home.saved.damaged == 0
        home.spool.close()


async def test_an_unreadable_file_is_told_and_stops_nothing(tmp_path):
    (tmp_path / "q").mkdir()
    (tmp_path / "q" / "0000000004.events").write_bytes(os.urandom(5000))
    home = Home(tmp_path / "q")
    assert (home.saved.damaged, home.kept) == (1, [[], []])
    home.give(0, 3)
    home.again()
    assert home.kept == [[0, 1, 2]] * 2
    home.spool.close()


async def test_a_group_that_is_new_gets_nothing_old_and_a_smaller_queue_counts_what_it_drops(tmp_path):
    home = Home(tmp_path / "q")
    home.give(0, 200)
    assert home.dropped == [100, 0]
    home.again([{"label": "new", "allowed": ["::/0"]}, {"label": "b", "allowed": ["::/0"], "event_queue": 150}])
    assert home.kept == [[], list(range(50, 200))]
    assert home.dropped == [0, 50]
    home.again()
    assert home.dropped == [0, 50]
    home.spool.close()


async def test_events_that_nobody_wants_any_more_are_left_out_and_counted(tmp_path):
    home = Home(tmp_path / "q")
    home.give(0, 40)
    home.spool.close()
    home.spool = Spool()
    home.groups = Groups(Iec104Settings.model_validate({"connection_groups": GROUPS}), home.spool)
    saved = home.spool.load(home.directory)
    assert home.groups.restore(saved, lambda key, item: key == KEYS[0]) == 19
    assert home.kept[0] == home.kept[1] == [n for n in range(40) if n // 7 % 2 == 0]


async def test_a_full_disk_leaves_the_queues_in_memory_until_it_can_be_written_again(tmp_path, monkeypatch):
    monkeypatch.setattr("meterhub_iec104.spool._AGAIN", 0.01)
    home = Home(tmp_path / "q", file_size=1_000_000)
    task = asyncio.create_task(home.spool.run())
    home.give(0, 3)
    write = os.write
    full = True

    def refused(file: int, octets: bytes) -> int:
        return write(file, octets[:5]) if full else write(file, octets)

    monkeypatch.setattr("os.write", refused)
    home.give(3, 3)
    assert home.spool.fault == "No space left on device"
    home.give(6, 3)
    full = False
    async with asyncio.timeout(40):
        while home.spool.fault:
            await asyncio.sleep(0.005)
    home.give(9, 3)
    assert len(list((tmp_path / "q").iterdir())) == 2
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    home.again()
    assert (home.kept, home.saved.damaged) == ([list(range(12))] * 2, 0)
    home.spool.close()


async def test_queues_are_written_anew_beside_the_loop_and_what_comes_meanwhile_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("meterhub_iec104.spool._AGAIN", 0.01)
    home = Home(tmp_path / "q", file_size=1_000_000)
    home.give(0, 50)
    task = asyncio.create_task(home.spool.run())
    writing, go_on = threading.Event(), threading.Event()
    rewrite = Rewriting.write

    def slow(self: Rewriting, path: Path) -> None:
        writing.set()
        assert go_on.wait(40)
        rewrite(self, path)

    monkeypatch.setattr(Rewriting, "write", slow)
    with monkeypatch.context() as patched:
        patched.setattr("os.write", lambda file, octets: 0)
        home.give(50, 3)
    assert home.spool.fault
    async with asyncio.timeout(40):
        while not writing.is_set():
            await asyncio.sleep(0.005)
        home.give(53, 3)
        group = home.groups.all[1]
        assert group.queue.next() is not None
        group.queue.acknowledged()
        group.settle()
        kept = home.kept
        go_on.set()
        while home.spool.fault:
            await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    home.again()
    assert (home.kept, home.saved.damaged) == (kept, 0)
    home.spool.close()


async def test_what_was_written_is_brought_to_the_medium_and_shared_by_what_comes_meanwhile(tmp_path, monkeypatch):
    synced: list[int] = []
    monkeypatch.setattr("os.fdatasync", synced.append)
    home = Home(tmp_path / "q", file_size=1_000_000)
    synced.clear()
    task = asyncio.create_task(home.spool.run())
    for number in range(300):
        home.give(number, 1)
        await asyncio.sleep(0)
    async with asyncio.timeout(40):
        while not synced:
            await asyncio.sleep(0.005)
    assert len(synced) < 10
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    home.spool.close()
