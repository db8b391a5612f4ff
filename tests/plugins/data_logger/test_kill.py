"""Killed at any moment, the log has every row that was acknowledged, none twice, and exactly its limit of them."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from meterhub_data_logger.search import Wanted, find, open_reader

LIMIT = 5000
KILLS = 50
SEED = int(os.environ.get("KILL_SEED", random.randrange(10**6)))


@contextlib.contextmanager
def victims(directory: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(Path(__file__).with_name("victim.py")), str(directory), str(LIMIT), str(SEED)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.stdin.close()
            process.wait(10)


def acknowledged(directory: Path) -> int:
    path = directory / "acked"
    return int.from_bytes(path.read_bytes(), "big") if path.exists() else 0


def logged(archives, directory: Path) -> list[int]:
    archive = archives(LIMIT)
    assert archive._connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    reader = open_reader(directory / "store.db")
    found = [row[3] for row in find(reader, archive.window, Wanted(None, 0, 2**62))]
    reader.close()
    archive._connection.close()
    assert archive.window.entries == len(found)
    return found


@pytest.mark.slow
def test_fifty_kills_lose_no_acknowledged_row_and_leave_exactly_the_limit(archives, tmp_path):
    print(f"KILL_SEED={SEED}")
    chance = random.Random(SEED)
    with victims(tmp_path) as process:
        for kill in range(KILLS):
            process.stdin.write("live\n")
            process.stdin.flush()
            life = int(process.stdout.readline())
            before = acknowledged(tmp_path)
            deadline = time.monotonic() + 20
            while kill == 0 and acknowledged(tmp_path) <= 2 * LIMIT and time.monotonic() < deadline:
                time.sleep(0.01)  # the first life fills it past its limit
            while acknowledged(tmp_path) == before and chance.random() < 0.995 and time.monotonic() < deadline:
                time.sleep(0.002)  # most lives commit something before their end
            time.sleep(chance.random() * 0.2)
            os.kill(life, signal.SIGKILL)
            assert process.stdout.readline() == "ended\n"
            found = logged(archives, tmp_path)
            acked = acknowledged(tmp_path)
            assert len(found) == LIMIT, f"KILL_SEED={SEED}, kill {kill}"
            assert found == list(range(found[0], found[0] + LIMIT)), f"KILL_SEED={SEED}, kill {kill}"
            assert found[-1] >= acked > LIMIT, f"KILL_SEED={SEED}, kill {kill}"
