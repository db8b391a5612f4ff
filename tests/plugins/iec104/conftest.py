"""A raw master, written apart from the engine under test, and a way to start the service for it."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from meterhub_iec104.service import Iec104Server
from meterhub_iec104.settings import Iec104Settings
from meterhub_sdk.testing import FakeHub

# how long an example takes says how busy the machine is, and nothing about the code

SIZES = {1: 1, 3: 1, 5: 2, 9: 3, 11: 3, 13: 5, 15: 5, 70: 1, 100: 1, 101: 1, 102: 0, 103: 7, 105: 1, 107: 9}
SIZES |= {7: 5, 20: 5, 21: 2, 30: 8, 31: 8, 32: 9, 33: 12, 34: 10, 35: 10, 36: 12, 37: 12}
SIZES |= {45: 1, 46: 1, 47: 1, 48: 3, 49: 3, 50: 5, 51: 4, 58: 8, 59: 8, 60: 8, 61: 10, 62: 10, 63: 12, 64: 11}
PATIENCE = 40.0
"""Seconds that a wait may take on a machine that is busy with other things."""


@dataclass
class Got:
    """An ASDU as the master understood it."""

    type_id: int
    sequence: bool
    cause: int
    negative: bool
    test: bool
    originator: int
    common_address: int
    objects: list[tuple[int, bytes]]
    raw: bytes

    @property
    def summary(self) -> tuple[int, int, bool]:
        return self.type_id, self.cause, self.negative

    @property
    def values(self) -> dict[int, float]:
        """Short floating point values by object address."""
        return {ioa: struct.unpack("<f", element[:4])[0] for ioa, element in self.objects}


def parse(raw: bytes) -> Got:
    type_id, vsq, cause, originator, address = struct.unpack_from("<BBBBH", raw)
    size, objects, body, at = SIZES.get(type_id), [], raw[6:], 0
    if size is not None:
        ioa = -1
        for _ in range(vsq & 0x7F):
            if vsq & 0x80 and ioa >= 0:
                ioa += 1
            else:
                ioa = int.from_bytes(body[at : at + 3], "little")
                at += 3
            objects.append((ioa, body[at : at + size]))
            at += size
        assert at == len(body), raw.hex()
    return Got(
        type_id, vsq >= 0x80, cause & 0x3F, bool(cause & 0x40), bool(cause & 0x80), originator, address, objects, raw
    )


def request(
    type_id: int, element: bytes = b"", *, cause: int = 6, address: int = 1, ioa: int = 0, originator: int = 0
) -> bytes:
    return struct.pack("<BBBBH", type_id, 1, cause, originator, address) + ioa.to_bytes(3, "little") + element


class RawMaster:
    """Speaks 104 with bare hands. With ``acknowledge`` every I frame is acknowledged at once."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.sent = self.received = 0
        self.acknowledge = True

    def write(self, octets: bytes) -> None:
        self.writer.write(octets)

    def unnumbered(self, control: int) -> None:
        self.write(bytes((0x68, 4, control, 0, 0, 0)))

    def supervise(self, number: int | None = None) -> None:
        self.write(struct.pack("<BBHH", 0x68, 4, 1, (self.received if number is None else number) << 1))

    def frame_of(self, asdu: bytes, number: int | None = None, received: int | None = None) -> bytes:
        n = self.sent if number is None else number
        self.sent = (self.sent + 1) & 0x7FFF
        r = self.received if received is None else received
        return struct.pack("<BBHH", 0x68, len(asdu) + 4, n << 1, r << 1) + asdu

    def ask(self, type_id: int, element: bytes = b"", **more: int) -> None:
        self.write(self.frame_of(request(type_id, element, **more)))

    async def frame(self) -> bytes:
        """The next frame, first two octets cut off."""
        async with asyncio.timeout(PATIENCE):
            start, length = await self.reader.readexactly(2)
            assert start == 0x68
            return await self.reader.readexactly(length)

    async def control(self) -> bytes:
        """The next S or U frame; there must be no I frame before it."""
        frame = await self.frame()
        assert frame[0] & 1, frame.hex()
        return frame

    async def start(self, *, expect_init: bool = True) -> RawMaster:
        self.unnumbered(0x07)
        assert await self.control() == b"\x0b\0\0\0"
        if expect_init:
            assert (await self.asdu()).summary == (70, 4, False)
        return self

    async def asdu(self) -> Got:
        """The next ASDU; S frames in between are skipped, TESTFR is answered."""
        while True:
            frame = await self.frame()
            if frame[0] & 1 == 0:
                assert struct.unpack_from("<H", frame)[0] >> 1 == self.received
                self.received = (self.received + 1) & 0x7FFF
                if self.acknowledge:
                    self.supervise()
                return parse(frame[4:])
            if frame[0] == 0x43:
                self.unnumbered(0x83)

    async def asdus(self, count: int) -> list[Got]:
        return [await self.asdu() for _ in range(count)]

    async def procedure(self, type_id: int, element: bytes, **more: int) -> list[Got]:
        """Everything from a request up to its ACT TERM."""
        self.ask(type_id, element, **more)
        got = [await self.asdu()]
        while got[-1].summary != (type_id, 10, False):
            got.append(await self.asdu())
        return got

    async def silent(self) -> None:
        """Nothing more comes: the answer to a test frame is the next thing."""
        self.unnumbered(0x43)
        frame = await self.frame()
        while frame[0] & 3 == 1:
            frame = await self.frame()
        assert frame == b"\x83\0\0\0", frame.hex()

    async def closed(self) -> None:
        """The station closes the connection."""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE):
                while await self.reader.read(4096):
                    pass

    async def leave(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError):
            await self.writer.wait_closed()


