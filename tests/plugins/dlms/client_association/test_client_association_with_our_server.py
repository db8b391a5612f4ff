"""The client's association and our server agree, over real connections, on every way to prove and protect."""

from __future__ import annotations

import asyncio

import pytest
from meterhub_dlms.client.association import Association, AssociationError, AssociationRefused
from meterhub_dlms.client.channel import WrapperChannel
from meterhub_dlms.client.credentials import Credentials
from meterhub_dlms.client.name_cache import NameCache
from meterhub_dlms.codec import axdr
from meterhub_dlms.codec.acse import Mechanism
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.ciphering import Keys
from meterhub_dlms.codec.ln import Attribute
from meterhub_dlms.codec.xdlms import AccessResult
from meterhub_dlms.security import MECHANISMS, PROTECTIONS

KEYS = Keys(bytes(range(16)), bytes(range(0xD0, 0xE0)))
TITLE = bytes.fromhex("4d48420000000001")
PASSWORD = "1234567"
MANY = [
    {"logical_name": f"1-0:{n}.8.0*255", "point": "a/energy", "unit": "Wh", "writable": True} for n in range(1, 101)
]
REGISTERS = [Attribute(3, bytes((1, 0, n, 8, 0, 255)), 2) for n in range(1, 101)]


@pytest.fixture
def opened(meter_hub, serve, port, counters, database):
    """Serves one client, and gives its association, not yet open."""
    meter_hub.secrets.update(p=PASSWORD, e=KEYS.encryption.hex(), a=KEYS.authentication.hex())
    meter_hub.give("a/energy", 1234567, unit="Wh")

    async def run(use, authentication="none", security="none", short=False, ours=None, **settings):
        client = {"address": 16, "authentication": authentication, "security": security, "rights": "read and write"}
        client["referencing"] = "short-names" if short else "logical-names"
        if authentication not in ("none", "gmac"):
            client["password"] = "p"
        if security != "none" or authentication == "gmac":
            client.update(encryption_key="e", authentication_key="a")
        given = {
            "short_names": short,
            "mechanism": MECHANISMS[authentication],
            "password": PASSWORD.encode() if authentication != "none" else b"",
            "protection": PROTECTIONS[security] or None,
            "title": TITLE,
            "keys": KEYS,
            "counters": counters,
        }
        async with asyncio.timeout(30), serve(clients=[client], objects=MANY, **settings):
            channel = await WrapperChannel.connect("127.0.0.1", port, 16, 1, 5)
            credentials = Credentials(**{**given, **(ours or {})})
            association = Association(channel, credentials, 5, NameCache(database, "m"))
            try:
                await use(association)
            finally:
                await association.release()

    return run


async def everything(association):
    await association.open()
    tag = (await association.get(REGISTERS[0])).tag
    assert await association.get(REGISTERS[0]) == Data(tag, 1234567)
    assert await association.get_many(association.prepare(REGISTERS)) == [Data(tag, 1234567)] * len(REGISTERS)
    assert await association.set(REGISTERS[0], Data(tag, 42)) is AccessResult.SUCCESS
    assert await association.get(REGISTERS[0]._replace(number=99)) in (
        AccessResult.OBJECT_UNDEFINED,
        AccessResult.SCOPE_OF_ACCESS_VIOLATED,
        AccessResult.READ_WRITE_DENIED,
    )
    assert association.dropped == 0


@pytest.mark.parametrize("short", [False, True], ids=["LN", "SN"])
@pytest.mark.parametrize("authentication", MECHANISMS)
@pytest.mark.parametrize("security", ["none", "authenticated and encrypted"])
async def test_every_mechanism(opened, meter_hub, short, authentication, security):
    await opened(everything, authentication, security, short)
    assert [write[:2] for write in meter_hub.writes] == [("a/energy", 42)]


@pytest.mark.parametrize("short", [False, True], ids=["LN", "SN"])
@pytest.mark.parametrize("security", ["authenticated", "encrypted", "authenticated and encrypted"])
@pytest.mark.parametrize("wrapping", [{}, {"general_ciphering": True}, {"dedicated_key": True}])
async def test_every_protection(opened, short, security, wrapping):
    await opened(everything, "gmac", security, short, wrapping)


@pytest.mark.parametrize("short", [False, True], ids=["LN", "SN"])
@pytest.mark.parametrize("security", ["none", "authenticated and encrypted"])
@pytest.mark.parametrize("size", [128, 1024])
async def test_small_messages(opened, short, security, size):
    """The object list and the values come in blocks; requests that are too long are not sent."""

    async def use(association):
        await association.open()
        assert 0 < association.request_limit <= size
        fitting = [n for n in range(1, 101) if association.request_size(n) <= association.request_limit]
        for count in (1, fitting[-1] // 2, fitting[-1]):
            results = await association.get_many(association.prepare(REGISTERS[:count]))
            assert [result.value for result in results] == [1234567] * count

    await opened(use, "none", security, short, max_pdu_size=size)


WRONG = {
    "password": ("password", "none", {"password": b"7654321"}),
    "password of high-level security": ("sha256", "none", {"password": b"7654321"}),
    "keys": ("none", "authenticated and encrypted", {"keys": Keys(bytes(16), bytes(16))}),
    "keys of GMAC": ("gmac", "none", {"keys": Keys(bytes(16), bytes(16))}),
    "protection": ("none", "authenticated and encrypted", {"protection": PROTECTIONS["encrypted"]}),
    "no protection": ("none", "authenticated", {"protection": None}),
    "mechanism": ("sha256", "none", {"mechanism": Mechanism.MD5}),
    "short names": ("none", "none", {"short_names": True}),
}


@pytest.mark.parametrize("what", WRONG)
async def test_with_anything_wrong_there_is_no_association(opened, what):
    authentication, security, ours = WRONG[what]

    async def use(association):
        with pytest.raises(AssociationRefused):
            await association.open()
        with pytest.raises(AssociationError):
            await association.get(REGISTERS[0])

    await opened(use, authentication, security, False, ours)


async def test_a_value_that_is_too_long_leaves_the_association(opened):
    async def use(association):
        await association.open()
        assert await association.set(REGISTERS[0], Data(axdr.OCTET_STRING, bytes(70_000))) is not AccessResult.SUCCESS
        assert (await association.get(REGISTERS[0])).value == 1234567

    await opened(use, "md5")
