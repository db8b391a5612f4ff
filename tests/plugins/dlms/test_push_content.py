"""What real meters push, decoded: bytes of captures that were published, with their sources beside them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_dlms.client.values import ScalerUnit
from meterhub_dlms.codec import axdr, cosem_time
from meterhub_dlms.codec.axdr import Data, decode, encode
from meterhub_dlms.codec.ciphering import Ciphering, Keys, Protection, SecurityError
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.ln import Attribute
from meterhub_dlms.codec.notification import decode_data_notification
from meterhub_dlms.local_time import complete
from meterhub_dlms.push import content
from meterhub_dlms.push.framing import Assembler, HdlcFraming
from meterhub_dlms.push.settings import PushMeter
from meterhub_dlms.push.stamp import stamp
from meterhub_sdk import zone_of

CAPTURES = json.loads((Path(__file__).parent / "push_captures.json").read_text())


def capture(name: str) -> bytes:
    return bytes.fromhex(CAPTURES[name]["hex"])


def apdus(stream: bytes, size: int = 7) -> list[bytes]:
    framing, assembler, found = HdlcFraming(65535), Assembler(65535), []
    for start in range(0, len(stream), size):
        for packet in framing.feed(stream[start : start + size]):
            apdu, acknowledgement = assembler.feed(packet)
            assert acknowledgement is None
            if apdu is not None:
                found.append(apdu)
    return found


def named(data: Data) -> dict[str, tuple[object, ScalerUnit | None]]:
    found = content.read(data).elements
    return {e.name.logical_name.hex(): (e.data.value, e.scaler) for e in found if e.name is not None}


def at_places(data: Data) -> dict[str, object]:
    return {element.place: element.data.value for element in content.read(data).elements}


def test_an_aidon_list_carries_names_scalers_and_units():
    pushed = decode_data_notification(capture("aidon-3"))
    values = named(pushed.data)
    assert pushed.time == b""
    assert len(values) == 17
    assert values["0101000281ff"] == (b"AIDON_V0001", None)
    assert values["0100010700ff"] == (280, ScalerUnit(0, "W"))
    assert values["01001f0700ff"] == (13, ScalerUnit(-1, "A"))
    assert values["0100200700ff"] == (2276, ScalerUnit(-1, "V"))
    assert values["0100010800ff"] == (2272138, ScalerUnit(1, "Wh"))
    assert at_places(pushed.data)["4.2"] == 280
    assert content.read(pushed.data).length == 17


def test_a_kamstrup_list_has_a_name_before_each_value():
    pushed = decode_data_notification(capture("kamstrup-2"))
    values = named(pushed.data)
    assert [name for name, (_, scaler) in values.items() if scaler is not None] == []
    assert values["0101000005ff"] == (b"5706567000000000", None)
    assert values["0001010000ff"] == (bytes.fromhex("07E1081003100005FF800000"), None)
    assert values["0101010800ff"] == (0, None)
    assert at_places(pushed.data)["1"] == b"Kamstrup_V0001"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("lg-e360", {"00002a0000ff": b"LGZ1030163598905", "0101010800ff": 21956, "0100200700ff": 2357}),
        ("iskra-am550", {"00002a0000ff": b"ISK1030783821282", "0101010800ff": 15207, "0100200700ff": 2347}),
    ],
)
def test_long_frames_and_segments_are_put_together(name, values):
    (apdu,) = apdus(capture(name))
    found = named(decode_data_notification(apdu).data)
    assert {name: found[name][0] for name in values} == values


def test_a_damaged_segment_spoils_its_push_alone():
    stream = capture("iskra-am550")
    spoiled = bytearray(stream)
    spoiled[200] ^= 1
    framing = HdlcFraming(65535)
    assert [packet.apdu for packet in framing.feed(bytes(spoiled) + stream)][-1:] == apdus(stream)


def test_an_e570_encrypts_its_blocks():
    (apdu,) = apdus(capture("lg-e570"))
    keys = Keys(bytes.fromhex(CAPTURES["lg-e570"]["key"]), bytes(16))
    ciphering = opening(bytes.fromhex("4c475a6774206295"), keys, Protection.ENCRYPTED)
    found = named(decode_data_notification(ciphering.unprotect(apdu)).data)
    assert found["00002a0000ff"] == (b"LGZ1030769231253", None)


def test_a_flag_within_a_frame_ends_nothing():
    (apdu,) = apdus(capture("kaifa-frame"))
    assert decode_data_notification(apdu).data.value == [Data(axdr.UINT32, 0x157E)]


def test_a_kaifa_list_is_known_by_its_places_alone():
    pushed = decode_data_notification(capture("kaifa-3"))
    places = at_places(pushed.data)
    assert named(pushed.data) == {}
    assert (places["1"], places["4"], places["15"]) == (b"KFM_001", 4904, 79591144)
    assert content.read(pushed.data).length == 18


def test_an_e450_tells_its_push_object_list_in_blocks_without_llc():
    (apdu,) = apdus(capture("lg-e450"))
    pushed = decode_data_notification(apdu)
    found = {element.name: element.data.value for element in content.read(pushed.data).elements if element.name}
    assert found[Attribute(1, bytes.fromhex("00002a0000ff"), 2)] == b"LGZ1030655933512"
    assert found[Attribute(3, bytes.fromhex("0100010700ff"), 2)] == 28
    assert found[Attribute(3, bytes.fromhex("0101010800ff"), 2)] == 886977
    assert found[Attribute(3, bytes.fromhex("01000d0700ff"), 2)] == 941
    assert found[Attribute(8, bytes.fromhex("0000010000ff"), 2)] == bytes.fromhex("07E50706020E3A12FF800081")
    assert 0 not in [value for name, value in found.items() if name.logical_name == bytes.fromhex("0100010700ff")]


def test_a_lost_or_doubled_block_of_an_e450_gives_nothing_and_the_next_push_is_whole():
    one, two, three, four = (b"\x7e" + frame for frame in re.split(rb"(?<=\x7e)\x7e", b"\x7e" + capture("lg-e450"))[1:])
    framing, assembler, found = HdlcFraming(65535), Assembler(65535), []
    for frame in (one, two, two, four, three, one, three, one, two, three, four):
        for packet in framing.feed(frame):
            try:
                found.append(assembler.feed(packet)[0])
            except CodecError:
                found.append(b"broken")
    assert [apdu for apdu in found if apdu not in (None, b"broken")] == apdus(capture("lg-e450"))
    assert found.count(b"broken") == 3


def opening(title: bytes, keys: Keys, protection: Protection) -> Ciphering:
    return Ciphering(bytes(8), keys, lambda: 0, protection, partner=title)


def test_an_im350_encrypts_without_authentication():
    (apdu,) = apdus(capture("iskra-im350"))
    ciphering = opening(
        bytes.fromhex("534D53677004C446"),
        Keys(bytes.fromhex(CAPTURES["iskra-im350"]["key"]), bytes(16)),
        Protection.ENCRYPTED,
    )
    pushed = decode_data_notification(ciphering.unprotect(apdu))
    places = at_places(pushed.data)
    assert (places["2"], places["5"], places["8"]) == (b"2221202033801", 2946830, 2116972)
    meter = PushMeter(label="m", host="192.0.2.1")
    time, _ = stamp(pushed.time, [], meter, None)
    assert time == int(datetime(2021, 3, 7, 13, 55, 33, tzinfo=UTC).timestamp()) * 10**9
    with pytest.raises(SecurityError, match="protects less"):
        opening(ciphering.partner, ciphering.keys, Protection.BOTH).unprotect(apdu)


def test_the_tag_of_a_capture_with_public_keys_is_verified():
    keys = Keys(*(bytes.fromhex(CAPTURES["ciphered"][key]) for key in ("key", "authentication_key")))
    apdu, title = capture("ciphered"), bytes.fromhex("2f19229199164103")
    pushed = decode_data_notification(opening(title, keys, Protection.BOTH).unprotect(apdu))
    assert (pushed.invoke, pushed.time, len(pushed.data.value)) == (475, b"", 34)
    for place in range(11, len(apdu)):
        changed = bytearray(apdu)
        changed[place] ^= 1
        with pytest.raises(CodecError):
            opening(title, keys, Protection.BOTH).unprotect(bytes(changed))


DEFINITION = "0204 12 0003 0906 0100010700ff 0f02 12 0000"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0203 0906 0100010700ff 06 00000007 0202 0f01 161e", {"0100010700ff": (7, ScalerUnit(1, "Wh"))}),
        ("0204 12 0003 0906 0100010700ff 0f02 06 00000007", {"0100010700ff": (7, None)}),
        (f"0101 {DEFINITION}", {}),
        (f"0202 0102 {DEFINITION} {DEFINITION} 06 00000007", {"0100010700ff": (7, None)}),
        (f"0203 0102 {DEFINITION} {DEFINITION} 06 00000007 1107", {}),
        ("0203 12 0003 0906 0100010700ff 0f02", {}),
        ("13 02 02 09 06 1d" + "06 0100010700ff 00000007" + "06 0100020700ff 00000008" + "06 0100030700ff", None),
        ("13 02 02 09 06 16" + "06 0100010700ff 00000007" + "06 0100020700ff 00000008",
         {"0100010700ff": (7, None), "0100020700ff": (8, None)}),
        ("0202 0906 0100010700ff 0202 0f01 161e", {"0100010700ff": None}),
        ("06 00000007", {}),
        ("0906 0100010700ff", {}),
        ("0100", {}),
    ],
)  # fmt: skip
def test_names_are_found_where_they_are_and_nowhere_else(text, expected):
    data = decode(bytes.fromhex(text))
    if expected is None:
        with pytest.raises(CodecError):
            content.read(data)
        return
    found = named(data)
    assert found.keys() == expected.keys()
    assert all(value is None or found[name] == value for name, value in expected.items())


def test_a_push_with_too_many_values_is_refused():
    data = Data(axdr.ARRAY, [Data(axdr.NULL, None)] * (content.MAX_ELEMENTS + 1))
    with pytest.raises(CodecError, match="more than"):
        content.read(data)


leaves = st.one_of(
    st.integers(0, 2**32 - 1).map(lambda number: Data(axdr.UINT32, number)),
    st.integers(-100, 100).map(lambda number: Data(axdr.INT8, number)),
    st.integers(0, 2**16 - 1).map(lambda number: Data(axdr.UINT16, number)),
    st.binary(min_size=4, max_size=8).map(lambda text: Data(axdr.OCTET_STRING, text)),
)
trees = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=6).map(lambda items: Data(axdr.STRUCTURE, items)), max_leaves=30
)


@given(trees)
def test_every_place_leads_to_the_value_that_stands_there(tree):
    for element in content.read(tree).elements:
        there = Data(axdr.STRUCTURE, [tree]) if tree.tag != axdr.STRUCTURE else tree
        for step in element.place.split("."):
            there = there.value[int(step) - 1]
        assert there == element.data


@given(st.lists(st.tuples(st.binary(min_size=6, max_size=6), st.integers(0, 2**32 - 1)), max_size=20))
def test_pairs_of_name_and_value_are_found_again(pairs):
    items = [Data(*part) for name, value in pairs for part in ((axdr.OCTET_STRING, name), (axdr.UINT32, value))]
    found = content.read(decode(encode(Data(axdr.STRUCTURE, items)))).elements
    assert [(e.name.logical_name, e.data.value) for e in found if e.name] == pairs


def at(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp()) * 10**9


SUMMER = bytes.fromhex("07e70701060c0000ff800000")
"""1 July 2023, 12:00:00, without a deviation."""


@pytest.mark.parametrize(
    ("octets_", "settings", "expected"),
    [
        (SUMMER, {}, None),
        (SUMMER, {"zone": "Europe/Warsaw"}, at(2023, 7, 1, 10, 0)),
        (SUMMER, {"zone": "UTC"}, at(2023, 7, 1, 12, 0)),
        (SUMMER[:9] + b"\xff\x88\x80", {"zone": "UTC"}, at(2023, 7, 1, 10, 0)),
        (SUMMER[:9] + b"\xff\x88\x80", {"deviation": "inverted"}, at(2023, 7, 1, 14, 0)),
        (SUMMER[:9] + b"\x00\x00\x00", {"deviation": "ignored", "zone": "Europe/Warsaw"}, at(2023, 7, 1, 10, 0)),
        (b"\xff" * 12, {"zone": "UTC"}, None),
        (b"\x27\x0f" + SUMMER[2:9] + b"\x00\x00\x00", {}, None),
        (b"\x07" * 11, {"zone": "UTC"}, None),
        (bytes.fromhex("07e70a1d07020f00ff800080"), {"zone": "Europe/Warsaw"}, at(2023, 10, 29, 0, 15)),
        (bytes.fromhex("07e70a1d07020f00ff800000"), {"zone": "Europe/Warsaw"}, at(2023, 10, 29, 1, 15)),
        (bytes.fromhex("07e70a1d07020f00ff8000ff"), {"zone": "Europe/Warsaw"}, at(2023, 10, 29, 0, 15)),
    ],
)
def test_the_time_is_that_of_the_meter_where_it_can_be_told(octets_, settings, expected):
    meter = PushMeter.model_validate({"label": "m", "host": "192.0.2.1", **settings})
    found = stamp(octets_, [], meter, zone_of(meter.zone) if meter.zone else None)
    assert (None if found is None else found[0]) == expected


def test_the_clock_among_the_values_stands_in_for_a_push_without_time():
    pushed = decode_data_notification(capture("aidon-3"))
    meter = PushMeter(label="m", host="192.0.2.1")
    assert stamp(b"", content.read(pushed.data).elements, meter, None)[0] == at(2020, 1, 21, 16, 0)


@given(st.binary(max_size=14))
def test_completing_any_octets_leaves_a_deviation_or_the_octets_as_they_were(given_octets):
    completed = complete(given_octets, zone_of("Europe/Warsaw"))
    assert completed == given_octets or cosem_time.decode(completed).time is not None
