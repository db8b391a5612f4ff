"""Peers that connect without end, never read, say one octet, or hang; and a process that is killed.

What recorded clients said is replayed here too: good input stays good, so that bad input is made of something.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from typing import Any

import pytest
from meterhub_dlms.codec import ln, obis
from rig.probes import ASSOCIATE, CLIENT_AND_DEVICE, PROBES, trusting, undisturbed
from rig.stage import PATIENCE, Stage
from rig.wires import Apci, Mbap, Wire, Wrapper

SERVERS = tuple(PROBES)
KNOCKED = tuple(port.replace("forwarding-there", "forwarding-stream") for port in SERVERS)
"""Where others make trouble: what they say to a forwarding channel all of it hears, so they get one of their own."""
A_SECOND = 100
"""Connection attempts."""
GET_OBJECTS = CLIENT_AND_DEVICE + ln.encode_get(ln.Attribute(15, obis.parse("0-0:40.0.0*255"), 2))
_READ = {
    "modbus": (Mbap, b"\x01\x03\0\0\0\x02"),
    "modbus-tls": (Mbap, b"\x01\x03\0\0\0\x02"),
    "simulator": (Mbap, b"\x01\x03\0\0\0\x02"),
    "dlms": (Wrapper, GET_OBJECTS),
    "iec104": (Apci, bytes.fromhex("64 01 06 00 0100 000000 14")),
}
"""A request that has an answer, by port."""
_GREETING = {"dlms": [Wrapper().seal(ASSOCIATE)], "iec104": Apci.opening}


@pytest.mark.parametrize(
    ("protocol", "client"),
    [
        *(("modbus", name) for name in ("pymodbus", "mbpoll", "modbus-client")),
        *(("dlms", name) for name in ("gurux-dlms", "dlms-cosem", "dlms-client")),
        *(("iec104", name) for name in ("hat-drivers", "c104", "iec104-client")),
    ],
)
async def test_what_clients_really_said_is_answered_message_by_message(stage, recorded, protocol, client):
    wire: Wire = {"modbus": Mbap, "dlms": Wrapper, "iec104": Apci}[protocol]()
    before = await stage.look()
    async with asyncio.timeout(PATIENCE):
        reader, writer = await asyncio.open_connection(stage.plan.host, stage.plan.ports[protocol])
        try:
            writer.write(b"".join(wire.opening))
            for message in recorded[protocol][client]:
                writer.write(wire.seal(message))
                assert await reader.read(65536)
        finally:
            writer.transport.abort()
    after = await stage.look()
    service = f"{protocol}-server"
    for count in ("protocol_errors", "errors"):
        assert after["status"][service].get(count) == before["status"][service].get(count)


async def connected(stage: Stage, port: str) -> socket.socket:
    """A client without any buffers to speak of."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    async with asyncio.timeout(PATIENCE):
        await asyncio.get_running_loop().sock_connect(sock, (stage.plan.host, stage.plan.ports[port]))
    return sock


async def calm(stage: Stage, before: dict[str, Any], service_entries: int = 60) -> None:
    """Everything that the ill treatment made is gone, and the event log was not filled with it."""
    seen = await stage.until(lambda now: now["tasks"] <= before["tasks"] and now["files"] <= before["files"])
    assert seen["complaints"] == before["complaints"]
    for service, told in seen["events"].items():
        assert sum(told.values()) - sum(before["events"][service].values()) <= service_entries, (service, told)


@pytest.mark.parametrize("seconds", [0.3, pytest.param(3, marks=pytest.mark.slow)])
async def test_a_hundred_connection_attempts_a_second_disturb_nobody(stage, seconds):
    before = await stage.look()
    attempts = round(A_SECOND * seconds)

    async def knock(port: str) -> None:
        """Clients that say up to two octets and leave a little later."""
        hanging: deque[socket.socket] = deque()
        for number in range(attempts):
            sock = await connected(stage, port)
            hanging.append(sock)
            sock.send(b"\0" * (number % 3))
            if len(hanging) > 5:
                hanging.popleft().close()
            await asyncio.sleep(1 / A_SECOND)
        for sock in hanging:
            sock.close()

    async with undisturbed(stage, *SERVERS) as good, asyncio.TaskGroup() as tasks:
        for port in KNOCKED:
            tasks.create_task(knock(port))
        for probe in good:
            tasks.create_task(until_asked(probe, probe.asked + 2))
    await calm(stage, before)


