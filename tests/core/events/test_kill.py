"""A process that is killed loses no entry that it had been told was on disk."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from meterhub.events import SCHEMA, verify
from meterhub.store import Store

RECORDER = """
import asyncio, sys, time
from pathlib import Path
from meterhub.events import SCHEMA, EventLog
from meterhub.store import Store
from meterhub_sdk import Clock, EventType, Log

async def one(log, event):
    while True:
        entry = await log.record(event, source="recorder")
        print(entry.sequence, flush=True)

async def main():
    log = EventLog(Store(Path(sys.argv[1]), SCHEMA), b"k" * 32, lambda: (time.time_ns(), Clock.VALID))
    events = [EventType(number=n + 1, name="e", text="e", log=kind) for n, kind in enumerate(Log)]
    await asyncio.gather(*(one(log, event) for event in events))

asyncio.run(main())
"""


@pytest.mark.parametrize("round", range(3))
def test_nothing_acknowledged_is_lost_when_the_process_is_killed(tmp_path: Path, round: int) -> None:
    path = tmp_path / "core.db"
    stop = random.randrange(1, 200)
    with subprocess.Popen([sys.executable, "-c", RECORDER, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        seen = [process.stdout.readline() for _ in range(stop)]
        process.kill()
        seen += process.stdout.readlines()
    acknowledged = {int(line) for line in seen if line.endswith("\n")}
    store = Store(path, SCHEMA)
    kept = store.read_now(lambda database: {row[0] for row in database.execute("SELECT sequence FROM event")})
    faults = verify(store, b"k" * 32)
    store.close()
    assert len(acknowledged) >= stop
    assert acknowledged <= kept
    assert faults == []
