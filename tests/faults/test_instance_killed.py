"""A whole instance dies at any moment, its workers too, while masters read from it and its settings change.

``tests/system/test_kill.py`` kills the core alone and looks at users, licences and secrets; here everything dies at
once, as in a power cut, with traffic on its servers.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

import pytest
from meterhub_sdk import NotDone
from rig.wires import Mbap

ROUNDS = 2
PAIR = ("modbus-server", "dlms-server")
"""Two services whose settings are always changed together."""


async def change(instance, numbers, acknowledged: dict[int, int]) -> None:
    """Apply one pair of settings after the other, until the instance is gone."""
    with contextlib.suppress(NotDone):
        async with instance.connected() as client:
            while True:
                number = next(numbers)
                await client.post("/command/configuration/enter")
                for service in PAIR:
                    section = (await client.get(f"/configuration/{service}"))["active"]
                    await client.request("put", f"/configuration/{service}", {**section, "idle_timeout": number})
                applied = await client.post("/command/configuration/apply", {"confirm_within": 0})
                acknowledged[applied["revision"]] = number


async def read_on(port: int, answers: list[bytes]) -> None:
    """A master that reads as long as it gets answers, and comes back when it gets none."""
    wire = Mbap()
    while True:
        with contextlib.suppress(OSError, EOFError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                while True:
                    writer.write(wire.seal(bytes.fromhex("010300000002")))
                    head = await reader.readexactly(6)
                    answers.append(await reader.readexactly(head[5]))
            finally:
                writer.transport.abort()
        await asyncio.sleep(0.01)


async def whole(instance, acknowledged: dict[int, int]) -> None:
    """The settings are of one revision, no acknowledged one is lost, and the chain of the event log holds."""
    active = {(await instance.get(f"/configuration/{service}"))["active"].get("idle_timeout") for service in PAIR}
    assert len(active) == 1, f"half a revision: {active}"
    revision = (await instance.get("/status/configuration"))["revision"]
    newest = max(acknowledged, default=0)
    assert revision >= newest
    if revision == newest and acknowledged:
        assert active == {acknowledged[newest]}
    assert await instance.post("/command/event-log/verify") == {"good": True, "faults": []}


@pytest.mark.slow
async def test_an_instance_that_dies_in_the_middle_of_everything_comes_back_whole(starter, until, chance):
    services = sys.modules["meterhub_system_harness"].small_gateway()
    home, acknowledged, answers = starter.home("killed", services), {}, []
    numbers = iter(range(1000, 9000))
    instance = await starter.run(home).serving()
    reading = asyncio.create_task(read_on(services["modbus-server"]["port"], answers))
    try:
        for _ in range(ROUNDS):
            changing = asyncio.create_task(change(instance, numbers, acknowledged))
            await asyncio.sleep(chance.uniform(0.05, 1.5))
            instance.cut_power()
            await changing
            instance = await starter.run(home, initial=False).serving()
            await whole(instance, acknowledged)
            count = len(answers)
            await until(lambda: len(answers) > count + 10)  # noqa: B023 -- called before the next round
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    assert all(answer[:3] == bytes.fromhex("010304") or answer[1] & 0x80 for answer in answers)
    assert len(await instance.events("unclean-stop")) == ROUNDS
