"""The best that a DLMS master can do on a line: every way to split a meter's registers into lists, with real frames.

A master that knows what to send and does nothing else then replays the best one on the simulated line.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from meterhub_dlms.codec import acse, ln, short_names, sn, xdlms
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.ln import Attribute
from meterhub_dlms.codec.xdlms import Conformance, Initiate
from meterhub_dlms.link.hdlc_deframer import HdlcDeframer
from meterhub_dlms.link.hdlc_frame import HdlcAddress
from meterhub_dlms.link.hdlc_parameters import HdlcParameters
from meterhub_dlms.link.hdlc_primary import HdlcPrimary

Talk = Callable[[bytes], bytes]
"""Sends a frame and answers the one that comes back."""

CLIENT = 16
PATIENCE = 5.0


@dataclass(frozen=True)
class Line:
    """What time costs: seconds of a character, and of a meter until its answer begins."""

    character: float
    turnaround: float


class Master:
    """The link and association with one meter; ``short`` for short names."""

    def __init__(self, talk: Talk, physical: int, attributes: Sequence[Attribute], *, short: bool, size: int) -> None:
        self._talk = talk
        self._attributes = attributes
        self._short = short
        self._names: list[int] = []
        self._deframer = HdlcDeframer()
        client, server = HdlcAddress.client(CLIENT), HdlcAddress.server(1, physical)
        self._primary = HdlcPrimary(client, server, HdlcParameters(size, size))

    def open(self) -> None:
        """Connect and associate; with short names, learn those of the registers."""
        self._exchange(self._primary.connect())
        bits = Conformance.READ if self._short else Conformance.GET
        proposal = xdlms.encode_initiate_request(Initiate(bits | Conformance.MULTIPLE_REFERENCES, 0xFFFF))
        context = acse.CONTEXT_SN if self._short else acse.CONTEXT_LN
        asked = acse.AssociationRequest(context, acse.Mechanism.NONE, None, proposal)
        answer = acse.decode_response(self.ask(acse.encode_request(asked)))
        assert answer.result == acse.Result.ACCEPTED, answer.phrase
        if self._short:
            name = short_names.attribute_name(short_names.ASSOCIATION, 2)
            (listed,) = sn.decode_read_response(self.ask(sn.encode_read([sn.Variable(name)])))
            assert isinstance(listed, Data)
            names = short_names.ShortNames(short_names.decode_list(listed))
            self._names = [found for attribute in self._attributes if (found := names.of(attribute)) is not None]

    def read(self, first: int, count: int) -> int:
        """Read some of the registers with one request; answers how many values came."""
        wanted = self._attributes[first : first + count]
        if self._short:
            variables = [sn.Variable(name) for name in self._names[first : first + count]]
            return _values(sn.decode_read_response(self.ask(sn.encode_read(variables))))
        if count == 1:
            return _values([ln.decode_get_response(self.ask(ln.encode_get(wanted[0], 1)))])
        return _values(ln.decode_get_response(self.ask(ln.encode_get_list(wanted, 1))))

    def ask(self, apdu: bytes) -> bytes:
        """An APDU for an APDU."""
        return self._exchange(self._primary.send(apdu))

    def _exchange(self, frame: bytes) -> bytes:
        while True:
            (answer,) = self._deframer.feed(self._talk(frame))
            step = self._primary.feed(answer)
            if step.done:
                return step.apdu or b""
            assert step.transmit, "the meter sent what nobody asked for"
            frame = step.transmit


def _values(results: object) -> int:
    return sum(isinstance(result, Data) for result in results) if isinstance(results, list) else 0


class Wired:
    """Talks over a terminal, with nothing between the master and the line."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY)

    def __call__(self, frame: bytes) -> bytes:
        os.write(self._descriptor, frame)
        data = b""
        while not (len(data) > 2 and len(data) == (int.from_bytes(data[1:3], "big") & 0x7FF) + 2):
            if not select.select([self._descriptor], [], [], PATIENCE)[0]:
                raise TimeoutError(f"no answer on the simulated line, only {data.hex()}")
            data += os.read(self._descriptor, 4096)
        return data

    def close(self) -> None:
        """Close the terminal."""
        os.close(self._descriptor)


class Counted:
    """Talks to stations without a line and counts the seconds that a line would take."""

    def __init__(self, station: Callable[[bytes], Iterable[bytes]], line: Line) -> None:
        self._station = station
        self._line = line
        self.seconds = 0.0

    def __call__(self, frame: bytes) -> bytes:
        answer = b"".join(self._station(frame))
        self.seconds += (len(frame) + len(answer)) * self._line.character + self._line.turnaround
        return answer


def partitions(total: int, most: int) -> Iterator[tuple[int, ...]]:
    """Every way to write a number as a sum of parts of at most ``most``, the largest part first."""
    if not total:
        yield ()
    for part in range(min(total, most), 0, -1):
        for rest in partitions(total - part, part):
            yield (part, *rest)


def cheapest(
    station: Callable[[bytes], Iterable[bytes]], master: Callable[[Talk], Master], line: Line, registers: int
) -> tuple[float, tuple[int, ...]]:
    """The least time in which all registers of a meter can be read, and the lengths of the lists that take it.

    All registers and all names are of one size, so a list's cost is that of its length: it is measured once for each
    length, in frames exchanged with the meter itself, and all ways to split the registers are compared.
    """
    talk = Counted(station, line)
    meter = master(talk)
    meter.open()
    costs = {}
    for count in range(1, registers + 1):
        before = talk.seconds
        assert meter.read(0, count) == count
        costs[count] = talk.seconds - before
    return min((sum(costs[part] for part in plan), plan) for plan in partitions(registers, registers))
