"""Mutated answers, plain and ciphered, with logical and short names: the documented errors or a value, never else."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import pytest
from meterhub_dlms.client.association import BROKEN, Association, RequestRejected
from meterhub_dlms.client.name_cache import NameCache
from meterhub_dlms.codec import axdr
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.ciphering import Protection
from meterhub_dlms.codec.ln import Attribute
from meterhub_dlms.codec.selection import ByEntry

MUTATED = 20_000
KINDS = [(short, protection) for short in (False, True) for protection in (None, Protection.BOTH)]
REGISTERS = [Attribute(3, bytes((1, 1, n, 8, 0, 255)), 2) for n in range(1, 6)]
PROFILE = Attribute(7, bytes((1, 0, 99, 1, 0, 255)), 2)
SWITCH = Attribute(70, bytes((0, 0, 96, 3, 10, 255)), 1)
ROWS = Data(
    axdr.ARRAY, [Data(axdr.STRUCTURE, [Data(axdr.OCTET_STRING, bytes(12)), Data(axdr.UINT32, n)]) for n in range(9)]
)


class Mutator:
    """Changes answers in clear, or as they go over the wire; counts those whose tag is still right."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.mutated = self.past_the_tag = 0
        self.on_the_wire = False

    def change(self, good: bytes) -> bytes:
        octets, chance = bytearray(good), self.random
        for _ in range(chance.choice((1, 1, 1, 2, 5))):
            kind, place = chance.randrange(10), chance.randrange(len(octets) + 1)
            if kind == 0:
                octets.insert(place, chance.randrange(256))
            elif kind == 1 and len(octets) > 1:
                del octets[place % len(octets)]
            elif kind == 2:
                octets[place:] = octets[place:] * 2
            elif kind == 3 and place:
                del octets[place:]
            else:
                octets[place % len(octets)] ^= 1 << chance.randrange(8)
        self.mutated += 1
        self.past_the_tag += octets[0] == good[0]
        return bytes(octets)

    def plain(self, good: bytes, request: bytes) -> list[bytes] | None:
        return None if self.on_the_wire else [self.change(good)]

    def wire(self, good: bytes) -> list[bytes]:
        return [self.change(good) if self.on_the_wire else good]


async def ask(association: Association, which: int, right: Callable[[Attribute], Data] | None) -> None:
    """One request; where its answer cannot be changed unnoticed, its value must be the right one."""
    if which == 0:
        value = await association.get(REGISTERS[0])
        assert right is None or value == right(REGISTERS[0])
    elif which == 1:
        values = await association.get_many(association.prepare(REGISTERS))
        assert right is None or values == [right(register) for register in REGISTERS]
    elif which == 2:
        value = await association.get(PROFILE, ByEntry(1, 5))
        assert right is None or value == right(PROFILE)
    elif which == 3:
        await association.set(REGISTERS[0], Data(axdr.OCTET_STRING, bytes(200)))
    elif which == 4:
        await association.action(SWITCH, Data(axdr.OCTET_STRING, bytes(200)))
    else:
        await association.get_encoded(PROFILE)


@pytest.mark.slow
@pytest.mark.parametrize(("short", "protection"), KINDS, ids=["LN", "LN ciphered", "SN", "SN ciphered"])
async def test_mutated_answers_are_a_documented_error_or_a_value(
    tiny_meter, credentials_for, memory_channel, database, short, protection
):
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    mutator = Mutator(seed)
    database.execute("PRAGMA synchronous=OFF")
    meter = tiny_meter(short=short, protection=protection, returned=Data(axdr.OCTET_STRING, bytes(99)))
    meter.listed = meter.listed[:8] + meter.listed[-4:]
    meter.values[PROFILE.logical_name, 2] = ROWS
    names = NameCache(database, "m")
    outcomes = dict.fromkeys(("value", "rejected", "broken"), 0)

    def handle(apdu: bytes) -> list[bytes]:
        try:
            return meter.handle(apdu)
        except (ValueError, IndexError, AttributeError):
            return []  # a request for a block that the mutation asked for

    association = None
    while mutator.mutated < MUTATED // len(KINDS):
        if association is None or association.channel.lost.is_set():
            meter.spoil, meter.spoil_wire = lambda good, request: None, lambda good: [good]
            meter.pdu, meter.answers = mutator.random.choice(((0, 100_000), (64, 64)))
            meter.blocks = mutator.random.choice((0, 0, 30))
            association = Association(memory_channel(handle, impatient=True), credentials_for(meter), 5, names)
            await association.open()
            meter.spoil, meter.spoil_wire = mutator.plain, mutator.wire
        mutator.on_the_wire = protection is not None and mutator.random.random() < 0.5
        try:
            async with asyncio.timeout(10):
                right = lambda wanted: meter.values[wanted.logical_name, 2]  # noqa: E731
                await ask(association, mutator.random.randrange(6), right if mutator.on_the_wire else None)
            outcomes["value"] += 1
        except RequestRejected:
            outcomes["rejected"] += 1
        except BROKEN:
            outcomes["broken"] += 1
            assert association.channel.lost.is_set()
    print(outcomes)
    assert mutator.past_the_tag * 2 >= mutator.mutated
    assert all(outcomes.values())


@pytest.mark.parametrize(("short", "protection"), KINDS, ids=["LN", "LN ciphered", "SN", "SN ciphered"])
async def test_mutated_acceptances_are_a_documented_error_or_an_association(
    tiny_meter, credentials_for, memory_channel, database, short, protection
):
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    mutator = Mutator(seed)
    database.execute("PRAGMA synchronous=OFF")
    meter = tiny_meter(short=short, protection=protection)
    meter.listed = meter.listed[:8]

    def handle(apdu: bytes) -> list[bytes]:
        return [mutator.change(answer) if apdu[0] == 0x60 else answer for answer in meter.handle(apdu)]

    while mutator.mutated < 500:
        try:
            async with asyncio.timeout(10):
                await Association(memory_channel(handle, impatient=True), credentials_for(meter), 5).open()
        except BROKEN:
            pass
    assert mutator.past_the_tag * 2 >= mutator.mutated
