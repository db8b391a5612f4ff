"""GET, SET, ACTION, Read and Write of the server: lists, blocks both ways, selection, general block transfer."""

from __future__ import annotations

import pytest
from meterhub_dlms.codec import (
    acse,
    axdr,
    general_block,
    ln,
    ln_action,
    ln_action_list,
    ln_set,
    selection,
    short_names,
    sn,
    xdlms,
)
from meterhub_dlms.codec.axdr import Data, encode
from meterhub_dlms.codec.general_block import GeneralBlock, GeneralBlockReceiver
from meterhub_dlms.codec.ln_action import ActionBlock, ActionOutcome, ActionResult
from meterhub_dlms.codec.selection import ByEntry
from meterhub_dlms.codec.xdlms import AccessResult, Conformance, Initiate
from meterhub_dlms.link import llc
from meterhub_dlms.link.hdlc_frame import HdlcAddress, HdlcFrame, Kind, decode_frame
from meterhub_dlms.link.hdlc_secondary import MAX_LINKS
from meterhub_dlms.server.hdlc_line import HdlcLine
from meterhub_dlms.server.negotiation import OFFERED, OFFERED_SHORT

ENERGY = ln.Attribute(3, bytes((1, 1, 1, 8, 0, 255)), 2)
TEXT = ln.Attribute(1, bytes((0, 0, 96, 1, 0, 255)), 2)
PROFILE = ln.Attribute(7, bytes((1, 0, 99, 1, 0, 255)), 2)
ECHO = ln.Attribute(3, ENERGY.logical_name, 1)
NOBODY = ln.Attribute(3, bytes(6), 2)
LONG = Data(axdr.OCTET_STRING, bytes(range(256)) * 4)
NUMBER = Data(axdr.UINT32, 1234567)
NOT_SERVED, TOO_LONG = bytes.fromhex("d80202"), bytes.fromhex("d80103")


async def associated(bench, size=100, conformance=None, short=False):
    session = bench.session()
    bits = conformance if conformance is not None else OFFERED_SHORT if short else OFFERED
    initiate = xdlms.encode_initiate_request(Initiate(bits, size))
    request = acse.AssociationRequest(acse.CONTEXT_SN if short else acse.CONTEXT_LN, 0, None, initiate)
    assert acse.decode_response(await session.handle(acse.encode_request(request))).result == 0
    return session


# -- logical names --------------------------------------------------------------------------------


async def test_a_selection_reaches_the_object_alone_and_in_lists(bench):
    session = await associated(bench, 1000)
    chosen = ByEntry(2, 3)
    answer = ln.decode_get_response(await session.handle(selection.encode_selected_get(PROFILE, chosen)))
    assert answer.value.decode() == repr(chosen)
    one = selection.encode_selected_get(PROFILE, chosen)[3:]
    both = bytes((ln.GET_REQUEST, ln.WITH_LIST, 0xC1, 3)) + one + ln.encode_get(PROFILE)[3:] + ln.encode_get(ENERGY)[3:]
    got = ln.decode_get_response(await session.handle(both))
    assert [item.value for item in got] == [repr(chosen).encode(), b"None", 1234567]
    wrong = ln.encode_get(PROFILE)[:-1] + b"\x01\x07" + encode(Data(axdr.NULL, None))
    assert ln.decode_get_response(await session.handle(wrong)) is AccessResult.SCOPE_OF_ACCESS_VIOLATED


async def test_selective_access_must_have_been_agreed_on(bench):
    session = await associated(bench, 1000, Conformance.GET)
    answer = await session.handle(selection.encode_selected_get(PROFILE, ByEntry()))
    assert ln.decode_get_response(answer) is AccessResult.SCOPE_OF_ACCESS_VIOLATED


async def test_lists_are_set_item_by_item(bench):
    session = await associated(bench)
    request = ln_set.encode_set_list([ENERGY, NOBODY, TEXT], [NUMBER, NUMBER, Data(axdr.OCTET_STRING, b"x")])
    results = ln_set.decode_response(await session.handle(request))
    assert results == [AccessResult.SUCCESS, AccessResult.OBJECT_UNDEFINED, AccessResult.SUCCESS]
    assert [what for what, _ in bench.done] == ["energy", "text"]


async def test_a_list_whose_answer_is_too_long_is_not_even_begun(bench):
    session = await associated(bench, 20)
    request = ln_set.encode_set_list([ENERGY] * 50, [NUMBER] * 50)
    assert await session.handle(request) == TOO_LONG
    assert bench.done == []


