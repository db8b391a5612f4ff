"""What frame recorder, point trace and protocol conversion status show of the server."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable

from meterhub_sdk import Reading
from meterhub_sdk.testing import FakeHub

INTERROGATION = b"\x14"
POWER = {"type": "M_ME_NC", "point": "m/power", "ioa": 10, "push": "deadband", "deadband": 5}
OTHER = {"type": "M_ME_NC", "point": "m/other", "ioa": 11, "push": "always"}


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(40):
        while not condition():
            await asyncio.sleep(0.005)


def steps(hub: FakeHub) -> list[str]:
    assert {step.point for step in hub.steps} <= {"m/power"}
    told = [step.step for step in hub.steps]
    hub.steps.clear()
    return told


async def test_a_traced_point_is_followed_to_the_acknowledgement_and_others_are_not(serve, fake_hub):
    fake_hub.give_all({"m/power": Reading(100.0, 1), "m/other": Reading(1.0, 1)})
    running = await serve([POWER, OTHER])
    master = await running.master()
    fake_hub.give_all({"m/power": Reading(200.0, 2)})
    assert (await master.asdu()).values[10] == 200.0
    assert fake_hub.steps == []
    fake_hub.trace.points.add("m/power")
    master.acknowledge = False
    fake_hub.give_all({"m/other": Reading(2.0, 3), "m/power": Reading(201.0, 3)})
    assert (await master.asdu()).values == {11: 2.0}
    assert "push mode deadband" in fake_hub.steps[0].detail
    assert steps(fake_hub) == ["deadband"]
    fake_hub.give_all({"m/power": Reading(206.0, 4)})
    got = await master.asdu()
    assert got.values == {10: 206.0}
    assert got.raw.hex(" ") in fake_hub.steps[-1].detail
    assert steps(fake_hub) == ["event", "queued", "sent"]
    master.supervise()
    await until(lambda: bool(fake_hub.steps))
    assert steps(fake_hub) == ["acknowledged"]


async def test_a_traced_point_is_found_in_the_answer_to_an_interrogation(serve, fake_hub):
    fake_hub.give_all({"m/power": Reading(100.0, 1), "m/other": Reading(1.0, 1)})
    fake_hub.trace.points.add("m/power")
    running = await serve([POWER, OTHER])
    master = await running.master()
    got = await master.procedure(100, INTERROGATION)
    assert any(10 in asdu.values and asdu.sequence for asdu in got if asdu.type_id == 13)
    await until(lambda: len(fake_hub.steps) == 2)
    assert steps(fake_hub) == ["sent", "acknowledged"]


async def test_all_that_goes_over_a_connection_is_recorded(serve, fake_hub):
    fake_hub.give("m/power", 100.0)
    running = await serve([POWER])
    master = await running.master()
    await master.procedure(100, INTERROGATION)
    (channel,) = fake_hub.recorder.channels
    assert (channel.link, channel.listening) == ("iec104", True)
    assert channel.name.startswith("master 127.0.0.1:")
    assert channel.local.endswith(str(running.port))
    received = b"".join(octets for _, _, sent, _, octets in channel.frames if not sent)
    sent = b"".join(octets for _, _, sent, _, octets in channel.frames if sent)
    assert received.startswith(struct.pack("<BBI", 0x68, 4, 7))
    assert sent.startswith(struct.pack("<BBI", 0x68, 4, 0x0B))
    conversion = running.service.conversion()
    assert (conversion.role, [peer.state for peer in conversion.peers]) == ("server", ["started"])
    assert conversion.counters["frames sent"] >= 3
    await master.leave()
    await until(lambda: channel.closed)
    assert running.service.conversion().peers == []
