"""Reading, writing and calling over an open association: short, long, selected, and answered wrongly."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_dlms.client.association import AssociationError, RequestRejected
from meterhub_dlms.client.long_answer import MAX_BLOCKS, MAX_LONG_ANSWER, LongAnswer
from meterhub_dlms.codec import axdr, ln, ln_action, ln_set, sn, xdlms
from meterhub_dlms.codec.axdr import Data, decode, encode
from meterhub_dlms.codec.ciphering import Protection
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.ln import Attribute, Block
from meterhub_dlms.codec.ln_action import ActionBlock, ActionOutcome, ActionResult
from meterhub_dlms.codec.selection import ByEntry, by_time, parameter
from meterhub_dlms.codec.xdlms import AccessResult, Conformance

REGISTERS = [Attribute(3, bytes((1, 1, n, 8, 0, 255)), 2) for n in range(1, 41)]
VALUES = [Data(axdr.UINT32, 1000 * n) for n in range(1, 41)]
PROFILE = Attribute(7, bytes((1, 0, 99, 1, 0, 255)), 2)
SWITCH = Attribute(70, bytes((0, 0, 96, 3, 10, 255)), 1)
LONG = Data(axdr.OCTET_STRING, bytes(range(256)) * 8)
BOTH = pytest.mark.parametrize("short", [False, True], ids=["LN", "SN"])
ALL = pytest.mark.parametrize(("short", "protection"), [*itertools.product([False, True], [None, Protection.BOTH])])


@ALL
@pytest.mark.parametrize("size", [20, 61, 300, 3000])
async def test_long_answers_are_fetched_block_by_block(tiny_meter, associated, short, protection, size):
    meter = tiny_meter(short=short, protection=protection, answers=size)
    meter.values[PROFILE.logical_name, 2] = LONG
    async with associated(meter) as association:
        assert await association.get(PROFILE) == LONG
        assert decode(await association.get_encoded(PROFILE)) == LONG
        assert await association.get_many(association.prepare(REGISTERS)) == VALUES
        assert await association.get_many(association.prepare([PROFILE])) == [LONG]
        assert await association.get_many(association.prepare([REGISTERS[0], PROFILE])) == [VALUES[0], LONG]


@ALL
@pytest.mark.parametrize("size", [20, 61, 300])
async def test_answers_in_general_blocks_are_put_together(tiny_meter, associated, short, protection, size):
    meter = tiny_meter(short=short, protection=protection, blocks=size)
    meter.values[PROFILE.logical_name, 2] = LONG
    async with associated(meter) as association:
        assert await association.get(PROFILE) == LONG
        assert await association.get_many(association.prepare(REGISTERS)) == VALUES
        assert association.dropped == 0


@ALL
@pytest.mark.parametrize("pdu", [64, 100, 500])
async def test_long_values_are_written_block_by_block(tiny_meter, associated, short, protection, pdu):
    meter = tiny_meter(short=short, protection=protection, pdu=pdu)
    async with associated(meter) as association:
        assert await association.set(REGISTERS[0], LONG) is AccessResult.SUCCESS
        assert await association.get(REGISTERS[0]) == LONG
        assert await association.set(SWITCH, LONG) is AccessResult.READ_WRITE_DENIED
        assert (await association.action(SWITCH, LONG)).result is ActionResult.SUCCESS
    assert meter.calls[-1] == (SWITCH, LONG)
    assert max(map(len, meter.wire[1:])) <= pdu
    assert max(map(len, meter.wire[1:])) > pdu - 20


@BOTH
async def test_what_does_not_fit_is_not_sent_where_the_meter_takes_no_blocks(tiny_meter, associated, short):
    blocks = Conformance.BLOCK_TRANSFER_WITH_SET | Conformance.BLOCK_TRANSFER_WITH_ACTION
    meter = tiny_meter(
        short=short, pdu=100, features=Conformance(0xFFFFFF) & ~blocks & ~Conformance.BLOCK_TRANSFER_WITH_GET
    )
    async with associated(meter) as association:
        for attempt in (association.set(REGISTERS[0], LONG), association.action(SWITCH, LONG)):
            with pytest.raises(RequestRejected, match="the meter accepts 100"):
                await attempt
        assert await association.get(REGISTERS[0]) == VALUES[0]


async def test_what_a_method_returns_may_be_long(tiny_meter, associated):
    for returned, size in itertools.product([None, Data(axdr.UINT8, 1), LONG], [40, 500]):
        meter = tiny_meter(answers=size, returned=returned)
        async with associated(meter) as association:
            assert await association.action(SWITCH, None) == ActionOutcome(ActionResult.SUCCESS, returned)


@BOTH
async def test_selections_go_with_the_request(tiny_meter, associated, short):
    meter = tiny_meter(short=short, pdu=60 if short else 0)
    meter.values[PROFILE.logical_name, 2] = LONG
    chosen = [ByEntry(1, 20), by_time(1_700_000_000 * 10**9, 1_700_003_600 * 10**9)]
    async with associated(meter) as association:
        for selection in chosen:
            assert await association.get(PROFILE, selection) == LONG
            assert list(map(parameter, meter.selected)) == [parameter(selection)]
            assert await association.get_encoded(PROFILE, selection) == encode(LONG)


async def test_a_selection_that_does_not_fit_is_rejected(tiny_meter, associated):
    async with associated(tiny_meter(pdu=40)) as association:
        with pytest.raises(RequestRejected):
            await association.get(PROFILE, by_time(0, 10**18))


@BOTH
async def test_errors_of_the_meter_reject_the_request_and_leave_the_association(tiny_meter, associated, short):
    meter = tiny_meter(short=short)
    async with associated(meter) as association:
        several = association.prepare(REGISTERS[:3])
        for error in (b"\xd8\x02\x02", bytes.fromhex("0e010602"), b"\xd8"):
            meter.spoil = lambda good, request, error=error: [error]
            for attempt in (
                association.get(REGISTERS[0]),
                association.get_many(several),
                association.set(REGISTERS[0], VALUES[0]),
                association.action(SWITCH, VALUES[0]),
            ):
                with pytest.raises(RequestRejected):
                    await attempt
        meter.spoil = lambda good, request: None
        assert await association.get_many(several) == VALUES[:3]


@BOTH
async def test_one_error_in_the_place_of_a_list_rejects_it(tiny_meter, associated, short):
    def spoil(good, request):
        if short:
            return [sn.encode_read_response([AccessResult.OTHER_REASON])]
        return [ln.encode_get_response(request[2], AccessResult.OTHER_REASON)]

    meter = tiny_meter(short=short)
    async with associated(meter) as association:
        meter.spoil = spoil
        with pytest.raises(RequestRejected, match="other-reason"):
            await association.get_many(association.prepare(REGISTERS[:3]))
        assert await association.get(REGISTERS[0]) is AccessResult.OTHER_REASON


def block(number, content=b"x" * 20, last=False):
    return lambda request: ln.encode_get_block(request[2], Block(last, number, content))


def short_block(number, content=b"x" * 20, last=False):
    return lambda request: sn.encode_read_response([Block(last, number, content)])


WRONG = {
    "a list too short": (False, lambda r: bytes((0xC4, 3, r[2], 1, 0, 0x11, 5))),
    "one value": (False, lambda r: ln.encode_get_response(r[2], encode(VALUES[0]))),
    "a block that is not the first": (False, block(2)),
    "a block without content": (False, block(1, b"")),
    "the same block for ever": (False, block(1)),
    "garbage in the last block": (False, block(1, b"\x03\x07", last=True)),
    "bytes behind": (False, lambda r: bytes((0xC4, 3, r[2], 3)) + bytes(9)),
    "a kind that does not exist": (False, lambda r: bytes((0xC4, 9, r[2], 0))),
    "a short list too short": (True, lambda r: sn.encode_read_response([encode(VALUES[0])] * 2)),
    "a short block that is not the first": (True, short_block(2)),
    "the same short block for ever": (True, short_block(1)),
    "a short block without content": (True, short_block(1, b"")),
    "a call for a block that there is not": (True, lambda r: sn.encode_read_response([sn.NextBlock(1)])),
    "short bytes behind": (True, lambda r: sn.encode_read_response([encode(VALUES[0])] * 3) + b"\x00"),
    "nothing in the last short block": (True, short_block(1, b"", last=True)),
}


@pytest.mark.parametrize("what", WRONG)
async def test_an_answer_that_is_wrong_ends_the_association(tiny_meter, associated, what):
    short, wrong = WRONG[what]
    meter = tiny_meter(short=short)
    async with associated(meter) as association:
        several = association.prepare(REGISTERS[:3])
        meter.spoil = lambda good, request: [wrong(request)]
        with pytest.raises((AssociationError, CodecError)):
            await association.get_many(several)
        assert association.channel.lost.is_set()
        with pytest.raises(AssociationError, match="is over"):
            await association.get(REGISTERS[0])


LONG_WRONG = {
    "SET answered with a wrong number": lambda r: ln_set.encode_block_taken(r[2], 7),
    "SET never ended": lambda r: ln_set.encode_block_taken(r[2], int.from_bytes(r[-10:-6], "big")),
    "SET answered with a list": lambda r: ln_set.encode_list_response(r[2], [AccessResult.SUCCESS] * 2),
    "ACTION asks for what there is not": lambda r: ln_action.encode_response_next(r[2], 7),
    "ACTION answered out of order": lambda r: ln_action.encode_response_block(ActionBlock(r[2], False, 2, b"x")),
}


@pytest.mark.parametrize("what", LONG_WRONG)
@pytest.mark.parametrize("pdu", [0, 60])
async def test_a_long_request_answered_wrongly_ends_the_association(tiny_meter, associated, what, pdu):
    meter = tiny_meter(pdu=pdu, spoil=lambda good, request: [LONG_WRONG[what](request)])
    async with associated(meter) as association:
        with pytest.raises((AssociationError, CodecError)):
            await (association.set(SWITCH, LONG) if what.startswith("SET") else association.action(SWITCH, LONG))
        assert association.channel.lost.is_set()


async def test_a_meter_may_refuse_a_long_value_at_its_first_block(tiny_meter, associated):
    meter = tiny_meter(pdu=60)
    meter.spoil = lambda good, request: [ln_set.encode_last_block(request[2], 1, AccessResult.LONG_SET_ABORTED)]
    async with associated(meter) as association:
        assert await association.set(REGISTERS[0], LONG) is AccessResult.LONG_SET_ABORTED
        assert len(meter.requests) == 1
        meter.spoil = lambda good, request: [ln_action.encode_response(request[2], ActionOutcome(ActionResult(15)))]
        assert await association.action(SWITCH, LONG) == ActionOutcome(ActionResult.LONG_ACTION_ABORTED)
        assert len(meter.requests) == 2
    meter = tiny_meter(pdu=60, short=True)
    async with associated(meter) as association:
        meter.requests.clear()
        meter.spoil = lambda good, request: [sn.encode_write_response([AccessResult.LONG_SET_ABORTED])]
        assert await association.set(REGISTERS[0], LONG) is AccessResult.LONG_SET_ABORTED
        assert len(meter.requests) == 1


async def test_an_answer_with_another_invoke_id_or_service_is_dropped(tiny_meter, associated):
    meter = tiny_meter()
    foreign = [bytes((0xC4, 1, 0)), b"\xc4", bytes.fromhex("0f00000001000600000001"), bytes.fromhex("c501c100")]
    meter.spoil = lambda good, request: (
        [good[:2] + bytes((good[2] ^ n,)) + good[3:] for n in range(1, 16)] + foreign + [good]
    )
    async with associated(meter) as association:
        assert await association.get(REGISTERS[0]) == VALUES[0]
        assert association.dropped == 15 + len(foreign)


@BOTH
async def test_an_answer_that_comes_too_late_is_never_taken_for_another(tiny_meter, associated, short):
    meter = tiny_meter(short=short)
    async with associated(meter, timeout=0.05) as association:
        late = []
        meter.spoil = lambda good, request: late.append(good) or []
        with pytest.raises(AssociationError, match=r"no answer within 0.05 s"):
            await association.get(REGISTERS[0])
        association.channel.give(late[0])
        with pytest.raises(AssociationError, match="is over"):
            await association.get(REGISTERS[1])


@BOTH
async def test_a_request_that_was_left_in_the_middle_ends_the_association_but_it_is_released(
    tiny_meter, associated, short
):
    meter = tiny_meter(short=short)
    async with associated(meter) as association:
        late = []
        meter.spoil = lambda good, request: late.append(good) or []
        task = asyncio.ensure_future(association.get(REGISTERS[0]))
        while not late:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        association.channel.give(late[0])
        with pytest.raises(AssociationError, match="left in the middle"):
            await association.get(REGISTERS[1])
    assert not meter.open, "it was released"
    assert meter.wire[-1][0] == 0x62


async def test_one_request_is_under_way_at_a_time(tiny_meter, associated):
    async with associated(tiny_meter()) as association:
        results = await asyncio.gather(*(association.get(register) for register in REGISTERS))
    assert results == VALUES


async def test_a_value_that_cannot_be_encoded_is_refused_before_anything_is_sent(tiny_meter, associated):
    meter = tiny_meter()
    async with associated(meter) as association:
        for attempt in (association.set(REGISTERS[0], Data(axdr.UINT8, 300)), association.action(SWITCH, Data(99, 1))):
            with pytest.raises(CodecError):
                await attempt
        assert meter.requests == []
        assert await association.get(REGISTERS[0]) == VALUES[0]


@pytest.mark.parametrize("blocks", ["again", "missing"])
async def test_general_blocks_that_lead_nowhere_end_the_association(tiny_meter, associated, blocks):
    meter = tiny_meter(blocks=20)
    meter.values[PROFILE.logical_name, 2] = LONG
    honest = meter.general_part
    meter.general_part = lambda number: honest(1 if blocks == "again" else number + (number == 2))
    async with associated(meter, timeout=0.05) as association:
        with pytest.raises((AssociationError, CodecError)):
            await association.get(PROFILE)
        assert association.channel.lost.is_set()


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=20))
def test_blocks_make_the_whole(parts):
    answer = LongAnswer()
    for number, part in enumerate(parts, start=1):
        whole = answer.add(number, part, last=number == len(parts))
    assert whole == b"".join(parts)


@pytest.mark.parametrize("size", [1, MAX_LONG_ANSWER // 4])
def test_an_answer_has_an_end(size):
    answer = LongAnswer()

    def add_all():
        for number in range(1, MAX_BLOCKS + 2):
            assert answer.add(number, bytes(size), last=False) is None

    with pytest.raises(AssociationError, match="longer than"):
        add_all()


async def test_an_error_within_blocks_is_the_answer(tiny_meter, associated):
    meter = tiny_meter(answers=40)
    meter.values[PROFILE.logical_name, 2] = LONG

    def spoil(good, request):
        if request[1] != ln.NEXT:
            return None
        return [ln.encode_get_block(request[2], Block(True, 2, AccessResult.LONG_GET_ABORTED))]

    meter.spoil = spoil
    async with associated(meter) as association:
        assert await association.get(PROFILE) is AccessResult.LONG_GET_ABORTED
        with pytest.raises(RequestRejected, match="long-get-aborted"):
            await association.get_many(association.prepare(REGISTERS))


async def test_release_never_raises_and_does_not_wait_for_ever(tiny_meter, associated):
    meter = tiny_meter()
    async with associated(meter) as association:
        meter.handle = lambda apdu: []
        association.channel.close()
    with pytest.raises(AssociationError, match="released"):
        await association.get(REGISTERS[0])
    assert xdlms.EXCEPTION_RESPONSE not in {request[0] for request in meter.wire}
