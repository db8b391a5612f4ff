"""From the settings of a meter to credentials, and the counter that a meter expects."""

from __future__ import annotations

import pytest
from meterhub_dlms.client.association import AssociationError
from meterhub_dlms.client.credentials import credentials_of
from meterhub_dlms.client.meter_counter import HIGHEST_BELIEVED, catch_up, counter_object
from meterhub_dlms.client.settings import Meter
from meterhub_dlms.codec import acse, axdr, obis
from meterhub_dlms.codec.acse import Mechanism
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.ciphering import Protection, Wrapping
from meterhub_sdk import ConfigError

TITLE = b"MHB00001"
SECRETS = {"p": "1234567", "e": "00010203 04050607 08090a0b 0c0d0e0f", "a": "D0" * 16, "short": "00", "words": "x" * 32}
KEYED = {"encryption_key": "e", "authentication_key": "a"}


@pytest.fixture
def made(counters):
    """The credentials that settings make."""

    async def run(**given):
        async def secret(name):
            return SECRETS[name]

        meter = Meter.model_validate({"label": "m", "host": "h", "mappings": [], **given})
        return await credentials_of(meter, TITLE, secret, counters)

    return run


@pytest.mark.parametrize(
    ("given", "mechanism", "context"),
    [
        ({}, Mechanism.NONE, acse.CONTEXT_LN),
        ({"referencing": "short-names"}, Mechanism.NONE, acse.CONTEXT_SN),
        ({"authentication": "password", "password": "p"}, Mechanism.PASSWORD, acse.CONTEXT_LN),
        ({"authentication": "landis-gyr", "password": "p"}, Mechanism.MANUFACTURER, acse.CONTEXT_LN),
        ({"authentication": "gmac", **KEYED}, Mechanism.GMAC, acse.CONTEXT_LN),
        ({"security": "encrypted", **KEYED}, Mechanism.NONE, acse.CONTEXT_LN_CIPHERED),
        (
            {"security": "authenticated", "referencing": "short-names", **KEYED},
            Mechanism.NONE,
            acse.CONTEXT_SN_CIPHERED,
        ),
    ],
)
async def test_settings_become_credentials(made, given, mechanism, context):
    credentials = await made(**given)
    assert (credentials.mechanism, credentials.context) == (mechanism, context)
    assert credentials.password == (b"1234567" if "password" in given else b"")
    assert credentials.calling_title == (TITLE if "encryption_key" in given else b"")
    assert (credentials.counter is not None) == ("encryption_key" in given)


@pytest.mark.parametrize(
    ("general", "dedicated", "wrapping"),
    [
        (False, False, Wrapping.GLOBAL),
        (False, True, Wrapping.DEDICATED),
        (True, False, Wrapping.GENERAL_GLOBAL),
        (True, True, Wrapping.GENERAL_DEDICATED),
    ],
)
async def test_settings_choose_the_wrapping(made, general, dedicated, wrapping):
    chosen = {"security": "authenticated and encrypted", "general_ciphering": general, "dedicated_key": dedicated}
    credentials = await made(**chosen, **KEYED)
    assert (credentials.protection, credentials.wrapping) == (Protection.BOTH, wrapping)
    assert credentials.keys.encryption == bytes(range(16))


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (
            {"security": "encrypted", "encryption_key": "short", "authentication_key": "a"},
            "'short' is no key",
        ),
        (
            {"security": "encrypted", "encryption_key": "e", "authentication_key": "words"},
            "'words' is no key",
        ),
        ({"authentication": "landis-gyr", "password": "words"}, "7 hexadecimal digits"),
    ],
)
async def test_secrets_that_cannot_be_used_are_named_and_not_told(made, given, reason):
    with pytest.raises(ConfigError, match=reason) as error:
        await made(**given)
    assert "x" * 8 not in str(error.value)


# -- the counter that a meter expects ---------------------------------------------------------------

COUNTER = counter_object(1)


@pytest.fixture
def caught_up(tiny_meter, credentials_for, memory_channel):
    """Reads a meter's counter, and gives the next number that is then used."""

    async def run(told, short=False):
        secured = tiny_meter(protection=Protection.BOTH, short=short)
        public = tiny_meter(short=short)
        if told is not None:
            public.values[COUNTER, 2] = told
        if short:
            public.listed = [
                *public.listed,
                public.listed[-1]._replace(base_name=0x7000, class_id=1, logical_name=COUNTER),
            ]
        credentials = credentials_for(secured)
        assert await catch_up(memory_channel(public.handle), credentials, COUNTER, 0.2) == told.value
        assert not public.open
        return credentials.counter()

    return run


@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize("told", [0, 41, 100_000, HIGHEST_BELIEVED])
async def test_the_counter_goes_on_where_the_meter_expects_it(caught_up, short, told):
    assert await caught_up(Data(axdr.UINT32, told), short) == told + 1


async def test_the_counter_never_goes_back(caught_up):
    assert await caught_up(Data(axdr.UINT32, 5000)) == 5001
    assert await caught_up(Data(axdr.UINT32, 7)) == 5002


@pytest.mark.parametrize(
    "told", [None, Data(axdr.UINT32, HIGHEST_BELIEVED + 1), Data(axdr.OCTET_STRING, b"1"), Data(axdr.INT8, -1)]
)
async def test_a_counter_that_cannot_be_believed_is_refused(caught_up, told):
    with pytest.raises(AssociationError, match=r"0-0:43\.1\.1"):
        await caught_up(told)


def test_counter_objects_have_the_names_of_the_standard():
    assert obis.text(COUNTER) == "0-0:43.1.1*255"
