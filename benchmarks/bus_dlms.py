"""How close ``dlms-client`` comes to the best possible on a shared line: 20 registers of 10 meters.

``python benchmarks/bus_dlms.py``; ``--quick`` measures fewer cycles, ``--json`` prints one line for a program. The line
is simulated with the true timing of 9,600 and 115,200 Bd, HDLC frames of 128 bytes, and simulated meters that answer
after 50 ms. ``dlms-client`` polls as fast as it can through the SDK's serial line, once with lists of logical names and
once with lists of short names. Beside it, on a line of its own, a master that does nothing else replays the best split
of the registers into lists, found by trying all of them. A cycle is the time on the line from the first request to one
meter to the next first request to it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import _bus_best
import _meters
from meterhub_dlms import simulator
from meterhub_dlms.client.service import DlmsClient
from meterhub_dlms.client.settings import DlmsClientConfig
from meterhub_dlms.codec import obis
from meterhub_dlms.codec.ln import Attribute
from meterhub_sdk.simulation import Burst, LineProcess, Statistics
from meterhub_sdk.testing import FakeHub

METERS, REGISTERS, FRAME, TURNAROUND = 10, 20, 128, 0.05
BITS = 10
GOALS = {9600: 1.05, 115_200: 1.15}
ROUNDS = {9600: 5, 115_200: 5}
QUICK_ROUNDS = {9600: 1, 115_200: 3}
AS_FAST_AS_IT_CAN = 0.05
PATIENCE = 60.0


@dataclass(frozen=True)
class Case:
    """One line to measure."""

    baud: int
    short: bool
    rounds: int

    @property
    def name(self) -> str:
        """Of its figure."""
        return f"{'sn' if self.short else 'ln'}_{self.baud}_s"

    def line(self) -> LineProcess:
        """A line with the meters on it."""
        return LineProcess(
            baud=self.baud, bits=BITS, turnaround=TURNAROUND,
            station="meterhub_dlms.simulator:meters", arguments=_meters.bus(METERS, REGISTERS, FRAME),
        )  # fmt: skip

    def master(self, talk: _bus_best.Talk, meter: int = 0) -> _bus_best.Master:
        """A master of one of the meters."""
        attributes = [Attribute(3, obis.parse(_meters.logical_name(n)), 2) for n in range(REGISTERS)]
        return _bus_best.Master(talk, _meters.physical(meter), attributes, short=self.short, size=FRAME)


class Best(NamedTuple):
    """The best there is: seconds of a cycle over all meters, and the lengths of the lists for each of them."""

    seconds: float
    lists: Sequence[int]


class Measured(NamedTuple):
    """Seconds of each cycle, and what the line counted."""

    cycles: Sequence[float]
    line: Statistics


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer cycles")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    options = parser.parse_args()
    rounds = QUICK_ROUNDS if options.quick else ROUNDS
    cases = [[Case(baud, short, rounds[baud]) for short in (False, True)] for baud in GOALS]
    figures: dict[str, dict[str, Any]] = {}
    for together in [list(chain(*cases))] if options.quick else cases:
        figures |= asyncio.run(measure(together, [best(case) for case in together]))
    if options.json:
        print(json.dumps(figures))
    else:
        for name, figure in figures.items():
            print(name, *(f"{key}={value}" for key, value in figure.items()))
    sys.exit(not all(figure["holds"] for figure in figures.values()))


async def measure(cases: Sequence[Case], bests: Sequence[Best]) -> dict[str, dict[str, Any]]:
    """These cases and their replays side by side: the lines leave the processor idle nearly all the time."""
    replays = (asyncio.to_thread(replay, case, wanted) for case, wanted in zip(cases, bests, strict=True))
    replayed, polled = await asyncio.gather(asyncio.gather(*replays), asyncio.gather(*map(poll, cases)))
    rows = zip(cases, bests, replayed, polled, strict=True)
    return {case.name: figure(case, wanted, theirs, ours) for case, wanted, theirs, ours in rows}


def figure(case: Case, wanted: Best, replayed: Measured, polled: Measured) -> dict[str, Any]:
    """Seconds: our median against what the best lists take by the line's timing, and the median of their replay.

    ``line_late_us`` is by how much the simulated line itself was late with each frame.
    """
    value, reference = statistics.median(polled.cycles), wanted.seconds
    ratio, goal = value / reference, GOALS[case.baud]
    return {
        "value": round(value, 3),
        "reference": round(reference, 3),
        "ratio": round(ratio, 3),
        "goal": goal,
        "holds": ratio <= goal,
        "replayed": round(statistics.median(replayed.cycles), 3),
        "lists": "+".join(map(str, wanted.lists)),
        "line_late_us": round(polled.line.lateness / polled.line.ends * 1e6),
    }


# -- the best ---------------------------------------------------------------------------------


def best(case: Case) -> Best:
    """Found by trying all."""
    line = _bus_best.Line(BITS / case.baud, TURNAROUND)
    seconds, lists = _bus_best.cheapest(
        simulator.meters(**_meters.bus(1, REGISTERS, FRAME)), case.master, line, REGISTERS
    )
    return Best(METERS * seconds, lists)


def replay(case: Case, wanted: Best) -> Measured:
    """The cycles of a master that knows the best lists."""
    with case.line() as line:
        talk = _bus_best.Wired(line.paths["master"])
        meters = [case.master(talk, meter) for meter in range(METERS)]
        for meter in meters:
            meter.open()
        begin = time.monotonic()
        for meter in meters * case.rounds + meters[:1]:
            read = 0
            for length in wanted.lists:
                read += meter.read(read, length)
            assert read == REGISTERS, f"{read} registers came instead of {REGISTERS}"
        talk.close()
        found = cycles(line.bursts(), begin)
    return Measured(found, line.statistics)


def cycles(bursts: Sequence[Burst], since: float) -> list[float]:
    """Seconds from each first request to the first meter to the next one."""
    requests = [burst for burst in bursts if burst.party == "master" and burst.begin >= since]
    asked = [_meters.asked(bytes(burst.data)) for burst in requests]
    first = asked[0]
    marks = [
        burst.begin
        for number, burst in enumerate(requests)
        if asked[number] == first and (not number or asked[number - 1] != first)
    ]
    return [end - begin for begin, end in pairwise(marks)]


# -- ours -------------------------------------------------------------------------------------


async def poll(case: Case) -> Measured:
    """The cycles of ``dlms-client`` once it knows all scalers; every value is compared with the meter's."""
    with case.line() as line, tempfile.TemporaryDirectory() as directory:
        hub = FakeHub("dlms-client", Path(directory))
        hub.things["serial", "bus"] = {"device": line.paths["master"], "baud": case.baud}
        service = DlmsClient(hub, DlmsClientConfig.model_validate(settings(case)))
        expected = {
            f"meter-{meter}/register-{number}": _meters.value(meter, number)
            for meter in range(METERS)
            for number in range(REGISTERS)
        }
        async with hub.running(service):
            await hub.until_published(*expected, timeout=PATIENCE)
            hub.history.clear()
            begin = time.monotonic()
            found: list[float] = []
            async with asyncio.timeout(PATIENCE):
                while len(found) < case.rounds:
                    await asyncio.sleep(0.25)
                    if complete(hub, expected, case.rounds):
                        found = cycles(await asyncio.to_thread(line.bursts), begin)
        wrong = {name for name, reading in hub.history if name in expected and reading.value != expected[name]}
        assert not wrong, f"{len(wrong)} registers have another meter's value or none, such as {min(wrong)}"
        hub.close()
    return Measured(found[: case.rounds], line.statistics)


def complete(hub: FakeHub, expected: dict[str, float], rounds: int) -> bool:
    """Whether every register was published in every cycle."""
    counted = Counter(name for name, _ in hub.history)
    return all(counted[name] >= rounds for name in expected)


def settings(case: Case) -> dict[str, Any]:
    """Ten meters on one port, all of their registers in the fast group."""
    mappings = [
        {"label": f"register-{number}", "logical_name": _meters.logical_name(number), "group": "fast"}
        for number in range(REGISTERS)
    ]
    meters = [
        {
            "label": f"meter-{meter}",
            "transport": "serial",
            "serial_port": "bus",
            "physical_address": _meters.physical(meter),
            "referencing": "short-names" if case.short else "logical-names",
            "max_info": FRAME,
            "mappings": mappings,
        }
        for meter in range(METERS)
    ]
    return {"fast": AS_FAST_AS_IT_CAN, "meter_time": False, "meters": meters}


if __name__ == "__main__":
    main()