class Running:
    """A running service and its hub."""

    task: asyncio.Task[None]

    def __init__(self, hub: FakeHub, service: Iec104Server) -> None:
        self.hub, self.service = hub, service
        self._masters: list[RawMaster] = []

    @property
    def port(self) -> int:
        return int(self.service.status().listening.rpartition(":")[2])

    async def connect(self, source: str = "127.0.0.1") -> RawMaster:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0))
        self._masters.append(RawMaster(reader, writer))
        return self._masters[-1]

    async def master(self, source: str = "127.0.0.1", *, expect_init: bool = True) -> RawMaster:
        return await (await self.connect(source)).start(expect_init=expect_init)

    async def until(self, condition: Callable[[Any], bool]) -> None:
        """Wait until the status is so."""
        async with asyncio.timeout(PATIENCE):
            while not condition(self.service.status()):
                await asyncio.sleep(0.005)

    async def published(self, wanted: dict[str, Any]) -> None:
        """Wait until own points of the service read so."""
        async with asyncio.timeout(PATIENCE):
            while any(self.hub.published[name].value != value for name, value in wanted.items()):
                await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """End the service before the test does."""
        await self.leave()
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self.hub.recorded.clear()

    async def recorded(self, name: str) -> dict[str, Any]:
        """Wait for an event and answer its parameters."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for event in self.hub.recorded:
                    if event.type.name == name:
                        return event.parameters
                await asyncio.sleep(0.005)

    async def leave(self) -> None:
        for master in self._masters:
            await master.leave()


Serve = Callable[..., Awaitable[Running]]


@pytest.fixture
def raw_request() -> Callable[..., bytes]:
    return request


@pytest.fixture
def parsed() -> Callable[[bytes], Got]:
    return parse


@pytest.fixture
async def raw_master() -> AsyncIterator[Callable[[int], Awaitable[RawMaster]]]:
    """Connect to a port as soon as somebody listens there."""
    async with contextlib.AsyncExitStack() as stack:

        async def connect(port: int) -> RawMaster:
            async with asyncio.timeout(PATIENCE):
                while True:
                    try:
                        master = RawMaster(*await asyncio.open_connection("127.0.0.1", port))
                        break
                    except ConnectionRefusedError:
                        await asyncio.sleep(0.01)
            stack.push_async_callback(master.leave)
            return master

        yield connect


@pytest.fixture
async def serve(fake_hub: FakeHub) -> AsyncIterator[Serve]:
    """Start the service: ``await serve(rows, t1=0.2, ...)``; times may be fractions of seconds."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(rows: list[dict[str, Any]], **settings: Any) -> Running:
            checked = {name: value for name, value in settings.items() if name not in ("t0", "t1", "t2", "t3", "port")}
            config = Iec104Settings.model_validate({"groups": [{"label": "g", "rows": rows}], **checked})
            unchecked = {name: value for name, value in settings.items() if name not in checked}
            config = config.model_copy(update={"port": 0, **unchecked})
            running = Running(fake_hub, Iec104Server(fake_hub, config))
            running.task = await stack.enter_async_context(fake_hub.running(running.service))
            stack.push_async_callback(running.leave)
            await running.until(lambda status: bool(status.listening))
            return running

        yield start
