"""The server for a test that kills it: a fresh process for each life, fed over a socket as the core feeds a worker.

Arguments: the port of the feed, that of the server, the directory. Each life connects to the feed, tells its process
id, gets the number of the newest reading, then lines with the number of the first reading of a batch and how many
there are; it answers with the number of the last one when the service asks for the next batch.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from meterhub_iec104.service import Iec104Server
from meterhub_iec104.settings import Iec104Settings
from meterhub_sdk import Batch, Reading
from meterhub_sdk.testing import FakeHub

NOON = 1_767_225_600_000_000_000
POINT = "m/power"


def reading(number: int) -> Reading:
    return Reading(float(number), NOON + number * 1_000_000)


class FedHub(FakeHub):
    def __init__(self, directory: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__("iec104-server", directory)
        self.reader, self.writer = reader, writer

    async def every(self, *names: str, queue: str = "default") -> AsyncIterator[Batch]:
        while line := await self.reader.readline():
            first, count = map(int, line.split())
            numbers = range(first, first + count)
            yield Batch([(POINT, reading(number)) for number in numbers], 0, numbers[-1])
            self.writer.write(b"%d\n" % numbers[-1])


async def live(feed: int, port: int, directory: Path) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", feed)
    writer.write(b"%d\n" % os.getpid())
    hub = FedHub(directory, reader, writer)
    newest = int(await reader.readline())
    if newest:
        hub.readings[POINT] = reading(newest)
    row = {"type": "M_ME_NC", "point": POINT, "ioa": 10, "push": "always"}
    config = Iec104Settings.model_validate({"port": port, "groups": [{"label": "g", "rows": [row]}]})
    service = Iec104Server(hub, config)
    hub.declared.update({point.name: point for point in service.points()})
    await service.run()


def main() -> None:
    feed, port, directory = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    while True:
        child = os.fork()
        if not child:
            try:
                asyncio.run(live(feed, port, directory))
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            return


main()
