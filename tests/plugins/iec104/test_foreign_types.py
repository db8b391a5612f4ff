"""The master of c104 reads every type: by interrogation, by group, by counter group, spontaneously and at intervals."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from meterhub_iec104.service import Iec104Server
from meterhub_iec104.settings import Iec104Settings
from meterhub_sdk import Quality, Reading

pytestmark = pytest.mark.skipif(importlib.util.find_spec("c104") is None, reason="c104 is not installed")

NOON = 1_782_907_200 * 10**9
"""2026-07-01 12:00 UTC."""
KINDS = ["M_SP", "M_DP", "M_ST", "M_BO", "M_ME_NA", "M_ME_NB", "M_ME_NC", "M_IT", "M_PS", "M_ME_ND"]
PLAIN = {kind: f"{kind}_1" if "_ME_" in kind else f"{kind}_NA_1" for kind in KINDS}
TAGGED = {"M_SP": "M_SP_TB_1", "M_DP": "M_DP_TB_1", "M_ST": "M_ST_TB_1", "M_BO": "M_BO_TB_1", "M_ME_NA": "M_ME_TD_1"}
TAGGED |= {"M_ME_NB": "M_ME_TE_1", "M_ME_NC": "M_ME_TF_1", "M_IT": "M_IT_TB_1"}

MASTER = """
import json, sys, threading
import c104

port, mapped = int(sys.argv[1]), json.loads(sys.argv[2])
lock = threading.Lock()

def tell(**what):
    with lock:
        print(json.dumps(what), flush=True)

def received(point: c104.Point, previous_info: c104.Information, message: c104.IncomingMessage) -> c104.ResponseState:
    time = point.info.recorded_at.timestamp() if point.info.recorded_at else None
    tell(address=message.common_address, ioa=point.io_address, type=point.type.name, cause=message.cot.name,
         value=str(point.info.value), quality=str(point.info.quality), time=time)
    return c104.ResponseState.SUCCESS

client = c104.Client()
connection = client.add_connection(ip="127.0.0.1", port=port, init=c104.Init.MUTED)
for address, ioa, kind in mapped:
    station = connection.get_station(common_address=address) or connection.add_station(common_address=address)
    station.add_point(io_address=ioa, type=getattr(c104.Type, kind)).on_receive(callable=received)
client.start()
while not (connection.is_connected and not connection.is_muted):
    if connection.is_connected:
        connection.unmute()
    threading.Event().wait(0.02)
tell(cause="CONNECTED")
for line in sys.stdin:
    what, address, qualifier = line.split()
    if what == "interrogate":
        connection.interrogation(common_address=int(address), qualifier=c104.Qoi(int(qualifier)))
    else:
        connection.counter_interrogation(common_address=int(address), qualifier=c104.Rqt(int(qualifier)))
client.stop()
"""


class Master:
    """The foreign master in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def heard(self, cause: str, count: int) -> list[dict[str, Any]]:
        """The next so many objects with this cause, by type."""
        found: list[dict[str, Any]] = []
        assert self._process.stdout is not None
        async with asyncio.timeout(40):
            while len(found) < count:
                told = json.loads(await self._process.stdout.readline())
                if told["cause"] == cause:
                    found.append(told)
        return found

    async def ask(self, what: str, address: int, qualifier: int, cause: str, count: int) -> dict[str, str]:
        """What answers a request: values by type."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what} {address} {qualifier}\n".encode())
        return {told["type"]: told["value"] for told in await self.heard(cause, count)}


@pytest.fixture
async def station(fake_hub):
    """A running server: every type without time under address 1, what has a type with time again under 2."""
    rows = [{"type": kind, "point": f"m/{kind}", "ioa": n} for n, kind in enumerate(KINDS, 1)]
    tagged = [{**row, "push": "always"} for row in rows if row["type"] in TAGGED]
    groups = [
        {
            "label": "plain",
            "rows": [{**row, "push": "never"} for row in rows],
            "interrogation_group": 16,
            "counter_group": 4,
        },
        {"label": "tagged", "rows": tagged, "common_address": 2},
        {
            "label": "cyclic",
            "rows": [{"type": "M_ME_NC", "point": "m/M_ME_NC", "ioa": 99}],
            "common_address": 3,
            "periodic": 0.5,
        },
    ]
    config = Iec104Settings.model_validate({"groups": groups, "time_zone": "Europe/Warsaw"})
    service = Iec104Server(fake_hub, config.model_copy(update={"port": 0}))
    async with fake_hub.running(service):
        async with asyncio.timeout(40):
            while not service.status().listening:
                await asyncio.sleep(0.005)
        yield int(service.status().listening.rpartition(":")[2])


@pytest.fixture
async def master(station, tmp_path: Path):
    script = tmp_path / "master.py"
    script.write_text(MASTER)
    mapped = [(1, n, PLAIN[kind]) for n, kind in enumerate(KINDS, 1)]
    mapped += [(2, n, TAGGED[kind]) for n, kind in enumerate(KINDS, 1) if kind in TAGGED]
    mapped.append((3, 99, "M_ME_NC_1"))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(script), str(station), json.dumps(mapped)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={"TZ": "UTC"},
    )
    found = Master(process)
    try:
        await found.heard("CONNECTED", 1)
        yield found
    finally:
        process.kill()
        await process.communicate()


SENT = dict.fromkeys(KINDS, 1) | {
    "M_DP": True,
    "M_ST": -3,
    "M_BO": 0xABCD,
    "M_ME_NA": 0.5,
    "M_ME_NC": 2.5,
    "M_ME_ND": -1,
}
STATES = {
    "M_SP": "True",
    "M_DP": "Double.ON",
    "M_ST": "-3",
    "M_BO": f"0b{0xABCD:032b}",
    "M_ME_NA": "0.500000",
    "M_ME_NB": "1",
    "M_ME_NC": "2.5",
    "M_PS": "PackedSingle set: { I0 }",
    "M_ME_ND": "-1.000000",
}
"""How c104 shows what was sent."""


async def test_c104_reads_every_type(master, fake_hub):
    fake_hub.give_all({f"m/{kind}": Reading(value, NOON, Quality.SUBSTITUTED) for kind, value in SENT.items()})
    shown = {PLAIN[kind]: value for kind, value in STATES.items()}
    spontaneous = await master.heard("SPONTANEOUS", len(TAGGED))
    assert {told["type"]: told["value"] for told in spontaneous} == {
        type_id: STATES.get(kind, "1") for kind, type_id in TAGGED.items()
    }
    for told in spontaneous:
        assert told["time"] == NOON / 1e9 + 7200  # c104 takes local time for UTC
        assert ("Substituted" in told["quality"]) == (told["type"] != "M_IT_TB_1")
    assert await master.ask("interrogate", 1, 20, "INTERROGATED_BY_STATION", len(shown)) == shown
    assert await master.ask("interrogate", 1, 36, "INTERROGATED_BY_GROUP_16", len(shown)) == shown
    assert await master.ask("count", 1, 5, "REQUESTED_BY_GENERAL_COUNTER", 1) == {"M_IT_NA_1": "1"}
    assert await master.ask("count", 1, 4, "REQUESTED_BY_GROUP_4_COUNTER", 1) == {"M_IT_NA_1": "1"}
    for told in await master.heard("PERIODIC", 2):
        assert (told["address"], told["ioa"], told["value"]) == (3, 99, "2.5")
