"""The service between hub and masters: admission, polls, queues, status and events."""

from __future__ import annotations

import asyncio
import socket
import struct

import meterhub_iec104
import pytest
from meterhub_iec104 import events
from meterhub_iec104.service import Iec104Server
from meterhub_iec104.settings import Iec104Settings
from meterhub_sdk import Batch, NotReady, Quality, Reading

POWER = {"type": "M_ME_NC", "point": "m/power", "ioa": 10, "push": "always"}
SWITCH = {"type": "M_SP", "point": "m/switch", "ioa": 20}


def test_the_hooks_offer_the_service_and_its_event_types():
    assert meterhub_iec104.meterhub_services() == [Iec104Server]
    numbers = [event.number for event in meterhub_iec104.meterhub_event_types()]
    assert len(set(numbers)) == len(numbers) == len(events.ALL)
    assert Iec104Server.name == "iec104-server"


async def test_an_address_that_is_not_allowed_is_refused_and_logged_once(serve):
    running = await serve([POWER], allowed=["127.0.0.2", "10.0.0.0/8"])
    for _ in range(3):
        await (await running.connect()).closed()
    await running.until(lambda status: status.refused == 3)
    assert "not allowed" in (await running.recorded("connection-refused"))["reason"]
    assert [event.type for event in running.hub.recorded] == [events.CONNECTION_REFUSED]
    await running.master("127.0.0.2")


async def test_no_more_masters_than_allowed_and_a_place_that_becomes_free_is_given_again(serve):
    running = await serve([POWER], connections=2)
    first, _ = await running.master("127.0.0.1"), await running.master("127.0.0.2")
    await (await running.connect("127.0.0.3")).closed()
    assert "all 2 connections" in (await running.recorded("connection-refused"))["reason"]
    await first.leave()
    assert (await running.recorded("master-gone"))["reason"] == "it closed the connection"
    await running.master("127.0.0.3", expect_init=False)


async def test_a_refused_master_makes_the_station_look_whether_its_old_connection_lives(serve):
    running = await serve([POWER], t1=0.5)
    dead = await running.master()
    await (await running.connect()).closed()
    assert (await dead.control())[0] == 0x43
    await dead.closed()
    await running.master(expect_init=False)


async def test_each_master_finds_its_own_backlog_again(serve):
    running = await serve([POWER], connections=2)
    one, two = await running.master("127.0.0.1"), await running.master("127.0.0.2")
    await one.leave()
    await running.until(lambda status: status.connections[0].state == "absent")
    running.hub.give("m/power", 7.0)
    assert (await two.asdu()).values == {10: 7.0}
    await two.silent()
    await two.leave()
    await running.until(lambda status: status.connections[1].state == "absent")
    running.hub.give("m/power", 8.0)
    again = await running.master("127.0.0.2", expect_init=False)
    assert (await again.asdu()).values == {10: 8.0}
    other = await running.master("127.0.0.1", expect_init=False)
    assert [struct.unpack("<f", e[:4])[0] for _, e in (await other.asdu()).objects] == [7.0, 8.0]


async def test_a_synchronous_initial_poll_keeps_masters_out_until_every_point_has_a_value(serve):
    running = await serve([POWER, SWITCH], initial_poll="synchronous")
    running.hub.give("m/power", 1.0)
    await running.hub.settle()
    await (await running.connect()).closed()
    assert not running.service.status().accepting
    running.hub.give("m/switch", True)
    await running.until(lambda status: status.accepting)
    await running.master()


async def test_a_synchronous_initial_poll_ends_after_its_limit(fake_hub):
    config = Iec104Settings.model_validate({"initial_poll": "synchronous", "groups": [{"label": "g", "rows": [POWER]}]})
    service = Iec104Server(fake_hub, config.model_copy(update={"port": 0, "initial_poll_limit": 0.02}))
    async with fake_hub.running(service), asyncio.timeout(40):
        while not service.status().accepting:
            await asyncio.sleep(0.005)


