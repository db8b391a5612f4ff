"""Our own controlled station in a process of its own: ``own_server.py SETTINGS``; lines of JSON give it readings."""

import asyncio
import json
import sys

from meterhub_iec104.service import Iec104Server
from meterhub_iec104.settings import Iec104Settings
from meterhub_sdk import Reading
from meterhub_sdk.testing import FakeHub


async def main() -> None:
    """Serve until standard input ends."""
    hub = FakeHub("iec104-server")
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    server = Iec104Server(hub, Iec104Settings.model_validate_json(sys.argv[1]))
    async with hub.running(server):
        while line := await reader.readline():
            hub.give_all({name: Reading(*reading) for name, reading in json.loads(line).items()})
            await hub.settle()
            while not server.status().listening:
                await asyncio.sleep(0.005)
            print("given", flush=True)


asyncio.run(main())
