"""Ciphered APDUs are opened only where the tag proves that what comes out is what was sent."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_dlms.codec.ciphering import Ciphering, Protection, Wrapping
from meterhub_dlms.codec.ciphering import Keys as PeerKeys
from meterhub_dlms_explain.protection import Keys, read_protected, reveal
from meterhub_dlms_explain.settings import ExplainConfig, FrameArguments
from meterhub_sdk import Refused
from pydantic import ValidationError

TITLE = "4d4d4d0000bc614e"
EXAMPLES = {
    "authenticated and encrypted": "C81E3001234567411312FF935A47566827C467BC7D825C3BE4A77C3FCC056B6B",
    "authenticated": "C81E1001234567C0010000080000010000FF020006725D910F9221D263877516",
    "encrypted": "C8122001234567411312FF935A47566827C467BC",
}
"""The Green Book's GET request for the clock, in its three protections."""
KEYS = Keys(bytes(range(16)), bytes(range(0xD0, 0xE0)))
DEDICATED = bytes(range(0x40, 0x50))
GET = bytes.fromhex("c001c100030100010800ff0200")
RESPONSE = bytes.fromhex("c401c10006000003e8")
CLIENT_TITLE, SERVER_TITLE = b"MHB\x00\x00\x00\x00\x01", b"LGZ\x00\x00\x00\x00\x02"


def peer(title, *, wrapping=Wrapping.GLOBAL, protection=Protection.BOTH):
    keys = PeerKeys(KEYS.encryption, KEYS.authentication, DEDICATED)
    return Ciphering(title, keys, iter(range(7, 100)).__next__, protection, wrapping)


def association(tag, title_tag, title, information):
    body = b"\xa1\x09\x06\x07\x60\x85\x74\x05\x08\x01\x03"
    body += bytes([title_tag, 10, 4, 8]) + title
    body += bytes([0xBE, len(information) + 2, 4, len(information)]) + information
    return bytes([tag, len(body)]) + body


@pytest.mark.parametrize("how", ["authenticated and encrypted", "authenticated"])
async def test_the_examples_of_the_green_book_are_opened(explain, how):
    answer = await explain(EXAMPLES[how], keys="meter-1", system_title=TITLE.upper())
    (frame,) = answer.frames
    assert (frame.service, frame.notes) == ("glo-get-request: get-request-normal", [])
    assert frame.objects == ["0-0:1.0.0*255 Clock object #1, class 8 Clock, attribute 2"]
    assert ElementTree.fromstring(answer.xml).find(".//Ciphered").get("Verified") == "true"


@pytest.mark.parametrize(
    ("apdu", "more", "note"),
    [
        (
            EXAMPLES["encrypted"],
            {"keys": "meter-1", "system_title": TITLE},
            "it carries no tag, so nothing would prove",
        ),
        (EXAMPLES["authenticated"], {}, "it is ciphered, and no keys were given for it"),
        (EXAMPLES["authenticated"], {"keys": "meter-1"}, "the sender's system title is not known"),
        (
            EXAMPLES["authenticated"],
            {"keys": "meter-1", "system_title": "00" * 8},
            "its tag is not right under these keys and the system title 0000000000000000",
        ),
        ("DB 03 010203 05 3000000001", {"keys": "meter-1"}, "a system title has 8 octets"),
        ("C8 05 B0 00000001", {"keys": "meter-1"}, "it is compressed, which is not undone here"),
        ("C8 05 70 00000001", {"keys": "meter-1"}, "it is ciphered with the broadcast key"),
        ("C8 03 30 0000", {}, "the security header of the glo-get-request is cut off after 3 octets"),
        ("C8 84FFFFFFFF 30", {}, "the glo-get-request is cut off: 4294967295 octets should follow, and 1 are there"),
        ("D0 05 30 00000001 00", {}, "1 octets follow the ded-get-request that do not belong to it"),
    ],
)
async def test_what_is_not_proved_is_not_opened(explain, apdu, more, note):
    answer = await explain(apdu, **more)
    assert answer.frames[0].notes[0].startswith(note), answer.frames[0].notes
    assert "GetRequest" not in answer.xml
    assert 'Verified="true"' not in answer.xml


