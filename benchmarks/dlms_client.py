"""What reading meters costs the client's processor, beside gurux-dlms, and how long a long profile holds up its loop.

``python benchmarks/dlms_client.py``; ``--quick`` reads less, ``--json`` prints one line for a program. Needs
gurux-dlms. Three processes: a meter made of ``dlms-server``, a client made of the parts of ``dlms-client``, and a
client made of gurux-dlms over asyncio. Both read the same registers over the TCP wrapper, one at a time, in lists, and
ciphered; rounds alternate, and the medians of processor time for a value are compared. Then ``dlms-client`` as it is
back-fills a profile of 10,000 entries while a timer watches the loop.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import importlib.util
import json
import statistics
import sys
import tempfile
import time
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import _process
from _profile_meter import CIPHERED, COLUMNS, KEYS, PLAIN, PROFILE, REGISTERS, ROWS, name, value
from meterhub_dlms.client.association import Association
from meterhub_dlms.client.channel import WrapperChannel
from meterhub_dlms.client.credentials import Credentials
from meterhub_dlms.client.service import DlmsClient
from meterhub_dlms.client.settings import DlmsClientConfig
from meterhub_dlms.client.values import scaler_unit, to_value
from meterhub_dlms.codec import obis
from meterhub_dlms.codec.acse import Mechanism
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.ciphering import Keys, Protection
from meterhub_dlms.codec.ln import Attribute
from meterhub_dlms.counter_store import KeyCounters, SqliteCounters
from meterhub_sdk import Reading
from meterhub_sdk.store import open_store
from meterhub_sdk.testing import FakeHub

HERE = Path(__file__).parent
GOALS = {"single": 0.7, "list": 0.35, "ciphered": 0.1}
LONGEST_STALL_MS = 25.0
PATIENCE = 120.0


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["ours"]:
        asyncio.run(ours(int(sys.argv[2])))
    else:
        report()


def report() -> None:
    """The parent."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer values and rounds")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    options = parser.parse_args()
    if importlib.util.find_spec("gurux_dlms") is None:
        sys.exit("gurux-dlms is missing: pip install gurux-dlms")
    figures = asyncio.run(measure(quick=options.quick))
    if options.json:
        print(json.dumps(figures))
    else:
        for title, figure in figures.items():
            print(title, *(f"{key}={shown}" for key, shown in figure.items()))
    sys.exit(not all(figure["holds"] for figure in figures.values()))


async def measure(*, quick: bool) -> dict[str, dict[str, Any]]:
    """All figures."""
    async with contextlib.AsyncExitStack() as stack:
        meter = await started(stack, str(HERE / "_profile_meter.py"), "meter")
        port = str(await meter.ask(None))
        clients = {
            "ours": await started(stack, __file__, "ours", port),
            "gurux": await started(stack, str(HERE / "_gurux_reader.py"), "gurux", port),
        }
        figures = await processor_time(clients, rounds=7 if quick else 11, scale=1 if quick else 3)
        figures["profile_stall_ms"] = await stall(clients, rounds=2 if quick else 5)
    return figures


async def started(stack: contextlib.AsyncExitStack, *given: str) -> _process.Child:
    """A child that is ended at the end."""
    child = await _process.Child.start(*given)
    stack.push_async_callback(child.stop)
    return child


# -- processor time ---------------------------------------------------------------------------


async def processor_time(clients: dict[str, _process.Child], *, rounds: int, scale: int) -> dict[str, dict[str, Any]]:
    """Microseconds for a value: ours, gurux's, and the ratio of the medians."""
    registers = [
        obis.text(obis.parse(name(n))).replace("-", ".").replace(":", ".").replace("*", ".") for n in range(REGISTERS)
    ]
    profile = PROFILE.replace("-", ".").replace(":", ".").replace("*", ".")
    for client in clients.values():
        for title, address, keys in (("plain", PLAIN, None), ("ciphered", CIPHERED, KEYS)):
            order = {"do": "open", "name": title, "client": address, "keys": keys}
            await client.ask({**order, "registers": registers, "profile": profile})
    orders = {
        "single": {"do": "single", "name": "plain", "count": 400 * scale},
        "list": {"do": "lists", "name": "plain", "count": 100 * scale},
        "ciphered": {"do": "single", "name": "ciphered", "count": 60 * scale},
    }
    times: dict[tuple[str, str], list[float]] = {}
    for number in range(rounds + 1):
        for title, order in orders.items():
            for who, client in clients.items():
                done = await client.ask(order)
                check(done, title, who)
                if number:  # the first round warms up
                    times.setdefault((title, who), []).append(done["cpu"] * 1e6)
    return {f"{title}_us": figure(times[title, "ours"], times[title, "gurux"], GOALS[title]) for title in orders}


def check(done: dict[str, Any], title: str, who: str) -> None:
    """Every value is that of its register."""
    whole, rest = divmod(done["values"], REGISTERS)
    expected = whole * sum(map(value, range(REGISTERS))) + sum(map(value, range(rest)))
    assert abs(done["sum"] - expected) < 1e-3, f"{who} read wrong values ({title})"


def figure(mine: list[float], other: list[float], goal: float) -> dict[str, Any]:
    """Medians and their ratio."""
    ratio = statistics.median(mine) / statistics.median(other)
    return {
        "value": round(statistics.median(mine), 1),
        "reference": round(statistics.median(other), 1),
        "ratio": round(ratio, 3),
        "goal": goal,
        "holds": ratio <= goal,
    }


