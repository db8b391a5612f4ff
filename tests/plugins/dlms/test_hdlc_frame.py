"""HDLC frames: what is encoded comes back, whatever noise lies between and however the stream is cut."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_dlms.link import hdlc_parameters
from meterhub_dlms.link.errors import LinkError
from meterhub_dlms.link.fcs import fcs
from meterhub_dlms.link.hdlc_deframer import HdlcDeframer
from meterhub_dlms.link.hdlc_frame import HdlcAddress, HdlcFrame, Kind, decode_frame
from meterhub_dlms.link.hdlc_parameters import HdlcParameters

FUZZED_FRAMES = 20_000

addresses = st.one_of(
    st.integers(0, 127).map(HdlcAddress),
    st.builds(HdlcAddress, st.integers(0, 127), st.integers(0, 127), st.just(2)),
    st.builds(HdlcAddress, st.integers(0, 0x3FFF), st.integers(0, 0x3FFF), st.just(4)),
)
informations = st.one_of(
    st.just(b""), st.binary(max_size=300), st.binary(max_size=20).map(lambda b: b"\x7e" + b + b"\x7e")
)


@st.composite
def frames(draw):
    kind = draw(st.sampled_from(Kind))
    numbered = kind in (Kind.I, Kind.RR, Kind.RNR)
    return HdlcFrame(
        draw(addresses),
        draw(addresses),
        kind,
        draw(st.booleans()),
        draw(st.integers(0, 7)) if kind is Kind.I else 0,
        draw(st.integers(0, 7)) if numbered else 0,
        draw(informations),
        draw(st.booleans()),
    )


def test_the_check_sequence_has_the_check_value_of_its_standard():
    assert int.from_bytes(fcs(b"123456789"), "little") == 0x906E
    assert fcs(bytearray(b"123456789")) == fcs(memoryview(b"123456789"))


def test_frames_as_in_public_traces():
    """Client 16 connects to and disconnects from the only meter; the physical address 8821 in four bytes."""
    only = HdlcAddress.server(1)
    assert HdlcFrame(only, HdlcAddress.client(16), Kind.SNRM).encode().hex() == "7ea0070321930f017e"
    assert HdlcFrame(only, HdlcAddress.client(16), Kind.DISC).encode().hex() == "7ea00703215303c77e"
    assert HdlcAddress.server(1, 8821).encode().hex() == "000288eb"


@given(frames())
def test_frames_come_back(frame):
    encoded = frame.encode()
    assert decode_frame(encoded[1:-1]) == frame


@given(st.lists(frames(), max_size=6), st.data())
def test_frames_come_back_however_the_stream_is_cut(sent, draw):
    stream = b"".join(frame.encode() for frame in sent)
    deframer, found = HdlcDeframer(), []
    while stream:
        size = draw.draw(st.integers(1, len(stream)))
        found += deframer.feed(stream[:size])
        stream = stream[size:]
    assert found == sent
    assert (deframer.damaged, deframer.noise, deframer.partial) == (0, 0, False)


@given(st.lists(st.tuples(st.binary(max_size=60).filter(lambda b: 0x7E not in b), frames()), min_size=1, max_size=5))
def test_every_frame_is_found_between_noise_byte_by_byte(parts):
    stream = b"".join(noise + frame.encode() for noise, frame in parts)
    deframer, found = HdlcDeframer(), []
    for octet in stream:
        found += deframer.feed(bytes((octet,)))
    assert found == [frame for _, frame in parts]


@given(frames(), st.data())
def test_a_damaged_frame_is_dropped_and_the_next_one_found(frame, draw):
    encoded = bytearray(frame.encode())
    place = draw.draw(st.integers(0, len(encoded) - 1))
    encoded[place] ^= draw.draw(st.integers(1, 255))
    good = HdlcFrame(HdlcAddress(1), HdlcAddress(16), Kind.I, True, 1, 2, b"good")
    deframer = HdlcDeframer()
    found = deframer.feed(bytes(encoded)) + deframer.feed(good.encode() + good.encode())
    assert frame not in found[:-1] or place in (0, len(encoded) - 1)
    assert good in found


def test_consecutive_frames_may_share_a_flag():
    frame = HdlcFrame(HdlcAddress(1), HdlcAddress(16), Kind.RR, True, 0, 3)
    assert HdlcDeframer().feed(frame.encode()[:-1] + frame.encode()) == [frame, frame]


def test_a_frame_cut_short_waits_until_the_line_is_silent():
    frame = HdlcFrame(HdlcAddress(1), HdlcAddress(16), Kind.I, True, 1, 2, bytes(100))
    deframer = HdlcDeframer()
    assert deframer.feed(frame.encode()[:50]) == []
    assert deframer.partial
    deframer.reset()
    assert (deframer.partial, deframer.damaged) == (False, 1)
    assert deframer.feed(frame.encode()) == [frame]


@pytest.mark.parametrize(
    "text", ["7e" * 5000, "7ea7ff" * 3000, "7ea00702", "a0" * 5000, "7ea00a0221" * 1000, "00" * 9000]
)
def test_hostile_streams_cost_linear_time_and_no_memory(text):
    noise, deframer = bytes.fromhex(text), HdlcDeframer()
    for _ in range(20):
        assert deframer.feed(noise) == []
        assert len(deframer._buffer) <= 2049
    deframer.reset()
    frame = HdlcFrame(HdlcAddress(1), HdlcAddress(16), Kind.UA)
    assert deframer.feed(frame.encode()) == [frame]


def test_mutated_frames_bring_frames_or_nothing():
    seed = random.randrange(2**32)
    print("seed", seed)
    dice, deframer = random.Random(seed), HdlcDeframer()
    passed = 0
    for _ in range(FUZZED_FRAMES):
        kind = dice.choice(list(Kind))
        frame = HdlcFrame(HdlcAddress(1, 17, 2), HdlcAddress(16), kind, True, 0, 0, dice.randbytes(dice.randrange(40)))
        octets = bytearray(frame.encode())
        for _ in range(dice.randrange(3)):
            octets[dice.randrange(len(octets))] = dice.randrange(256)
        if dice.random() < 0.5:  # half of them have good check sequences over bad content
            passed += len(deframer.feed(sealed(octets)))
        else:
            deframer.feed(bytes(octets))
        assert len(deframer._buffer) <= 2049
    assert passed > FUZZED_FRAMES // 4


def sealed(octets):
    """A mutated frame with its length and both check sequences made right again."""
    content = bytes(octets[1:-1])
    head, information = content[:6], content[8:-2]
    length = 8 + (len(information) + 2 if information else 0)
    head = bytes((0xA0 | length >> 8, length & 0xFF)) + head[2:]
    if information:
        head += fcs(head) + information
    return b"\x7e" + head + fcs(head) + b"\x7e"


@pytest.mark.parametrize("given", [(128,), (1, -1), (128, 5, 2), (0x4000, 5, 4), (1, 2, 3), (1, None, 2), (1, 2, 1)])
def test_addresses_that_do_not_fit_are_refused(given):
    with pytest.raises(LinkError):
        HdlcAddress.server(*given)


def test_a_frame_longer_than_its_length_field_is_refused():
    with pytest.raises(LinkError, match="2047"):
        HdlcFrame(HdlcAddress(1), HdlcAddress(16), Kind.I, information=bytes(2045)).encode()


@given(st.tuples(st.integers(32, 2030), st.integers(32, 2030), st.integers(1, 7), st.integers(1, 7)))
def test_parameters_come_back(values):
    parameters = HdlcParameters(*values)
    assert hdlc_parameters.decode(hdlc_parameters.encode(parameters)) == parameters


def test_parameters_of_a_meter_with_a_small_buffer():
    """The UA of a public trace: it sends 128 bytes and receives 62."""
    information = bytes.fromhex("8180120501800601" + "3e" + "070400000001080400000001")
    assert hdlc_parameters.decode(information) == HdlcParameters(128, 62)
    assert HdlcParameters(512, 512).agreed_with(HdlcParameters(128, 62)) == HdlcParameters(62, 128)
    assert hdlc_parameters.decode(b"") == HdlcParameters(128, 128, 1, 1)


@given(st.binary(max_size=40).map(lambda b: b"\x81\x80" + b))
def test_garbled_parameters_are_the_links_own_error(information):
    try:
        parameters = hdlc_parameters.decode(information)
    except LinkError:
        return
    assert 32 <= min(parameters[:2]) <= max(parameters[:2]) <= 2030
    assert 1 <= min(parameters[2:]) <= max(parameters[2:]) <= 7