async def test_long_values_are_set_in_blocks(bench):
    session = await associated(bench)
    *first, last = [await session.handle(block) for block in ln_set.encode_set_blocks(TEXT, LONG, 100)]
    assert [ln_set.decode_response(answer).number for answer in first] == list(range(1, len(first) + 1))
    assert ln_set.decode_response(last) == [AccessResult.SUCCESS]
    assert bench.done == [("text", LONG)]


async def test_lists_are_set_in_blocks(bench):
    session = await associated(bench)
    content = axdr.encode_length(2) + encode(NUMBER) + encode(LONG)
    half = len(content) // 2
    first = ln_set.SetBlock(0xC1, [ENERGY, TEXT], False, 1, content[:half], with_list=True)
    assert ln_set.decode_response(await session.handle(ln_set.encode_set_block(first))).number == 1
    last = ln_set.SetBlock(0xC1, [], True, 2, content[half:])
    answer = await session.handle(ln_set.encode_set_block(last))
    assert ln_set.decode_response(answer) == [AccessResult.SUCCESS] * 2
    assert bench.done == [("energy", NUMBER), ("text", LONG)]


@pytest.mark.parametrize(
    ("numbers", "reason"),
    [([1, 3], AccessResult.DATA_BLOCK_NUMBER_INVALID), ([2], AccessResult.NO_LONG_SET_IN_PROGRESS)],
)
async def test_blocks_of_a_set_that_do_not_follow_end_it(bench, numbers, reason):
    session = await associated(bench)
    for number in numbers:
        where = [TEXT] if number == 1 else []
        block = ln_set.SetBlock(0xC1, where, number != 1, number, b"\x09\x01")
        answer = await session.handle(ln_set.encode_set_block(block))
    assert ln_set.decode_response(answer) == [reason]
    assert bench.done == []


async def test_a_request_in_blocks_has_a_limit(bench):
    session = await associated(bench)
    answers = []
    for number in range(1, 40):
        block = ln_set.SetBlock(0xC1, [TEXT] if number == 1 else [], False, number, bytes(2000))
        answers.append(ln_set.decode_response(await session.handle(ln_set.encode_set_block(block))))
    assert [AccessResult.LONG_SET_ABORTED] in answers


async def test_methods_return_what_they_return_in_blocks_where_it_is_long(bench):
    session = await associated(bench)
    parts = [encode(LONG)[at : at + 60] for at in range(0, len(encode(LONG)), 60)]
    for number, part in enumerate(parts, 1):
        block = ActionBlock(0xC1, number == len(parts), number, part, ECHO if number == 1 else None)
        answer = await session.handle(ln_action.encode_request_block(block))
        if number < len(parts):
            assert ln_action.decode_response(answer).number == number
    content = b""
    while True:
        assert len(answer) <= 100
        got = ln_action.decode_response(answer)
        content += got.content
        if got.last:
            break
        answer = await session.handle(ln_action.encode_request_next(got.number, 1))
    assert ln_action.decode_outcome(content) == ActionOutcome(ActionResult.SUCCESS, LONG)


async def test_several_methods_are_called_at_once(bench):
    session = await associated(bench)
    request = ln_action_list.encode_action_list([ECHO, NOBODY, ECHO], [NUMBER, None, None], 3)
    answer = await session.handle(request)
    assert answer[:3] == bytes((ln.ACTION_RESPONSE, 3, 0xC3))
    assert ln_action_list.decode_outcomes(answer[3:]) == [
        ActionOutcome(ActionResult.SUCCESS, NUMBER),
        ActionOutcome(ActionResult.OBJECT_UNDEFINED),
        ActionOutcome(ActionResult.SUCCESS, Data(axdr.NULL, None)),
    ]
    assert len(bench.done) == 2


@pytest.mark.parametrize(
    "request_",
    [
        ln_set.encode_set_list([ENERGY], [NUMBER]),
        ln_action_list.encode_action_list([ECHO], [None]),
        ln_action.encode_action(ECHO),
        next(iter(ln_set.encode_set_blocks(TEXT, LONG, 50))),
        sn.encode_read([sn.Variable(0x0108)]),
        b"\xe0" + bytes(8),
        b"\xdd\x01\x02",
    ],
)
async def test_what_was_not_agreed_on_is_not_served(bench, request_):
    session = await associated(bench, 1000, Conformance.GET | Conformance.SET)
    assert await session.handle(request_) == NOT_SERVED
    assert bench.done == []


