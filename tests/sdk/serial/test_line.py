"""An open line: on pseudo-terminals, over TCP and by RFC 2217."""

from __future__ import annotations

import asyncio
import fcntl
import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_sdk import ConfigError, NotReady
from meterhub_sdk.serial import LineStatistics, LineTotals, SerialLine, open_line
from meterhub_sdk.serial.coding import Echo, SoftwareParity
from meterhub_sdk.testing import FakeHub


async def heard(pty: Any, count: int) -> bytes:
    """The first ``count`` bytes that reach the far side."""
    data = b""
    async with asyncio.timeout(5):
        while len(data) < count:
            data += pty.receive()
            await asyncio.sleep(0.001)
    return data


async def test_bytes_pass_both_ways_unchanged(hub: FakeHub, pty: Any) -> None:
    every = bytes(range(256))
    async with open_line(hub, "bus") as line, asyncio.timeout(5):
        line.write(every)
        assert await heard(pty, 256) == every
        pty.send(every)
        answer = b""
        while len(answer) < 256:
            answer += await line.read()
        assert answer == every
        assert (line.counters.bytes_in, line.counters.bytes_out) == (256, 256)


async def test_the_totals_of_a_port_go_on_from_one_opening_to_the_next(hub: FakeHub, pty: Any) -> None:
    totals = LineTotals()
    assert totals.statistics() == LineStatistics()
    for opening in (1, 2):
        async with open_line(hub, "bus") as line, asyncio.timeout(5):
            with totals.counting(line):
                line.write(b"ask")
                line.write(b"again")
                await heard(pty, 8)
                pty.send(b"answer")
                assert await line.read() == b"answer"
                now = totals.statistics()
        assert (now.sent, now.received, now.frames, now.errors) == (8 * opening, 6 * opening, 2 * opening, 0)
        assert now.idle is not None
        assert totals.statistics() == now.model_copy(update={"idle": None})


async def test_the_lease_is_held_for_the_block_and_tells_when_it_is_wanted(hub: FakeHub, pty: Any) -> None:
    async with open_line(hub, "bus", priority=3, seconds=1.0) as line:
        assert not line.wanted
        hub.leases["serial", "bus"].want()
        async with asyncio.timeout(5):
            await line.until_wanted()
        assert line.wanted
    assert hub.leases == {}
    with pytest.raises(NotReady, match="closed"):
        line.write(b"x")


