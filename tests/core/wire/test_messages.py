"""Readings on the wire: what is no message ends its connection, and large ones keep their count."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from meterhub_sdk import Reading

from meterhub.frames import FRAME_LIMIT, FrameError, header
from meterhub.messages import Message, Names, Publish, Updates, checked_rows, unpack
from meterhub.wire import Connection

encode = msgspec.msgpack.Encoder().encode
RAW = msgspec.Raw(encode(Reading(230.5, 1_700_000_000_000_000_000, unit="V")))

GARBAGE = {
    "no MessagePack": b"\xc1",
    "nothing": b"",
    "cut short": encode([6, 1, None, {"a": 1}])[:-1],
    "an unknown kind": encode([99, 1, 2]),
    "a map": encode({"method": "x"}),
    "a number": encode(5),
    "a request without a body": encode([5, 1, "x"]),
    "a request with a text for its number": encode([5, "1", "x", None]),
    "an array with four thousand million rows": b"\x93\x01\xc2\xdd\xff\xff\xff\xff",
    "a nest without an end": b"\x93\x07\xa1x" + b"\x91" * 100_000 + b"\xc0",
    "an acknowledgement of a text": encode([4, 1, "all"]),
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE.keys())
async def test_what_is_no_message_closes_that_connection_only(bare: Any, garbage: bytes) -> None:
    async def echo(body: Any) -> Any:
        return body

    bad, bad_peer = await bare({"echo": echo})
    good, good_peer = await bare({"echo": echo})
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(bad_peer, header(len(garbage)) + garbage)
    with pytest.raises(FrameError, match="the peer sent what is no message"):
        await asyncio.wait_for(bad.closed, 5)
    assert not bad.alive
    assert await loop.sock_recv(bad_peer, 10) == b""
    asked = encode([5, 7, "echo", "still here"])
    await loop.sock_sendall(good_peer, header(len(asked)) + asked)
    assert await loop.sock_recv(good_peer, 100) == header(len(want := encode([6, 7, None, "still here"]))) + want
    assert good.alive


async def test_a_frame_that_is_too_long_closes_that_connection(bare: Any) -> None:
    connection, peer = await bare()
    await asyncio.get_running_loop().sock_sendall(peer, header(FRAME_LIMIT + 1) + b"x")
    with pytest.raises(FrameError, match="a frame of 1048577 bytes; at most 1048576 will do"):
        await asyncio.wait_for(connection.closed, 5)


@given(st.binary(max_size=200) | st.lists(st.integers(0, 99) | st.text() | st.none(), max_size=6).map(encode))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_bytes_do_more_than_end_their_connection(body: bytes) -> None:
    async def receive() -> None:
        one, other = socket.socketpair()
        one.setblocking(False)
        connection = Connection({}, "the peer")
        connection.on_message = lambda _: None
        await asyncio.get_running_loop().create_unix_connection(lambda: connection, sock=one)
        other.sendall(header(len(body)) + body)
        other.close()
        await asyncio.wait([connection.closed], timeout=5)
        assert not connection.alive
        assert connection.closed.exception() is None or isinstance(connection.closed.exception(), FrameError)

    asyncio.run(receive())


async def test_a_message_may_come_cut_at_every_byte(bare: Any) -> None:
    connection, _ = await bare()
    got: list[Message] = []
    connection.on_message = got.append
    message = encode(Updates(3, 7, 1, [(5, RAW)]))
    stream = header(len(message)) + message
    for cut in range(1, len(stream)):
        connection.data_received(stream[:cut])
        connection.data_received(stream[cut:])
    assert len(got) == len(stream) - 1
    assert all(m == Updates(3, 7, 1, [(5, RAW)]) for m in got)


async def test_large_updates_go_out_in_halves_that_keep_count(pair: Any) -> None:
    ours, theirs = await pair()
    got: list[Updates] = []
    theirs.on_message = got.append
    rows = [(number, RAW) for number in range(100_000)]
    ours.send(Updates(9, 250_000, 42, rows))
    async with asyncio.timeout(10):
        while sum(len(message.batch) for message in got) < len(rows):
            await asyncio.sleep(0.01)
    assert len(got) > 1
    assert [row for message in got for row in message.batch] == rows
    assert [message.missed for message in got] == [42] + [0] * (len(got) - 1)
    last = 150_000
    for message in got:
        assert message.subscription == 9
        assert message.sequence == last + len(message.batch)
        last = message.sequence
    assert last == 250_000


async def test_many_names_go_out_in_halves(pair: Any) -> None:
    ours, theirs = await pair()
    got: list[Names] = []
    theirs.on_message = got.append
    rows = [(number, f"dlms-client/meter-{number}/energy-import") for number in range(40_000)]
    ours.send(Names(2, rows))
    async with asyncio.timeout(10):
        while sum(len(message.names) for message in got) < len(rows):
            await asyncio.sleep(0.01)
    assert [tuple(row) for message in got for row in message.names] == rows


@pytest.mark.parametrize(
    "message",
    [
        Updates(1, 1, 0, [(1, msgspec.Raw(encode(bytes(FRAME_LIMIT))))]),
        Publish(False, msgspec.Raw(encode(bytes(FRAME_LIMIT)))),
        msgspec.defstruct(
            "PublishReadings", [("history", bool), ("batch", list[Any])], array_like=True, tag=1, frozen=True
        )(False, [(1, "x" * 600_000), (2, "y" * 600_000)]),
    ],
)
async def test_what_cannot_be_cut_is_refused_and_not_dropped(pair: Any, message: Any) -> None:
    ours, _ = await pair()
    with pytest.raises(FrameError, match="send less at once"):
        ours.send(message)


async def test_what_one_turn_sends_arrives_in_order(pair: Any) -> None:
    ours, theirs = await pair()
    got: list[int] = []
    theirs.on_message = lambda message: got.append(message.sequence)
    for number in range(5000):
        ours.send(Updates(1, number, 0, []))
    async with asyncio.timeout(10):
        while len(got) < 5000:
            await asyncio.sleep(0.01)
    assert got == list(range(5000))


async def test_a_side_that_does_not_read_is_congested_until_it_reads(bare: Any) -> None:
    connection, peer = await bare()
    woken = asyncio.Event()
    connection.on_writable.append(woken.set)
    while not connection.congested:
        connection.send(Updates(1, 1, 0, [(number, RAW) for number in range(1000)]))
        await asyncio.sleep(0)
    waits = asyncio.create_task(connection.drain())
    await asyncio.sleep(0.01)
    assert not waits.done()
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(10):
        while not woken.is_set():
            await loop.sock_recv(peer, 1 << 20)
    await waits
    assert not connection.congested


BAD_ROWS = [
    [[1, [1, 2, 7, "", 0, 0]]],
    [[1, [1, 2, 0, "", 4, 0]]],
    [[1, [1, 2, 0, "", 0, 3]]],
    [[1, [1, "now"]]],
    [[1, [[], 2]]],
    [[1, {"value": 1}]],
    [[1, "text"]],
    [["one", [1, 2]]],
    [[1]],
    [[1, [1, 2**63]]],
    [[1, ["x" * 5000, 2]]],
    [[1, [1, 2, 0, "x" * 100]]],
    "rows",
    5,
]


@pytest.mark.parametrize("rows", BAD_ROWS, ids=range(len(BAD_ROWS)))
def test_a_batch_that_holds_no_readings_is_none(rows: Any) -> None:
    with pytest.raises(msgspec.ValidationError):
        checked_rows(msgspec.Raw(encode(rows)))


@given(
    st.lists(
        st.builds(
            Reading,
            st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(max_size=4096),
            st.integers(-(2**63), 2**63 - 1),
            st.integers(0, 3),
            st.text(max_size=10),
            st.integers(0, 3),
            st.integers(0, 2),
        )
    )
)
def test_every_sound_reading_passes_as_it_was_encoded(readings: list[Reading]) -> None:
    rows = checked_rows(msgspec.Raw(encode(list(enumerate(readings)))))
    assert [(number, bytes(raw)) for number, raw in rows] == [(n, encode(r)) for n, r in enumerate(readings)]


def test_bodies_are_checked_against_what_is_asked_for() -> None:
    assert unpack(encode([1, 2]), list[int]) == [1, 2]
    for body in (encode(["a"]), b"", b"\xc1", b"\x91" * 100_000):
        with pytest.raises(FrameError, match="a message does not fit its kind"):
            unpack(body, list[int])