# -- short names ----------------------------------------------------------------------------------


async def names_of(session):
    request = sn.encode_read([sn.Variable(short_names.attribute_name(short_names.ASSOCIATION, 2))])
    return short_names.ShortNames(short_names.decode_list(await read_blocks(session, request)))


async def read_blocks(session, request):
    """One item, put together where it comes in blocks."""
    content, answer = b"", await session.handle(request)
    while isinstance(block := sn.decode_read_response(answer)[0], ln.Block):
        content += block.content
        if block.last:
            return sn.decode_results(content)[0]
        answer = await session.handle(sn.encode_read([sn.NextBlock(block.number)]))
    return block


async def test_every_listed_object_is_found_under_its_name(bench):
    session = await associated(bench, 1000, short=True)
    names = await names_of(session)
    for listed in names.objects:
        name = sn.Variable(short_names.attribute_name(listed.base_name, 1))
        (got,) = sn.decode_read_response(await session.handle(sn.encode_read([name])))
        assert got == Data(axdr.OCTET_STRING, listed.logical_name)
    assert {listed.base_name for listed in names.objects} == {0xFA00, 0x0100, 0x0130, 0x0140, 0xFC00}


async def test_lists_are_read_and_written_with_short_names(bench):
    session = await associated(bench, 200, short=True)
    names = await names_of(session)
    energy, text, profile = (names.of(attribute) for attribute in (ENERGY, TEXT, PROFILE))
    chosen = selection.selected_variable(profile, ByEntry(1, 2))
    got = await session.handle(sn.encode_read([sn.Variable(energy), sn.Variable(0x9999), chosen]))
    assert sn.decode_read_response(got) == [
        NUMBER,
        AccessResult.OBJECT_UNDEFINED,
        Data(axdr.VISIBLE_STRING, repr(ByEntry(1, 2)).encode()),
    ]
    short = Data(axdr.OCTET_STRING, b"x")
    request = sn.WriteRequest([sn.Variable(energy), sn.Variable(0x9999), sn.Variable(text)], [NUMBER, NUMBER, short])
    results = sn.decode_write_response(await session.handle(sn.encode_write(request)))
    assert results == [AccessResult.SUCCESS, AccessResult.OBJECT_UNDEFINED, AccessResult.SUCCESS]
    assert await session.handle(sn.encode_write(request._replace(confirmed=False))) is None
    assert len(bench.done) == 4


async def test_methods_are_called_by_reading_and_by_writing(bench):
    session = await associated(bench, 200, short=True)
    method = (await names_of(session)).of_method(ECHO)
    got = sn.decode_read_response(await session.handle(sn.encode_read([sn.Variable(method, 1, NUMBER)])))
    assert got == [NUMBER]
    request = sn.WriteRequest([sn.Variable(method)], [NUMBER])
    assert sn.decode_write_response(await session.handle(sn.encode_write(request))) == [AccessResult.SUCCESS]
    assert bench.done == [("call", NUMBER)] * 2


@pytest.mark.parametrize("size", [16, 64, 128])
async def test_long_values_are_read_and_written_in_blocks_with_short_names(bench, size):
    session = await associated(bench, size, short=True)
    text = (await names_of(session)).of(TEXT)
    assert await read_blocks(session, sn.encode_read([sn.Variable(text)])) == LONG
    whole = sn.encode_write(sn.WriteRequest([sn.Variable(text)], [LONG]))[1:]
    parts = [whole[at : at + 100] for at in range(0, len(whole), 100)]
    for number, part in enumerate(parts, 1):
        last = number == len(parts)
        head = sn.WriteBlockHead(last, number)
        request = sn.encode_write(sn.WriteRequest([head], [Data(axdr.OCTET_STRING, part)]))
        (result,) = sn.decode_write_response(await session.handle(request))
        assert result == (AccessResult.SUCCESS if last else sn.NextBlock(number))
    assert bench.done == [("text", LONG)]


async def test_a_long_read_request_comes_in_blocks(bench):
    session = await associated(bench, 1000, short=True)
    energy = (await names_of(session)).of(ENERGY)
    whole = sn.encode_read([sn.Variable(energy)] * 20)[1:]
    first = await session.handle(sn.encode_read([sn.RequestBlock(False, 1, whole[:30])]))
    assert sn.decode_read_response(first) == [sn.NextBlock(1)]
    last = await session.handle(sn.encode_read([sn.RequestBlock(True, 2, whole[30:])]))
    assert sn.decode_read_response(last) == [NUMBER] * 20


