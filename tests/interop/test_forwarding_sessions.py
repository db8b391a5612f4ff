"""Sessions of meters through a forwarding channel of a whole instance, with socat as the cable and as the office.

``office pty == socat == TCP == channel == serial port == socat == meter pty``: a program with a virtual serial port
talks to a meter on a line of one speed, and every byte arrives as it was sent.
"""

from __future__ import annotations

import asyncio
import functools
import operator
import os
import shutil
import tempfile
import time
import tty
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest
from meterhub_dlms.link import parity
from meterhub_dlms.link.hdlc_deframer import HdlcDeframer
from meterhub_dlms.link.hdlc_frame import HdlcAddress
from meterhub_dlms.link.hdlc_primary import HdlcPrimary
from meterhub_dlms.link.hdlc_secondary import HdlcBus, Request, Station
from meterhub_dlms.link.mode_e import Goal, SignOn
from meterhub_dlms.link.readout import ReadoutCollector
from meterhub_sdk.testing import free_port

SOCAT = shutil.which("socat")
PATIENCE = 20
ROWS = "".join(f"1-0:{c}.8.{e}*255({c:04d}{e:03d}.{c * e % 1000:03d}*kWh)\r\n" for c in range(1, 21) for e in range(5))
REQUEST, RESPONSE = bytes(range(256)) * 2, bytes(reversed(range(256))) * 8
"""With every octet that a driver, a terminal or a modem could take for its own."""
CLIENT, METER = HdlcAddress.client(16), HdlcAddress.server(1, 17)

pytestmark = pytest.mark.skipif(SOCAT is None, reason="socat is not installed")


