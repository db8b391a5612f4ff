"""The cable between a client and the servers is cut in the middle of their talk, and joined again."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import subprocess
from collections.abc import AsyncIterator, Iterator

import pytest
from rig.cable import Cable, laid
from rig.probes import PROBES, undisturbed
from rig.stage import PATIENCE, Stage

CUT = 0.5
IDLE = 1
"""Seconds after which servers give up a silent client: the least that their settings allow."""


@pytest.fixture
def cable() -> Iterator[Cable]:
    """A cable, where this machine lets us lay one."""
    laying = laid()
    try:
        made = next(laying)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"network namespaces need root (CAP_NET_ADMIN) and ip: {getattr(error, 'stderr', error)!r}")
    yield made
    laying.close()


@pytest.fixture
async def far_stage(own_stage, cable) -> AsyncIterator[Stage]:
    """All servers at the other end of the cable. They soon give up a client that says nothing more."""
    stage = own_stage(cable.far, cable.inside)
    services = stage.plan.services
    for name in ("modbus-server", "modbus-server@tls", "dlms-server", "dlms-push"):
        services[name]["idle_timeout"] = IDLE
    for name in ("iec104-server", "iec104-server@tls"):
        services[name] |= {"t1": 2, "t2": 1, "t3": 2}
    services["iec104-server"]["connections"] = 1  # one place, so one queue
    for channel in services["forwarding"]["channels"]:
        for end in channel["endpoints"]:
            end["idle_timeout"] = IDLE
    await stage.start()
    yield stage
    stage.stop()


@pytest.mark.slow
async def test_a_cable_that_is_cut_for_a_moment_costs_no_connection_and_no_answer(far_stage, cable):
    ports = [port for port in PROBES if port != "push"]
    async with undisturbed(far_stage, *ports) as probes:
        for _ in range(2):
            cable.cut()
            await asyncio.sleep(CUT)
            cable.mend()
            async with asyncio.timeout(PATIENCE):
                asked = [probe.asked for probe in probes]
                while any(probe.asked < before + 3 for probe, before in zip(probes, asked, strict=True)):
                    await asyncio.sleep(0.01)
    assert not (await far_stage.look())["complaints"]


@pytest.mark.slow
async def test_half_open_connections_are_given_up_by_themselves(far_stage, cable):
    start = await far_stage.look()
    probes = [PROBES[port](far_stage, port) for port in PROBES if port != "simulator"]  # which waits ten minutes
    for probe in probes:
        await probe.ask()
    cable.cut()
    for probe in probes:
        probe.close()  # nobody at the other end hears of it
    await far_stage.until(lambda seen: seen["files"] <= start["files"] and seen["tasks"] <= start["tasks"])
    cable.mend()
    for probe in probes:
        await probe.ask()
        probe.close()


class Master:
    """Takes events of the energy in order and acknowledges each; says what it got."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.frames: list[list[int]] = []
        """The values of each frame."""

    @property
    def got(self) -> list[int]:
        """All values."""
        return [value for values in self.frames for value in values]

    async def run(self) -> None:
        """Connect again and again."""
        while True:
            with contextlib.suppress(OSError, EOFError):
                async with asyncio.timeout(PATIENCE):
                    where = self._stage.plan.host, self._stage.plan.ports["iec104"]
                    reader, writer = await asyncio.open_connection(*where)
                try:
                    writer.write(bytes.fromhex("680407000000"))
                    await self._listen(reader, writer)
                finally:
                    writer.transport.abort()
            await asyncio.sleep(0.05)

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Until nothing comes for three seconds: by then even a test frame was due."""
        received = 0
        while True:
            async with asyncio.timeout(3):
                _, length = await reader.readexactly(2)
                frame = await reader.readexactly(length)
            if frame[0] == 0x43:
                writer.write(bytes.fromhex("680483000000"))
            elif not frame[0] & 1:
                received += 1
                if frame[4] in (13, 36):
                    self._take(frame[4:])
                writer.write(struct.pack("<BBHH", 0x68, 4, 1, received << 1))

    def _take(self, asdu: bytes) -> None:
        size = 8 if asdu[0] == 13 else 15
        places = range(9, 9 + (asdu[1] & 0x7F) * size, size)
        self.frames.append([int(struct.unpack_from("<f", asdu, place)[0]) for place in places])


@pytest.mark.slow
async def test_events_during_an_outage_reach_the_master_in_order(far_stage, cable):
    master = Master(far_stage)
    running = asyncio.create_task(master.run())
    try:
        await far_stage.until(lambda seen: seen["status"]["iec104-server"]["connected"])
        for value in range(1, 61):
            if value == 20:
                cable.cut()
            if value == 50:  # by now both sides have given up the connection
                await far_stage.until(lambda seen: not seen["status"]["iec104-server"]["connected"])
                cable.mend()
            await far_stage.give(energy=value)
        async with asyncio.timeout(PATIENCE):
            while 60 not in master.got:
                await asyncio.sleep(0.02)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    values = [value for value in master.got if value <= 60]
    assert sorted(set(values)) == list(range(1, 61))
    again = {value for place, value in enumerate(values) if value in values[:place]}
    # Frames that the master had and the server did not know of: it lets k of them be under way.
    assert sum(bool(again & set(frame)) for frame in master.frames) <= 2 * 12, master.frames
    fresh = [value for place, value in enumerate(values) if value not in values[:place]]
    assert fresh == sorted(fresh)