async def test_a_client_made_for_landis_gyr_meters_is_answered_as_by_one(bench):
    """Context, sizes and conformance of public traces: client 32, VAA 0xFA00, 0x0960 bytes, bits 18 02 20."""
    session = bench.session()
    proposal = bytes.fromhex("01000000065f1f040018022004b0")
    request = acse.encode_request(acse.AssociationRequest(acse.CONTEXT_SN, 0, None, proposal))
    response = acse.decode_response(await session.handle(request))
    assert response.context == acse.CONTEXT_SN
    assert response.user_information.hex() == "0800065f1f0400180220ffff" + "fa00"
    told = xdlms.decode_initiate_response(bytes.fromhex("0800065f1f04001802200960fa00"))
    bits = Conformance.READ | Conformance.WRITE | Conformance.MULTIPLE_REFERENCES | Conformance.PARAMETERIZED_ACCESS
    assert told == Initiate(bits, 2400)
    names = [sn.Variable(0x0108)] * 19
    request = sn.encode_read(names)
    assert len(request) == 2 + 57
    assert sn.decode_read_response(await session.handle(request)) == [NUMBER] * 19


async def test_a_line_acknowledges_what_wants_no_answer_and_limits_its_links(bench):
    sent = []
    line = HdlcLine(bench.reception(), "line", sent.append)
    server = HdlcAddress.server(1, 17)

    async def frame(client, kind, information=b"", number=0):
        sent.clear()
        address = HdlcAddress.client(client)
        await line.feed(HdlcFrame(server, address, kind, True, number, number, information).encode())
        return [decode_frame(octets[1:-1]) for octets in sent]

    for client in range(1, MAX_LINKS + 2):
        (answer,) = await frame(client, Kind.SNRM)
        assert answer.kind is (Kind.UA if client <= MAX_LINKS else Kind.DM)
    initiate = xdlms.encode_initiate_request(Initiate(OFFERED_SHORT, 1000))
    aarq = acse.encode_request(acse.AssociationRequest(acse.CONTEXT_SN, 0, None, initiate))
    await frame(32, Kind.I, llc.REQUEST + aarq)
    request = sn.encode_write(sn.WriteRequest([sn.Variable(0x0108)], [NUMBER], confirmed=False))
    (answer,) = await frame(32, Kind.I, llc.REQUEST + request, 1)
    assert (answer.kind, answer.receive) == (Kind.RR, 2)
    assert bench.done == [("energy", NUMBER)]
    line.close()


# -- general block transfer -----------------------------------------------------------------------


async def test_requests_and_answers_travel_in_general_blocks(bench):
    session = await associated(bench, 64)
    blocks = list(general_block.split(ln.encode_set(TEXT, LONG), 50, confirmed=True))
    for block in blocks[:-1]:
        acknowledgement = general_block.decode(await session.handle(block))
        assert acknowledgement.acknowledged == general_block.decode(block).number
    answer = general_block.decode(await session.handle(blocks[-1]))
    assert ln.decode_set_response(answer.content) is AccessResult.SUCCESS
    assert bench.done == [("text", LONG)]
    (request,) = general_block.split(ln.encode_get(TEXT), 50, confirmed=True)
    receiver, answer = GeneralBlockReceiver(), await session.handle(request)
    while (progress := receiver.feed(answer)).apdu is None:
        assert len(answer) <= 64
        answer = await session.handle(progress.acknowledgement)
    assert ln.decode_get_response(progress.apdu) == LONG


async def test_without_other_blocks_a_long_answer_goes_out_in_general_ones(bench):
    session = await associated(bench, 64, Conformance.GET | Conformance.GENERAL_BLOCK_TRANSFER)
    receiver, answer = GeneralBlockReceiver(), await session.handle(ln.encode_get(TEXT))
    assert answer[0] == general_block.GENERAL_BLOCK_TRANSFER
    repeated = general_block.encode(GeneralBlock(True, False, 1, 1, 0, b""))
    assert general_block.decode(await session.handle(repeated)).number == 1
    while (progress := receiver.feed(answer)).apdu is None:
        answer = await session.handle(progress.acknowledgement)
    assert ln.decode_get_response(progress.apdu) == LONG
    assert ln.decode_get_response(await session.handle(ln.encode_get(ENERGY))) == NUMBER