class End:
    """One end of the way: a pseudo-terminal, and everything that went through it."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self._fd)
        self._came: asyncio.Queue[bytes] = asyncio.Queue()
        self.sent, self.received = b"", b""
        asyncio.get_running_loop().add_reader(self._fd, self._read)

    def _read(self) -> None:
        data = os.read(self._fd, 4096)
        self.received += data
        self._came.put_nowait(data)

    async def receive(self) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self._came.get()

    async def send(self, data: bytes) -> None:
        self.sent += data
        while data:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:
                await asyncio.sleep(0.001)

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._fd)
        os.close(self._fd)


@asynccontextmanager
async def socat(*addresses: str, links: list[Path]) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(SOCAT, *addresses)
    try:
        async with asyncio.timeout(PATIENCE):
            while not all(link.exists() for link in links):
                await asyncio.sleep(0.01)
        yield
    finally:
        process.terminate()
        await process.wait()


def terminal(link: Path) -> str:
    return f"pty,rawer,link={link}"


@pytest.fixture
async def way(starter, until):
    """Builds the way for a line of that speed: the instance, the office's end, the meter's end."""
    async with AsyncExitStack() as stack:
        links = Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/dev/shm")))
        gateway, meter, office = links / "gateway", links / "meter", links / "office"

        async def build(baud):
            await stack.enter_async_context(socat(terminal(gateway), terminal(meter), links=[gateway, meter]))
            port = free_port()
            endpoints = [{"kind": "tcp-listen", "host": "127.0.0.1", "port": port}, {"kind": "serial", "port": "bus"}]
            services = {
                "serial": {"ports": [{"label": "bus", "device": str(gateway), "baud": baud}]},
                "forwarding": {"channels": [{"label": "meter", "endpoints": endpoints}]},
            }
            instance = await starter.run(starter.home("forwarder", services)).serving()
            await until(lambda: is_open(instance))
            await stack.enter_async_context(socat(terminal(office), f"tcp:127.0.0.1:{port}", links=[office]))
            ends = End(office), End(meter)
            for end in ends:
                stack.callback(end.close)
            return instance, *ends

        yield build


async def endpoints_of(instance):
    """The endpoints of the channel as the status shows them; nothing before it does."""
    status = (await instance.get("/status/forwarding"))["status"] or {"channels": [{"endpoints": []}]}
    return status["channels"][0]["endpoints"]


async def is_open(instance):
    return [end["state"] for end in await endpoints_of(instance)] == ["listening", "open"]


async def play(meter, *programs):
    """Let the meter play its part while the office works."""
    playing = asyncio.create_task(meter)
    try:
        async with asyncio.timeout(PATIENCE):
            for program in programs:
                await program
    finally:
        playing.cancel()
        with suppress(asyncio.CancelledError):
            await playing


async def nothing_was_changed(instance, office, meter, until):
    """Neither a byte more nor a byte less, and the instance counted the same."""
    assert (meter.received, office.received) == (office.sent, meter.sent)

    there, back = len(office.sent), len(meter.sent)

    async def counted():
        counts = [[end[name] for name in ("bytes_in", "bytes_out", "lost")] for end in await endpoints_of(instance)]
        return counts == [[there, back, 0], [back, there, 0]]

    await until(counted)


async def answer_sign_on(meter):
    """A meter that stays at 300 Bd and tells its values, characters of 7 bits with even parity (IEC 62056-21)."""
    heard = b""
    block = f"{ROWS}!\r\n\x03".encode()
    check = functools.reduce(operator.xor, block)
    while True:
        heard += parity.remove(await meter.receive())
        if heard.endswith(b"/?!\r\n"):
            await meter.send(parity.add(b"/MHB0\\2TEST\r\n"))
        elif heard.endswith(b"\x06000\r\n"):
            await meter.send(parity.add(b"\x02" + block + bytes([check])))


async def read_out(office):
    sign_on, collector = SignOn(Goal.READOUT, max_speed=300), ReadoutCollector()
    action = sign_on.start()
    while not action.done:
        await office.send(action.send)
        while (action := sign_on.feed(await office.receive())) is None:
            pass
    assert action.speed == 300
    await office.send(action.send)
    while (readout := collector.feed(await office.receive())) is None:
        pass
    assert readout[1 : readout.index(b"!")].decode() == ROWS
    assert functools.reduce(operator.xor, readout[1:]) == 0
    assert sign_on.parity_errors == collector.parity_errors == 0


@pytest.mark.slow
async def test_a_readout_of_iec_62056_21_at_one_speed_comes_through_unharmed(way, until):
    instance, office, meter = await way(300)
    await play(answer_sign_on(meter), read_out(office), read_out(office))
    await nothing_was_changed(instance, office, meter, until)


async def answer_hdlc(meter, bus):
    """A meter on the bus that answers one request with another content."""
    while True:
        for output in bus.feed(await meter.receive()):
            if isinstance(output, Request):
                assert output.apdu == REQUEST
                await meter.send(output.link.respond(RESPONSE))
            elif isinstance(output, bytes):
                await meter.send(output)


async def exchange(office, primary, deframer, frame):
    """Send a frame and do what its answers ask for, until the exchange is over; the APDU that came, if one did."""
    while True:
        await office.send(frame)
        while not (frames := deframer.feed(await office.receive())):
            pass
        step = primary.feed(*frames)
        if step.done:
            return step.apdu
        frame = step.transmit


@pytest.mark.slow
async def test_an_hdlc_session_with_segments_comes_through_unharmed(way, until):
    instance, office, meter = await way(9600)
    primary, deframer = HdlcPrimary(CLIENT, METER), HdlcDeframer()
    bus = HdlcBus({17: Station(frozenset({1}))}, time.monotonic)

    async def session():
        assert await exchange(office, primary, deframer, primary.connect()) is None
        for _ in range(3):
            assert await exchange(office, primary, deframer, primary.send(REQUEST)) == RESPONSE
        await exchange(office, primary, deframer, primary.disconnect())

    await play(answer_hdlc(meter, bus), session())
    await nothing_was_changed(instance, office, meter, until)
    assert (primary.foreign, primary.stale, primary.repeated) == (0, 0, 0)
    assert (bus.counters.rejected, bus.counters.repeated, bus.counters.foreign) == (0, 0, 0)
