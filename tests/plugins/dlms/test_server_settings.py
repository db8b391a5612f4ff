"""What the settings of the server may be, and the sentence for each that may not."""

from __future__ import annotations

import asyncio

import pytest
from meterhub_dlms.events import CLIENT_MALFORMED
from meterhub_dlms.link.wrapper import wrap
from meterhub_dlms.server.client_settings import read_pattern
from meterhub_dlms.server.credentials import load_credentials
from meterhub_dlms.server.settings import DlmsServerConfig
from meterhub_sdk import ConfigError
from pydantic import ValidationError

KEYS = {"encryption_key": "e", "authentication_key": "a"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"clients": [{"authentication": "md5"}]}, "client 16 has authentication md5 but names no secret"),
        ({"clients": [{"authentication": "gmac"}]}, "client 16 needs the secrets of both keys"),
        ({"clients": [{"security": "authenticated"}]}, "client 16 needs the secrets of both keys"),
        ({"clients": [{"encryption_key": "e"}]}, "client 16 names one key only"),
        ({"clients": [{"may_see": ["1-1:*.8"]}]}, "is no pattern of logical names"),
        ({"clients": [{"may_see": ["1-1:256.8.0*255"]}]}, "is no pattern of logical names"),
        ({"clients": [{"system_title": "xyz"}]}, "is no system title"),
        ({"clients": [{"address": 16}, {"address": 16}]}, "the client address 16 is given more than once"),
        ({"devices": [{"logical_device": 1}]}, "the address 17/1 is given more than once"),
        ({"devices": [{"logical_device": 2}, {"logical_device": 2}]}, "the address 17/2 is given more than once"),
        ({"tcp": False}, "nothing is served"),
        ({"hdlc_port": 4059}, "port 4059 is given both for the wrapper and for HDLC"),
        ({"system_title": "12"}, "is no system title"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_a_sentence(given, words):
    with pytest.raises(ValidationError, match=words):
        DlmsServerConfig.model_validate(given)


def test_meters_on_one_line_may_have_the_same_logical_devices():
    rows = [{"logical_device": 1, "physical_address": 18 + each} for each in range(30)]
    config = DlmsServerConfig.model_validate({"devices": rows})
    assert config.addresses()[:3] == [(17, 1), (18, 1), (19, 1)]


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("1-1:1.8.0*255", (1, 1, 1, 8, 0, 255)),
        ("1.0.*.8.0.255", (1, 0, None, 8, 0, 255)),
        ("*-*:*.*.**255", (None, None, None, None, None, 255)),
        ("1-0:1.8.*.*", (1, 0, 1, 8, None, None)),
    ],
)
def test_patterns_are_written_like_logical_names(text, groups):
    assert read_pattern(text) == groups


@pytest.mark.parametrize(
    ("row", "secrets", "words"),
    [
        ({"authentication": "password", "password": "p"}, {"p": ""}, "has 0 bytes"),
        ({"authentication": "password", "password": "p"}, {"p": "x" * 65}, "has 65 bytes"),
        ({"authentication": "password", "password": "p"}, {}, "never set"),
        ({"authentication": "landis-gyr", "password": "p"}, {"p": "12345678"}, "7 hexadecimal digits"),
        (KEYS, {"e": "00" * 15, "a": "00" * 16}, "'e' is no key: it takes 32"),
        (KEYS, {"e": "00" * 16, "a": "g" * 32}, "'a' is no key: it takes 32"),
    ],
)
async def test_secrets_that_cannot_be_used_are_named_but_not_told(meter_hub, row, secrets, words):
    meter_hub.secrets |= secrets
    config = DlmsServerConfig.model_validate({"clients": [row]})
    with pytest.raises(ConfigError, match=words) as caught:
        await load_credentials(meter_hub, config.clients)
    assert not any(secret and secret in str(caught.value) for secret in secrets.values())


async def test_objects_that_do_not_fit_the_short_names_are_refused(meter_hub, serve):
    rows = [{"logical_name": f"1-0:{i // 250}.{i % 250}.1*255", "point": "a/b"} for i in range(3000)]
    clients = [{"address": 16, "referencing": "short-names"}]
    with pytest.raises(ConfigError, match="short names"):
        async with serve(objects=rows, clients=clients):
            pass


async def test_noise_on_a_tcp_connection_for_hdlc_closes_it(serve, free_port, meter_hub, until):
    port = free_port()
    async with serve(hdlc_port=port) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n" * 1000)
        async with asyncio.timeout(10):
            while await reader.read(4096):
                pass
        writer.transport.abort()
        await until(lambda: server.status().connections == 0)
        assert server.status().errors == 1
    assert [event.type for event in meter_hub.recorded] == [CLIENT_MALFORMED]


async def test_the_system_title_is_drawn_once_and_two_devices_share_a_connection(serve, meter_hub, port):
    titles = set()
    for _ in range(2):
        async with serve(devices=[{"logical_device": 2, "device_name": "SECOND"}]) as server:
            titles.add(server.status().system_title)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            aarq = bytes.fromhex("601da109060760857405080101be10040e01000000065f1f04006a1e1d04b0")
            for device in (1, 2, 2):
                writer.write(wrap(16, device, aarq))
            async with asyncio.timeout(10):
                for device in (1, 2, 2):
                    header = await reader.readexactly(8)
                    assert int.from_bytes(header[2:4], "big") == device
                    assert (await reader.readexactly(header[7]))[0] == 0x61
            assert server.status().associations == 2
            writer.transport.abort()
    (title,) = titles
    assert title.startswith("4D4842")
