"""Mutated frames on the client's HDLC line: no crash, no hang, no wrong value, and the memory stays flat."""

from __future__ import annotations

import asyncio
import random
import tracemalloc

import pytest
from meterhub_dlms.client.association import Association
from meterhub_dlms.client.bus.line import HdlcLine
from meterhub_dlms.client.bus.waiting import Patience
from meterhub_dlms.client.credentials import Credentials
from meterhub_dlms.client.errors import BROKEN, RequestRejected
from meterhub_dlms.client.hdlc_channel import HdlcChannel
from meterhub_dlms.codec import axdr, ln
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.link.hdlc_deframer import HdlcDeframer
from meterhub_dlms.link.hdlc_frame import HdlcAddress, HdlcFrame, Kind
from meterhub_dlms.link.hdlc_primary import HdlcPrimary

FRAMES = 20_000
CLIENT, METER = HdlcAddress.client(16), HdlcAddress.server(1, 17)
REGISTER = ln.Attribute(3, bytes((1, 1, 5, 8, 0, 255)), 2)
RIGHT = Data(axdr.UINT32, 10 * (17 * 1000 + 5))


class Mutations:
    """Makes frames that are not the answer: with other addresses, numbers, kinds or contents, or damaged."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.made = self.sound = 0

    def before(self, answer: bytes) -> bytes:
        """What comes before the right answer."""
        frames = HdlcDeframer().feed(answer)
        octets = b"".join(self.mutated(frames[0]) for _ in range(self.dice.randrange(8)))
        return octets if frames else b""

    def mutated(self, good: HdlcFrame) -> bytes:
        wrong = good.information[:-4] + (666).to_bytes(4, "big")
        octets = bytearray(self.changed(good._replace(information=wrong)).encode())
        if self.dice.random() < 0.4:
            for _ in range(self.dice.randrange(1, 4)):
                octets[self.dice.randrange(len(octets))] ^= 1 << self.dice.randrange(8)
        elif self.dice.random() < 0.01:
            del octets[self.dice.randrange(1, len(octets)) :]
        self.made += 1
        self.sound += len(HdlcDeframer().feed(bytes(octets))) == 1
        return bytes(octets)

    def changed(self, frame: HdlcFrame) -> HdlcFrame:
        dice = self.dice
        number = (frame.send + dice.randrange(1, 8)) % 8
        choices = [
            lambda: frame._replace(source=HdlcAddress(1, dice.choice([16, 18, 127]), 2)),
            lambda: frame._replace(source=HdlcAddress(1, 17, 4)),
            lambda: frame._replace(destination=HdlcAddress(dice.randrange(17, 127))),
            lambda: frame._replace(send=number, kind=Kind.I),
            lambda: frame._replace(receive=(frame.receive + dice.randrange(1, 8)) % 8, kind=Kind.I),
            lambda: frame._replace(kind=dice.choice([Kind.SNRM, Kind.DISC, Kind.UI])),
            lambda: frame._replace(send=number, segmented=True, kind=Kind.I),
            lambda: frame._replace(information=dice.randbytes(dice.randrange(1, 60)), send=number, kind=Kind.I),
        ]
        if dice.random() < 0.02:  # these end the link, which then has to be built again
            choices = [
                lambda: frame._replace(kind=dice.choice([Kind.DM, Kind.FRMR, Kind.UA]), information=b""),
                lambda: frame._replace(information=dice.randbytes(dice.randrange(1, 40))),
                lambda: frame._replace(information=frame.information[: dice.randrange(4)] + b"\xff", segmented=True),
            ]
        return dice.choice(choices)()


class Wire:
    """A stream whose other end is a line of meters within this process."""

    def __init__(self, line) -> None:
        self.line = line
        self.lost = asyncio.Event()
        self.reason = ""

    def write(self, data: bytes) -> None:
        asyncio.get_running_loop().call_soon(self.line.feed, data)

    def discard(self) -> None:
        pass

    def close(self) -> None:
        self.lost.set()


async def connected(hdlc: HdlcLine) -> Association:
    for _ in range(100):
        channel = HdlcChannel(hdlc, HdlcPrimary(CLIENT, METER), Patience(0.02, 1))
        association = Association(channel, Credentials(), 5.0)
        try:
            await channel.open()
            await association.open()
        except (*BROKEN, RequestRejected):
            continue
        return association
    raise AssertionError("the meter could not be reached any more")


@pytest.mark.slow
async def test_mutated_frames_never_become_values(meters):
    seed = random.randrange(2**32)
    print("seed", seed)
    mutations = Mutations(random.Random(seed))
    line, hdlc = meters(1), HdlcLine()
    line.foreign = mutations.before
    line.transmit = hdlc.received
    hdlc.use(Wire(line))
    values = rebuilt = 0
    tracemalloc.start()
    before = 0
    try:
        association = await connected(hdlc)
        while mutations.made < FRAMES:
            try:
                async with asyncio.timeout(10):
                    value = await association.get(REGISTER)
            except RequestRejected:
                continue
            except BROKEN:
                rebuilt += 1
                association = await connected(hdlc)
                continue
            assert value == RIGHT
            values += 1
            if mutations.made > FRAMES // 10 and not before:
                before = tracemalloc.get_traced_memory()[0]
        assert tracemalloc.get_traced_memory()[0] - before < 500_000
    finally:
        tracemalloc.stop()
        line.stop()
    assert mutations.sound >= FRAMES // 2
    assert values > FRAMES // 50
    assert rebuilt > 0
