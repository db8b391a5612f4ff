"""Channels with real serial lines (pseudo-terminals) and real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest


def listen(port: int, **more: Any) -> dict[str, Any]:
    return {"kind": "tcp-listen", "host": "127.0.0.1", "port": port, **more}


def channel(*endpoints: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"label": "c", "endpoints": list(endpoints), **more}


def serial(name: str, **more: Any) -> dict[str, Any]:
    return {"kind": "serial", "port": name, **more}


async def exactly(reader: asyncio.StreamReader, count: int) -> bytes:
    async with asyncio.timeout(10):
        return await reader.readexactly(count)


async def closed_by_far_side(reader: asyncio.StreamReader) -> bool:
    async with asyncio.timeout(5):
        return await reader.read(1) == b""


async def test_what_one_receives_goes_to_all_others(rig: Any, connect: Any, free_port: Callable[[], int]) -> None:
    base, bus, port = rig.port("base", kind="base-meter"), rig.port("bus"), free_port()
    ends = [listen(port), {"kind": "base-meter", "port": "base"}, serial("bus")]
    async with rig.running(channel(*ends)):
        reader, writer = await connect(port)
        await rig.until(lambda: rig.end(1).connected and rig.end(2).connected and rig.end(0).connected)
        every = bytes(range(256))
        writer.write(every)
        assert await base.receive(256) == every
        assert await bus.receive(256) == every
        base.send(every)
        assert await exactly(reader, 256) == every
        assert await bus.receive(256) == every
        assert (rig.end(1).bytes_in, rig.end(1).bytes_out, rig.end(0).bytes_out) == (256, 256, 256)
        assert rig.end(0).peers == [f"127.0.0.1:{writer.get_extra_info('sockname')[1]}"]
        assert rig.service.status().channels[0].warning is None
    assert rig.names() == []


async def test_a_point_of_each_channel_says_whether_somebody_is_connected(
    rig: Any, connect: Any, free_port: Any
) -> None:
    rig.port("bus")
    port, local = free_port(), free_port()
    udp = channel(serial("bus"), {"kind": "udp", "host": "127.0.0.1", "port": local}, label="datagrams")
    off = channel(listen(free_port()), serial("bus"), label="off", enabled=False)
    async with rig.running(channel(listen(port), listen(free_port())), udp, off):
        points = rig.hub.published
        assert set(await rig.hub.until_published("c/connected", "datagrams/connected")) == {
            "c/connected",
            "datagrams/connected",
        }
        assert points["c/connected"].value is points["datagrams/connected"].value is False
        _, writer = await connect(port)
        await rig.until(lambda: points["c/connected"].value)
        writer.close()
        await rig.until(lambda: not points["c/connected"].value)
        await rig.until(lambda: rig.end(1, 1).connected)
        assert points["datagrams/connected"].value is False  # a socket that is open is no connection


@pytest.mark.parametrize("hear", [False, True])
async def test_clients_of_one_port_hear_each_other_only_where_that_is_set(
    rig: Any, connect: Any, free_port: Callable[[], int], hear: bool
) -> None:
    bus, port = rig.port("bus"), free_port()
    async with rig.running(channel(listen(port, hear_each_other=hear), serial("bus"))):
        (first, _), (second, writer) = await connect(port), await connect(port)
        await rig.until(lambda: len(rig.end().peers) == 2 and rig.end(1).connected)
        writer.write(b"asked")
        assert await bus.receive(5) == b"asked"
        bus.send(b"answer")
        assert await exactly(second, 6) == b"answer"
        assert await exactly(first, 11 if hear else 6) == (b"askedanswer" if hear else b"answer")


async def test_tcp_udp_and_tcp_client_join_with_a_warning(rig: Any, connect: Any, free_port: Callable[[], int]) -> None:
    got: asyncio.Queue[bytes] = asyncio.Queue()

    async def collect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            got.put_nowait(data)
        writer.close()

    server = await asyncio.start_server(collect, "127.0.0.1", 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.setblocking(False)
        tcp, udp, far = free_port(), free_port(), server.sockets[0].getsockname()[1]
        ends = [
            listen(tcp),
            {"kind": "tcp-client", "host": "127.0.0.1", "port": far},
            {"kind": "udp", "host": "127.0.0.1", "port": udp, "datagram": 4},
        ]
        async with server, rig.running(channel(*ends)):
            _, writer = await connect(tcp)
            await rig.until(lambda: all(rig.end(index).connected for index in range(3)))
            loop = asyncio.get_running_loop()
            await loop.sock_sendto(peer, b"hello", ("127.0.0.1", udp))
            assert await asyncio.wait_for(got.get(), 5) == b"hello"
            writer.write(b"answer")
            assert await asyncio.wait_for(got.get(), 5) == b"answer"
            assert await asyncio.wait_for(loop.sock_recv(peer, 100), 5) == b"answ"
            assert await asyncio.wait_for(loop.sock_recv(peer, 100), 5) == b"er"
            assert rig.service.status().channels[0].warning == "joins network endpoints only"
    assert rig.names() == ["forwarding-without-serial"]


async def test_only_allowed_addresses_and_so_many_clients_come_in(
    rig: Any, connect: Any, free_port: Callable[[], int]
) -> None:
    rig.port("bus")
    closed, narrow = free_port(), free_port()
    ends = [listen(closed, allowed=["192.0.2.*"]), listen(narrow, max_clients=1), serial("bus")]
    async with rig.running(channel(*ends)):
        reader, _ = await connect(closed)
        assert await closed_by_far_side(reader)
        await connect(narrow)
        await rig.until(lambda: rig.end(1).peers)
        reader, _ = await connect(narrow)
        assert await closed_by_far_side(reader)
        await rig.until(lambda: len(rig.names()) == 2)
    assert [event.parameters["why"] for event in rig.hub.recorded] == [
        "its address is not allowed",
        "there are 1 clients already",
    ]


async def test_a_new_client_replaces_the_oldest_where_that_is_set(
    rig: Any, connect: Any, free_port: Callable[[], int]
) -> None:
    bus, port = rig.port("bus"), free_port()
    async with rig.running(channel(listen(port, max_clients=1, replace_oldest=True), serial("bus"))):
        reader, _ = await connect(port)
        await rig.until(lambda: rig.end().peers and rig.end(1).connected)
        _, writer = await connect(port)
        assert await closed_by_far_side(reader)
        writer.write(b"new")
        assert await bus.receive(3) == b"new"
        assert len(rig.end().peers) == 1


async def test_an_idle_client_is_closed(rig: Any, connect: Any, free_port: Callable[[], int]) -> None:
    rig.port("bus")
    port = free_port()
    async with rig.running(channel(listen(port, idle_timeout=1), serial("bus"))):
        reader, _ = await connect(port)
        assert await closed_by_far_side(reader)


async def test_an_adapter_that_was_unplugged_is_used_again(
    rig: Any, connect: Any, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("meterhub_forwarding.endpoint.FIRST_DELAY", 0.02)
    bus, port = rig.port("bus"), free_port()
    async with rig.running(channel(listen(port), serial("bus"))):
        _, writer = await connect(port)
        await rig.until(lambda: rig.end(1).connected)
        bus.unplug()
        await rig.until(lambda: not rig.end(1).connected)
        await rig.until(lambda: rig.names() == ["forwarding-endpoint-down"])
        writer.write(b"lost")
        await rig.until(lambda: rig.end(1).lost == 4)
        bus.plug()
        await rig.until(lambda: rig.end(1).connected)
        writer.write(b"back")
        assert await bus.receive(4) == b"back"
        await rig.until(lambda: len(rig.names()) == 2)
    assert rig.names() == ["forwarding-endpoint-down", "forwarding-endpoint-up"]


async def test_a_port_that_is_wanted_is_given_back_after_the_exchange_and_taken_again(
    rig: Any, connect: Any, free_port: Callable[[], int]
) -> None:
    bus, port = rig.port("bus"), free_port()
    async with rig.running(channel(listen(port), serial("bus", priority=2, window=5))):
        reader, writer = await connect(port)
        await rig.until(lambda: rig.end(1).connected)
        lease = rig.hub.leases["serial", "bus"]
        writer.write(b"request")
        await bus.receive(7)
        lease.want()
        await rig.until(lambda: rig.end(1).state == "giving the port back")
        bus.send(b"answer")
        assert await exactly(reader, 6) == b"answer"
        writer.write(b"next")
        assert await bus.receive(4) == b"next"
        assert rig.hub.leases["serial", "bus"] is not lease
        assert rig.end(1).lost == 0


async def test_on_demand_the_port_is_held_only_while_somebody_is_connected(
    rig: Any, connect: Any, free_port: Callable[[], int]
) -> None:
    bus, port = rig.port("bus"), free_port()
    async with rig.running(channel(listen(port), serial("bus", on_demand=True))):
        await rig.until(lambda: rig.end(1).state == "not needed now")
        assert rig.hub.leases == {}
        _, writer = await connect(port)
        writer.write(b"first")
        assert await bus.receive(5) == b"first"
        assert ("serial", "bus") in rig.hub.leases
        writer.close()
        await rig.until(lambda: rig.hub.leases == {})


async def test_a_peer_that_stops_reading_is_dropped_and_the_rest_goes_on(
    rig: Any, connect: Any, free_port: Callable[[], int]
) -> None:
    stalled, sender, reader_port = free_port(), free_port(), free_port()
    async with rig.running(channel(listen(stalled), listen(sender), listen(reader_port))):
        rig.service._running[0].bus.stall = 0.2
        sock = socket.create_connection(("127.0.0.1", stalled))
        (_, writer), (reader, _) = await connect(sender), await connect(reader_port)
        await rig.until(lambda: all(rig.end(index).connected for index in range(3)))
        size = 12_000_000
        writer.write(bytes(size))
        assert len(await exactly(reader, size)) == size
        await rig.until(lambda: "forwarding-peer-stalled" in rig.names())
        assert not rig.end(0).connected
        assert rig.end(0).lost > 0
        sock.close()


async def test_a_serial_port_that_stalls_loses_its_bytes_and_stays(
    rig: Any, connect: Any, free_port: Callable[[], int]
) -> None:
    bus, port = rig.port("bus"), free_port()
    async with rig.running(channel(listen(port), serial("bus"))):
        _, writer = await connect(port)
        await rig.until(lambda: rig.end(1).connected)
        rig.service._running[0].bus.stall = 0.2
        writer.write(bytes(100_000))
        await rig.until(lambda: "forwarding-port-stalled" in rig.names())
        assert rig.end(1).connected
        assert rig.end(1).lost > 50_000
        bus.send(b"x")
        await rig.until(lambda: rig.end(1).bytes_in == 1)


async def test_a_packet_gap_sends_pieces_as_one(rig: Any, connect: Any, free_port: Callable[[], int]) -> None:
    bus, port = rig.port("bus"), free_port()
    async with rig.running(channel(listen(port), serial("bus"), packet_gap=50)):
        reader, _ = await connect(port)
        await rig.until(lambda: rig.end(0).connected and rig.end(1).connected)
        for piece in (b"one ", b"frame"):
            bus.send(piece)
            await rig.until(lambda: rig.end(1).bytes_in)
        assert await asyncio.wait_for(reader.read(100), 5) == b"one frame"


async def test_a_port_of_the_wrong_kind_or_with_a_bad_secret_harms_nobody_else(
    rig: Any, connect: Any, free_port: Callable[[], int]
) -> None:
    bus, port, tls = rig.port("bus"), free_port(), free_port()
    rig.port("other")
    rig.hub.secrets |= {"chain": "no", "key": "no"}
    ends = [
        listen(port),
        listen(tls, tls_certificate="chain", tls_key="key"),
        {"kind": "base-meter", "port": "other"},
        serial("bus"),
    ]
    async with rig.running(channel(*ends)):
        _, writer = await connect(port)
        await rig.until(lambda: rig.end(3).connected)
        writer.write(b"works")
        assert await bus.receive(5) == b"works"
        await rig.until(lambda: len(rig.names()) == 2)
        assert "no base-meter channel" in rig.end(2).state
        assert "the secret chain holds no certificate" in rig.end(1).state


async def test_the_speed_follows_a_sign_on_and_comes_back(rig: Any, connect: Any, free_port: Callable[[], int]) -> None:
    meter, port = rig.port("meter", baud=300, data_bits=7, parity="even"), free_port()
    async with rig.running(channel(listen(port), serial("meter", follow_mode_e=True))):
        reader, writer = await connect(port)
        await rig.until(lambda: rig.end(1).connected)
        line = rig.service._running[0].endpoints[1]._port._line
        for _ in range(2):
            writer.write(b"/?!\r\n")
            assert await meter.receive(5) == b"/?!\r\n"
            await rig.until(lambda: line.mode.baud == 300)
            meter.send(b"/LGZ5\\2ZMD\r\n")
            await exactly(reader, 12)
            writer.write(b"\x06252\r\n")
            assert await meter.receive(6) == b"\x06252\r\n"
            await rig.until(lambda: line.mode.baud == 9600)
            assert (line.mode.data_bits, line.mode.parity) == (8, "none")
            writer.write(b"\x7e\xa0\x07\x03\x21\x93\x0f\x01\x7e")
            assert (await meter.receive(9))[0] == 0x7E