async def test_a_port_in_use_is_not_ready(fake_hub):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(NotReady, match=f"TCP port {port} on 127.0.0.1 is already in use"):
            await Iec104Server(fake_hub, Iec104Settings(port=port)).run()


async def test_the_same_port_can_be_had_again_at_once(serve, fake_hub):
    running = await serve([POWER])
    port = running.port
    await running.master()
    other = Iec104Server(fake_hub, Iec104Settings(port=port))
    with pytest.raises(NotReady):
        await other.run()


async def test_dropped_events_are_counted_shown_and_logged(serve):
    running = await serve([POWER], event_queue=100)
    for number in range(150):
        running.hub.give("m/power", float(number))
        await running.hub.settle(3)
    parameters = await running.recorded("events-dropped")
    assert 1 <= parameters["count"] <= 50
    assert parameters["group"] == "connection-1"
    await running.until(lambda status: status.dropped == 50)
    status = running.service.status()
    assert (status.dropped, status.groups[0].dropped, status.groups[0].queue) == (50, 50, 100)
    master = await running.master()
    received: list[float] = []
    while len(received) < 100:
        received += [struct.unpack("<f", e[:4])[0] for _, e in (await master.asdu()).objects]
    assert received == [float(number) for number in range(50, 150)]


async def test_status_tells_who_is_connected_and_what_was_sent(serve):
    running = await serve([POWER, SWITCH])
    master = await running.master()
    running.hub.give("m/power", 1.0)
    await master.asdu()
    await master.silent()
    status = running.service.status()
    shown = status.connections[0]
    port = master.writer.get_extra_info("sockname")[1]
    assert (shown.remote, shown.state, shown.sent) == (f"127.0.0.1:{port}", "started", 2)
    group = status.groups[0]
    assert (group.active, group.connections, group.queue, group.oldest) == (shown.remote, 1, 0, 0)
    assert (status.objects, status.points_without_value, status.connected, status.sent) == (2, 1, 1, 2)
    assert shown.since.endswith("+00:00")
    assert (await running.recorded("master-connected"))["address"] == shown.remote
    await master.leave()
    await running.until(lambda status: status.connected == 0)
    assert running.service.status().sent == 2


async def test_what_is_known_at_the_start_is_read_and_not_repeated_as_events(serve, fake_hub):
    fake_hub.give("m/power", 4.5)
    running = await serve([POWER])
    master = await running.master()
    await master.silent()
    got = await master.procedure(100, b"\x14")
    assert got[1].values == {10: 4.5}


async def test_without_time_tags_events_are_of_the_plain_type(serve):
    running = await serve([POWER], time_tags=False)
    master = await running.master()
    running.hub.give("m/power", 1.0)
    assert (await master.asdu()).summary == (13, 3, False)


async def test_counters_are_spontaneous_where_the_push_mode_says_so(serve):
    rows = [
        {"type": "M_IT", "point": "m/a", "ioa": 1},
        {"type": "M_IT", "point": "m/b", "ioa": 2, "push": "change"},
    ]
    running = await serve(rows)
    master = await running.master()
    running.hub.give_all({"m/a": Reading(1, 10**18), "m/b": Reading(2, 10**18)})
    got = await master.asdu()
    assert (got.summary, [ioa for ioa, _ in got.objects]) == ((37, 3, False), [2])
    await master.silent()


async def test_a_double_point_follows_both_contacts(serve):
    running = await serve([{"type": "M_DP", "point": "m/on", "second_point": "m/off", "ioa": 5}])
    master = await running.master()
    states = []
    for changed in ({"m/on": False, "m/off": True}, {"m/off": False}, {"m/on": True}):
        running.hub.give_all({name: Reading(value, 10**18) for name, value in changed.items()})
        states.append((await master.asdu()).objects[0][1][0])
    assert states == [1, 0, 2]
    running.hub.give("m/off", Reading(False, 10**18, Quality.STALE))
    assert (await master.asdu()).objects[0][1][0] == 0x42


