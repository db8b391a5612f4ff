"""A control centre commands, and everything dies at any moment: what was confirmed was done, nothing is done twice."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from meterhub_sdk.testing import free_port

ROUNDS = 3
SET_POINT, ACTIVATION, CONFIRMED, NEGATIVE = 49, 6, 7, 0x40
START, TEST, TESTED = b"\x68\x04\x07\0\0\0", 0x43, b"\x68\x04\x83\0\0\0"
IOA = 2001


@dataclass
class Device:
    """A Modbus device with one holding register. Now and then it does a write and never says so."""

    chance: random.Random
    done: list[int] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        with contextlib.suppress(OSError, EOFError):
            while True:
                head = await reader.readexactly(6)
                unit, function, *rest = await reader.readexactly(head[5])
                if function == 3:
                    answer = bytes([unit, 3, 2]) + struct.pack(">H", self.done[-1] if self.done else 0)
                else:
                    self.done.append(rest[2] << 8 | rest[3])
                    if self.chance.random() < 0.1:
                        continue
                    await asyncio.sleep(self.chance.uniform(0, 0.02))
                    answer = bytes([unit, function, *rest])
                writer.write(head[:4] + struct.pack(">H", len(answer)) + answer)
        writer.close()


class ControlCentre:
    """A master that sends one set point after the other, each of another value, and notes which were confirmed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._values = itertools.count(1)
        self.sent: list[int] = []
        self.confirmed: list[int] = []

    async def command(self) -> None:
        """Until the connection breaks."""
        with contextlib.suppress(OSError, EOFError):
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            try:
                writer.write(START)
                received = 0
                for sent in itertools.count():
                    value = next(self._values)
                    self.sent.append(value)
                    element = IOA.to_bytes(3, "little") + struct.pack("<hB", value, 0)
                    asdu = struct.pack("<BBBBH", SET_POINT, 1, ACTIVATION, 0, 1) + element
                    writer.write(struct.pack("<BBHH", 0x68, len(asdu) + 4, sent << 1, received << 1) + asdu)
                    received += await self._confirmation(reader, writer, value)
            finally:
                writer.transport.abort()

    async def _confirmation(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, value: int) -> int:
        """Wait until the station has confirmed, and note whether it has done it; how many I frames came."""
        for count in itertools.count(1):
            frame = b"\1"
            while frame[0] & 1:
                if frame[0] == TEST:
                    writer.write(TESTED)
                frame = await reader.readexactly((await reader.readexactly(2))[1])
            asdu = frame[4:]
            if asdu[0] == SET_POINT and asdu[2] & 0x3F == CONFIRMED:
                assert struct.unpack_from("<h", asdu, 9) == (value,)
                if not asdu[2] & NEGATIVE:
                    self.confirmed.append(value)
                return count
        raise AssertionError


def services(device: int, station: int) -> dict[str, object]:
    """A set point of the station that is a register of the device."""
    row = {"label": "limit", "address": 0, "type": "u16", "writable": True, "verify": False, "group": "slow"}
    unit = {"label": "feeder", "host": "127.0.0.1", "port": device, "timeout": 0.3, "rows": [row]}
    taken = {"type": "C_SE_NB", "point": "modbus-client/feeder/limit", "ioa": IOA}
    return {
        "workers": {"placement": [["meterhub-modbus", "meterhub-iec104"]]},
        "modbus-client": {"devices": [unit]},
        "iec104-server": {"port": station, "commands": {"groups": [{"label": "feeder", "rows": [taken]}]}},
    }


def ledger_of(entries: list[dict[str, object]]) -> Iterator[tuple[int, str]]:
    """Value and outcome of each entry, oldest first."""
    for entry in reversed(entries):
        yield int(str(entry["value"])), str(entry["outcome"])


@pytest.mark.slow
async def test_commands_under_power_cuts_are_done_once_and_the_ledger_says_which(starter, until, chance):
    device, port = Device(chance), free_port()
    listener = await asyncio.start_server(device.serve, "127.0.0.1", 0)
    home = starter.home("commanded", services(listener.sockets[0].getsockname()[1], port))
    centre, instance = ControlCentre(port), starter.run(home)
    for _ in range(ROUNDS):
        await instance.serving()
        commanding = asyncio.create_task(centre.command())
        enough = len(centre.confirmed) + 20
        await until(lambda: len(centre.confirmed) >= enough or commanding.done())  # noqa: B023 -- called in this round
        assert not commanding.done(), "the station ended the connection"
        await asyncio.sleep(chance.uniform(0, 0.1))
        instance.cut_power()
        await commanding
        instance = starter.run(home, initial=False)
    await instance.serving()
    entries = (await instance.get("/data/commands", {"limit": 500}))["commands"]
    await instance.stop()
    listener.close()
    ledger = dict(ledger_of(entries))
    assert len(ledger) == len(entries), "one entry for each command"
    assert len(device.done) == len(set(device.done)), "something was done twice"
    assert set(centre.confirmed) <= set(device.done), "something was confirmed that was not done"
    assert set(device.done) <= set(ledger) <= set(centre.sent)
    assert all(ledger[value] == "done" for value in centre.confirmed)
    assert {outcome for value, outcome in ledger.items() if value not in centre.confirmed} <= {"unknown", "done"}
    assert all(value in device.done for value, outcome in ledger.items() if outcome == "done")