async def test_the_port_is_open_to_nobody_else(hub: FakeHub, pty: Any) -> None:
    async with open_line(hub, "bus"):
        with pytest.raises(NotReady, match="in use by another program"):
            async with open_line(hub, "bus"):
                pass
        descriptor = os.open(pty.device, os.O_RDWR | os.O_NOCTTY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(descriptor)
    async with open_line(hub, "bus"):
        pass


async def test_an_absent_device_is_not_ready_and_the_lease_is_given_back(fake_hub: FakeHub) -> None:
    fake_hub.things["serial", "bus"] = {"device": "/dev/ttyUSB99"}
    with pytest.raises(NotReady, match="absent"):
        async with open_line(fake_hub, "bus"):
            pass
    assert fake_hub.leases == {}


async def test_a_device_that_vanishes_ends_every_use(hub: FakeHub, pty: Any) -> None:
    async with open_line(hub, "bus") as line, asyncio.timeout(5):
        reading = asyncio.create_task(line.read())
        await asyncio.sleep(0)
        pty.unplug()
        with pytest.raises(NotReady, match="is gone"):
            await reading
        await line.until_lost()
        with pytest.raises(NotReady):
            line.write(b"x")
        with pytest.raises(NotReady):
            await line.drained()


async def test_drained_waits_for_the_time_on_the_wire(hub: FakeHub, pty: Any) -> None:
    hub.things["serial", "bus"] = {"device": pty.device, "baud": 1200}
    async with open_line(hub, "bus") as line:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        line.write(bytes(12))
        await line.drained()
        assert loop.time() - begin >= 12 * 10 / 1200


async def test_the_mode_changes_in_place_after_what_was_written(hub: FakeHub, pty: Any) -> None:
    hub.things["serial", "bus"] = {
        "device": pty.device, "baud": 300, "data_bits": 7, "parity": "even", "software_parity": True,
    }  # fmt: skip
    async with open_line(hub, "bus") as line:
        line.write(b"/?!")
        await line.set_mode(baud=19200, data_bits=8, parity="none")
        line.write(b"\x7e\xff")
        assert await heard(pty, 5) == b"\xaf\x3f\x21\x7e\xff"
        assert line.mode.baud == 19200


async def test_wrong_parity_is_counted_and_its_bit_taken_off(hub: FakeHub, pty: Any) -> None:
    hub.things["serial", "bus"] = {"device": pty.device, "data_bits": 7, "parity": "even", "software_parity": True}
    async with open_line(hub, "bus") as line, asyncio.timeout(5):
        pty.send(b"\xaf\xbf")
        assert await line.read() == b"/?"
        assert line.counters.parity_errors == 1


async def test_our_own_echo_is_taken_out(hub: FakeHub, pty: Any) -> None:
    hub.things["serial", "bus"] = {"device": pty.device, "suppress_echo": True}
    async with open_line(hub, "bus") as line, asyncio.timeout(5):
        line.write(b"request")
        pty.send(await heard(pty, 7) + b"answer")
        assert await line.read() == b"answer"
        line.write(b"request")
        pty.send(b"other")
        assert await line.read() == b"other"
        assert line.counters.echo_missing == 1


async def test_discarded_input_never_becomes_an_answer(hub: FakeHub, pty: Any) -> None:
    async with open_line(hub, "bus") as line, asyncio.timeout(5):
        pty.send(b"late")
        while not line.counters.bytes_in:
            await asyncio.sleep(0)
        line.discard_input()
        pty.send(b"fresh")
        assert await line.read() == b"fresh"


async def test_what_nobody_reads_is_bounded_and_counted(hub: FakeHub, pty: Any) -> None:
    async with open_line(hub, "bus") as line, asyncio.timeout(5):
        for _ in range(80):
            pty.send(bytes(1024))
            before = line.counters.bytes_in
            while line.counters.bytes_in < before + 1024:
                await asyncio.sleep(0)
        assert len(await line.read()) == 65536
        assert line.counters.dropped == 80 * 1024 - 65536


class Recorder(asyncio.Protocol):
    def __init__(self) -> None:
        self.data = b""
        self.lost = asyncio.Event()
        self.line: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.line = transport

    def data_received(self, data: bytes) -> None:
        self.data += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set()


async def test_a_protocol_gets_the_bytes_and_hands_the_line_on(hub: FakeHub, pty: Any) -> None:
    first, second = Recorder(), Recorder()
    async with open_line(hub, "bus") as line, asyncio.timeout(5):
        line.attach(first)
        assert first.line is line
        pty.send(b"one")
        while first.data != b"one":
            await asyncio.sleep(0)
        line.attach(second)
        pty.send(b"two")
        while second.data != b"two":
            await asyncio.sleep(0)
    assert second.lost.is_set()
    assert not first.lost.is_set()


async def test_a_full_line_tells_the_protocol_and_closes_at_once(hub: FakeHub, pty: Any) -> None:
    class Counting(Recorder):
        paused = 0

        def pause_writing(self) -> None:
            self.paused += 1

    protocol = Counting()
    async with open_line(hub, "bus") as line, asyncio.timeout(5):
        line.attach(protocol)
        line.set_write_buffer_limits(high=1000)
        line.write(bytes(200_000))
        assert protocol.paused == 1


async def test_a_uart_without_rs485_mode_says_so(hub: FakeHub, pty: Any) -> None:
    hub.things["serial", "bus"] = {"device": pty.device, "kernel_direction": True}
    with pytest.raises(ConfigError, match="switch direction by the kernel off"):
        async with open_line(hub, "bus"):
            pass


async def test_a_broken_definition_is_a_fault_of_the_settings(fake_hub: FakeHub) -> None:
    with pytest.raises(ConfigError, match="'bus'"):
        async with open_line(fake_hub, "bus"):
            pass


async def test_a_raw_port_of_another_machine_is_a_line_too(fake_hub: FakeHub) -> None:
    async def upper(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data.upper())
        writer.close()

    server = await asyncio.start_server(upper, "127.0.0.1", 0)
    device = f"socket://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    fake_hub.things["serial", "bus"] = {"device": device}
    async with server, open_line(fake_hub, "bus") as line, asyncio.timeout(5):
        await ask(line, b"abc", b"ABC")
        await line.set_mode(baud=300)
    with pytest.raises(NotReady, match="does not answer"):
        async with open_line(fake_hub, "bus"):
            pass


async def ask(line: SerialLine, request: bytes, answer: bytes) -> None:
    line.write(request)
    came = b""
    while len(came) < len(answer):
        came += await line.read()
    assert came == answer


@given(st.binary(), st.sampled_from(["even", "odd"]))
def test_software_parity_comes_back_without_errors(data: bytes, parity: Any) -> None:
    coding = SoftwareParity(parity)
    plain = bytes(byte & 0x7F for byte in data)
    encoded = coding.encode(plain)
    assert coding.decode(encoded) == (plain, 0)
    assert all(byte.bit_count() % 2 == (parity == "odd") for byte in encoded)


@given(st.binary(min_size=1), st.binary(), st.data())
def test_an_echo_is_found_however_it_is_cut(request_: bytes, answer: bytes, data: st.DataObject) -> None:
    echo, came, left = Echo(), request_ + answer, b""
    echo.sent(request_)
    while came:
        size = data.draw(st.integers(1, len(came)))
        piece, sound = echo.take(came[:size])
        came, left = came[size:], left + piece
        assert sound
    assert left == answer
