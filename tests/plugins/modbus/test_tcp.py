"""Connections: framing, pipelining, limits, garbage."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meterhub_modbus.banks import Mapping
from meterhub_modbus.identification import DeviceIdentification
from meterhub_modbus.notices import Notices
from meterhub_modbus.pdu import PduHandler
from meterhub_modbus.service import ModbusServer
from meterhub_modbus.settings import Identification, ModbusServerConfig
from meterhub_modbus.tcp import TcpServer
from meterhub_sdk import NotReady, Reading
from meterhub_sdk.admission import AllowList
from meterhub_sdk.testing import FakeHub

ROWS = [{"point": f"d/p{n}", "bank": "holding", "address": n, "format": "u16", "writable": True} for n in range(20)]


def give_all(hub):
    for n in range(20):
        hub.give(f"d/p{n}", n)


async def test_pipelined_requests_are_answered_in_order_each_with_its_transaction(serve):
    async with serve(ROWS) as running:
        give_all(running.hub)
        client = await running.client()
        client.send(b"".join(client.frame(f"03 {n % 20:04x} 0001", 1000 + n) for n in range(500)))
        answers = [await client.answer() for _ in range(500)]
        assert answers == [(1000 + n, 1, f"0302{n % 20:04x}") for n in range(500)]


async def test_a_point_says_whether_a_client_is_connected(serve):
    async with serve(ROWS) as running, asyncio.timeout(10):
        points = await running.hub.until_published("clients/connected")
        assert points["clients/connected"].value is False
        first, second = await running.client(), await running.client()
        while not points["clients/connected"].value:
            await asyncio.sleep(0.001)
        first.writer.close()
        give_all(running.hub)
        await second.ask("03 0002 0001")
        assert points["clients/connected"].value is True
        second.writer.close()
        while points["clients/connected"].value:
            await asyncio.sleep(0.001)


async def test_a_server_without_a_tcp_port_has_no_point_of_connections(fake_hub):
    config = ModbusServerConfig(port=None, serial_port="bus", groups=[{"label": "g", "rows": ROWS}])
    assert list(ModbusServer(fake_hub, config).points()) == []


async def test_a_request_split_at_every_byte_is_answered(serve):
    async with serve(ROWS) as running:
        give_all(running.hub)
        client = await running.client()
        both = client.frame("03 0002 0001", 1) + client.frame("03 0003 0001", 2)
        for cut in range(1, len(both)):
            client.send(both[:cut])
            await running.hub.settle()
            client.send(both[cut:])
            assert [(await client.answer())[2] for _ in range(2)] == ["03020002", "03020003"]


async def test_what_comes_behind_a_write_waits_for_it_and_is_not_lost(serve, monkeypatch):
    async with serve(ROWS) as running:
        give_all(running.hub)
        started, finish = asyncio.Event(), asyncio.Event()

        async def write(name, value, *, reason, timeout):
            started.set()
            await finish.wait()
            running.hub.give(name, value)

        monkeypatch.setattr(running.hub, "write", write)
        client, other = await running.client(), await running.client()
        client.send(client.frame("06 0005 0063", 1) + client.frame("03 0004 0001", 2) + client.frame("03 0003 0001", 3))
        await started.wait()
        client.send(client.frame("03 0002 0001", 4))
        assert await other.ask("03 0001 0001") == "03020001"
        finish.set()
        assert [await client.answer() for _ in range(4)] == [
            (1, 1, "0600050063"),
            (2, 1, "03020004"),
            (3, 1, "03020003"),
            (4, 1, "03020002"),
        ]
        assert await client.ask("03 0005 0001") == "03020063"


async def test_a_write_ends_although_its_client_left_and_holds_its_place_until_then(serve, monkeypatch):
    async with serve(ROWS) as running:
        started, finish, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def write(name, value, *, reason, timeout):
            started.set()
            await finish.wait()
            done.set()

        monkeypatch.setattr(running.hub, "write", write)
        client = await running.client()
        client.send(client.frame("06 0005 0063"))
        await started.wait()
        client.writer.transport.abort()
        await running.hub.settle()
        finish.set()
        await done.wait()
        async with asyncio.timeout(5):
            while running.service.status().clients:
                await asyncio.sleep(0)


async def test_a_server_stops_in_the_middle_of_a_write(serve, monkeypatch):
    async with serve(ROWS) as running:
        started = asyncio.Event()

        async def write(name, value, *, reason, timeout):
            started.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(running.hub, "write", write)
        client = await running.client()
        client.send(client.frame("06 0005 0063"))
        await started.wait()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize(
    "header",
    ["000100010006", "000100000000", "000100000001", "0001000000ff", "00010000ffff", "474554202f20", "160301020001"],
)
async def test_a_malformed_header_closes_only_that_connection_after_what_came_before_it(serve, header):
    async with serve(ROWS) as running:
        give_all(running.hub)
        client, other = await running.client(), await running.client()
        client.send(client.frame("03 0002 0001", 1) + bytes.fromhex(header))
        assert (await client.answer())[2] == "03020002"
        assert await client.closed()
        assert await other.ask("03 0001 0001") == "03020001"
        await running.hub.settle()
        (event,) = running.hub.recorded
        assert event.type.name == "modbus-protocol-error"
        assert running.service.status().protocol_errors == 1


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=300),
            st.builds(
                lambda unit, pdu: struct.pack(">HHHB", 1, 0, len(pdu) + 1, unit) + pdu,
                st.integers(0, 3),
                st.builds(
                    lambda function, rest: bytes((function,)) + rest,
                    st.sampled_from([1, 2, 3, 4, 5, 6, 15, 16, 22, 23, 43, 8, 0, 255]),
                    st.binary(max_size=252),
                ),
            ),
        ),
        max_size=8,
    )
)
def test_no_bytes_harm_the_server_or_another_client(chunks):
    async def bombard():
        hub = FakeHub()
        config = ModbusServerConfig(groups=[{"label": "g", "rows": ROWS}])
        mapping = Mapping(config)
        mapping.cells["d/p1"][0].show(Reading(7, 0))
        trouble = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: trouble.append(context))

        async def write(writes, source):
            for name, value in writes:
                await hub.write(name, value, reason=source)

        handler = PduHandler(mapping.units, write, DeviceIdentification(Identification(), "1"))
        server = TcpServer(config, handler, Notices(hub))
        port = await server.start(0)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        _, victim = await asyncio.open_connection("127.0.0.1", port)
        for chunk in chunks:
            victim.write(chunk)
            await asyncio.sleep(0)
        with contextlib.suppress(OSError):
            victim.write_eof()
        writer.write(bytes.fromhex("000100000006 01 03 0001 0001"))
        assert await reader.readexactly(11) == bytes.fromhex("000100000005 01 03 02 0007")
        for stream in (writer, victim):
            stream.close()
            with contextlib.suppress(ConnectionError):
                await stream.wait_closed()
        await server.close()
        assert trouble == []

    asyncio.run(bombard())


@settings(deadline=None)
@given(st.binary(max_size=260), st.integers(0, 3))
def test_the_handler_answers_any_pdu_within_the_limit(pdu, unit):
    async def write(writes, source):
        pass

    mapping = Mapping(ModbusServerConfig(groups=[{"label": "g", "rows": ROWS, "stale": "sentinel"}]))
    answer = PduHandler(mapping.units, write, DeviceIdentification(Identification(), "1")).handle(unit, pdu)
    if unit != 1 or not pdu:
        assert answer is None
        return
    if not isinstance(answer, bytes):
        answer = asyncio.run(answer)
    assert 2 <= len(answer) <= 253
    assert answer[0] & 0x7F == pdu[0] & 0x7F


async def test_a_client_that_fetches_no_answers_is_not_served_without_end(serve):
    async with serve(ROWS) as running:
        give_all(running.hub)
        client, other = await running.client(), await running.client()
        client.writer.transport.pause_reading()
        request = client.frame("03 0000 0014") * 1000
        sent = 0
        with contextlib.suppress(TimeoutError):
            for _ in range(2000):
                client.send(request)
                sent += 1000
                await asyncio.wait_for(client.writer.drain(), 0.2)
        assert running.service.status().requests < sent
        assert await other.ask("03 0001 0001") == "03020001"
        answered = running.service.status().requests
        client.writer.transport.resume_reading()
        for _ in range(answered):
            assert (await client.answer())[2].startswith("0328")


async def test_connections_beyond_the_limit_are_refused_and_a_place_becomes_free(serve):
    async with serve(ROWS, connections=2) as running:
        give_all(running.hub)
        first, second = await running.client(), await running.client()
        assert await first.ask("03 0001 0001") == await second.ask("03 0001 0001")
        third = await running.client()
        assert await third.closed()
        assert [event.parameters["why"] for event in running.hub.recorded] == ["all 2 connections are in use"]
        first.writer.close()
        async with asyncio.timeout(5):
            while len(running.service.status().clients) > 1:
                await asyncio.sleep(0)
        assert await (await running.client()).ask("03 0001 0001") == "03020001"


async def test_an_address_that_is_not_allowed_is_refused_once_in_the_log(serve):
    async with serve(ROWS, allowed=["192.0.2.*", "10.0.0.0/8"]) as running:
        for _ in range(3):
            assert await (await running.client()).closed()
        await running.hub.settle()
        (event,) = running.hub.recorded
        assert event.type.name == "modbus-client-refused"
        assert event.parameters["peer"] == "127.0.0.1"
        status = running.service.status()
        assert (status.refused, status.accepted, status.events_left_out) == (3, 0, 2)


async def test_a_connection_without_complete_requests_is_closed_after_the_idle_time(serve):
    async with serve(ROWS, idle_timeout=1) as running:
        give_all(running.hub)
        client = await running.client()
        assert await client.ask("03 0001 0001") == "03020001"
        client.send(client.frame("03 0001 0001")[:9])
        assert await client.closed()


async def test_it_serves_on_ipv6(serve):
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 here")
    async with serve(ROWS, host="::1") as running:
        give_all(running.hub)
        assert await (await running.client()).ask("03 0001 0001") == "03020001"
    assert "::1" in AllowList(["::/0"])


async def test_a_port_in_use_is_one_sentence_and_a_reason_to_try_again(fake_hub):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(NotReady, match=f"TCP port {port} on 127.0.0.1 is in use"):
            await ModbusServer(fake_hub, ModbusServerConfig(port=port)).run()


async def test_an_address_that_is_not_there_is_a_reason_to_try_again(fake_hub):
    with pytest.raises(NotReady, match=r"cannot listen on 203\.0\.113\.1 port 1502"):
        await ModbusServer(fake_hub, ModbusServerConfig(host="203.0.113.1")).run()


async def test_status_counts_what_went_over_the_wire(serve):
    async with serve(ROWS) as running:
        give_all(running.hub)
        client = await running.client()
        await client.ask("03 0001 0001")
        await client.ask("03 0063 0001")
        status = running.service.status()
        assert status.clients == ["127.0.0.1"]
        assert (status.requests, status.exceptions) == (2, {"2": 1})
        assert (status.bytes_in, status.bytes_out) == (24, 11 + 9)
        assert (status.mapped, status.withheld) == (20, 0)


async def test_repetitions_stay_out_of_the_event_log_until_the_interval_is_over(fake_hub):
    from meterhub_modbus.events import CLIENT_REFUSED
    from meterhub_modbus.notices import INTERVAL

    now = 0.0
    notices = Notices(fake_hub, lambda: now)
    for peer in range(5000):
        notices.note(CLIENT_REFUSED, str(peer), why="x")
    assert notices.left_out == 4900
    task = asyncio.create_task(notices.run())
    await fake_hub.settle(300)
    notices.note(CLIENT_REFUSED, "1", why="x")
    now = INTERVAL
    notices.note(CLIENT_REFUSED, "1", why="x")
    await fake_hub.settle()
    task.cancel()
    assert (len(fake_hub.recorded), notices.left_out) == (101, 4901)


async def test_a_32_bit_value_is_never_torn_while_it_changes(serve):
    rows = [{"point": "d/twice", "bank": "holding", "address": 0, "format": "u32"}]
    async with serve(rows) as running:
        running.hub.give("d/twice", 0)
        clients = [await running.client() for _ in range(3)]
        for n in range(1, 200):
            for client in clients:
                client.send(client.frame("03 0000 0002"))
            running.hub.give("d/twice", n * 0x10001)
            for client in clients:
                answer = (await client.answer())[2]
                assert answer[4:8] == answer[8:12]
