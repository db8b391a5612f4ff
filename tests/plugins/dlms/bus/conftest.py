"""Meters on a real line: pseudo-terminals and sockets on one side, stations made of the codec alone on the other."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
import tty
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from meterhub_dlms.client.service import DlmsClient
from meterhub_dlms.client.settings import DlmsClientConfig
from meterhub_dlms.codec import acse, axdr, cosem_time, ln, sn, xdlms
from meterhub_dlms.codec.axdr import Data, encode
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.short_names import ListedObject, attribute_name, encode_list
from meterhub_dlms.codec.xdlms import AccessResult, Conformance, Initiate
from meterhub_dlms.link.hdlc_parameters import HdlcParameters
from meterhub_dlms.link.hdlc_secondary import Closed, HdlcBus, Request, Station
from meterhub_sdk.testing import FakeHub

FEATURES = (
    Conformance.GET | Conformance.SET | Conformance.ACTION | Conformance.MULTIPLE_REFERENCES
    | Conformance.BLOCK_TRANSFER_WITH_GET | Conformance.READ | Conformance.WRITE
)  # fmt: skip
DISCONNECT = bytes((0, 0, 96, 3, 10, 255))
SCALER = Data(axdr.STRUCTURE, [Data(axdr.INT8, -1), Data(axdr.ENUM, 30)])


def register(number: int) -> bytes:
    return bytes((1, 1, number, 8, 0, 255))


class PlainMeter:
    """Registers 1 to 30 of class 3 that hold ten times ``number * 1000 + register`` with a scaler of -1."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.refuse = acse.Diagnostic.NULL
        self.short = False
        self.silent = False
        self.sets: list[tuple[bytes, Data]] = []
        self.calls: list[tuple[bytes, int, Data | None]] = []
        self.asked = 0
        self.associations = 0
        objects = [ListedObject(0x1000 + 0x40 * n, 3, 0, register(n)) for n in range(1, 31)]
        objects.append(ListedObject(0x2000, 8, 0, bytes((0, 0, 1, 0, 0, 255))))
        objects.append(ListedObject(0x2100, 70, 0, DISCONNECT))
        self.objects = objects
        self.names: dict[int, ln.Attribute] = {}
        for listed in objects:
            for attribute in range(1, 5):
                name = attribute_name(listed.base_name, attribute)
                self.names[name] = ln.Attribute(listed.class_id, listed.logical_name, attribute)

    def value(self, attribute: ln.Attribute) -> Data | AccessResult:
        class_id, name, number = attribute
        if name == bytes((0, 0, 42, 0, 0, 255)):
            return Data(axdr.OCTET_STRING, b"METER%d" % self.number)
        if class_id == 8:
            return Data(axdr.OCTET_STRING, cosem_time.encode(time.time_ns()))
        if class_id == 3 and 1 <= name[2] <= 30 and name == register(name[2]):
            return SCALER if number == 3 else Data(axdr.UINT32, 10 * (self.number * 1000 + name[2]))
        return AccessResult.OBJECT_UNDEFINED

    def answer(self, apdu: bytes) -> bytes:
        """The response to a request, as a meter without security gives it."""
        self.asked += 1
        if apdu[0] == acse.AARQ:
            return self._associate(apdu)
        if apdu[0] == acse.RLRQ:
            return acse.encode_release_response()
        if apdu[0] == sn.READ_REQUEST:
            return sn.encode_read_response([self._named(item.name) for item in sn.decode_read_request(apdu)])
        if apdu[0] == ln.SET_REQUEST:
            request = ln.decode_set_request(apdu)
            self.sets.append((request.attribute.logical_name, request.data))
            return ln.encode_set_response(request.invoke, AccessResult.SUCCESS)
        if apdu[0] == ln.ACTION_REQUEST:
            call = ln.decode_action_request(apdu)
            self.calls.append((call.method.logical_name, call.method.number, call.data))
            return ln.encode_action_response(call.invoke, AccessResult.SUCCESS)
        return self._get(ln.decode_get_request(apdu))

    def _associate(self, apdu: bytes) -> bytes:
        self.associations += 1
        request = acse.decode_request(apdu)
        self.short = request.context == acse.CONTEXT_SN
        refused = self.refuse != acse.Diagnostic.NULL
        agreed = Initiate(FEATURES & xdlms.decode_initiate_request(request.user_information).conformance, 1024)
        information = b"" if refused else xdlms.encode_initiate_response(agreed, 0xFA00 if self.short else 7)
        return acse.encode_response(acse.AssociationResponse(request.context, int(refused), self.refuse, information))

    def _get(self, request: Any) -> bytes:
        assert isinstance(request, ln.GetRequest)
        results = [
            value if isinstance(value, AccessResult) else encode(value) for value in map(self.value, request.attributes)
        ]
        if not request.with_list:
            return ln.encode_get_response(request.invoke, results[0])
        head = bytes((ln.GET_RESPONSE, ln.WITH_LIST, request.invoke)) + axdr.encode_length(len(results))
        return head + b"".join(map(ln.encode_result, results))

    def _named(self, name: int) -> bytes | AccessResult:
        if name == attribute_name(0xFA00, 2):
            return encode(encode_list(self.objects))
        if name == attribute_name(0xFD00, 2):
            return encode(Data(axdr.OCTET_STRING, b"METER%d" % self.number))
        attribute = self.names.get(name)
        value = AccessResult.OBJECT_UNDEFINED if attribute is None else self.value(attribute)
        return value if isinstance(value, AccessResult) else encode(value)


