"""A wire in a time of its own, and terminals that a test reads and writes."""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterator

import pytest
from meterhub_sdk.simulation import Faults, InProcess, Station
from meterhub_sdk.simulation.faults import Dice
from meterhub_sdk.simulation.station import StationParty
from meterhub_sdk.simulation.timeline import Timeline
from meterhub_sdk.simulation.wire import Party, Wire


class Listener(Party):
    """Remembers when which byte came."""

    def __init__(self, name: str, baud: int = 9600, *, echo: bool = False) -> None:
        super().__init__(name, echo=echo)
        self.speed = baud
        self.heard: list[tuple[float, int]] = []

    @property
    def baud(self) -> int:
        return self.speed

    def hear(self, data: bytes, at: float) -> None:
        self.heard += [(at, byte) for byte in data]

    @property
    def data(self) -> bytes:
        return bytes(byte for _, byte in self.heard)


class Bench:
    """A wire with parties, in virtual time."""

    def __init__(self, faults: Faults | None = None, baud: int = 9600) -> None:
        self.timeline = Timeline()
        self.wire = Wire(self.timeline, Dice(faults or Faults()), baud=baud)
        self.statistics = self.wire.statistics

    def listener(self, name: str, baud: int | None = None, *, echo: bool = False) -> Listener:
        party = Listener(name, baud or self.wire.baud, echo=echo)
        self.wire.add(party)
        return party

    def station(self, station: Station, turnaround: float = 0.0, silence: float = 3.5, name: str = "station") -> None:
        self.wire.add(StationParty(InProcess(station, turnaround, silence, name), self.wire))

    def send(self, party: Party, data: bytes, at: float) -> None:
        """As if it were written at that time."""
        self.timeline.at(at, lambda now: self.wire.send(party, data, now))

    def run(self, until: float = 1e9) -> None:
        self.timeline.run(until)


class Port:
    """A program's end of a terminal."""

    def __init__(self, path: str) -> None:
        self.descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY)

    def write(self, data: bytes) -> None:
        os.write(self.descriptor, data)

    def read(self, size: int) -> bytes:
        """So many bytes; what came until then when the rest does not come within ten seconds."""
        data = b""
        while len(data) < size and select.select([self.descriptor], [], [], 10)[0]:
            data += os.read(self.descriptor, size - len(data))
        return data


@pytest.fixture
def bench() -> Callable[..., Bench]:
    return Bench


@pytest.fixture
def port() -> Iterator[Callable[[str], Port]]:
    opened: list[Port] = []

    def open_port(path: str) -> Port:
        opened.append(Port(path))
        return opened[-1]

    yield open_port
    for made in opened:
        os.close(made.descriptor)
