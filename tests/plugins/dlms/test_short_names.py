"""Services with short names: round trips, garbage, object lists and the layout of classes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_dlms.codec import axdr, ln, short_names, sn, xdlms
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.short_names import ListedObject, ShortNames
from meterhub_dlms.codec.xdlms import AccessResult, Conformance, Initiate

ENERGY = bytes((1, 1, 1, 8, 0, 255))
words = st.integers(0, 0xFFFF)
values = st.one_of(
    st.builds(Data, st.just(axdr.UINT32), st.integers(0, 2**32 - 1)),
    st.builds(Data, st.just(axdr.OCTET_STRING), st.binary(max_size=40)),
    st.just(Data(axdr.NULL, None)),
)
octets = st.binary(max_size=200)
items = st.one_of(
    words.map(sn.Variable),
    st.builds(sn.Variable, words, st.integers(0, 255), values),
    words.map(sn.NextBlock),
    st.builds(sn.RequestBlock, st.booleans(), words, octets),
    st.builds(sn.WriteBlockHead, st.booleans(), words),
)
failures = st.sampled_from([result for result in AccessResult if result])
results = st.one_of(values, failures, st.builds(ln.Block, st.booleans(), words, octets), words.map(sn.NextBlock))
DECODERS = [
    (sn.decode_read_request, 0x05), (sn.decode_write_request, 0x06), (sn.decode_write_request, 0x16),
    (sn.decode_read_response, 0x0C), (sn.decode_write_response, 0x0D),
]  # fmt: skip


@given(st.lists(items, min_size=1, max_size=150))
def test_reads_come_back(asked):
    assert sn.decode_read_request(sn.encode_read(asked)) == asked


@given(st.lists(st.tuples(items, values), min_size=1, max_size=20), st.booleans())
def test_writes_come_back(pairs, confirmed):
    request = sn.WriteRequest([item for item, _ in pairs], [value for _, value in pairs], confirmed)
    assert sn.decode_write_request(sn.encode_write(request)) == request


@given(st.lists(results, min_size=1, max_size=150))
def test_results_of_reads_come_back(many):
    encoded = [axdr.encode(result) if type(result) is Data else result for result in many]
    assert sn.decode_read_response(sn.encode_read_response(encoded)) == many


@given(st.lists(st.one_of(st.sampled_from(AccessResult), words.map(sn.NextBlock)), min_size=1, max_size=150))
def test_results_of_writes_come_back(many):
    assert sn.decode_write_response(sn.encode_write_response(many)) == many


@pytest.mark.parametrize(("decoder", "tag"), DECODERS)
@given(garbage=st.binary(max_size=60))
def test_garbage_is_the_codecs_own_error_or_a_value(decoder, tag, garbage):
    for apdu in (garbage, bytes((tag,)) + garbage, bytes((tag, 1)) + garbage):
        try:
            decoder(apdu)
        except CodecError:
            pass


@given(st.lists(values, min_size=1, max_size=10), st.data())
def test_results_in_blocks_are_joined(many, draw):
    content = sn.encode_read_response([axdr.encode(value) for value in many])[1:]
    cut = draw.draw(st.integers(0, len(content)))
    assert sn.decode_results(content[:cut] + content[cut:]) == many
    with pytest.raises(CodecError):
        sn.decode_results(content[:-1])


def test_a_read_as_in_public_traces_of_short_name_meters():
    """The object list of the association is attribute 2 at FA00, and the device name stands at FD08."""
    assert sn.encode_read([sn.Variable(short_names.attribute_name(short_names.ASSOCIATION, 2))]).hex() == "050102fa08"
    assert sn.encode_read([sn.Variable(short_names.attribute_name(short_names.DEVICE_NAME, 2))]).hex() == "050102fd08"


def test_the_conformance_of_a_short_name_meter():
    agreed = Conformance.READ | Conformance.WRITE | Conformance.MULTIPLE_REFERENCES | Conformance.PARAMETERIZED_ACCESS
    assert agreed == 0x180220
    response = xdlms.encode_initiate_response(Initiate(agreed, 2400), xdlms.VAA_SN)
    assert response.hex() == "0800065f1f04001802200960fa00"
    assert xdlms.decode_initiate_response(response) == Initiate(agreed, 2400)
    assert Conformance.UNCONFIRMED_WRITE == 1 << (23 - 5)
    assert Conformance.INFORMATION_REPORT == 1 << (23 - 15)


@pytest.mark.parametrize(
    ("class_id", "method", "offset"),
    [(3, 1, 0x28), (4, 1, 0x38), (5, 1, 0x48), (5, 2, 0x50), (7, 1, 0x58), (7, 2, 0x60), (8, 1, 0x60), (8, 6, 0x88),
     (9, 1, 0x20), (12, 3, 0x30), (12, 8, 0x58), (20, 1, 0x50), (70, 1, 0x20), (70, 2, 0x28)],
)  # fmt: skip
def test_methods_lie_where_the_classes_put_them(class_id, method, offset):
    assert short_names.method_name(0x1000, class_id, method) == 0x1000 + offset


listed = st.builds(ListedObject, words, words, st.integers(0, 255), st.binary(min_size=6, max_size=6))


@given(st.lists(listed, max_size=50))
def test_object_lists_come_back(objects):
    encoded = axdr.encode(short_names.encode_list(objects))
    assert short_names.decode_list(axdr.decode(encoded)) == objects


def test_names_are_found_by_class_and_logical_name():
    names = ShortNames([ListedObject(0x2000, 3, 0, ENERGY), ListedObject(0x6000, 10004, 0, ENERGY)])
    assert names.of(ln.Attribute(3, ENERGY, 2)) == 0x2008
    assert names.of_method(ln.Attribute(3, ENERGY, 1)) == 0x2028
    assert names.of(ln.Attribute(10004, ENERGY, 1)) == 0x6000
    assert names.of(ln.Attribute(4, ENERGY, 2)) is None
    assert names.of_method(ln.Attribute(4, ENERGY, 1)) is None
    with pytest.raises(CodecError, match="class 10004"):
        names.of_method(ln.Attribute(10004, ENERGY, 1))
    with pytest.raises(CodecError, match="no short name"):
        names.of(ln.Attribute(3, ENERGY, 0))


@pytest.mark.parametrize(
    "data",
    [Data(axdr.NULL, None), Data(axdr.ARRAY, [Data(axdr.NULL, None)]), Data(axdr.ARRAY, [Data(axdr.STRUCTURE, [])]),
     Data(axdr.ARRAY, [Data(axdr.STRUCTURE, [Data(axdr.OCTET_STRING, b"x")] * 4)]),
     Data(axdr.ARRAY, [Data(axdr.STRUCTURE, [Data(axdr.UINT8, 1)] * 4)])],
)  # fmt: skip
def test_malformed_object_lists_are_the_codecs_own_error(data):
    with pytest.raises(CodecError):
        short_names.decode_list(data)


@pytest.mark.parametrize("name", [-1, 0x10000])
def test_names_out_of_range_are_refused(name):
    with pytest.raises(CodecError):
        sn.encode_read([sn.Variable(name)])
    with pytest.raises(CodecError, match="values are given"):
        sn.encode_write(sn.WriteRequest([sn.Variable(8)], []))
