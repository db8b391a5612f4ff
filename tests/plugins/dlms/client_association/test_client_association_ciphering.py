"""What a ciphered association takes, what it drops, and which counters are never used or taken twice."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from meterhub_dlms.client.association import Association, AssociationError, AssociationRefused, RequestRejected
from meterhub_dlms.client.errors import BROKEN
from meterhub_dlms.codec import acse, axdr, ciphering, ln, xdlms
from meterhub_dlms.codec.acse import Mechanism
from meterhub_dlms.codec.axdr import Data, encode
from meterhub_dlms.codec.ciphering import Protection, SecurityError
from meterhub_dlms.codec.counters import BLOCK, RESTORE_SKIP
from meterhub_dlms.codec.ln import Attribute
from meterhub_dlms.counter_store import RECEIVED_BLOCK, KeyCounters, SqliteCounters

ENERGY = Attribute(3, bytes((1, 1, 1, 8, 0, 255)), 2)
VALUE, WRONG = Data(axdr.UINT32, 1000), Data(axdr.UINT32, 666)
PROTECTED = pytest.mark.parametrize("protection", [Protection.AUTHENTICATED, Protection.ENCRYPTED, Protection.BOTH])
SHORT = pytest.mark.parametrize("short", [False, True], ids=["LN", "SN"])


def wrong_answer(meter):
    """What the meter would say in clear to the last request."""
    if meter.short:
        return bytes((0x0C, 1, 0)) + encode(WRONG)
    return ln.encode_get_response(meter.requests[-1][2], encode(WRONG))


def counters_of(wire):
    """The invocation counters of all requests that were sent."""
    counters = []
    for apdu in wire:
        protected = acse.decode_request(apdu).user_information if apdu[0] == acse.AARQ else apdu
        if ciphering.is_ciphered(protected):
            counters.append(ciphering.take_apart(protected).counter)
    return counters


@SHORT
@PROTECTED
async def test_an_answer_in_clear_is_dropped_and_never_a_value(tiny_meter, associated, short, protection):
    meter = tiny_meter(short=short, protection=protection)
    async with associated(meter, timeout=0.05) as association:
        association.channel._handle = lambda apdu: [*reversed([*meter.handle(apdu), wrong_answer(meter)])]
        assert await association.get(ENERGY) == VALUE
        assert association.dropped == 1
        association.channel._handle = lambda apdu: [wrong_answer(meter)] if meter.handle(apdu) else []
        with pytest.raises(AssociationError, match=r"in clear \(tag"):
            await association.get(ENERGY)


@SHORT
async def test_an_error_in_clear_fails_the_request_and_is_no_value(tiny_meter, associated, short):
    meter = tiny_meter(short=short, protection=Protection.BOTH)
    async with associated(meter) as association:
        for error in (b"\xd8\x01\x02", bytes.fromhex("0e050403")):
            association.channel._handle = lambda apdu, error=error: [error] if meter.handle(apdu) else []
            with pytest.raises(RequestRejected):
                await association.get(ENERGY)
        association.channel._handle = meter.handle
        assert await association.get(ENERGY) == VALUE


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("d80105", "its keys are others"),
        ("d801060000ffff", r"invocation counter \(it expects 65535\)"),
        ("d80106", "counter"),
    ],
)
async def test_a_meter_that_cannot_decipher_ends_the_association(tiny_meter, associated, error, reason):
    meter = tiny_meter(protection=Protection.BOTH)
    async with associated(meter) as association:
        association.channel._handle = lambda apdu: [bytes.fromhex(error)]
        with pytest.raises(AssociationError, match=reason):
            await association.get(ENERGY)
        assert association.channel.lost.is_set()


@SHORT
@pytest.mark.parametrize("protection", [Protection.AUTHENTICATED, Protection.BOTH])
@pytest.mark.parametrize("place", [2, 5, 8, -13, -1])
async def test_an_answer_that_was_changed_ends_the_association(tiny_meter, associated, short, protection, place):
    meter = tiny_meter(short=short, protection=protection)
    async with associated(meter, timeout=0.05) as association:

        def changed(good):
            octets = bytearray(good)
            octets[place] ^= 1
            return [bytes(octets)]

        meter.spoil_wire = changed
        with pytest.raises(BROKEN):
            await association.get(ENERGY)
        assert association.channel.lost.is_set()


@PROTECTED
async def test_an_answer_that_comes_again_is_dropped(tiny_meter, associated, protection):
    meter = tiny_meter(short=True, protection=protection)
    async with associated(meter) as association:
        seen = []

        def handle(apdu):
            good = meter.handle(apdu)
            answers = [*seen, *good]
            seen.extend(good)
            return answers

        association.channel._handle = handle
        for n in range(5):
            meter.values[ENERGY.logical_name, 2] = Data(axdr.UINT32, n)
            assert await association.get(ENERGY) == Data(axdr.UINT32, n)
        assert association.dropped == sum(range(5))


@pytest.mark.parametrize("general", [False, True])
async def test_an_answer_with_another_system_title_ends_the_association(tiny_meter, associated, general):
    meter = tiny_meter(protection=Protection.BOTH)
    async with associated(meter, general_ciphering=general) as association:
        meter.ciphering.title = b"OTHERONE"
        with pytest.raises(SecurityError, match="comes from" if general else "tag is wrong"):
            await association.get(ENERGY)


async def test_an_answer_that_is_less_protected_ends_the_association(tiny_meter, associated):
    meter = tiny_meter(protection=Protection.BOTH)
    async with associated(meter) as association:
        meter.ciphering.protection = Protection.ENCRYPTED
        with pytest.raises(SecurityError, match="less than was agreed"):
            await association.get(ENERGY)


@pytest.mark.parametrize("title", [b"", b"short", bytes(9)])
async def test_a_meter_without_a_proper_title_is_refused(tiny_meter, credentials_for, memory_channel, title):
    meter = tiny_meter(protection=Protection.BOTH, aare=lambda response: response._replace(title=title))
    with pytest.raises(AssociationRefused, match="system title"):
        await Association(memory_channel(meter.handle), credentials_for(meter), 0.1).open()


@pytest.mark.parametrize("clear", [False, True])
async def test_an_acceptance_in_clear_or_an_error_is_refused(tiny_meter, credentials_for, memory_channel, clear):
    information = (
        xdlms.encode_initiate_response(xdlms.Initiate(xdlms.Conformance.GET, 0)) if clear else bytes.fromhex("0e010602")
    )
    meter = tiny_meter(protection=Protection.BOTH, aare=lambda r: r._replace(user_information=information))
    with pytest.raises(AssociationRefused, match="in clear" if clear else "incompatible-conformance"):
        await Association(memory_channel(meter.handle), credentials_for(meter), 0.1).open()


# -- counters ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("mechanism", [Mechanism.NONE, Mechanism.GMAC])
async def test_no_counter_is_used_twice_whatever_happens(tiny_meter, associated, database, tmp_path, mechanism):
    meter = tiny_meter(protection=Protection.BOTH, mechanism=mechanism)
    for _ in range(4):
        crashed = KeyCounters(SqliteCounters(database, tmp_path))
        for _ in range(2):
            async with associated(meter, counters=crashed) as association:
                await association.get(ENERGY)
    counters = counters_of(meter.wire)
    assert counters == sorted(set(counters))
    assert len(counters) == 4 * 2 * (2 + (mechanism is Mechanism.GMAC))
    assert counters[-1] >= 3 * BLOCK


async def test_meters_that_share_a_key_share_the_counter(tiny_meter, associated):
    meters = [tiny_meter(protection=Protection.BOTH, sent=itertools.count(n * 100).__next__) for n in range(3)]
    async with associated(meters[0]) as a, associated(meters[1]) as b, associated(meters[2]) as c:
        for association in (a, b, c, b, a):
            await association.get(ENERGY)
    counters = list(itertools.chain(*(counters_of(meter.wire) for meter in meters)))
    assert len(set(counters)) == len(counters) == 8


async def test_after_a_restore_counters_go_on_far_ahead(tiny_meter, associated, database, tmp_path, credentials_for):
    meter = tiny_meter(protection=Protection.BOTH)
    async with associated(meter):
        pass
    (tmp_path / "restored").write_text('{"count": 1}')
    for floor in (RESTORE_SKIP, RESTORE_SKIP + BLOCK):
        async with associated(meter, counters=KeyCounters(SqliteCounters(database, tmp_path))):
            assert floor <= counters_of(meter.wire)[-1] < 2 * RESTORE_SKIP
    (tmp_path / "restored").write_text('{"count": 2}')
    async with associated(meter, counters=KeyCounters(SqliteCounters(database, tmp_path))):
        assert counters_of(meter.wire)[-1] >= 2 * RESTORE_SKIP
    unknown = KeyCounters(SqliteCounters(database, tmp_path)).sent(bytes(16), bytes(8))
    assert unknown() >= RESTORE_SKIP, "it may have been used after the backup was made"


@SHORT
@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("crashed", [False, True])
async def test_what_a_meter_said_in_an_earlier_association_is_refused(
    tiny_meter, associated, counters, database, tmp_path, credentials_for, memory_channel, short, restarted, crashed
):
    meter = tiny_meter(short=short, protection=Protection.BOTH)
    said = []

    def recorded(apdu):
        answer = meter.handle(apdu)
        said.append((apdu[0], answer))
        return answer

    association = Association(memory_channel(recorded), credentials_for(meter), 0.05)
    await association.open()
    await association.get(ENERGY)
    if not crashed:
        await association.release()
    kept = KeyCounters(SqliteCounters(database, tmp_path)) if restarted else counters
    replay = iter(said)
    channel = memory_channel(lambda apdu: next(replay)[1])
    with pytest.raises(AssociationRefused, match="used before"):
        await Association(channel, credentials_for(meter, counters=kept), 0.05).open()
    async with associated(meter, counters=kept) as again:
        assert await again.get(ENERGY) == VALUE, "the meter itself goes on"


async def test_without_tags_nobody_can_lock_the_meter_out(tiny_meter, associated, database):
    meter = tiny_meter(protection=Protection.ENCRYPTED, sent=itertools.count(0xFFFF_FF00).__next__)
    async with associated(meter):
        pass
    meter.sent = itertools.count(5).__next__
    async with associated(meter) as association:
        assert await association.get(ENERGY) == VALUE


async def test_received_counters_are_written_in_blocks(tiny_meter, associated, counters, database):
    meter = tiny_meter(protection=Protection.BOTH)

    def kept():
        rows = database.execute("SELECT number FROM invocation_counters WHERE name LIKE 'received:%'").fetchall()
        return rows[0][0]

    async with associated(meter) as association:
        assert kept() == 10
        await association.get(ENERGY)
        assert kept() == 10
        meter.sent = itertools.count(10 + RECEIVED_BLOCK).__next__
        meter.ciphering._counter = meter.sent
        await association.get(ENERGY)
        assert kept() == 10 + RECEIVED_BLOCK
        await association.get(ENERGY)
    assert kept() == 11 + RECEIVED_BLOCK


async def test_names_of_counters_do_not_tell_the_key(tiny_meter, associated, database):
    meter = tiny_meter(protection=Protection.BOTH)
    async with associated(meter):
        names = [row[0] for row in database.execute("SELECT name FROM invocation_counters").fetchall()]
    assert sorted(name.partition(":")[0] for name in names) == ["received", "sent"]
    assert not any(meter.keys.encryption.hex() in name for name in names)


async def test_on_a_full_disk_nothing_is_sent_under_a_counter_that_is_not_kept(
    tiny_meter, associated, credentials_for, memory_channel, database
):
    meter = tiny_meter(protection=Protection.BOTH)
    async with associated(meter) as association:
        database.execute("PRAGMA query_only=ON")
        assert await association.get(ENERGY) == VALUE, "a block of numbers was reserved before"
    meter.wire.clear()
    with pytest.raises(OSError, match="cannot be kept"):
        await Association(memory_channel(meter.handle), credentials_for(meter), 0.1).open()
    unreserved = KeyCounters(SqliteCounters(database, Path("/nowhere")))
    meter.wire.clear()
    with pytest.raises(OSError, match="cannot be kept"):
        await Association(memory_channel(meter.handle), credentials_for(meter, counters=unreserved), 0.1).open()
    assert meter.wire == []
    database.execute("PRAGMA query_only=OFF")
    async with associated(meter) as association:
        assert await association.get(ENERGY) == VALUE
