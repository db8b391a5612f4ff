"""Mutated frames and APDUs against the whole server behind a line of HDLC: no crash, no hang, no memory kept."""

from __future__ import annotations

import asyncio
import itertools
import random
import resource

import pytest
from meterhub_dlms.codec import acse, axdr, general_block, ln, ln_action, ln_action_list, ln_set, selection, sn, xdlms
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.ciphering import Ciphering, Keys, Protection
from meterhub_dlms.codec.selection import ByEntry, by_time
from meterhub_dlms.codec.xdlms import Conformance, Initiate
from meterhub_dlms.link import llc
from meterhub_dlms.link.hdlc_frame import HdlcAddress, HdlcFrame, Kind, decode_frame
from meterhub_dlms.server.hdlc_line import HdlcLine

MESSAGES = 20_000
KEPT = 12 << 20
CLIENT, SERVER = HdlcAddress.client(32), HdlcAddress.server(1, 17)
KEYS = Keys(bytes(range(16)), bytes(range(0xD0, 0xE0)))
ENERGY = ln.Attribute(3, bytes((1, 1, 1, 8, 0, 255)), 2)
TEXT = ln.Attribute(1, bytes((0, 0, 96, 1, 0, 255)), 2)
PROFILE = ln.Attribute(7, bytes((1, 0, 99, 1, 0, 255)), 2)
ECHO = ln.Attribute(3, ENERGY.logical_name, 1)
OBJECTS = ln.Attribute(15, bytes((0, 0, 40, 0, 0, 255)), 2)
NUMBER, LONG = Data(axdr.UINT32, 7), Data(axdr.OCTET_STRING, bytes(300))
NESTED = Data(
    axdr.STRUCTURE, [Data(axdr.ARRAY, [NUMBER, LONG]), Data(axdr.BIT_STRING, "1011"), Data(axdr.FLOAT64, 1.5)]
)
EVERYTHING = Conformance(0xFFFFFF)

LOGICAL = [
    ln.encode_get(ENERGY),
    ln.encode_get(OBJECTS),
    ln.encode_get_list([ENERGY, TEXT, PROFILE]),
    ln.encode_get_next(1, 1),
    selection.encode_selected_get(PROFILE, ByEntry(1, 5)),
    selection.encode_selected_get(PROFILE, by_time(0, 10**18)),
    ln.encode_set(TEXT, NESTED),
    ln_set.encode_set_list([ENERGY, TEXT], [NUMBER, LONG]),
    *itertools.islice(ln_set.encode_set_blocks(TEXT, LONG, 200), 2),
    ln_action.encode_action(ECHO, NESTED),
    ln_action.encode_request_next(1, 1),
    ln_action.encode_request_block(ln_action.ActionBlock(0xC1, False, 1, b"\x09\x10", ECHO)),
    ln_action_list.encode_action_list([ECHO, ECHO], [NESTED, None]),
    *general_block.split(ln.encode_get(TEXT), 8, confirmed=True),
    acse.encode_release_request(),
]
SHORT = [
    sn.encode_read([sn.Variable(0x0108)]),
    sn.encode_read([sn.Variable(0xFA08)]),
    sn.encode_read([sn.Variable(0x0108), sn.Variable(0x0138), sn.Variable(0x0148, 2, Data(axdr.STRUCTURE, [NUMBER]))]),
    sn.encode_read([selection.selected_variable(0x0148, ByEntry(1, 5))]),
    sn.encode_read([sn.NextBlock(1)]),
    sn.encode_read([sn.RequestBlock(False, 1, bytes(20))]),
    sn.encode_write(sn.WriteRequest([sn.Variable(0x0138), sn.Variable(0x0128)], [NESTED, LONG])),
    sn.encode_write(sn.WriteRequest([sn.Variable(0x0138)], [NESTED], confirmed=False)),
    sn.encode_write(sn.WriteRequest([sn.WriteBlockHead(False, 1)], [LONG])),
]


