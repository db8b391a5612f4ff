"""From meters through a gateway to an IEC 60870-5-104 master: delay, losses and memory.

A gateway, an ordinary ``meterhub run`` with signed plugins in workers of their own, reads 1,000 registers of a DLMS
meter and, half a second later, 5,000 values of ten Modbus devices every second, and sends each change to a bare master
in this process. What changes differs: first the registers, then 1,000 values, then 5,000. ``--quick`` is shorter,
``--json`` prints one line for a program.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import _pipeline_meters as meters
from _master104 import Master
from _process import free_port, resident
from _stamp import passed_ms, stamp

from meterhub.demo.homes import prepare
from meterhub.demo.processes import RunningInstance

REGISTERS = 1_000
VALUES = 5_000
MOST_P50_MS, MOST_P95_MS = 60.0, 500.0
MOST_GROWTH_MB = 2.0
WARM = 3.0
UNDER_WAY = 1.0
"""Seconds after a record: what was read in it has come until then, or is lost."""

Figure = dict[str, float | bool | None]


class Record:
    """What one load brought: delays in milliseconds, values lost, and the gateway's memory over time."""

    def __init__(self, delays: list[float], lost: int, memory: list[int]) -> None:
        self.p50, self.p95 = statistics.median(delays), statistics.quantiles(delays, n=20)[18]
        self.longest = max(delays)
        self.lost = lost
        quarter = max(1, len(memory) // 4)
        first, last = (statistics.median(part) for part in (memory[:quarter], memory[-quarter:]))
        self.growth = (last - first) / 1e6
        """MB that the last quarter of the record has more than the first."""

    def figures(self, label: str, *, p50: float | None = None, p95: float | None = None) -> dict[str, Figure]:
        """By name, against the most that they may be."""
        return {
            f"{label}_p50_ms": figure(self.p50, p50),
            f"{label}_p95_ms": figure(self.p95, p95),
            f"{label}_longest_ms": figure(self.longest, None),
            f"{label}_lost": figure(self.lost, 0),
            f"{label}_growth_mb": figure(self.growth, MOST_GROWTH_MB),
        }


class Bench:
    """The meters, the gateway's process and its master."""

    def __init__(self, registers: asyncio.Event, devices: meters.Devices, pid: int, master: Master) -> None:
        self._registers = registers
        self._devices = devices
        self._pid = pid
        self._master = master

    async def from_dlms(self, seconds: float) -> Record:
        """The delay runs from the meter's own time in its answer, which is the time tag of each event."""
        self._registers.set()
        memory = await self._watch(seconds)
        self._registers.clear()
        await asyncio.sleep(UNDER_WAY)
        wall, now = time.time() * 1000, stamp()
        delays: list[float] = []
        seen: dict[int, list[int]] = {}
        for event in self._master.events():
            delays.append(wall - passed_ms(event.came, now) - event.tag)
            seen.setdefault(event.address, []).append(int(event.value))
        skipped = sum(numbers[-1] - numbers[0] + 1 - len(set(numbers)) for numbers in seen.values())
        return Record(delays, skipped + REGISTERS - len(seen), memory)

    async def from_modbus(self, devices: int, seconds: float) -> Record:
        """The delay runs from the device's answer; every value of every answer must have come."""
        answers = self._devices.answers
        answers.clear()
        self._devices.changing = devices
        memory = await self._watch(seconds)
        self._devices.changing = 0
        await asyncio.sleep(UNDER_WAY)
        events = [event for event in self._master.events() if event.value]
        came = {(event.address, event.value) for event in events}
        told = [(address, answer.stamp) for answer in answers for address in addresses(answer)]
        delays = [passed_ms(int(event.value), event.came) for event in events]
        return Record(delays, sum(value not in came for value in told), memory)

    async def _watch(self, seconds: float) -> list[int]:
        """Forget what the master has, and note the memory of the gateway's processes each quarter of a second."""
        self._master.clear()
        memory: list[int] = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            memory.append(sum(resident(each) for each in family(self._pid)))
            await asyncio.sleep(0.25)
        return memory


@asynccontextmanager
async def bench(directory: Path) -> AsyncIterator[Bench]:
    """Everything running, for the length of the block."""
    meter_port, port, home = free_port(), free_port(), directory / "gateway"
    async with AsyncExitStack() as stack:
        registers = await stack.enter_async_context(meters.dlms_meter(meter_port, REGISTERS, directory))
        devices = await stack.enter_async_context(meters.modbus_devices())
        dlms, dlms_points = meters.dlms_client(meter_port, REGISTERS)
        modbus, modbus_points = meters.modbus_client(devices.ports, VALUES // meters.DEVICES)
        server = meters.server(port, [*dlms_points, *modbus_points])
        prepare(home, {"format": 1, "services": dlms | modbus | server}, {})
        gateway = await RunningInstance.start("gateway", home)
        stack.push_async_callback(gateway.stop)
        await gateway.ready()
        _, master = await asyncio.get_running_loop().create_connection(Master, "127.0.0.1", port)
        stack.callback(master.close)
        await asyncio.sleep(WARM)
        yield Bench(registers, devices, gateway.process.pid, master)


def addresses(answer: meters.Answer) -> range:
    """The information object addresses of the values of an answer."""
    first = meters.FIRST_IOA + REGISTERS + answer.device * (VALUES // meters.DEVICES) + answer.first
    return range(first, first + answer.values)


def family(pid: int) -> Iterator[int]:
    """A process and all that it started."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text("ascii").split():
            yield from family(int(child))


async def measure(seconds: float) -> dict[str, Figure]:
    """All figures."""
    with tempfile.TemporaryDirectory(prefix="meterhub-pipeline-") as directory:
        async with bench(Path(directory)) as running:
            dlms = await running.from_dlms(seconds)
            some = await running.from_modbus(meters.DEVICES * 1_000 // VALUES, seconds)
            every = await running.from_modbus(meters.DEVICES, seconds)
    return {
        **dlms.figures("dlms_1000", p50=MOST_P50_MS),
        **some.figures("modbus_1000", p50=MOST_P50_MS),
        **every.figures("modbus_5000", p95=MOST_P95_MS),
    }


def main() -> int:
    """Print the figures; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="3 s of each load instead of 60")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()
    figures = asyncio.run(measure(3.0 if options.quick else 60.0))
    if options.json:
        print(json.dumps(figures))
    else:
        for name, one in figures.items():
            print(f"{name:24}", *(f"{key}={value}" for key, value in one.items()))
    return 0 if all(row["holds"] for row in figures.values()) else 1


def figure(value: float, most: float | None) -> Figure:
    """One figure against the most that it may be."""
    return {
        "value": round(value, 2),
        "reference": most,
        "ratio": round(value / most, 3) if most else None,
        "goal": 1.0 if most else most,
        "holds": most is None or value <= most,
    }


if __name__ == "__main__":
    sys.exit(main())