@pytest.mark.parametrize(("port", "knocked"), list(zip(SERVERS, KNOCKED, strict=True)))
async def test_clients_that_say_one_octet_and_hang_disturb_nobody(stage, port, knocked):
    before = await stage.look()
    async with undisturbed(stage, port) as (good,):
        hanging = [await connected(stage, knocked) for _ in range(8)]
        for sock in hanging:
            sock.send(b"\x16")
        await until_asked(good, good.asked + 5)
        for sock in hanging:
            sock.close()
    await calm(stage, before)


async def until_asked(good, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while good.asked < count:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("port", _READ)
async def test_clients_that_ask_on_and_never_read_are_not_served_on(stage, port):
    """They fill their own buffers and nobody else's: what the server keeps for them is bounded."""
    wire, request = _READ[port]
    before = await stage.look(tidy=True)
    async with undisturbed(stage, port) as (good,):
        context = trusting() if port.endswith("tls") else None
        writers = []
        for _ in range(3):
            _, writer = await asyncio.open_connection(stage.plan.host, stage.plan.ports[port], ssl=context, limit=1024)
            writers.append(writer)
            said = wire()
            writer.write(b"".join(_GREETING.get(port, ())))
            for _ in range(20):
                if writer.transport.is_closing():
                    break
                writer.write(b"".join(said.seal(request) for _ in range(500)))
                await asyncio.sleep(0.001)
        await until_asked(good, good.asked + 5)
        full = await stage.look(tidy=True)
        for writer in writers:
            writer.transport.abort()
    assert full["rss"] - before["rss"] < 16 << 20
    await calm(stage, before)


@pytest.mark.slow
async def test_a_process_that_is_killed_serves_again_at_once_on_the_same_ports(own_stage):
    stage = own_stage()
    await stage.start()
    for _ in range(2):
        probes = [PROBES[port](stage, port) for port in SERVERS]
        for probe in probes:
            await probe.ask()
        stage.kill()
        await stage.start()
        for probe in probes:
            probe.close()
            await probe.ask()
            probe.close()
    assert not (await stage.look())["complaints"]
    stage.stop()


async def test_a_tls_client_that_leaves_behind_a_write_and_nonsense_keeps_no_place(stage):
    """Found by mutated input: nothing is read behind a write on its way, so the farewell was not seen."""
    before = await stage.look()
    write, nonsense = Mbap().seal(bytes.fromhex("0106003c0001")), b"\xff" * 20
    for _ in range(3):
        async with asyncio.timeout(PATIENCE):
            _, writer = await asyncio.open_connection(stage.plan.host, stage.plan.ports["modbus-tls"], ssl=trusting())
            writer.write(write + nonsense)
            await asyncio.sleep(0.05)
            writer.transport.abort()
    await calm(stage, before)


async def test_what_came_before_nonsense_is_taken_however_tcp_cuts_the_stream(stage, recorded):
    """Found by mutated input: a push was lost when nonsense came behind it in the same segment."""
    push = Wrapper().seal(recorded["push"]["aidon-1"][0])

    def pushes(seen: dict[str, Any]) -> int:
        return int(seen["status"]["dlms-push"]["meters"][0]["pushes"])

    for cut in (len(push), len(push) + 9):
        before = pushes(await stage.look())
        _, writer = await asyncio.open_connection(stage.plan.host, stage.plan.ports["push"])
        octets = push + b"\xff" * 20
        for piece in (octets[:cut], octets[cut:]):
            writer.write(piece)
            await asyncio.sleep(0.01)
        await stage.until(lambda seen: pushes(seen) > before)  # noqa: B023 -- called before the next turn
        writer.transport.abort()
