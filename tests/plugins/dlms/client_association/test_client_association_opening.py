"""How the client associates: every way to prove who one is, every protection, and what is refused."""

from __future__ import annotations

import itertools

import pytest
from meterhub_dlms.client.association import BROKEN, Association, AssociationError, AssociationRefused
from meterhub_dlms.codec import acse, axdr, hls, ln, xdlms
from meterhub_dlms.codec.acse import Mechanism
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.ciphering import Keys, Protection
from meterhub_dlms.codec.ln import Attribute
from meterhub_dlms.codec.ln_action import ActionResult
from meterhub_dlms.codec.xdlms import AccessResult, Conformance

ENERGY = Attribute(3, bytes((1, 1, 1, 8, 0, 255)), 2)
DEMAND = Attribute(3, bytes((1, 1, 2, 8, 0, 255)), 2)
NOTHING = Attribute(3, bytes((1, 1, 99, 8, 0, 255)), 2)
SWITCH = Attribute(70, bytes((0, 0, 96, 3, 10, 255)), 1)
PROTECTIONS = [None, Protection.AUTHENTICATED, Protection.ENCRYPTED, Protection.BOTH]
WRAPPINGS = list(itertools.product([False, True], [False, True]))


async def use(association):
    """Everything once."""
    assert await association.get(ENERGY) == Data(axdr.UINT32, 1000)
    several = association.prepare([ENERGY, NOTHING, DEMAND])
    for _ in range(20):
        assert await association.get_many(several) == [
            Data(axdr.UINT32, 1000),
            AccessResult.OBJECT_UNDEFINED,
            Data(axdr.UINT32, 2000),
        ]
    assert await association.set(ENERGY, Data(axdr.UINT32, 7)) is AccessResult.SUCCESS
    assert await association.get(ENERGY) == Data(axdr.UINT32, 7)
    assert (await association.action(SWITCH, Data(axdr.INT8, 0))).result is ActionResult.SUCCESS


@pytest.mark.parametrize("short", [False, True], ids=["LN", "SN"])
@pytest.mark.parametrize("mechanism", Mechanism, ids=lambda mechanism: mechanism.name)
@pytest.mark.parametrize("protection", PROTECTIONS, ids=["none", "authenticated", "encrypted", "both"])
async def test_every_mechanism_goes_with_every_protection(tiny_meter, associated, short, mechanism, protection):
    meter = tiny_meter(short=short, mechanism=mechanism, protection=protection)
    async with associated(meter) as association:
        await use(association)
        assert association.dropped == 0
        assert meter.proven
    assert not meter.open
    assert meter.calls == [(SWITCH, Data(axdr.INT8, 0))]
    assert meter.asked.authentication != (meter.password if mechanism in hls.HIGH else b"")


@pytest.mark.parametrize("short", [False, True], ids=["LN", "SN"])
@pytest.mark.parametrize(("general", "dedicated"), WRAPPINGS)
@pytest.mark.parametrize("protection", PROTECTIONS[1:])
async def test_every_wrapping_carries_everything(tiny_meter, associated, short, general, dedicated, protection):
    meter = tiny_meter(short=short, protection=protection, mechanism=Mechanism.GMAC)
    async with associated(meter, general_ciphering=general, dedicated_key=dedicated) as association:
        await use(association)
    assert len(meter.initiate.dedicated_key) == (16 if dedicated else 0)
    assert (Conformance.GENERAL_PROTECTION in meter.initiate.conformance) == general
    assert meter.asked.user_information[0] == 0x21, "the initiate request is under the global key"
    tags = {request[0] for request in meter.wire if request[0] not in (acse.AARQ, acse.RLRQ)}
    if general:
        assert tags == {0xDC if dedicated else 0xDB}
    else:
        step = (0x20 if short else 8) * (2 if dedicated else 1)
        assert tags == {tag + step for tag in ((0x05, 0x06) if short else (0xC0, 0xC1, 0xC3))}


