"""The frame recorder's end in a plugin: bounded memory, the newest frames, and no secrets."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from meterhub_sdk import place_of
from meterhub_sdk.frames import CHANNEL_LIMIT, CLOSED_LIMIT, JOINED, WORKER_LIMIT, FrameChannel, Recorder
from meterhub_sdk.redaction import Redactor

SECRET = b"s3cret-of-the-meter"
OID = bytes.fromhex("60857405080201")
LLS = bytes.fromhex("601d a109060760857405080101 8a020780 8b07") + OID
AARQ = (
    LLS
    + bytes((0xAC, len(SECRET) + 2, 0x80, len(SECRET)))
    + SECRET
    + bytes.fromhex("be10040e01000000065f1f0400001e1dffff")
)
NAMELESS = bytes.fromhex("8a020780ac") + bytes((len(SECRET) + 2, 0x80, len(SECRET))) + SECRET + b"\xbe"
SET = bytes.fromhex("c101c1000f0000280000ff070009") + bytes((len(SECRET),)) + SECRET
CHANGE = bytes.fromhex("c301c1000f0000280001ff020109") + bytes((len(SECRET),)) + SECRET
PROGRAMMING = b"\x01P1\x02(" + SECRET + b")\x03\x11"
EVEN = bytes(octet | (octet.bit_count() % 2) << 7 for octet in PROGRAMMING)
HTTP = b"GET / HTTP/1.1\r\nAuthorization: Basic " + SECRET + b"\r\n\r\n"


def octets_of(channel: FrameChannel) -> list[bytes]:
    return [frame[-1] for frame in channel.frames]


def channel(recorder: Recorder | None = None, **settings: object) -> FrameChannel:
    return (recorder or Recorder()).of("service").channel("one", **({"link": "tcp"} | settings))  # type: ignore[arg-type]


def test_frames_are_kept_with_time_direction_and_octets():
    kept = channel()
    kept.received(bytearray(b"question"), time=17)
    kept.sent(b"answer", redacted=True, time=18)
    assert [(t, sent, redacted, octets) for t, _, sent, redacted, octets in kept.frames] == [
        (17, False, False, b"question"),
        (18, True, True, b"answer"),
    ]


def test_a_full_channel_forgets_its_oldest_frames_and_counts_them():
    kept = channel()
    for number in range(2000):
        kept.received(number.to_bytes(2, "big") * 200)
    assert kept.octets <= CHANNEL_LIMIT
    assert kept.dropped == 2000 - len(kept.frames) > 0
    assert octets_of(kept)[-1][:2] == (1999).to_bytes(2, "big")


def test_all_channels_together_are_bounded_and_the_oldest_frame_goes_first():
    recorder = Recorder()
    channels = [channel(recorder) for _ in range(40)]
    for turn in range(300):
        for each in channels:
            each.sent(bytes(700), time=turn + 1)
    assert recorder.octets <= WORKER_LIMIT
    assert recorder.octets == sum(each.octets for each in channels)
    oldest = [each.frames[0][0] for each in channels]
    assert max(oldest) - min(oldest) < 80  # frames go in lots of 64


def test_a_frame_larger_than_a_channel_is_kept_alone():
    kept = channel()
    kept.sent(b"small")
    kept.sent(bytes(CHANNEL_LIMIT + 1))
    assert len(kept.frames) == 1


def test_closed_channels_stay_for_a_while_and_empty_ones_do_not():
    recorder = Recorder()
    channel(recorder).close()
    assert recorder.channels == []
    for number in range(CLOSED_LIMIT + 10):
        each = channel(recorder)
        each.sent(b"%d" % number)
        each.close()
        each.close()
    assert len(recorder.channels) == CLOSED_LIMIT
    assert octets_of(recorder.channels[-1]) == [b"%d" % (CLOSED_LIMIT + 9)]
    assert recorder.dropped == 10
    assert recorder.octets == sum(each.octets for each in recorder.channels)


def test_pieces_of_a_serial_line_become_one_entry_until_the_other_side_speaks():
    kept = channel(link="dlms-hdlc")
    for number, piece in enumerate((b"\x7e\xa0", b"\x07", b"\x7e")):
        kept.received(piece, time=1_000 + number * JOINED // 2)
    kept.sent(b"\x7e", time=1_000 + 2 * JOINED)
    kept.received(b"\x7e", time=1_000 + 2 * JOINED + 1)
    kept.received(b"late", time=1_000 + 4 * JOINED)
    assert octets_of(kept) == [b"\x7e\xa0\x07\x7e", b"\x7e", b"\x7e", b"late"]


@pytest.mark.parametrize("message", [AARQ, NAMELESS, SET, CHANGE, PROGRAMMING, HTTP, b"noise" * 200 + AARQ + AARQ])
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_no_secret_is_kept_however_it_comes_in_pieces(message, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(message)), max_size=8)))
    redactor, cleaned, found = Redactor(), b"", False
    for start, end in zip([0, *cuts], [*cuts, len(message)], strict=True):
        piece, redacted = redactor.clean(message[start:end])
        assert len(piece) == end - start
        cleaned, found = cleaned + piece, found or redacted
    assert found
    assert cleaned == message.replace(SECRET, b"*" * len(SECRET))


def test_a_password_with_parity_bits_is_blanked():
    cleaned, found = Redactor().clean(EVEN)
    plain = bytes(octet & 0x7F for octet in cleaned)
    assert found
    assert SECRET not in plain
    assert plain.endswith(b")\x03\x11")


def test_an_octet_string_of_another_object_and_a_challenge_stay():
    other = bytes.fromhex("c101c1000100006001 00ff020009") + bytes((len(SECRET),)) + SECRET
    challenge = AARQ.replace(OID, OID[:-1] + b"\x05")
    for message in (other, challenge):
        assert Redactor().clean(message) == (message, False)


@given(st.lists(st.binary(max_size=80), max_size=30))
def test_what_holds_no_sign_of_a_secret_passes_unchanged(pieces):
    kept = channel(redact=True)
    for piece in pieces:
        kept.sent(piece)
    for piece, (_, _, _, redacted, octets) in zip(pieces, kept.frames, strict=True):
        assert redacted or octets == piece


def test_addresses_are_told_as_people_write_them():
    assert place_of(("10.0.0.5", 2404)) == "10.0.0.5:2404"
    assert place_of(("::1", 502, 0, 0)) == "[::1]:502"
    assert place_of(None) == ""
