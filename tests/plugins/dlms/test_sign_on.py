"""IEC 62056-21: the sign-on at 300 baud, and the data readout of meters without DLMS."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_dlms.codec import mode_c
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.mode_c import DataSet
from meterhub_dlms.link import parity
from meterhub_dlms.link.errors import LinkError
from meterhub_dlms.link.mode_e import Goal, SignOn, State
from meterhub_dlms.link.readout import ReadoutCollector

ZMD = b"/LGZ5\\2ZMD4054407.B31\r\n"
LINES = ["F.F(00000000)", "1-1:1.8.0*255(000123.4*kWh)", "1.6.0(01.25*kW)(2310181015)", "0.9.1(120000)0.9.2(231115)"]


def drive(sign_on, octets, size=1):
    """Feed characters as a line brings them; the first action that they lead to."""
    for start in range(0, len(octets), size):
        action = sign_on.feed(octets[start : start + size])
        if action is not None:
            assert start + size >= len(octets)
            return action
    return None


@pytest.mark.parametrize("echo", [False, True])
@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_meter_is_brought_to_hdlc(echo, size):
    sign_on = SignOn()
    action = sign_on.start()
    assert (parity.remove(action.send), action.speed) == (b"/?!\r\n", 300)
    heard = (action.send if echo else b"") + parity.add(ZMD)
    action = drive(sign_on, heard, size)
    assert sign_on.identification == ("LGZ", 9600, "\\2", "ZMD4054407.B31")
    assert sign_on.identification.offers_hdlc
    assert (parity.remove(action.send), action.delay, action.done) == (b"\x06252\r\n", 0.2, False)
    action = drive(sign_on, action.send * (2 if echo else 1), size)
    assert (action.done, action.speed, action.send) == (True, 9600, b"")
    assert sign_on.state is State.DONE
    assert sign_on.parity_errors == 0


def test_a_meter_that_does_not_confirm_is_followed_after_a_silence():
    sign_on = SignOn(address="12345678", max_speed=4800)
    assert parity.remove(sign_on.start().send) == b"/?12345678!\r\n"
    assert parity.remove(sign_on.feed(parity.add(ZMD)).send) == b"\x06242\r\n"
    assert sign_on.silence().speed == 4800


def test_a_readout_is_asked_for_and_follows_at_once():
    sign_on = SignOn(Goal.READOUT)
    sign_on.start()
    action = sign_on.feed(parity.add(b"/EMH4\\@01LZQJ-XC-S5F6\r\n"))
    assert (parity.remove(action.send), action.speed, action.done) == (b"\x06040\r\n", 4800, True)
    assert not sign_on.identification.offers_hdlc


@pytest.mark.parametrize(
    "heard",
    [b"/XY\r\n", b"/ABCDEFG\r\n", b"/LGZ\r\n", b"nonsense" * 20, b"/LGZ5" + b"x" * 70 + b"\r\n", b"/LGZ5/LGZ5\r\n"],
)
def test_what_is_no_identification_ends_the_attempt(heard):
    sign_on = SignOn()
    sign_on.start()

    def attempt():
        drive(sign_on, parity.add(heard))
        sign_on.silence()

    with pytest.raises(LinkError):
        attempt()


def test_silence_and_another_mode_end_the_attempt():
    sign_on = SignOn()
    sign_on.start()
    with pytest.raises(LinkError, match="does not answer"):
        sign_on.silence()
    sign_on.start()
    sign_on.feed(parity.add(ZMD))
    with pytest.raises(LinkError, match="another mode"):
        sign_on.feed(parity.add(b"\x06050\r\n"))


@pytest.mark.parametrize("address", ["!", "x" * 33, "1\r\n", "ż"])
def test_addresses_that_cannot_be_sent_are_refused(address):
    with pytest.raises(LinkError, match="device address"):
        SignOn(address=address)


@given(st.binary(max_size=200), st.integers(1, 20))
def test_garbage_is_the_links_own_error(garbage, size):
    sign_on = SignOn()
    sign_on.start()
    try:
        for start in range(0, len(garbage), size):
            sign_on.feed(garbage[start : start + size])
    except LinkError:
        pass


@given(st.binary(max_size=50))
def test_parity_is_even_and_comes_off_again(octets):
    text = parity.remove(octets)
    sent = parity.add(text)
    assert parity.remove(sent) == text
    assert parity.errors(sent) == 0
    assert parity.errors(bytes(octet ^ 0x80 for octet in sent)) == len(sent)


def framed(content):
    checked = content + b"\x03"
    return b"\x02" + checked + bytes((mode_c.check_character(checked),))


READOUT = "".join(f"{line}\r\n" for line in [*LINES, "!"]).encode("ascii")


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_readout_is_collected_checked_and_parsed(size):
    collector, found = ReadoutCollector(), []
    stream = parity.add(b"\x06040\r\n" + framed(READOUT))
    for start in range(0, len(stream), size):
        found.append(collector.feed(stream[start : start + size]))
    assert mode_c.parse(mode_c.unframe(found[-1])) == [
        DataSet("F.F", "00000000"),
        DataSet("1-1:1.8.0*255", "000123.4", "kWh"),
        DataSet("1.6.0", "01.25", "kW"),
        DataSet("1.6.0", "2310181015", "", 1),
        DataSet("0.9.1", "120000"),
        DataSet("0.9.2", "231115"),
    ]


def test_numbers_keep_their_digits_and_text_is_none():
    assert DataSet("1.8.0", "000123.40").number == Decimal("123.40")
    assert str(DataSet("1.8.0", "000123.40").number) == "123.40"
    for text in ("", "abc", "1.2.3", "nan", "1e5", "12:30", "٣"):
        assert DataSet("0.0.0", text).number is None


@given(st.integers(1, len(framed(READOUT)) - 3), st.integers(1, 127))
def test_a_changed_readout_is_never_taken(place, change):
    octets = bytearray(framed(READOUT))
    octets[place] ^= change
    with pytest.raises(CodecError):
        mode_c.parse(mode_c.unframe(bytes(octets)))


def test_wrong_parity_is_told():
    stream = bytearray(parity.add(framed(READOUT)))
    stream[10] ^= 0x80
    with pytest.raises(LinkError, match="1 characters"):
        ReadoutCollector().feed(bytes(stream))


def test_an_endless_readout_is_ended():
    collector = ReadoutCollector()
    assert all(collector.feed(parity.add(b"\x02" * 1000)) is None for _ in range(65))
    with pytest.raises(LinkError, match="longer than"):
        collector.feed(parity.add(b"\x02" * 1000))


@pytest.mark.parametrize(
    "content",
    [b"", b"1.8.0(1)", b"1.8.0\r\n!\r\n", b"(1)\r\n!\r\n", b"1.8.0(1\r\n!\r\n", b"x" * 40 + b"(1)\r\n!\r\n",
     b"\xff(1)\r\n!\r\n",
     b"1.8.0(" + b"1" * 200 + b")\r\n!\r\n", b"a(1)\r\n" * 3000 + b"!\r\n"],
)  # fmt: skip
def test_lines_that_make_no_sense_are_refused(content):
    with pytest.raises(CodecError):
        mode_c.parse(content)


@given(st.binary(max_size=100))
def test_garbled_readouts_are_the_codecs_own_error(content):
    for octets in (content, framed(bytes(octet & 0x7F for octet in content))):
        try:
            mode_c.parse(mode_c.unframe(octets))
        except CodecError:
            pass
