"""APDUs of every service as XML and as a line; what gurux-dlms leaves out is said."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from meterhub_dlms.link.hdlc_frame import HdlcAddress, HdlcFrame, Kind
from meterhub_dlms.link.wrapper import wrap
from meterhub_dlms_explain import service as service_module
from meterhub_sdk import Refused

IMPORT = "1-0:1.8.0*255 Sum Li Active power+ (QI+QIV) Time integral 1 Rate 0 (0 is total)"
GET = "C0 01 C1 00 03 01 00 01 08 00 FF 02 00"
LOW_LEVEL = (
    "6036A1090607608574050801018A0207808B0760857405080201AC0A80083132333435363738BE10040E01000000065F1F0400001E1DFFFF"
)
WITH_LIST = "C003C1020003 0100010800FF 0200 0003 0100020800FF 0200"
PROFILE = (
    "C001C10007 0100630100FF 02 01 01 0204 0204 120008 0906 0000010000FF 0F02 120000"
    " 090C 07E60C1E05173B00FF800000 090C 07E60C1E05173B00FFFFC480 0100"
)


@pytest.mark.parametrize(
    ("apdu", "named", "invoke_id", "first_object"),
    [
        (GET, "get-request-normal", 1, f"{IMPORT}, class 3 Register, attribute 2"),
        (WITH_LIST, "get-request-with-list", 1, f"{IMPORT}, class 3 Register, attribute 2"),
        ("C401C70006000003E8", "get-response-normal", 7, None),
        ("C402C10000000001000400 0102", "get-response-with-data-block", 1, None),
        ("C101C100030100010800FF020006000003E8", "set-request-normal", 1, f"{IMPORT}, class 3 Register, attribute 2"),
        ("C501C100", "set-response-normal", 1, None),
        (
            "C30181004600006003 0AFF01010F00",
            "action-request-normal",
            1,
            "0-0:96.3.10*255 Disconnect control, class 70 Disconnect control, method 1",
        ),
        ("C701C10001000600000001", "action-response-normal", 1, None),
        ("C2000003 0100010800FF 02 06000003E8", "event-notification-request", None, None),
        ("0F40000009 00 0202 0906 0100010800FF 06000003E8", "data-notification", 9, IMPORT),
        ("050102FA00", "read-request", None, "short name fa00"),
        ("0C010006000003E8", "read-response", None, None),
        ("060102FA08010600000001", "write-request", None, "short name fa08"),
        ("0D0100", "write-response", None, None),
        ("0E010301", "confirmed-service-error", None, None),
        ("D80101", "exception-response", None, None),
        ("6203800100", "release-request", None, None),
        (LOW_LEVEL, "association-request", None, None),
    ],
)
async def test_every_service_is_named(explain, apdu, named, invoke_id, first_object):
    (frame,) = (await explain(apdu)).frames
    assert (frame.service, frame.invoke_id) == (named, invoke_id)
    assert first_object is None or frame.objects[0] == first_object


async def test_the_xml_holds_the_values_and_what_they_mean(explain):
    answer = await explain(wrap(16, 1, bytes.fromhex(PROFILE.replace(" ", ""))))
    (frame,) = ElementTree.fromstring(answer.xml)
    assert frame.attrib == {"Number": "1", "Layer": "wrapper", "Destination": "1", "Source": "16"}
    assert frame.find(".//ClassId").attrib == {"Value": "7", "Name": "Profile generic"}
    assert frame.find(".//InvokeIdAndPriority").attrib["Priority"] == "high"
    times = [element.get("Time") for element in frame.iter("OctetString") if element.get("Time")]
    assert times == [
        "2022-12-30 23:59:00, zone not told, clock status 00",
        "2022-12-30 23:59:00, +60 min from UTC, clock status 80",
    ]
    assert answer.frames[0].objects[1] == "0-0:1.0.0*255 Clock object #1"


async def test_texts_are_shown_beside_their_octets(explain):
    answer = await explain("C401C100 0202 0A03 3C263E 0910 4C475A35303131343833334C475A3530 ")
    texts = [element.get("Text") for element in ElementTree.fromstring(answer.xml).iter() if element.get("Text")]
    assert texts == ["<&>", "LGZ50114833LGZ50"]


async def test_an_hdlc_session_is_explained_frame_by_frame(explain):
    client, server = HdlcAddress.client(16), HdlcAddress.server(1, 17)
    parameters = bytes.fromhex("818014050200800602008007040000000108040000000 1".replace(" ", ""))
    block = (
        HdlcFrame(server, client, Kind.SNRM, True, 0, 0, b"").encode()
        + HdlcFrame(client, server, Kind.UA, True, 0, 0, parameters).encode()
        + HdlcFrame(server, client, Kind.I, True, 0, 0, b"\xe6\xe6\x00" + bytes.fromhex(GET)).encode()
        + HdlcFrame(client, server, Kind.I, True, 0, 1, b"\xe6\xe7\x00" + bytes.fromhex("c401c10006000003e8")).encode()
    )
    answer = await explain(block)
    assert [(frame.layer, frame.source, frame.service) for frame in answer.frames] == [
        ("HDLC SNRM P/F", "16", ""),
        ("HDLC UA P/F", "1/17", ""),
        ("HDLC I N(R)=0 N(S)=0 P/F", "16", "get-request-normal"),
        ("HDLC I N(R)=1 N(S)=0 P/F", "1/17", "get-response-normal"),
    ]
    assert not any(frame.notes for frame in answer.frames)
    assert ElementTree.fromstring(answer.xml).find(".//MaxInfoTX").get("Value") == "128"


async def test_the_blocks_of_a_long_answer_are_put_together(explain):
    one = "C402C1 00 00000001 00 06 020206000003"
    other = "C402C1 01 00000002 00 06 E80600000001"
    answer = await explain(f"{GET};{one};{other}")
    (whole,) = ElementTree.fromstring(answer.xml).iter("Assembled")
    assert [element.get("Value") for element in whole.iter("UInt32")] == ["1000", "1"]
    for incomplete in (f"{one};{other}", f"{GET};{other}", f"{WITH_LIST};{one};{other}"):
        assert "Assembled" not in (await explain(incomplete)).xml


@pytest.mark.parametrize(
    ("apdu", "note"),
    [
        ("C403C1020006000003E80103", "gurux-dlms shows 1 of 2 items of Result; it leaves out results that are errors"),
        ("C401C1000103 0600000001", "the array of 3 elements is cut off after 1"),
        ("C401C100 0910 FFFFFF", "a value is cut off"),
        ("C401C100 0600000001 FFFF", "octets at the end that gurux-dlms left unread: 2"),
        ("C401C1000184FFFFFFFF00", "the array of 4294967295 elements is cut off after 1"),
        ("C001", "gurux-dlms cannot read it"),
        ("FF 01", "ff is not the first octet of an APDU that gurux-dlms knows"),
        ("C401C100" + "0201" * 3000 + "00", "its data are nested too deep"),
        ("60 7F A1", "the element 60 of the association is cut off"),
        ("DD 00 00", "general-ciphering with its own key information is not taken apart here"),
    ],
)
async def test_what_is_left_out_or_cannot_be_read_is_said(explain, apdu, note):
    answer = await explain(apdu)
    assert any(told.startswith(note) for told in answer.frames[0].notes), answer.frames[0].notes
    assert note in answer.xml


async def test_passwords_and_dedicated_keys_are_not_shown(explain):
    key = "00112233445566778899AABBCCDDEEFF"
    initiate = f"0110{key}0000065F1F0400001E1DFFFF".replace("0110", "010110", 1)
    body = f"A1090607608574050801018A0207808B0760857405080201AC0A80083132333435363738BE{len(initiate) // 2 + 2:02X}04"
    body += f"{len(initiate) // 2:02X}{initiate}"
    answer = await explain(f"60{len(body) // 2:02X}{body}")
    assert answer.frames[0].notes == []
    assert answer.xml.count('Value="not shown"') == 2
    assert key not in answer.xml.upper()
    assert "3132333435363738" not in answer.xml


async def test_too_many_frames_are_refused(explain):
    with pytest.raises(Refused, match="there are more than 500 frames; give fewer of them at once"):
        await explain(wrap(16, 1, b"\x0d\x00") * 501)


async def test_too_long_an_answer_is_refused(explain, monkeypatch):
    monkeypatch.setattr(service_module, "MOST_XML", 64 * 1024)
    with pytest.raises(Refused, match="the XML would be longer than 64 KiB; give fewer frames at once"):
        await explain("C401C100 0182 1000" + "00" * 0x1000)
