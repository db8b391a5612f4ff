"""What goes in blocks, selections, profiles, notifications: it comes back, and garbage is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_dlms.codec import (
    axdr,
    compact_array,
    cosem_time,
    general_block,
    ln,
    ln_action,
    ln_set,
    notification,
    profile,
    selection,
    sn,
)
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.cosem_time import CosemTime
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.general_block import GeneralBlock, GeneralBlockReceiver
from meterhub_dlms.codec.ln_action import ActionBlock, ActionOutcome, ActionResult
from meterhub_dlms.codec.selection import ByEntry, ByRange, CaptureObject
from meterhub_dlms.codec.xdlms import AccessResult

NOON = 1_700_049_600_000_000_000  # 2023-11-15 12:00 UTC
MINUTE = 60_000_000_000
octets = st.binary(max_size=200)
names = st.binary(min_size=6, max_size=6)
attributes = st.builds(ln.Attribute, st.integers(0, 65535), names, st.integers(-128, 127))
values = st.one_of(
    st.builds(Data, st.just(axdr.UINT32), st.integers(0, 2**32 - 1)),
    st.builds(Data, st.just(axdr.OCTET_STRING), st.binary(max_size=400)),
)
numbers = st.integers(0, 2**32 - 1)
columns = st.builds(CaptureObject, st.integers(0, 65535), names, st.integers(-128, 127), st.integers(0, 65535))
selections = st.one_of(
    st.builds(ByEntry, numbers, numbers, st.integers(0, 65535), st.integers(0, 65535)),
    st.builds(ByRange, columns, values, values, st.lists(columns, max_size=5)),
)
DECODERS = [
    (general_block.decode, 0xE0), (ln_set.decode_request, 0xC1), (ln_set.decode_response, 0xC5),
    (ln_action.decode_request, 0xC3), (ln_action.decode_response, 0xC7), (selection.decode_selections, 0xC0),
    (notification.decode_data_notification, 0x0F), (notification.decode_event_notification, 0xC2),
]  # fmt: skip


@pytest.mark.parametrize(("decoder", "tag"), DECODERS)
@given(kind=st.integers(0, 7), garbage=st.binary(max_size=60))
def test_garbage_is_the_codecs_own_error_or_a_value(decoder, tag, kind, garbage):
    for apdu in (garbage, bytes((tag,)) + garbage, bytes((tag, kind, 0xC1)) + garbage):
        try:
            decoder(apdu)
        except CodecError:
            pass


# -- general block transfer ---------------------------------------------------------------------


@given(st.binary(max_size=500), st.integers(1, 120), st.booleans(), st.data())
def test_general_blocks_make_the_apdu_again(apdu, size, confirmed, draw):
    receiver, complete = GeneralBlockReceiver(), []
    for block in general_block.split(apdu, size, confirmed=confirmed):
        progress = receiver.feed(block)
        complete.append(progress.apdu)
        decoded = general_block.decode(block)
        assert len(decoded.content) <= size
        waits = confirmed and not decoded.last
        assert (progress.acknowledgement is not None) == waits
        if waits:
            assert general_block.decode(progress.acknowledgement).acknowledged == decoded.number
            if draw.draw(st.booleans()):
                assert receiver.feed(block) == progress
    assert complete[:-1] == [None] * (len(complete) - 1)
    assert complete[-1] == apdu
    assert not receiver.partial


def test_a_missing_block_spoils_its_transfer_and_not_the_next():
    blocks = list(general_block.split(bytes(range(100)), 30))
    receiver = GeneralBlockReceiver()
    receiver.feed(blocks[0])
    with pytest.raises(CodecError, match="block 3 came where 2"):
        receiver.feed(blocks[2])
    with pytest.raises(CodecError, match="block 4 came where 1"):
        receiver.feed(blocks[3])
    assert [receiver.feed(block).apdu for block in blocks][-1] == bytes(range(100))


def test_a_new_transfer_takes_the_place_of_one_cut_short():
    receiver = GeneralBlockReceiver()
    receiver.feed(next(general_block.split(bytes(100), 30)))
    assert receiver.partial
    assert receiver.feed(general_block.encode(GeneralBlock(True, False, 0, 2, 0, b"x"))).apdu is not None
    blocks = list(general_block.split(b"short transfer", 8))
    assert [receiver.feed(block).apdu for block in blocks][-1] == b"short transfer"


def test_an_endless_transfer_is_ended():
    receiver = GeneralBlockReceiver(max_length=100)
    *blocks, last = general_block.split(bytes(101), 10)
    assert all(receiver.feed(block).apdu is None for block in blocks)
    with pytest.raises(CodecError, match="longer than 100"):
        receiver.feed(last)
    assert not receiver.partial


# -- SET and ACTION -----------------------------------------------------------------------------


@given(attributes, values, st.integers(1, 100), st.integers(0, 15))
def test_long_values_are_set_in_blocks(attribute, value, size, invoke):
    content, requests = b"", list(ln_set.encode_set_blocks(attribute, value, size, invoke))
    for number, request in enumerate(requests, start=1):
        block = ln_set.decode_request(request)
        assert len(request) <= size + ln_set.BLOCK_OVERHEAD
        assert (block.invoke, block.number, block.last) == (0xC0 | invoke, number, number == len(requests))
        assert block.attributes == ([attribute] if number == 1 else [])
        content += block.content
    assert axdr.decode(content) == value


@given(st.lists(st.tuples(attributes, values), min_size=1, max_size=30), st.integers(0, 15))
def test_several_attributes_are_set_at_once(pairs, invoke):
    request = ln_set.SetList(0xC0 | invoke, [pair[0] for pair in pairs], [pair[1] for pair in pairs])
    assert ln_set.decode_request(ln_set.encode_set_list(request.attributes, request.data, invoke)) == request


@given(st.lists(attributes, min_size=1, max_size=5), st.booleans(), numbers, octets)
def test_blocks_of_a_list_come_back(many, last, number, content):
    block = ln_set.SetBlock(0xC1, many, last, number, content, True)
    assert ln_set.decode_request(ln_set.encode_set_block(block)) == block


@given(attributes, values)
def test_a_short_set_is_understood_too(attribute, value):
    assert ln_set.decode_request(ln.encode_set(attribute, value)) == ln.SetRequest(0xC0, attribute, False, value)


@given(st.lists(st.sampled_from(AccessResult), min_size=1, max_size=200), numbers)
def test_answers_to_sets_come_back(results, number):
    assert ln_set.decode_response(ln.encode_set_response(0xC1, results[0])) == results[:1]
    assert ln_set.decode_response(ln_set.encode_last_block(0xC1, number, results[0])) == results[:1]
    assert ln_set.decode_response(ln_set.encode_list_response(0xC1, results)) == results
    assert ln_set.decode_response(ln_set.encode_list_last_block(0xC1, number, results)) == results
    assert ln_set.decode_response(ln_set.encode_block_taken(0xC1, number)) == ln_set.BlockTaken(number)


outcomes = st.builds(
    ActionOutcome, st.sampled_from(ActionResult), st.one_of(st.none(), values, st.sampled_from(AccessResult))
)


@given(attributes, st.one_of(st.none(), values), st.integers(0, 15), outcomes)
def test_method_calls_and_their_outcomes_come_back(method, value, invoke, outcome):
    request = ln_action.encode_action(method, value, invoke)
    assert ln_action.decode_request(request) == ln.ActionRequest(0xC0 | invoke, method, value)
    assert ln_action.decode_response(ln_action.encode_response(0xC1, outcome)) == outcome
    assert ln_action.decode_outcome(ln_action.encode_outcome(outcome)) == outcome


@given(st.one_of(st.none(), attributes), st.booleans(), numbers, octets)
def test_long_method_calls_come_back(method, last, number, content):
    block = ActionBlock(0xC3, last, number, content, method)
    assert ln_action.decode_request(ln_action.encode_request_block(block)) == block
    answer = block._replace(method=None)
    assert ln_action.decode_response(ln_action.encode_response_block(answer)) == answer
    following = ln_action.NextBlock(0xC3, number)
    assert ln_action.decode_request(ln_action.encode_request_next(number, 3)) == following
    assert ln_action.decode_response(ln_action.encode_response_next(0xC3, number)) == following


def test_the_answer_of_the_server_we_have_is_understood():
    denied = ln.encode_action_response(0xC1, AccessResult.READ_WRITE_DENIED)
    assert ln_action.decode_response(denied) == ActionOutcome(ActionResult.READ_WRITE_DENIED)
    assert ActionResult.of(77) is ActionResult.OTHER_REASON
    assert ActionResult.OBJECT_UNDEFINED.phrase == "object-undefined (4)"


# -- profiles -----------------------------------------------------------------------------------


@given(attributes, selections, st.integers(0, 15))
def test_selections_come_back_with_both_kinds_of_names(attribute, chosen, invoke):
    request = selection.encode_selected_get(attribute, chosen, invoke)
    assert selection.decode_selections(request) == [chosen]
    assert ln.decode_get_request(request) == ln.GetRequest(0xC0 | invoke, [attribute], [True], False)
    (variable,) = sn.decode_read_request(sn.encode_read([selection.selected_variable(0x2008, chosen)]))
    assert selection.selection_of(variable) == chosen
    assert selection.decode_selections(ln.encode_get_list([attribute] * 3)) == [None] * 3


def test_a_time_range_asks_in_the_meters_local_time():
    chosen = selection.by_time(NOON, NOON + 15 * MINUTE, deviation=-60)
    assert chosen.restricting == CaptureObject(8, bytes((0, 0, 1, 0, 0, 255)), 2)
    assert chosen.start.value.hex() == "07e70b0f030d000000ffc400"
    assert cosem_time.decode(chosen.end.value).time == NOON + 15 * MINUTE


@pytest.mark.parametrize(
    ("selector", "data"),
    [(3, Data(axdr.STRUCTURE, [Data(axdr.UINT8, 1)] * 4)), (2, Data(axdr.NULL, None)), (1, Data(axdr.STRUCTURE, [])),
     (2, Data(axdr.STRUCTURE, [Data(axdr.OCTET_STRING, b"1")] * 4)),
     (1, Data(axdr.STRUCTURE, [Data(axdr.UINT8, 1)] * 4))],
)  # fmt: skip
def test_malformed_selections_are_refused(selector, data):
    with pytest.raises(CodecError):
        selection.read_parameter(selector, data)


def row(time, *values):
    column = Data(axdr.NULL, None) if time is None else Data(axdr.OCTET_STRING, cosem_time.encode(time))
    return Data(axdr.STRUCTURE, [column, *(Data(axdr.UINT32, value) for value in values)])


def test_left_out_capture_times_are_counted_on():
    rows = [row(NOON, 1), row(None, 2), row(None, 3), row(NOON + 60 * MINUTE, 4), row(None, 5)]
    buffer = axdr.encode(Data(axdr.ARRAY, rows))
    times = [entry.time.time for entry in profile.entries(buffer, profile.Layout(2, 0, 900))]
    assert times == [NOON, NOON + 15 * MINUTE, NOON + 30 * MINUTE, NOON + 60 * MINUTE, NOON + 75 * MINUTE]
    on_events = [entry.time for entry in profile.entries(buffer, profile.Layout(2))]
    assert on_events == [CosemTime(NOON, 0), None, None, CosemTime(NOON + 60 * MINUTE, 0), None]
    assert [entry.time for entry in profile.entries(buffer, profile.Layout(2, None))] == [None] * 5


def test_times_left_out_before_any_was_told_stay_unknown():
    buffer = axdr.encode(Data(axdr.ARRAY, [row(None, 1), row(NOON, 2)]))
    first, second = profile.entries(buffer, profile.Layout(2, 0, 900))
    assert (first.time, second.time) == (None, CosemTime(NOON, 0))


def test_long_profiles_are_decoded_only_as_far_as_they_are_taken():
    rows = [row(NOON + i * MINUTE, i) for i in range(1200)]
    buffer = axdr.encode(Data(axdr.ARRAY, rows))[:-3]
    slices = profile.in_slices(profile.entries(buffer, profile.Layout(2, 0, 60)), 500)
    assert [entry.values[1].value for entry in next(slices)] == list(range(500))
    assert len(next(slices)) == 500
    with pytest.raises(CodecError, match="cut off"):
        next(slices)


@pytest.mark.parametrize(
    "rows", [[row(NOON)], [row(NOON, 1, 2)], [Data(axdr.UINT8, 1)], [Data(axdr.STRUCTURE, [Data(axdr.UINT8, 1)] * 2)]]
)
def test_entries_with_other_columns_are_refused(rows):
    with pytest.raises(CodecError):
        list(profile.entries(axdr.encode(Data(axdr.ARRAY, rows)), profile.Layout(2, 0, 900)))


@given(st.binary(max_size=80).flatmap(lambda b: st.sampled_from([b, b"\x01" + b, b"\x13\x02\x02\x19\x06" + b])))
def test_a_garbled_profile_is_the_codecs_own_error(buffer):
    try:
        list(profile.entries(buffer, profile.Layout(2, 0, 900)))
    except CodecError:
        pass


def test_a_compact_profile_is_read_like_any_other():
    """Date-time and double-long-unsigned, the tags once for all entries."""
    contents = b"".join(cosem_time.encode(NOON + i * MINUTE) + i.to_bytes(4, "big") for i in range(300))
    buffer = axdr.encode(Data(axdr.COMPACT_ARRAY, (b"\x02\x02\x19\x06", contents)))
    entries = list(profile.entries(buffer, profile.Layout(2, 0, 60)))
    assert [entry.time.time for entry in entries] == [NOON + i * MINUTE for i in range(300)]
    assert [entry.values[1] for entry in entries] == [Data(axdr.UINT32, i) for i in range(300)]


@pytest.mark.parametrize(
    ("description", "contents"),
    [("0200", "00"), ("00", "00"), ("01ffff01ffff11", "00"), ("0203", "00"), ("01" * 40, "00"), ("0211", "00"),
     ("11aa", "00"),
     ("06", "000000"), ("0904", "00"), ("63", "00"), ("", "00")],
)  # fmt: skip
def test_malformed_compact_arrays_are_the_codecs_own_error(description, contents):
    array = Data(axdr.COMPACT_ARRAY, (bytes.fromhex(description), bytes.fromhex(contents)))
    with pytest.raises(CodecError):
        list(compact_array.elements(array))


def test_arrays_within_compact_arrays_have_their_count_in_the_type():
    array = Data(axdr.COMPACT_ARRAY, (b"\x02\x02\x01\x00\x02\x11\x09", bytes.fromhex("0102 03616263 0304 00")))
    one, two = compact_array.elements(array)
    assert [part.value for part in one.value[0].value] == [1, 2]
    assert one.value[1] == Data(axdr.OCTET_STRING, b"abc")
    assert [part.value for part in two.value[0].value] == [3, 4]


# -- notifications ------------------------------------------------------------------------------


@given(numbers, st.sampled_from([b"", cosem_time.encode(NOON)]), values)
def test_pushes_come_back(invoke, time, data):
    pushed = notification.DataNotification(invoke, time, data)
    assert notification.decode_data_notification(notification.encode_data_notification(pushed)) == pushed


def test_a_push_with_a_tag_before_its_time_is_understood():
    time = cosem_time.encode(NOON)
    apdu = b"\x0f\x00\x00\x00\x07\x09\x0c" + time + axdr.encode(Data(axdr.UINT8, 5))
    pushed = notification.decode_data_notification(apdu)
    assert pushed == notification.DataNotification(7, time, Data(axdr.UINT8, 5))
    assert cosem_time.decode(pushed.time).time == NOON


@given(attributes, st.sampled_from([b"", cosem_time.encode(NOON)]), values)
def test_event_notifications_come_back(attribute, time, data):
    event = notification.EventNotification(time, attribute, data)
    assert notification.decode_event_notification(notification.encode_event_notification(event)) == event
