"""A real disk that is full, and a core that is killed: nothing acknowledged is lost."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

FILL = """
import asyncio, os, pathlib, sys
from meterhub.store import Store, StoreError

async def main():
    home = pathlib.Path(sys.argv[1])
    store = Store(home / "core.db", ("CREATE TABLE entry (number INTEGER PRIMARY KEY, text TEXT)",))
    acknowledged, refused, text = [], 0, "x" * 3000
    for number in range(400):
        try:
            await store.write(lambda db: db.execute("INSERT INTO entry VALUES (?, ?)", [number, text]))
            acknowledged.append(number)
        except StoreError as error:
            refused += 1
            if refused == 1:
                print(error, file=sys.stderr)
            if refused == 5:
                (home / "ballast").unlink()
    store.close()
    again = Store(home / "core.db", ("CREATE TABLE entry (number INTEGER PRIMARY KEY, text TEXT)",))
    kept = [n for (n,) in again.read_now(lambda db: db.execute("SELECT number FROM entry ORDER BY 1").fetchall())]
    sound = again.read_now(lambda db: db.execute("PRAGMA integrity_check").fetchone())
    again.close()
    print(kept == acknowledged, refused >= 5, acknowledged[-1] > 50, sound[0])

home = pathlib.Path(sys.argv[1])
(home / "ballast").write_bytes(bytes(1_000_000))
asyncio.run(main())
"""

ENDLESS = """
import asyncio, pathlib, sys
from meterhub.store import Store

async def main():
    store = Store(pathlib.Path(sys.argv[1]), ("CREATE TABLE entry (number INTEGER PRIMARY KEY)",))
    number = 0
    while True:
        number += 1
        await store.write(lambda db: db.execute("INSERT INTO entry VALUES (?)", [number]))
        print(number, flush=True)

asyncio.run(main())
"""


def test_a_full_disk_refuses_writes_and_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """On a tmpfs of 2 MiB in a mount namespace of its own."""
    program = tmp_path / "fill.py"
    program.write_text(FILL)
    disk = tmp_path / "disk"
    disk.mkdir()
    script = f"mount -t tmpfs -o size=2m none '{disk}' && exec '{sys.executable}' '{program}' '{disk}'"
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"this kernel lets nobody mount a tmpfs: {done.stderr.strip()}")
    assert done.stdout.split() == ["True", "True", "True", "ok"], done.stderr
    assert "core.db could not be written: database or disk is full" in done.stderr


def test_kill_9_in_the_midst_of_writing_loses_nothing_acknowledged(tmp_path: Path) -> None:
    program, path = tmp_path / "endless.py", tmp_path / "core.db"
    program.write_text(ENDLESS)
    with subprocess.Popen([sys.executable, str(program), str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(20):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        told = [int(line) for line in process.stdout.read().split()]
    last = told[-1] if told else 20
    with sqlite3.connect(path) as connection:
        kept = [number for (number,) in connection.execute("SELECT number FROM entry ORDER BY 1")]
    connection.close()
    assert kept[:last] == list(range(1, last + 1))
    assert len(kept) <= last + 1
