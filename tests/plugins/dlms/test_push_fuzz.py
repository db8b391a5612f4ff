"""Mutated pushes, most of them past the frame check: refused or understood, and nothing else."""

from __future__ import annotations

import json
import random
import tracemalloc
from pathlib import Path

import pytest
from meterhub_dlms.codec.ciphering import Ciphering, Keys, Protection, Wrapping
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.link import llc
from meterhub_dlms.link.errors import LinkError
from meterhub_dlms.link.hdlc_frame import HdlcAddress, HdlcFrame, Kind
from meterhub_dlms.link.wrapper import wrap
from meterhub_dlms.push.framing import Assembler, HdlcFraming, framing_of
from meterhub_dlms.push.meter import MeterIntake
from meterhub_dlms.push.opening import Rejected, Unknown, open_push
from meterhub_dlms.push.reports import Reports
from meterhub_dlms.push.senders import Senders
from meterhub_dlms.push.settings import PushMeter

CAPTURES = json.loads((Path(__file__).parent / "push_captures.json").read_text())
ROUNDS = 20_000
TRACED = 18_000
"""From here on memory is watched: what the rounds before left behind must do for the rest."""
TITLE = bytes.fromhex("4c475a0000bc614e")
KEYS = Keys(bytes(range(16)), bytes(range(16, 32)))
ADDRESSES = HdlcAddress(103), HdlcAddress(1, 17, 2)
FAULTS = (Unknown, Rejected, CodecError, LinkError)


def mutated(chance: random.Random, octets: bytes) -> bytes:
    """One to four changes: a byte changed, left out or doubled, a length or tag put in."""
    text = bytearray(octets)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(text))
        match chance.randrange(4):
            case 0:
                text[place] ^= 1 << chance.randrange(8)
            case 1:
                del text[place : place + chance.randint(1, 3)]
                text += b"\x00" * (not text)
            case 2:
                text[place:place] = text[place : place + chance.randint(1, 40)]
            case _:
                text[place] = chance.choice([0, 1, 2, 6, 9, 0x0F, 0x12, 0x13, 0x16, 0x7F, 0x80, 0x82, 0xFF])
    return bytes(text)


@pytest.fixture
def senders(fake_hub) -> Senders:
    plain = PushMeter.model_validate(
        {"label": "plain", "host": "192.0.2.1", "zone": "Europe/Warsaw", "mappings": [
            {"label": "a", "source": "1-0:1.8.0*255", "unit": "Wh"}, {"label": "b", "source": "#4"},
            {"label": "c", "source": "#2.1", "type": "str"}]}
    )  # fmt: skip
    keyed = PushMeter.model_validate(
        {"label": "keyed", "system_title": TITLE.hex(), "encryption_key": "e", "authentication_key": "a"}
    )
    ciphering = Ciphering(bytes(8), KEYS, lambda: 0, Protection.BOTH, partner=TITLE)
    reports = Reports(fake_hub)
    return Senders([MeterIntake(fake_hub, reports, plain, None), MeterIntake(fake_hub, reports, keyed, ciphering)])


def plain_apdus() -> list[bytes]:
    return [bytes.fromhex(row["hex"]) for row in CAPTURES.values() if row["hex"].startswith("0f")]


async def test_mutated_pushes_are_refused_or_understood_and_nothing_else(senders, fake_hub):
    seed = random.getrandbits(32)
    print("seed", seed)
    chance, apdus, understood = random.Random(seed), plain_apdus(), 0
    for label in ("a", "b", "c"):
        fake_hub.declared[f"plain/{label}"] = next(
            point for point in _points(senders) if point.name == f"plain/{label}"
        )
    for number in range(ROUNDS):
        try:
            opened = open_push(mutated(chance, chance.choice(apdus)), "192.0.2.1", senders)
        except FAULTS:
            continue
        understood += 1
        if number % 4 == 0:
            await opened.intake.take(opened.pushed)
    assert understood >= ROUNDS // 10


def _points(senders: Senders):
    from meterhub_dlms.push.meter import points_of

    return [point for _, intake in senders._networks for point in points_of(intake.meter)]


async def test_mutated_protected_pushes_are_all_refused(senders):
    seed = random.getrandbits(32)
    print("seed", seed)
    chance = random.Random(seed)
    apdu = plain_apdus()[0]
    sealed = Ciphering(TITLE, KEYS, lambda: 5).protect(apdu, Wrapping.GENERAL_GLOBAL)
    for _ in range(5_000):
        changed = mutated(chance, sealed)
        if changed == sealed:
            continue
        with pytest.raises(FAULTS):
            open_push(changed, "192.0.2.7", senders)
    assert open_push(sealed, "192.0.2.7", senders).pushed.peer == "192.0.2.7"


async def test_mutated_frames_never_break_the_framing_and_its_memory_is_flat(senders):
    seed = random.getrandbits(32)
    print("seed", seed)
    chance, past = random.Random(seed), 0
    streams = [bytes.fromhex(row["hex"]) for row in CAPTURES.values() if row["hex"].startswith("7e")]
    apdus, hdlc, assembler = plain_apdus(), HdlcFraming(4096), Assembler(4096)
    try:
        for number in range(ROUNDS):
            if number == TRACED:
                tracemalloc.start()
            if number % 4 == 0:
                data, framing = mutated(chance, chance.choice(streams)), hdlc
            elif number % 4 == 1:
                framing, data = framing_of(0, 4096), wrap(1, 1, mutated(chance, chance.choice(apdus)))
            else:
                piece = mutated(chance, chance.choice(apdus))[:2000]
                head = b"" if chance.random() < 0.3 else llc.RESPONSE
                segmented = chance.random() < 0.3
                framing, data = (
                    hdlc,
                    HdlcFrame(*ADDRESSES, Kind.UI, information=head + piece, segmented=segmented).encode(),
                )
            try:
                for packet in framing.feed(data):
                    past += 1
                    apdu, _ = assembler.feed(packet)
                    if apdu is not None and number % 8 == 1:
                        open_push(apdu, "192.0.2.1", senders)
            except LinkError:
                hdlc = HdlcFraming(4096)
            except FAULTS:
                pass
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert past >= ROUNDS // 2
    assert held < 300_000
    assert peak < 5_000_000
