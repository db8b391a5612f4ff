"""Mutated conversations against every server, on every transport: no crash, no hang, nobody disturbed, nothing kept.

1,000 frames each in the fast test, 20,000 in the slow one. At least half of them pass the frame check, so that they
reach what is behind it. ``METERHUB_FUZZ_SEED=... pytest -k ...`` repeats a run with the same frames.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rig.links import HdlcTalk
from rig.mutation import Conversation, Mutations
from rig.probes import ENERGY, trusting, undisturbed
from rig.stage import PATIENCE, Stage, Terminal
from rig.wires import Apci, Hdlc, HdlcPush, Mbap, Rtu, Wire, Wrapper

FEW, MANY = 1_000, 20_000
AT_ONCE = 4
GROWTH = 6 << 20
"""Octets by which the process may grow while it is fed; interpreters do not give back all that they had."""
_LAST = bytes.fromhex("fffe 0000 0006 01 03 0000 0002")
ENTRIES = 60
"""Most entries in the event log of one service, whatever comes in."""


@dataclass(frozen=True)
class Target:
    """What is fed, and how."""

    port: str
    wire: Callable[[], Wire]
    recorded: str
    probe: str
    passed: Callable[[dict[str, Any]], int] | None = None
    """Frames past the frame check, in the words of the server's status."""
    broken: float = 0.2
    secure: bool = False
    longest: int = 40
    """Mutated frames in one conversation, at most: few where the first malformed message ends it."""
    share: int = 1
    """Feed this part of the frames only: other targets feed the same port."""


def of_modbus(service: str) -> Callable[[dict[str, Any]], int]:
    return lambda status: int(status[service]["requests"])


def of_pushes(status: dict[str, Any]) -> int:
    push = status["dlms-push"]
    return int(
        push["malformed"] + push["foreign"] + sum(m["pushes"] + m["refused"] + m["errors"] for m in push["meters"])
    )


TARGETS = {
    "modbus over TCP": Target("modbus", Mbap, "modbus", "modbus", of_modbus("modbus-server")),
    "modbus over TLS": Target(
        "modbus-tls",
        Mbap,
        "modbus",
        "modbus-tls",
        of_modbus("modbus-server@tls"),
        broken=0.01,
        secure=True,
        longest=200,
    ),
    "modbus simulator": Target("simulator", Mbap, "modbus", "simulator"),
    "dlms in the wrapper": Target("dlms", Wrapper, "dlms", "dlms"),
    "dlms in HDLC over TCP": Target("dlms-hdlc", Hdlc, "dlms", "dlms", longest=200),
    "iec104": Target(
        "iec104", Apci, "iec104", "iec104", lambda status: int(status["iec104-server"]["received"]), longest=6
    ),
    "iec104 over TLS": Target("iec104-tls", Apci, "iec104", "iec104-tls", secure=True),
    "push in the wrapper": Target("push", Wrapper, "push", "push", of_pushes, share=2),
    "push in HDLC": Target("push", HdlcPush, "push", "push", of_pushes, share=2),
    "forwarding between TCP ports": Target("forwarding-stream", Mbap, "modbus", "forwarding-there"),
    "forwarding to a serial port": Target("forwarding-bus", Wire, "push frames", "forwarding-there"),
    "forwarding with TLS": Target("forwarding-tls", Wrapper, "dlms", "forwarding-there", secure=True, longest=200),
}


async def converse(stage: Stage, target: Target, conversation: Conversation, chance: random.Random) -> None:
    """Say everything, then wait until the server has read it and closes."""
    octets = b"".join(conversation.frames)
    cuts = sorted(chance.randrange(len(octets) + 1) for _ in range(chance.choice((0, 0, 1, 3))))
    async with asyncio.timeout(PATIENCE):
        context = trusting() if target.secure else None
        reader, writer = await asyncio.open_connection(stage.plan.host, stage.plan.ports[target.port], ssl=context)
        try:
            if target.wire is Hdlc:
                await HdlcTalk(reader, writer).say(conversation)
                octets = b""
            for begin, end in zip([0, *cuts], [*cuts, len(octets)], strict=True):
                writer.write(octets[begin:end])
                await asyncio.sleep(0)
            if target.secure and target.passed is not None:
                await _caught_up(reader, writer)
            await _over(reader, writer, target.secure)
        except OSError:
            pass
        finally:
            writer.transport.abort()


