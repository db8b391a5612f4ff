"""One instance reads ten simulated meters on a bad line: what it publishes is right, and a dead one hurts nobody."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from meterhub_dlms.simulator import MeterBus, meters
from meterhub_dlms.simulator.settings import USUAL_REGISTERS, format_of
from meterhub_sdk.simulation import Faults, InProcess, SimulatedLine, Terminal

BAUD, TURNAROUND, TIMEOUT = 115_200, 0.02, 0.3
"""At 115,200 Bd ten meters are read in half a second, so that dozens of frames go wrong within the time."""
READ = {label: name for name, label in USUAL_REGISTERS.items() if label in ("energy-import", "power", "voltage-l1")}
LATE = 2 * TIMEOUT
BAD_LINE = Faults(lost=0.05, corrupted=0.05, late=0.05, late_by=LATE, seed=20)
WATCHED = 18
"""Seconds."""
SECOND = 1_000_000_000

Seen = dict[str, dict[int, float]]
"""The values of each point by the times that they carry."""


@contextmanager
def line_with(bus: MeterBus, faults: Faults) -> Iterator[tuple[SimulatedLine, Path]]:
    """The bus on a line, and the device of the master."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        device = Path(directory) / "bus"
        station = InProcess(bus, turnaround=TURNAROUND)
        with SimulatedLine(Terminal("master", device), station, baud=BAUD, faults=faults) as line:
            yield line, device


def services(bus: MeterBus, device: Path) -> dict[str, object]:
    """The settings of the instance."""
    mappings = [{"label": label, "logical_name": name, "group": "fast"} for label, name in READ.items()]
    common = {"transport": "serial", "serial_port": "bus", "timeout": TIMEOUT, "retries": 3, "mappings": mappings}
    rows = [{"label": f"m{address}", "physical_address": address, **common} for address in bus.meters]
    return {
        "workers": {"placement": [["meterhub-dlms", "meterhub-serial"]]},
        "serial": {"ports": [{"label": "bus", "device": str(device), "baud": BAUD}]},
        "dlms-client": {"fast": 1, "reconnect_delay": 5, "meters": rows},
    }


async def status_of(instance):
    return (await instance.get("/status/dlms-client"))["status"] or {"meters": [], "buses": [{"connected": 0}]}


async def all_connected(instance):
    return (await status_of(instance))["buses"][0]["connected"] == 10


async def watch(instance, seconds: int) -> Seen:
    """Every value that the points take within a time: they are asked for more often than they can change."""
    seen: Seen = defaultdict(dict)
    async with instance.connected() as client:
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end:
            for point in (await client.get("/data/points", {"pattern": "dlms-client/**"}))["points"]:
                if point["value"] is not None and point["name"].rpartition("/")[2] in READ:
                    seen[point["name"]][point["time"]] = point["value"]
            await asyncio.sleep(0.1)
    return seen


@pytest.mark.slow
async def test_every_value_from_a_bad_line_is_right_and_from_the_right_meter(starter, until):
    bus = meters(meters=10, profile_period=0)
    with line_with(bus, BAD_LINE) as (line, device):
        instance = await starter.run(starter.home("head", services(bus, device))).serving()
        seen = await watch(instance, WATCHED)
        status = await status_of(instance)
        counted = line.statistics
    assert set(seen) == {f"dlms-client/m{address}/{label}" for address in bus.meters for label in READ}
    for point, values in seen.items():
        _, meter, label = point.split("/")
        assert len(values) >= 3, point
        for at, value in values.items():
            expected = bus.meters[int(meter[1:])].value(READ[label], at)
            assert value == pytest.approx(expected, abs=0.501 * 10 ** format_of(label).scaler), (point, at)
    assert min(counted.lost, counted.corrupted, counted.late) >= 3
    dropped = status["buses"][0]["dropped_frames"] + sum(row["dropped_frames"] for row in status["meters"])
    assert dropped >= counted.late


@pytest.mark.slow
async def test_a_meter_that_is_switched_off_leaves_its_neighbours_their_interval(starter, until):
    bus = meters(meters=10, profile_period=0)
    with line_with(bus, Faults()) as (_, device):
        instance = await starter.run(starter.home("head", services(bus, device))).serving()
        await until(lambda: all_connected(instance))
        before = await watch(instance, 5)
        bus.meters[20].switched_on = False
        await until(lambda: is_silent(instance, "m20"))
        after = await watch(instance, 10)
        assert (await instance.point("dlms-client/m20/power"))["quality"] != 0
        bus.meters[20].switched_on = True
        await until(lambda: all_connected(instance))
        (event,) = await instance.events("meter-silent")
    assert event["parameters"]["meter"] == "m20"
    for address in set(bus.meters) - {20}:
        name = f"dlms-client/m{address}/power"
        assert interval(after[name]) == pytest.approx(interval(before[name]), rel=0.2), name
        assert len(after[name]) >= 8, name


async def is_silent(instance, label):
    (row,) = [row for row in (await status_of(instance))["meters"] if row["label"] == label]
    return row["state"] == "silent"


def interval(values: dict[int, float]) -> float:
    """Seconds from one value to the next, as a rule."""
    return statistics.median((later - earlier) / SECOND for earlier, later in pairwise(sorted(values)))
