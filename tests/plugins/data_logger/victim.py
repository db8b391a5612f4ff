"""A logger that the kill test kills: ``victim.py DIRECTORY LIMIT SEED``; it starts one for each line of its input.

Readings number ``n`` have value and time ``n``. The number of the last one acknowledged stands in the file ``acked``,
where it outlives the process; the next life goes on behind it, as the hub's queue would. Each life is forked from
a process that has imported everything, so that fifty of them are soon over.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from meterhub_data_logger.service import DataLogger
from meterhub_data_logger.settings import DataLoggerConfig
from meterhub_sdk import Batch, Reading
from meterhub_sdk.testing import FakeHub

NUMBER = 8


class EndlessHub(FakeHub):
    """Its queue never ends."""

    def __init__(self, directory: Path, chance: random.Random) -> None:
        super().__init__("data-logger", directory)
        self._chance = chance
        self._acked = os.open(directory / "acked", os.O_RDWR | os.O_CREAT)

    async def every(self, *names: str, queue: str = "default") -> AsyncIterator[Batch]:
        while True:
            first = int.from_bytes(os.pread(self._acked, NUMBER, 0), "big") + 1
            numbers = range(first, first + self._chance.choice([1, 20, 300, 700, 1000]))
            yield Batch([(f"meter/p{n % 5}", Reading(n, n)) for n in numbers], 0, numbers[-1])
            os.pwrite(self._acked, numbers[-1].to_bytes(NUMBER, "big"), 0)
            await asyncio.sleep(0)


async def live(directory: Path, limit: int, chance: random.Random) -> None:
    """Log until killed."""
    hub = EndlessHub(directory, chance)
    sources = [{"label": "all", "points": ["meter/**"], "record": "reading"}]
    config = DataLoggerConfig.model_validate({"sources": sources, "limit": limit, "commit_interval": 0.1})
    async with hub.running(DataLogger(hub, config)) as task:
        await task


def main() -> None:
    """Fork a life for each line, tell its process id, and wait for its end."""
    directory, limit, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    for number, _ in enumerate(sys.stdin):
        life = os.fork()
        if not life:
            asyncio.run(live(directory, limit, random.Random(seed + number)))
        print(life, flush=True)
        os.waitpid(life, 0)
        print("ended", flush=True)


if __name__ == "__main__":
    main()