async def test_a_slow_reader_holds_up_nobody_and_costs_bounded_memory(serve):
    running = await serve([POWER], connections=2, event_queue=1000, k=12, w=8)
    slow, quick = await running.master("127.0.0.1"), await running.master("127.0.0.2")
    slow.acknowledge = False
    received = 0
    for number in range(1, 3001):
        running.hub.give("m/power", float(number))
        await running.hub.settle(2)
        while number % 10 == 0 and received < number:
            received += len((await quick.asdu()).objects)
    status = running.service.status()
    assert (status.connections[0].unacknowledged, status.groups[0].queue) == (12, 1000)
    assert status.groups[1].dropped == 0


async def test_a_peer_that_floods_without_reading_is_not_buffered_without_end(serve):
    running = await serve([POWER], connections=2)
    flood = await running.connect()
    flood.unnumbered(0x07)

    async def write():
        for _ in range(2000):
            flood.write(b"\x68\x04\x43\0\0\0" * 10_000)
            await asyncio.wait_for(flood.writer.drain(), 0.3)

    with pytest.raises(TimeoutError):  # it is no longer read, so its own buffers fill up
        await write()
    flood.writer.transport.abort()
    await (await running.connect()).start()


async def test_a_dead_meter_keeps_no_master_out(serve):
    running = await serve([POWER, SWITCH], initial_poll="synchronous")
    running.hub.give("m/power", 1.0)
    await running.hub.settle()
    assert not running.service.status().accepting
    running.hub.give("m/switch", Reading(None, 10**18, Quality.INVALID))
    await running.until(lambda status: status.accepting)
    got = await (await running.master()).procedure(100, b"\x14")
    assert (20, b"\xc0") in [item for answer in got[1:-1] for item in answer.objects]


async def test_a_hundred_attempts_to_connect_disturb_nobody(serve):
    running = await serve([POWER], allowed=["127.0.0.1"])
    master = await running.master()
    for number in range(100):
        _, writer = await asyncio.open_connection("127.0.0.1", running.port, local_addr=("127.0.0.9", 0))
        running.hub.give("m/power", float(number))
        assert (await master.asdu()).values == {10: float(number)}
        writer.close()
    await running.until(lambda status: status.refused == 100)
    assert [event.type for event in running.hub.recorded].count(events.CONNECTION_REFUSED) == 1


async def test_readings_that_the_hub_had_to_drop_are_counted_for_every_group(serve, monkeypatch):
    async def every(self, *names, queue="default"):
        yield Batch([("m/power", Reading(1.0, 10**18))], 7, 8)
        await asyncio.Event().wait()

    monkeypatch.setattr("meterhub_sdk.testing.FakeHub.every", every)
    both = [{"label": label, "allowed": ["*.*.*.*"]} for label in ("north", "south")]
    running = await serve([POWER], connection_groups=both)
    await running.until(lambda status: [group.dropped for group in status.groups] == [7, 7])
    assert (await running.recorded("events-dropped"))["count"] == 7
    assert (await (await running.master()).asdu()).values == {10: 1.0}


async def test_a_group_may_be_sent_periodically_to_masters_with_data_transfer_only(serve):
    group = {"label": "cyclic", "periodic": 0.5, "rows": [{**POWER, "push": "never"}]}
    running = await serve([SWITCH], groups=[group])
    standby, master = await running.connect(), None
    running.hub.give("m/power", 4.0)
    await standby.silent()
    await standby.leave()
    await running.until(lambda status: status.connections[0].state == "absent")
    master = await running.master()
    for _ in range(2):
        got = await master.asdu()
        assert (got.summary, got.values) == ((13, 1, False), {10: 4.0})
    assert running.service.status().groups[0].queue == 0


async def test_status_tells_when_the_queues_are_not_on_the_disk(serve, fake_hub, monkeypatch):
    monkeypatch.setattr("meterhub_iec104.service._PUBLISHING", 0.02)
    (fake_hub.directory / "event-queues").write_text("a file where a directory should be")
    running = await serve([POWER])
    assert (await running.recorded("queues-in-memory"))["why"] in ("File exists", "Not a directory")
    assert not running.service.status().queues_on_disk
    running.hub.give("m/power", 3.0)
    assert (await (await running.master()).asdu()).values == {10: 3.0}