class Faults:
    """What may happen to a transmission; ``rate`` of each kind, none before ``arm``."""

    def __init__(self) -> None:
        self.seed = random.randrange(2**32)
        self.dice = random.Random(self.seed)
        self.rate = 0.0
        self.seen: Counter[str] = Counter()

    def spoil(self, data: bytes) -> bytes:
        chance = self.dice.random()
        if chance < self.rate:
            self.seen["lost"] += 1
            return b""
        if chance < 2 * self.rate:
            self.seen["changed"] += 1
            octets = bytearray(data)
            for _ in range(self.dice.randrange(1, 4)):
                octets[self.dice.randrange(len(octets))] ^= 1 << self.dice.randrange(8)
            return bytes(octets)
        return data

    def late(self) -> bool:
        late = self.dice.random() < self.rate
        self.seen["late"] += late
        return late


class Line:
    """A bus of meters; ``feed`` takes what it hears, and what it says goes to ``transmit``."""

    def __init__(self, meters: dict[int, PlainMeter], **station: Any) -> None:
        self.meters = meters
        self.faults = Faults()
        self.delay = 0.0
        self.late = 0.15
        self.foreign: Callable[[bytes], bytes] = lambda answer: b""
        self.heard = bytearray()
        self.transmit: Callable[[bytes], None] = lambda data: None
        station.setdefault("parameters", HdlcParameters())
        stations = {number: Station(frozenset({1}), **station) for number in meters}
        self.bus = HdlcBus(stations, lambda: asyncio.get_running_loop().time())
        self._timers: list[asyncio.TimerHandle] = []

    def feed(self, data: bytes) -> None:
        self.heard += data
        for output in self.bus.feed(self.faults.spoil(data)):
            if isinstance(output, bytes):
                self._send(output)
            elif isinstance(output, Request):
                meter = self.meters[output.link.address.lower or next(iter(self.meters))]
                if not meter.silent:
                    with contextlib.suppress(CodecError):
                        self._send(output.link.respond(meter.answer(output.apdu)))
            else:
                assert isinstance(output, Closed)

    def _send(self, data: bytes) -> None:
        delay = self.delay + (self.late if self.faults.late() else 0.0)
        spoilt = self.foreign(data) + self.faults.spoil(data)
        if not delay:
            self.transmit(spoilt)
            return
        self._timers.append(asyncio.get_running_loop().call_later(delay, lambda: self.transmit(spoilt)))

    def stop(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self.transmit = lambda data: None


class Pty:
    """The far end of a pseudo-terminal as a stream of bytes; ``device`` is the near one."""

    def __init__(self) -> None:
        self.far, near = os.openpty()
        tty.setraw(self.far)
        os.set_blocking(self.far, False)
        self.device = os.ttyname(near)
        os.close(near)

    def attach(self, line: Line) -> None:
        asyncio.get_running_loop().add_reader(self.far, self._read, line)
        line.transmit = self._write

    def _read(self, line: Line) -> None:
        try:
            data = os.read(self.far, 65536)
        except OSError:  # nobody has the near end open
            asyncio.get_running_loop().remove_reader(self.far)
            self._again = asyncio.get_running_loop().call_later(0.01, self.attach, line)
            return
        if not line_is_silent(line):
            line.feed(data)

    def _write(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            os.write(self.far, data)

    def close(self) -> None:
        if self.far >= 0:
            asyncio.get_running_loop().remove_reader(self.far)
            if hasattr(self, "_again"):
                self._again.cancel()
            os.close(self.far)
            self.far = -1


def line_is_silent(line: Line) -> bool:
    return all(meter.silent for meter in line.meters.values())


@pytest.fixture
def meters() -> Callable[..., Line]:
    """A line with so many meters, from the physical address 17 on."""

    def make(count: int, **station: Any) -> Line:
        return Line({number: PlainMeter(number) for number in range(17, 17 + count)}, **station)

    return make


@pytest.fixture
async def pty() -> AsyncIterator[Callable[[Line], Pty]]:
    """Puts a line behind a pseudo-terminal."""
    made: list[tuple[Pty, Line]] = []

    def put(line: Line) -> Pty:
        pty = Pty()
        pty.attach(line)
        made.append((pty, line))
        return pty

    yield put
    for pty, line in made:
        line.stop()
        pty.close()


@pytest.fixture
def converter() -> Callable[[Line], contextlib.AbstractAsyncContextManager[int]]:
    """Puts a line behind a TCP port, as a serial converter does; one client at a time."""

    @contextlib.asynccontextmanager
    async def run(line: Line) -> AsyncIterator[int]:
        tasks: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            line.transmit = writer.write
            try:
                while data := await reader.read(65536):
                    line.feed(data)
            except ConnectionError:
                pass
            finally:
                writer.transport.abort()

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tasks.add(asyncio.ensure_future(serve(reader, writer)))

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            line.stop()
            server.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await server.wait_closed()

    return run


@pytest.fixture
def rows() -> Callable[..., list[dict[str, Any]]]:
    """The settings of the meters of a line, each with so many registers in the group fast."""

    def make(line: Line, *, registers: int = 3, group: str = "fast", **given: Any) -> list[dict[str, Any]]:
        mappings = [
            {"label": f"r{n}", "logical_name": f"1-1:{n}.8.0*255", "group": group} for n in range(1, registers + 1)
        ]
        common = {"timeout": 0.1, "mappings": mappings, **given}
        return [{"label": f"m{number}", "physical_address": number, **common} for number in line.meters]

    return make


@pytest.fixture
def read(hub: FakeHub) -> Callable[..., contextlib.AbstractAsyncContextManager[DlmsClient]]:
    """Runs a client with these meters."""

    @contextlib.asynccontextmanager
    async def run(meters: list[dict[str, Any]], **given: Any) -> AsyncIterator[DlmsClient]:
        config = {"fast": 0.05, "normal": 0.2, "reconnect_delay": 0.1, "meters": meters, **given}
        client = DlmsClient(hub, DlmsClientConfig.model_validate(config))
        async with hub.running(client):
            yield client

    return run
