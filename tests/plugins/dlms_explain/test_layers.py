"""Frames made by the DLMS plugin are taken apart here; what is damaged is said, not explained."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_dlms.link.hdlc_frame import HdlcAddress, HdlcFrame, Kind
from meterhub_dlms.link.wrapper import wrap
from meterhub_dlms_explain.layers import Splitter

CLIENT, SERVER = HdlcAddress.client(16), HdlcAddress.server(1, 17)
GET = bytes.fromhex("c001c100030100010800ff0200")
RESPONSE = bytes.fromhex("c401c10006000003e8")


def information(octets, *, segmented=False, receive=0, send=0, destination=SERVER, source=CLIENT):
    return HdlcFrame(destination, source, Kind.I, True, send, receive, octets, segmented).encode()


def split(block):
    return list(Splitter().frames(block))


@pytest.mark.parametrize(
    ("server", "written"),
    [
        (HdlcAddress.server(1), "1"),
        (HdlcAddress.server(1, 17), "1/17"),
        (HdlcAddress.server(1, 8821), "1/8821"),
    ],
)
def test_addresses_of_one_two_and_four_octets(server, written):
    (frame,) = split(information(b"\xe6\xe6\x00" + GET, destination=server))
    assert (frame.destination, frame.source, frame.apdu) == (written, "16", GET)


def test_frames_without_data_are_named_with_their_numbers():
    block = b"".join(
        HdlcFrame(SERVER, CLIENT, kind, True, 0, 3, b"").encode() for kind in (Kind.SNRM, Kind.RR, Kind.DISC)
    )
    assert [frame.description for frame in split(block)] == ["SNRM P/F", "RR N(R)=3 P/F", "DISC P/F"]


def test_one_flag_may_stand_between_two_frames_and_many_before_them():
    one, other = information(b"\xe6\xe6\x00" + GET), information(b"\xe6\xe7\x00" + RESPONSE)
    frames = split(b"\x7e\x7e" + one[:-1] + other + b"\x7e")
    assert [frame.apdu for frame in frames] == [GET, RESPONSE]


@given(st.binary(min_size=1, max_size=200), st.integers(1, 60))
def test_segments_are_put_together_though_others_come_between(apdu, size):
    octets = b"\xe6\xe7\x00" + apdu
    parts = [octets[at : at + size] for at in range(0, len(octets), size)]
    ready = HdlcFrame(SERVER, CLIENT, Kind.RR, True, 0, 1, b"").encode()
    foreign = information(b"\xe6\xe6\x00" + GET, destination=HdlcAddress.server(1, 18))
    block = b"".join(
        information(part, segmented=number < len(parts), destination=CLIENT, source=SERVER) + ready + foreign
        for number, part in enumerate(parts, 1)
    )
    whole = [frame.apdu for frame in split(block) if frame.source == "1/17" and frame.apdu]
    assert whole == [apdu]


def test_wrapper_frames_follow_each_other():
    frames = split(wrap(16, 1, GET) + wrap(1, 16, RESPONSE))
    assert [(frame.source, frame.destination, frame.apdu) for frame in frames] == [
        ("16", "1", GET),
        ("1", "16", RESPONSE),
    ]


def test_a_bare_apdu_takes_the_rest():
    (frame,) = split(GET + b"\x7e\x7e")
    assert (frame.layer, frame.apdu) == ("APDU", GET + b"\x7e\x7e")


WHOLE = information(b"\xe6\xe6\x00" + GET)


@pytest.mark.parametrize(
    ("block", "said"),
    [
        (WHOLE[:-3] + bytes([WHOLE[-3] ^ 1]) + WHOLE[-2:], "frame check sequence of the HDLC frame is"),
        (WHOLE[:5] + bytes([WHOLE[5] ^ 0x10]) + WHOLE[6:], "check sequence of the HDLC frame is"),
        (WHOLE[:10], "tells a length of 26 octets, and 9 are there"),
        (WHOLE[:-1] + b"\x00", "the flag 7e is missing after the 26 octets"),
        (b"\x7e\x12\x34", "12 34 is no HDLC format field; after the flag 7e follows a0 to af"),
        (b"\x7e", None),
        (wrap(16, 1, GET)[:-1], "the wrapper tells 13 octets, and 12 follow"),
        (b"\x00\x01\x00", "a wrapper header has 8 octets, and 3 are there"),
    ],
)
def test_a_damaged_frame_is_said_and_not_explained(block, said):
    frames = split(block)
    assert [said in frame.fault and not frame.apdu for frame in frames] == ([True] if said else [])


@given(
    st.lists(st.sampled_from([WHOLE, wrap(16, 1, GET), b"\x7e", b"\x7e\xa0", GET]), max_size=8), st.binary(max_size=40)
)
def test_every_octet_belongs_to_a_frame_whatever_comes(blocks, noise):
    block = b"".join(blocks) + noise
    frames = split(block)
    at = 0
    for frame in frames:
        assert (frame.start, frame.octets > 0) == (at, True)
        at += frame.octets
    assert set(block[at:]) <= {0x7E}