@given(st.integers(0, 8 * 32 - 1))
def test_no_bit_can_be_changed_unnoticed(bit):
    apdu = bytearray.fromhex(EXAMPLES["authenticated and encrypted"])
    apdu[bit // 8] ^= 1 << bit % 8
    if bytes(apdu[:1]) != b"\xc8":
        return  # the tag of the APDU itself is not protected; the content still is
    with pytest.raises(ValueError, match=r"tag is not right|cut off|compressed|broadcast|carries no tag|belong to it"):
        reveal(read_protected(bytes(apdu)), KEYS, [bytes.fromhex(TITLE)])


@pytest.mark.parametrize("wrapping", [Wrapping.GLOBAL, Wrapping.GENERAL_GLOBAL])
async def test_what_the_dlms_plugin_protects_is_opened_with_titles_from_the_association(explain, wrapping):
    client, server = peer(CLIENT_TITLE, wrapping=wrapping), peer(SERVER_TITLE, wrapping=wrapping)
    initiate = bytes.fromhex("01000000065f1f0400001e1dffff")
    request = association(0x60, 0xA6, CLIENT_TITLE, client.protect(initiate, Wrapping.GLOBAL))
    accepted = bytes.fromhex("0800065f1f0400001e1d04c80007")
    answered = association(0x61, 0xA4, SERVER_TITLE, server.protect(accepted, Wrapping.GLOBAL))
    session = [request, answered, client.protect(GET), server.protect(RESPONSE)]
    answer = await explain(";".join(apdu.hex() for apdu in session), keys="meter-1")
    assert [frame.notes for frame in answer.frames] == [[], [], [], []]
    assert [frame.service.rpartition(": ")[2] for frame in answer.frames] == [
        "association-request",
        "association-response",
        "get-request-normal",
        "get-response-normal",
    ]
    root = ElementTree.fromstring(answer.xml)
    assert root.find(".//AssociationRequest/Ciphered/InitiateRequest") is not None
    assert root.find(".//UInt32").get("Value") == "1000"


async def test_a_dedicated_key_is_learned_from_the_association_and_not_shown(explain):
    client, server = (peer(title, wrapping=Wrapping.DEDICATED) for title in (CLIENT_TITLE, SERVER_TITLE))
    initiate = b"\x01\x01\x10" + DEDICATED + bytes.fromhex("0000065f1f0400001e1dffff")
    request = association(0x60, 0xA6, CLIENT_TITLE, client.protect(initiate, Wrapping.GLOBAL))
    session = ";".join(apdu.hex() for apdu in (request, client.protect(GET)))
    answer = await explain(session, keys="meter-1")
    assert [frame.service for frame in answer.frames] == ["association-request", "ded-get-request: get-request-normal"]
    assert DEDICATED.hex() not in answer.xml.lower()
    alone = await explain(server.protect(RESPONSE), keys="meter-1", system_title=SERVER_TITLE.hex())
    assert alone.frames[0].notes == ["it is ciphered, and no keys were given for it"]


async def test_keys_are_named_by_their_label_and_must_be_keys(service):
    arguments = FrameArguments(hex=EXAMPLES["authenticated"], keys="meter-2")
    with pytest.raises(Refused, match="the settings of dlms-explain have no keys called 'meter-2'"):
        await service.frame(arguments)
    service.hub.secrets["ek"] = "not a key"
    with pytest.raises(Refused, match="the secret ek is not a key; set it to 32 hexadecimal digits") as told:
        await service.frame(arguments.model_copy(update={"keys": "meter-1"}))
    assert "not a key;" in str(told.value)


def test_no_key_stands_in_a_representation():
    assert repr(KEYS) == "Keys()"


@pytest.mark.parametrize("title", ["00", "zz" * 8, "0" * 17])
def test_a_system_title_has_eight_octets(title):
    with pytest.raises(ValidationError, match="is not a system title; write its 8 octets as 16 hexadecimal digits"):
        FrameArguments(hex="00", system_title=title)


def test_two_rows_of_keys_cannot_have_one_label():
    row = {"label": "m", "encryption_key": "a", "authentication_key": "b"}
    with pytest.raises(ValidationError, match="the label 'm' is given to two rows of keys"):
        ExplainConfig.model_validate({"keys": [row, row]})