async def test_each_association_has_its_own_dedicated_key_and_challenge(tiny_meter, associated):
    meter = tiny_meter(protection=Protection.BOTH, mechanism=Mechanism.GMAC)
    seen = set()
    for _ in range(3):
        async with associated(meter, dedicated_key=True):
            seen |= {meter.initiate.dedicated_key, meter.asked.authentication}
    assert len(seen) == 6


async def test_nothing_is_told_that_the_meter_need_not_know(tiny_meter, associated):
    for mechanism, told in (
        (Mechanism.NONE, b""),
        (Mechanism.MD5, b""),
        (Mechanism.GMAC, bytes.fromhex("4d4842") + bytes(4) + b"\x01"),
    ):
        meter = tiny_meter(mechanism=mechanism)
        async with associated(meter):
            assert meter.asked.title == told


OTHER, MINE = {"password": b"other"}, {"password": b"wrong"}
REFUSED = {
    "our password": ({"mechanism": Mechanism.PASSWORD, **OTHER}, MINE, "authentication-failure"),
    "our proof": ({"mechanism": Mechanism.SHA256, **OTHER}, MINE, "does not accept our proof"),
    "our keys": ({"protection": Protection.BOTH}, {"keys": Keys(bytes(16), bytes(16))}, "keys are others"),
    "our mechanism": ({"mechanism": Mechanism.MD5}, {"mechanism": Mechanism.SHA1}, "authentication-failure"),
    "short names": ({"short": True}, {"short_names": False}, "authentication-failure"),
    "no right to read": ({"features": Conformance.SET}, {}, r"no right to read \(GET\)"),
    "no right to Read": ({"short": True, "features": Conformance.WRITE}, {}, r"no right to read \(READ\)"),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_a_refusal_says_why(tiny_meter, credentials_for, memory_channel, what):
    of_meter, ours, reason = REFUSED[what]
    meter = tiny_meter(**of_meter)

    def handle(apdu):
        try:
            return meter.handle(apdu)
        except ValueError:
            return [xdlms.encode_exception(xdlms.StateError.SERVICE_NOT_ALLOWED, xdlms.ServiceError.DECIPHERING_ERROR)]

    channel = memory_channel(handle)
    association = Association(channel, credentials_for(meter, **ours), 0.2)
    with pytest.raises(AssociationError, match=reason):
        await association.open()
    assert channel.lost.is_set()
    with pytest.raises(AssociationError):
        await association.get(ENERGY)


IMPOSTORS = {
    "no challenge": (lambda r: r._replace(authentication=None), "without a challenge"),
    "another mechanism": (lambda r: r._replace(mechanism=Mechanism.SHA1), "mechanism 4, not 3"),
    "another context": (lambda r: r._replace(context=2), "context 2, not logical names"),
    "a challenge too short": (lambda r: r._replace(authentication=b"1234567"), "challenge of 7 bytes"),
    "refused": (lambda r: r._replace(result=1, diagnostic=13), "authentication-failure"),
}


@pytest.mark.parametrize("what", IMPOSTORS)
async def test_an_answer_that_is_not_what_was_asked_for_is_refused(tiny_meter, credentials_for, memory_channel, what):
    change, reason = IMPOSTORS[what]
    meter = tiny_meter(mechanism=Mechanism.MD5, aare=change)
    association = Association(memory_channel(meter.handle), credentials_for(meter), 0.2)
    with pytest.raises(AssociationRefused, match=reason):
        await association.open()


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize("mechanism", sorted(hls.HIGH - {Mechanism.MANUFACTURER}))
@pytest.mark.parametrize("answer", [None, b"", bytes(20), "echo"])
async def test_a_meter_that_does_not_prove_itself_is_refused(
    tiny_meter, credentials_for, memory_channel, short, mechanism, answer
):
    meter = tiny_meter(mechanism=mechanism, short=short)
    honest = meter.prove

    def dishonest(data):
        given = data.value if answer == "echo" else answer
        returned = None if given is None else Data(axdr.OCTET_STRING, given)
        return honest(data)._replace(returned=returned)

    meter.prove = dishonest
    association = Association(memory_channel(meter.handle), credentials_for(meter), 0.2)
    with pytest.raises(AssociationRefused, match=r"prove|challenge"):
        await association.open()


@pytest.mark.parametrize("short", [False, True])
async def test_landis_gyr_meters_need_not_prove_themselves_but_if_so_rightly(
    tiny_meter, associated, credentials_for, memory_channel, short
):
    meter = tiny_meter(mechanism=Mechanism.MANUFACTURER, short=short, one_way=True)
    async with associated(meter) as association:
        await use(association)
    if short:
        assert meter.requests[0].hex().startswith("060102fa58010908"), (
            "the proof is written to reply_to_HLS_authentication"
        )
    else:
        meter = tiny_meter(mechanism=Mechanism.MANUFACTURER)
        honest = meter.prove
        meter.prove = lambda data: honest(data)._replace(returned=Data(axdr.OCTET_STRING, b"00000000"))
        with pytest.raises(AssociationRefused, match="wrongly"):
            await Association(memory_channel(meter.handle), credentials_for(meter), 0.2).open()


async def test_landis_gyr_meters_that_serve_no_write_are_read(tiny_meter, associated):
    meter = tiny_meter(mechanism=Mechanism.MANUFACTURER, short=True)
    meter.spoil = lambda good, request: [b"\xd8\x01\x01"] if request[0] == 0x06 else None
    async with associated(meter):
        assert [request[0] for request in meter.requests[:2]] == [0x06, 0x05]
        assert meter.proven


async def test_the_proof_goes_through_the_short_name_of_the_current_association(tiny_meter, associated):
    meter = tiny_meter(mechanism=Mechanism.GMAC, short=True)
    async with associated(meter):
        assert meter.requests[0].hex().startswith("050104fa58000911")


async def test_the_association_is_silent_about_its_secrets(tiny_meter, credentials_for):
    credentials = credentials_for(tiny_meter(mechanism=Mechanism.PASSWORD))
    assert repr(credentials) == str(credentials) == "Credentials(...)"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"protection": Protection.BOTH, "keys": None}, "encryption key"),
        ({"mechanism": Mechanism.GMAC, "counters": None}, "counter"),
        ({"mechanism": Mechanism.GMAC, "title": b"short"}, "system title has 5 bytes"),
        ({"mechanism": Mechanism.PASSWORD, "password": b""}, "takes a password"),
        ({"mechanism": Mechanism.MANUFACTURER, "password": b"12345678"}, "7 hexadecimal digits"),
    ],
)
def test_credentials_that_lack_something_say_what(tiny_meter, credentials_for, given, reason):
    with pytest.raises(ValueError, match=reason):
        credentials_for(tiny_meter(), **given)


@pytest.mark.parametrize("answer", [b"", b"\x61", b"\x61\x00", b"\x0e\x01\x06\x02", b"\xd8\x01\x01", bytes(5)])
async def test_any_answer_but_an_acceptance_ends_it(tiny_meter, credentials_for, memory_channel, answer):
    channel = memory_channel(lambda apdu: [answer])
    with pytest.raises(BROKEN):
        await Association(channel, credentials_for(tiny_meter()), 0.05).open()
    assert channel.lost.is_set()


async def test_a_list_of_attributes_is_reckoned_with_to_the_byte(tiny_meter, associated):
    for short, count in itertools.product([False, True], [2, 5, 40]):
        async with associated(tiny_meter(short=short)) as association:
            wanted = [Attribute(3, bytes((1, 1, n, 8, 0, 255)), 2) for n in range(1, count + 1)]
            assert association.request_size(count) == len(association.prepare(wanted).encoded)
            assert association.item_size == (3 if short else ln.DESCRIPTOR_SIZE)
            assert association.lists