async def _caught_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Wait until the server has come so far, unless something broken took this last request with it."""
    writer.write(_LAST)
    with contextlib.suppress(TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        async with asyncio.timeout(0.3):
            await reader.readuntil(_LAST[:4])


async def _over(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, secure: bool) -> None:
    """TLS has no half-closed connections: its own farewell does the same."""
    if secure:
        writer.close()
        await writer.wait_closed()
        return
    writer.write_eof()
    while await reader.read(65536):
        pass


async def feed(stage: Stage, target: Target, conversations: Iterator[Conversation], chance: random.Random) -> int:
    """Have all conversations, a few at a time; answers how many mutated frames pass the frame check."""
    sealed = 0

    async def one_after_the_other() -> None:
        nonlocal sealed
        for conversation in conversations:
            sealed += len(conversation.messages)
            await converse(stage, target, conversation, chance)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(one_after_the_other())
    return sealed


async def settled(stage: Stage, before: dict[str, Any]) -> dict[str, Any]:
    """No task and no open file more than before."""
    await stage.until(lambda seen: seen["tasks"] <= before["tasks"] and seen["files"] <= before["files"])
    seen = await stage.look(tidy=True)
    complaints = seen["complaints"][len(before["complaints"]) :]
    assert not complaints, "\n".join(complaints)
    for service, told in seen["events"].items():
        assert sum(told.values()) - sum(before["events"][service].values()) <= ENTRIES, (service, told)
    return seen


async def harmless(
    stage: Stage,
    count: int,
    probe: str,
    feed_it: Callable[[int], Any],
    passed: Callable[[dict[str, Any]], int] | None = None,
) -> None:
    """Feed a quarter, then the rest, and compare what the process looks like."""
    start = await stage.look(tidy=True)
    async with undisturbed(stage, probe) as (good,):
        sealed = await feed_it(count // 4)
        middle = await stage.look(tidy=True)
        sealed += await feed_it(count - count // 4)
        asked = good.asked
    seen = await settled(stage, start)
    assert sealed >= count // 2
    assert asked > 2
    assert seen["rss"] - middle["rss"] < GROWTH
    if passed is not None:
        assert passed(seen["status"]) - passed(start["status"]) >= count // 2


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", TARGETS)
async def test_mutated_conversations_do_no_harm(stage, recorded, chance, terminals, name, count):
    target = TARGETS[name]
    mutations = Mutations(
        chance, list(recorded[target.recorded].values()), broken=target.broken, longest=target.longest
    )
    draining = asyncio.create_task(drain(terminals["meter"]))
    try:
        await harmless(
            stage,
            count // target.share,
            target.probe,
            lambda frames: feed(stage, target, mutations.conversations(target.wire, frames), chance),
            target.passed,
        )
    finally:
        draining.cancel()


async def drain(terminal: Terminal) -> None:
    """Read what a service sends on a line, as a meter would."""
    while True:
        terminal.drain()
        await asyncio.sleep(0.005)


def says_energy(answer: bytes) -> bool:
    return ENERGY.to_bytes(4, "big") in answer


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
async def test_mutated_requests_on_a_modbus_bus_do_no_harm(stage, recorded, chance, terminals, count):
    line, request = terminals["rtu"], Rtu().seal(bytes.fromhex("010300000002"))
    mutations = Mutations(chance, list(recorded["modbus"].values()))

    async def bursts(count: int) -> int:
        """Some frames come one by one, the others without a pause between them."""
        sealed = 0
        for number, conversation in enumerate(mutations.conversations(Rtu, count)):
            frames = conversation.frames
            chance.shuffle(frames)
            await line.send(b"".join(frames))
            await asyncio.sleep(0.008)
            sealed += len(conversation.messages)
            if number % 100 == 0:
                await line.ask(request, says_energy)
        await line.ask(request, says_energy)
        return sealed

    await harmless(stage, count, "modbus", bursts)


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
async def test_mutated_frames_on_an_hdlc_bus_do_no_harm(stage, recorded, chance, terminals, count):
    mutations = Mutations(chance, list(recorded["dlms"].values()), longest=200)

    async def stream(frames: int) -> int:
        sealed = 0
        async with terminals["hdlc"].streams() as line:
            talk = HdlcTalk(*line)
            for conversation in mutations.conversations(Hdlc, frames):
                await talk.say(conversation)
                sealed += len(conversation.messages)
            await talk.ask()
        return sealed

    await harmless(stage, count, "dlms", stream)


async def taken(port: int) -> None:
    """Nothing waits in the socket any more: what does not fit in there would be lost."""
    async with asyncio.timeout(PATIENCE):
        while any(
            int(row[1].rpartition(":")[2], 16) == port and not row[4].endswith(":00000000")
            for row in map(str.split, Path("/proc/net/udp").read_text("ascii").splitlines()[1:])
        ):
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
async def test_mutated_datagrams_do_no_harm(stage, recorded, chance, count):
    mutations = Mutations(chance, list(recorded["push"].values()))
    address = (stage.plan.host, stage.plan.ports["push-udp"])

    async def datagrams(frames: int) -> int:
        sealed = 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for number, conversation in enumerate(mutations.conversations(Wrapper, frames)):
                for frame in conversation.frames:
                    sock.sendto(frame[:60_000], address)
                if number % 4 == 0:
                    await taken(address[1])
                sealed += len(conversation.messages)
        return sealed

    await harmless(stage, count, "push", datagrams, of_pushes)
