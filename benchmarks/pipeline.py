"""From a DLMS meter through the gateway to an IEC 60870-5-104 master: delay and losses.

A meter (our ``dlms-server`` in this process) holds 1,000 registers that all change every second. A gateway, an
ordinary ``meterhub run`` with signed plugins in workers of their own, reads them every second and sends each change to
a bare master in this process. The delay runs from the meter's own time in its answer, which is the time tag of each
event, to the arrival at the master; both clocks are this machine's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from _master104 import Master
from _process import free_port
from meterhub_dlms.codec import obis
from meterhub_dlms.server.service import DlmsServer
from meterhub_dlms.server.settings import DlmsServerConfig
from meterhub_sdk.testing import FakeHub

from meterhub.demo.homes import prepare
from meterhub.demo.processes import RunningInstance

REGISTERS = 1000
FIRST_IOA = 1
GOAL_MS = 60.0


def logical_name(number: int) -> str:
    """The logical name of a register: value groups C and D count."""
    return obis.text(bytes([1, 0, 1 + number // 250, 1 + number % 250, 0, 255]))


def meter_settings(port: int) -> DlmsServerConfig:
    """A meter with 1,000 registers."""
    objects = [{"logical_name": logical_name(n), "point": f"source/r{n}", "unit": "Wh"} for n in range(REGISTERS)]
    return DlmsServerConfig.model_validate(
        {"port": port, "clients": [{"address": 16, "authentication": "none", "rights": "read"}], "objects": objects}
    )


def gateway_document(meter_port: int, master_port: int) -> dict[str, object]:
    """A gateway that reads every register every second and sends every change on."""
    mappings = [{"label": f"r{n}", "logical_name": logical_name(n), "group": "fast"} for n in range(REGISTERS)]
    rows = [{"type": "M_ME_NC", "point": f"dlms-client/meter/r{n}", "ioa": FIRST_IOA + n} for n in range(REGISTERS)]
    meter = {"label": "meter", "host": "127.0.0.1", "port": meter_port, "client_address": 16, "mappings": mappings}
    return {
        "format": 1,
        "services": {
            "dlms-client": {"fast": 1, "meters": [meter]},
            "iec104-server": {"port": master_port, "groups": [{"label": "all", "rows": rows}]},
        },
    }


class Record:
    """What arrived: delays in milliseconds, and for each object the numbers it counted through."""

    def __init__(self) -> None:
        self.delays: list[float] = []
        self.seen: dict[int, list[int]] = {}
        self.counting = False

    def take(self, ioa: int, value: float, _quality: int, tag: int) -> None:
        """One event."""
        if self.counting:
            self.delays.append(time.time() * 1000 - tag)
            self.seen.setdefault(ioa, []).append(int(value))

    @property
    def lost(self) -> int:
        """Numbers that were skipped between the first and the last seen, and objects never seen."""
        skipped = sum(numbers[-1] - numbers[0] + 1 - len(set(numbers)) for numbers in self.seen.values())
        return skipped + REGISTERS - len(self.seen)


async def count_up(hub: FakeHub, polled: asyncio.Event) -> None:
    """Every register counts up by one a second."""
    number = 0
    while not polled.is_set():
        number += 1
        for n in range(REGISTERS):
            hub.give(f"source/r{n}", number, unit="Wh")
        await asyncio.sleep(1.0)


async def measure(seconds: float) -> Record:
    """Run meter, gateway and master, and record for some time."""
    record, stop = Record(), asyncio.Event()
    with tempfile.TemporaryDirectory(prefix="meterhub-pipeline-") as directory:
        home = Path(directory) / "gateway"
        meter_port, master_port = free_port(), free_port()
        prepare(home, gateway_document(meter_port, master_port), {})
        hub = FakeHub(directory=Path(directory))
        meter = DlmsServer(hub, meter_settings(meter_port))
        counter = asyncio.create_task(count_up(hub, stop))
        async with hub.running(meter):
            gateway = await RunningInstance.start("gateway", home)
            try:
                await gateway.ready()
                await follow(record, master_port, seconds)
            finally:
                await gateway.stop()
                stop.set()
                await counter
        hub.close()
    return record


async def follow(record: Record, port: int, seconds: float) -> None:
    """Connect as a master; after the first values have come, record."""
    loop = asyncio.get_running_loop()
    _, master = await loop.create_connection(lambda: Master(record.take), "127.0.0.1", port)
    await asyncio.sleep(5.0)
    record.counting = True
    await asyncio.sleep(seconds)
    record.counting = False
    master.close()
    await master.closed


def main() -> int:
    """Print the figures; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="15 s instead of 60")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()
    record = asyncio.run(measure(15.0 if options.quick else 60.0))
    if not record.delays:
        print("nothing arrived at the master", file=sys.stderr)
        return 1
    p50 = statistics.median(record.delays)
    p99 = statistics.quantiles(record.delays, n=100)[98]
    figures = {
        "pipeline_delay_p50_ms": figure(p50, GOAL_MS),
        "pipeline_lost": {"value": record.lost, "reference": 0, "ratio": None, "goal": 0, "holds": record.lost == 0},
    }
    if options.json:
        print(json.dumps(figures))
    else:
        print(f"{len(record.delays)} events of {REGISTERS} registers: p50 {p50:.1f} ms, p99 {p99:.1f} ms, ", end="")
        print(f"longest {max(record.delays):.1f} ms, lost {record.lost} (goal: p50 under {GOAL_MS:g} ms, none lost)")
    return 0 if all(row["holds"] for row in figures.values()) else 1


def figure(value: float, goal: float) -> dict[str, object]:
    """One figure against its goal."""
    return {
        "value": round(value, 2),
        "reference": goal,
        "ratio": round(value / goal, 3),
        "goal": 1.0,
        "holds": value <= goal,
    }


if __name__ == "__main__":
    sys.exit(main())