def mutated(chance: random.Random, whole: bytes) -> bytes:
    octets = bytearray(whole)
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(octets))
        match chance.randrange(5):
            case 0:
                octets[at] = chance.randrange(256)
            case 1:
                octets[at] ^= 1 << chance.randrange(8)
            case 2 if len(octets) > 1:
                del octets[at : at + chance.randrange(1, 4)]
                octets = octets or bytearray(b"\x00")
            case 3:
                octets[at:at] = chance.randbytes(chance.randrange(1, 4))
            case _:
                octets[at] = chance.choice((0x00, 0x7F, 0x80, 0x82, 0x84, 0xFF))
    return bytes(octets)


class Driver:
    """Keeps a link and an association open, whatever becomes of them, and sends mutated requests on it."""

    def __init__(self, bench, chance, kind):
        self.sent: list[bytes] = []
        self.line = HdlcLine(bench.reception(), "fuzz", self.sent.append)
        self.chance = chance
        self.short = kind == "short names"
        self.cipher = Ciphering(b"CLIENT01", KEYS, itertools.count(1).__next__) if kind == "ciphered" else None
        self.corpus = SHORT if self.short else LOGICAL
        self.frames = 0
        self.send = self.receive = 0

    async def exchange(self, apdu, damage=False):
        frame = HdlcFrame(SERVER, CLIENT, Kind.I, True, self.send, self.receive, llc.REQUEST + apdu).encode()
        self.sent.clear()
        self.frames += 1
        await self.line.feed(mutated(self.chance, frame) if damage else frame)
        for octets in self.sent:
            answer = decode_frame(octets[1:-1])
            if answer.kind is Kind.I and not answer.segmented:
                self.send, self.receive = (self.send + 1) % 8, (answer.send + 1) % 8
                return answer.information[llc.LENGTH :]
        return None

    async def open(self):
        """Anew, from the link on."""
        self.line.pause()
        self.send = self.receive = 0
        parameters = bytes.fromhex("818014050207ee060207ee070400000001080400000001")
        await self.line.feed(HdlcFrame(SERVER, CLIENT, Kind.SNRM, True, 0, 0, parameters).encode())
        information = xdlms.encode_initiate_request(Initiate(EVERYTHING, 1500))
        if self.cipher is not None:
            information = self.cipher.protect(information)
        context = 1 + self.short + 2 * (self.cipher is not None)
        title = b"CLIENT01" if self.cipher is not None else b""
        aarq = acse.encode_request(acse.AssociationRequest(context, 0, None, information, title))
        response = acse.decode_response(await self.exchange(aarq))
        assert response.result == 0
        if self.cipher is not None:
            self.cipher.partner = response.title

    async def step(self):
        apdu = mutated(self.chance, self.chance.choice(self.corpus))
        if self.cipher is not None and self.chance.random() < 0.8:
            self.cipher.protection = self.chance.choice(list(Protection))
            try:
                apdu = self.cipher.protect(apdu)
            except ValueError:
                pass
            if self.chance.random() < 0.3:
                apdu = mutated(self.chance, apdu)
        return await self.exchange(apdu, damage=self.chance.random() < 0.3)


@pytest.mark.parametrize("kind", ["logical names", "short names", "ciphered"])
async def test_mutated_messages_do_no_harm(bench, kind):
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    driver = Driver(bench, random.Random(seed), kind)
    count, before = MESSAGES // 3 + 1, 0
    async with asyncio.timeout(60):
        for number in range(count):
            if number % 20 == 0 or driver.line.bus.links == []:
                await driver.open()
            if await driver.step() is None:
                await driver.open()
            bench.done.clear()
            if number == count // 4:
                before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        await driver.open()
        request = SHORT[0] if driver.short else LOGICAL[0]
        if driver.cipher is not None:
            driver.cipher.protection = Protection.BOTH
            request = driver.cipher.protect(request)
        answer = await driver.exchange(request)
        answer = answer if driver.cipher is None else driver.cipher.unprotect(answer)
    assert answer.endswith(axdr.encode(Data(axdr.UINT32, 1234567)))
    assert driver.line.bus.counters.frames >= driver.frames // 2
    assert len(driver.line.bus.links) <= 64
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10 < KEPT
    driver.line.close()
