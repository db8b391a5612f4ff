"""The codec: what is encoded comes back, and nothing but its own error ever comes out."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_dlms.codec import acse, axdr, cosem_time, ln, obis, units, xdlms
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.xdlms import AccessResult, Conformance, Initiate
from meterhub_dlms.link.errors import LinkError
from meterhub_dlms.link.wrapper import WrapperDeframer, wrap

integers = st.sampled_from(sorted(axdr.INTEGER_RANGES)).flatmap(
    lambda tag: st.builds(Data, st.just(tag), st.integers(*axdr.INTEGER_RANGES[tag]))
)
simple = st.one_of(
    integers,
    st.just(Data(axdr.NULL, None)),
    st.builds(Data, st.just(axdr.BOOLEAN), st.booleans()),
    st.builds(Data, st.just(axdr.BCD), st.integers(-128, 127)),
    st.builds(Data, st.just(axdr.FLOAT32), st.floats(width=32, allow_nan=False)),
    st.builds(Data, st.just(axdr.FLOAT64), st.floats(allow_nan=False)),
    st.builds(Data, st.sampled_from([axdr.OCTET_STRING, axdr.UTF8_STRING]), st.binary(max_size=300)),
    st.builds(Data, st.just(axdr.BIT_STRING), st.text("01", max_size=40)),
    st.builds(Data, st.just(axdr.DATE_TIME), st.binary(min_size=12, max_size=12)),
    st.builds(Data, st.just(axdr.DATE), st.binary(min_size=5, max_size=5)),
    st.builds(Data, st.just(axdr.TIME), st.binary(min_size=4, max_size=4)),
    st.builds(
        Data,
        st.just(axdr.COMPACT_ARRAY),
        st.tuples(st.sampled_from([b"\x06", b"\x02\x02\x12\x06", b"\x01\x00\x03\x11"]), st.binary(max_size=20)),
    ),
)  # fmt: skip
data = st.recursive(
    simple,
    lambda inner: st.builds(Data, st.sampled_from([axdr.ARRAY, axdr.STRUCTURE]), st.lists(inner, max_size=5)),
    max_leaves=20,
)
attributes = st.builds(ln.Attribute, st.integers(0, 65535), st.binary(min_size=6, max_size=6), st.integers(-128, 127))
results = st.one_of(data, st.sampled_from(AccessResult))

DECODERS = [
    axdr.decode,
    acse.decode_request,
    acse.decode_response,
    xdlms.decode_initiate_request,
    xdlms.decode_initiate_response,
    ln.decode_get_request,
    ln.decode_get_response,
    ln.decode_set_request,
    ln.decode_set_response,
    ln.decode_action_request,
    ln.decode_results,
    cosem_time.decode,
]
HEADS = [
    b"",
    b"\x60",
    b"\x61",
    b"\x01",
    b"\x08\x00",
    b"\x0e",
    *(bytes((t, k)) for t in range(0xC0, 0xC8) for k in (1, 2, 3)),
]


@given(data)
def test_data_comes_back(value):
    assert axdr.decode(axdr.encode(value)) == value


@given(data, st.data())
def test_cut_off_data_is_an_error(value, draw):
    encoded = axdr.encode(value)
    place = draw.draw(st.integers(0, len(encoded) - 1))
    with pytest.raises(CodecError):
        axdr.decode(encoded[:place])


@pytest.mark.parametrize("decoder", DECODERS)
@given(
    garbage=st.one_of(st.binary(max_size=80), st.tuples(st.sampled_from(HEADS), st.binary(max_size=60)).map(b"".join))
)
def test_garbage_is_the_codecs_own_error_or_a_value(decoder, garbage):
    try:
        decoder(garbage)
    except CodecError:
        pass


def test_deep_nesting_is_refused():
    with pytest.raises(CodecError, match="deeper"):
        axdr.decode(b"\x02\x01" * 5000 + b"\x00")
    with pytest.raises(CodecError, match="deeper"):
        axdr.decode(b"\x13" + b"\x02\x01" * 5000 + b"\x06\x00")


@pytest.mark.parametrize(
    "value",
    [Data(axdr.UINT8, 256), Data(axdr.INT32, 2**31), Data(axdr.FLOAT32, 1e300), Data(axdr.INT8, "x"), Data(99, 1),
     Data(axdr.DATE_TIME, b"short"), Data(axdr.BIT_STRING, "012"), Data(axdr.ARRAY, [Data(axdr.UINT16, -1)])],
)  # fmt: skip
def test_values_that_do_not_fit_are_refused(value):
    with pytest.raises(CodecError):
        axdr.encode(value)


@given(attributes, st.lists(attributes, min_size=1, max_size=300), st.integers(0, 15))
def test_get_requests_come_back(one, many, invoke):
    assert ln.decode_get_request(ln.encode_get(one, invoke)) == ln.GetRequest(0xC0 | invoke, [one], [False], False)
    decoded = ln.decode_get_request(ln.encode_get_list(many, invoke))
    assert decoded == ln.GetRequest(0xC0 | invoke, many, [False] * len(many), True)


@given(attributes, data, st.integers(0, 15))
def test_set_requests_come_back(attribute, value, invoke):
    request = ln.SetRequest(0xC0 | invoke, attribute, False, value)
    assert ln.decode_set_request(ln.encode_set(attribute, value, invoke)) == request


@given(st.lists(results, max_size=40), st.integers(0, 255))
def test_results_come_back(many, invoke):
    encoded = [r if isinstance(r, AccessResult) else axdr.encode(r) for r in many]
    listed = axdr.encode_length(len(many)) + b"".join(map(ln.encode_result, encoded))
    assert ln.decode_get_response(bytes((0xC4, 3, invoke)) + listed) == many
    for one, raw in zip(many, encoded, strict=True):
        assert ln.decode_get_response(ln.encode_get_response(invoke, raw)) == one


@given(st.booleans(), st.integers(0, 2**32 - 1), st.one_of(st.binary(max_size=300), st.sampled_from(AccessResult)))
def test_blocks_come_back(last, number, content):
    block = ln.Block(last, number, content)
    assert ln.decode_get_response(ln.encode_get_block(1, block)) == block


@given(st.sampled_from([0, 1]), st.one_of(st.none(), st.binary(max_size=200)), st.binary(max_size=200))
def test_association_requests_come_back(mechanism, password, information):
    request = acse.AssociationRequest(1, mechanism, password, information)
    assert acse.decode_request(acse.encode_request(request)) == request


@given(st.integers(0, 2**24 - 1), st.integers(0, 65535))
def test_initiation_comes_back(conformance, size):
    initiate = Initiate(Conformance(conformance), size)
    assert xdlms.decode_initiate_request(xdlms.encode_initiate_request(initiate)) == initiate
    assert xdlms.decode_initiate_response(xdlms.encode_initiate_response(initiate)) == initiate


def test_a_request_for_association_as_the_standards_example():
    """IEC 62056-5-3, annex with encoded examples: lowest level and low-level security, password 12345678."""
    conformance = Conformance(0x007E1F)
    initiate = xdlms.encode_initiate_request(Initiate(conformance, 1200))
    assert initiate.hex() == "01000000065f1f0400007e1f04b0"
    plain = acse.encode_request(acse.AssociationRequest(1, 0, None, initiate))
    assert plain.hex() == "601da109060760857405080101be10040e01000000065f1f0400007e1f04b0"
    low = acse.encode_request(acse.AssociationRequest(1, 1, b"12345678", initiate))
    assert low.hex() == (
        "6036a1090607608574050801018a0207808b0760857405080201ac0a80083132333435363738be10040e01000000065f1f0400007e1f04b0"
    )


def test_a_response_to_association_as_the_standards_example():
    apdu = bytes.fromhex("6129a109060760857405080101a203020100a305a103020100be10040e0800065f1f0400007e1f01f40007")
    response = acse.decode_response(apdu)
    assert response == acse.AssociationResponse(1, 0, 0, bytes.fromhex("0800065f1f0400007e1f01f40007"))
    assert xdlms.decode_initiate_response(response.user_information) == Initiate(Conformance(0x007E1F), 500)
    assert acse.encode_response(response) == apdu


@pytest.mark.parametrize(
    "text", ["1-1:1.8.0*255", "1-1:1.8.0.255", "1-1.1.8.0.255", "1.1.1.8.0.255", " 1-1:1.8.0*255 "]
)
def test_every_spelling_of_an_obis_code_is_understood(text):
    assert obis.parse(text) == bytes((1, 1, 1, 8, 0, 255))
    assert obis.text(obis.parse(text)) == "1-1:1.8.0*255"


NO_CODES = ["", "1.8.0", "1-1:1.8.0", "1-1:1.8.0*256", "1-1:1.8.0*-1", "a-b:c.d.e*f", "1,1,1,8,0,255", "١-1:1.8.0*255"]


@pytest.mark.parametrize("text", NO_CODES)
def test_what_is_no_obis_code_is_refused_in_one_sentence(text):
    with pytest.raises(ValueError, match=r"OBIS code|0 to 255"):
        obis.parse(text)


@given(st.binary(min_size=6, max_size=6))
def test_obis_codes_come_back(name):
    assert obis.parse(obis.text(name)) == name


@pytest.mark.parametrize(
    ("code", "symbol"),
    [
        (27, "W"),
        (28, "VA"),
        (29, "var"),
        (30, "Wh"),
        (31, "VAh"),
        (32, "varh"),
        (33, "A"),
        (35, "V"),
        (44, "Hz"),
        (255, ""),
    ],
)
def test_units_have_their_codes(code, symbol):
    assert units.symbol(code) == symbol
    assert units.code_of(symbol) == code


def test_unknown_units_are_told():
    assert units.symbol(250) == "unit 250"
    assert len(units.CODES) == len(units.SYMBOLS)
    with pytest.raises(CodecError, match="'parsec'"):
        units.code_of("parsec")


@pytest.mark.parametrize(
    ("source", "target", "exponent"),
    [("kWh", "Wh", 3), ("Wh", "Wh", 0), ("MW", "W", 6), ("mA", "A", -3), ("W", "kW", -3), ("Wh", "varh", None),
     ("VAh", "Wh", None), ("W", "V", None), ("°C", "°C", 0), ("var", "VA", None)],
)  # fmt: skip
def test_prefixes_are_converted_and_kinds_kept_apart(source, target, exponent):
    assert units.exponent_between(source, target) == exponent


@given(st.integers(0, 4_000_000_000_00), st.integers(-840, 840), st.integers(0, 255))
def test_times_come_back_in_utc(hundredths, deviation, status):
    time = hundredths * 10_000_000
    decoded = cosem_time.decode(cosem_time.encode(time, deviation=deviation, status=status))
    assert decoded == (time, status)


def test_summer_time_in_warsaw_is_two_hours_ahead():
    octets = bytes.fromhex("07e80701010e1e0000ff8880")
    assert cosem_time.decode(octets).time == 1_719_837_000_000_000_000  # 2024-07-01 12:30 UTC
    assert cosem_time.encode(1_719_837_000_000_000_000, deviation=-120, status=0x80) == octets


@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 65535), st.binary(min_size=1, max_size=50))), st.data())
def test_frames_come_back_however_the_stream_is_cut(frames, draw):
    stream = b"".join(wrap(*frame) for frame in frames)
    deframer, found = WrapperDeframer(), []
    while stream:
        size = draw.draw(st.integers(1, len(stream)))
        found += deframer.feed(stream[:size])
        stream = stream[size:]
    assert found == frames


@pytest.mark.parametrize("header", [(2, 1, 16, 5), (1, 1, 16, 0), (1, 1, 16, 101), (0xFFFF,) * 4])
def test_bad_frame_headers_are_refused_at_once(header):
    with pytest.raises(LinkError):
        list(WrapperDeframer(100).feed(struct.pack(">HHHH", *header)))


def test_an_apdu_too_long_for_the_wrapper_is_refused():
    with pytest.raises(LinkError):
        wrap(1, 16, bytes(65536))
