"""Whatever bytes come: no error but the link's own, and never another number of registers than were asked for."""

from __future__ import annotations

import asyncio
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_modbus.client.adapter import Framing, read, write_registers
from meterhub_modbus.client.errors import ExchangeError
from meterhub_modbus.client.link import Link
from meterhub_modbus.client.rtu_link import LineTiming, RtuLink
from meterhub_modbus.client.tcp_link import TcpLink
from pymodbus.framer import FramerRTU

RIGHT = bytes.fromhex("0306000100020003")
REQUEST = read(1, "holding", 0, 3)


class Wire(asyncio.WriteTransport):
    """Answers each request with prepared chunks."""

    def __init__(self, link: Link, chunks: list[bytes]) -> None:
        super().__init__()
        self.link = link
        self.chunks = chunks

    def write(self, data) -> None:
        for chunk in self.chunks:
            asyncio.get_running_loop().call_soon(self.link.data_received, chunk)

    def abort(self) -> None:
        self.chunks = []


def tcp_frame(body: bytes) -> bytes:
    return struct.pack(">HHHB", 1, 0, len(body) + 1, 1) + body


def rtu_frame(body: bytes) -> bytes:
    frame = b"\x01" + body
    return frame + FramerRTU.compute_CRC(frame).to_bytes(2, "big")


@st.composite
def mutated(draw, right: bytes):
    """A right frame with a few bytes changed, cut or doubled, in chunks."""
    content = bytearray(right)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, max(0, len(content) - 1)))
        content[at : at + draw(st.integers(0, 2))] = draw(st.binary(max_size=3))
    cuts = sorted(draw(st.lists(st.integers(0, len(content)), max_size=3)))
    return [bytes(content[a:b]) for a, b in zip([0, *cuts], [*cuts, len(content)], strict=True)]


async def outcome(link: Link, chunks: list[bytes], timeout: float = 0.001) -> bytes | None:
    link.connection_made(Wire(link, chunks))
    try:
        return (await link.ask(REQUEST, timeout)).content
    except ExchangeError:
        return None
    finally:
        link.close()


def make_tcp() -> Link:
    return TcpLink()


def make_rtu() -> Link:
    return RtuLink(LineTiming(10_000_000))


@pytest.mark.parametrize(("make", "frame"), [(make_tcp, tcp_frame), (make_rtu, rtu_frame)])
def test_random_and_mutated_answers(make, frame):
    @given(st.lists(st.binary(max_size=40), max_size=4) | mutated(frame(RIGHT)))
    def check(chunks):
        async def run() -> bytes | None:
            return await outcome(make(), chunks)

        content = asyncio.run(run())
        assert content is None or len(content) == 6

    check()


@pytest.mark.parametrize(("make", "frame"), [(make_tcp, tcp_frame), (make_rtu, rtu_frame)])
async def test_a_right_answer_byte_by_byte(make, frame):
    chunks = [bytes((byte,)) for byte in frame(RIGHT)]
    assert await outcome(make(), chunks, 10) == RIGHT[2:]


@given(st.binary(max_size=60), st.booleans())
def test_the_decoder_gives_what_was_asked_for_or_says_why_not(body, writing):
    framing = Framing(rtu=False)
    request = write_registers(1, 0, bytes(6), multiple=False) if writing else REQUEST
    try:
        content = framing.answer(tcp_frame(body), body, request)
    except ExchangeError:
        return
    assert len(content) == (0 if writing else 6)