async def stall(clients: dict[str, _process.Child], *, rounds: int) -> dict[str, Any]:
    """Milliseconds: the least of the longest stalls of the rounds, as what else runs here only makes them longer."""
    found = [await clients["ours"].ask({"do": "rows"}) for _ in range(rounds)]
    theirs = await clients["gurux"].ask({"do": "rows", "name": "plain"})
    assert all(each["rows"] == ROWS for each in [*found, theirs]), "entries of the profile are missing"
    longest = min(each["stall"] for each in found)
    return {
        "value": round(longest, 1),
        "reference": LONGEST_STALL_MS,
        "ratio": round(longest / LONGEST_STALL_MS, 2),
        "goal": 1.0,
        "holds": longest <= LONGEST_STALL_MS,
        "gurux_ms": round(theirs["stall"], 1),
        "seconds": round(min(each["seconds"] for each in found), 1),
    }


# -- ours -------------------------------------------------------------------------------------


class Reader:
    """One association, and the registers with their scalers."""

    def __init__(self, association: Association) -> None:
        self._association = association
        self._attributes = [Attribute(3, obis.parse(name(n)), 2) for n in range(REGISTERS)]
        self._singles = [association.prepare([attribute]) for attribute in self._attributes]
        self._list = association.prepare(self._attributes)
        self._exponents: list[int] = []

    async def open(self) -> None:
        """Scalers are read once."""
        for attribute in self._attributes:
            result = await self._association.get(attribute._replace(number=3))
            assert isinstance(result, Data)
            self._exponents.append(scaler_unit(result).exponent)

    async def single(self, count: int) -> list[float]:
        """So many registers, one after the other."""
        values = []
        for number in range(count):
            register = number % REGISTERS
            (result,) = await self._association.get_many(self._singles[register])
            values.append(self._value(result, register))
        return values

    async def lists(self, count: int) -> list[float]:
        """All registers in one request, so many times."""
        values = []
        for _ in range(count):
            results = await self._association.get_many(self._list)
            values += [self._value(result, register) for register, result in enumerate(results)]
        return values

    def _value(self, result: Any, register: int) -> float:
        found = to_value(result, "float", self._exponents[register])
        assert isinstance(found, float)
        return found


async def ours(port: int) -> None:
    """Carry out orders."""
    with tempfile.TemporaryDirectory() as directory:
        store = open_store(Path(directory) / "keys.db", DlmsClient.migrations)
        counters = KeyCounters(SqliteCounters(store, Path(directory)))
        readers: dict[str, Reader] = {}
        gc.collect()
        gc.freeze()  # as the worker program does
        async for order in _process.orders():
            if order["do"] == "open":
                association = await associated(port, order, counters)
                readers[order["name"]] = Reader(association)
                await readers[order["name"]].open()
                _process.answer(True)
            elif order["do"] == "rows":
                _process.answer(await backfilled(port))
            else:
                reader = readers[order["name"]]
                work = reader.single if order["do"] == "single" else reader.lists
                begin = time.process_time()
                values = await work(order["count"])
                cpu = (time.process_time() - begin) / len(values)
                _process.answer({"cpu": cpu, "sum": sum(values), "values": len(values)})


async def associated(port: int, order: dict[str, Any], counters: KeyCounters) -> Association:
    """An association as the orders want it."""
    keys = order["keys"]
    credentials = Credentials()
    if keys:
        credentials = Credentials(
            mechanism=Mechanism.GMAC, protection=Protection.BOTH, title=b"MHBBENCH",
            keys=Keys(*map(bytes.fromhex, keys)), counters=counters,
        )  # fmt: skip
    channel = await WrapperChannel.connect("127.0.0.1", port, order["client"], 1, PATIENCE)
    association = Association(channel, credentials, PATIENCE)
    await association.open()
    return association


class TakingHub(FakeHub):
    """A hub that keeps no more of the profile than two columns: a real one passes readings on."""

    def __init__(self, directory: Path) -> None:
        super().__init__("dlms-client", directory)
        self.columns = {"m/load/c0": array("d"), "m/load/c1": array("d")}

    async def publish(self, batch: Mapping[str, Reading], *, history: bool = False) -> None:
        """Take readings."""
        for published, reading in batch.items():
            if published in self.columns:
                self.columns[published].append(reading.number)


async def backfilled(port: int) -> dict[str, Any]:
    """``dlms-client`` reads the whole profile for the first time."""
    with tempfile.TemporaryDirectory() as directory:
        hub = TakingHub(Path(directory))
        columns = [{"label": f"c{n}", "logical_name": name(n)} for n in range(COLUMNS)]
        profile = {"label": "load", "logical_name": PROFILE, "first_read": 366, "columns": columns}
        meter = {"label": "m", "host": "127.0.0.1", "port": port, "mappings": [], "profiles": [profile]}
        service = DlmsClient(hub, DlmsClientConfig.model_validate({"meters": [meter]}))
        begin = time.monotonic()
        async with asyncio.timeout(PATIENCE), hub.running(service), _process.Stalls() as stalls:
            while service.status().profiles[0].state != "complete":
                await asyncio.sleep(0.05)
        seconds = time.monotonic() - begin
        hub.close()
    for column, found in enumerate(hub.columns.values()):
        expected = array("d", (1000.0 * row + column for row in range(ROWS)))
        assert found == expected, "entries came wrong, twice or out of order"
    return {"rows": len(found), "stall": stalls.longest * 1000, "seconds": seconds}


if __name__ == "__main__":
    main()
