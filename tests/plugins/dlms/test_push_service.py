"""``dlms-push`` with real sockets: who may send, what becomes of it, and what it withstands."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from meterhub_dlms.codec import axdr, cosem_time, general_block
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.ciphering import Ciphering, Keys, Protection, Wrapping
from meterhub_dlms.codec.ln import Attribute
from meterhub_dlms.codec.notification import (
    DataNotification,
    EventNotification,
    encode_data_notification,
    encode_event_notification,
)
from meterhub_dlms.link.wrapper import wrap
from meterhub_dlms.push import settings, status
from meterhub_dlms.push.service import DlmsPush
from meterhub_dlms.push.settings import DlmsPushConfig
from meterhub_dlms.push.status import MeterChoice
from meterhub_dlms.readout import settings as readout_settings
from meterhub_dlms.readout import status as readout_status
from meterhub_sdk import Clock, Config, ConfigError, NotReady, Quality, Refused, nanoseconds
from meterhub_sdk.testing import FakeHub
from pydantic import ValidationError

CAPTURES = json.loads((Path(__file__).parent / "push_captures.json").read_text())
TITLE = bytes.fromhex("4c475a0000bc614e")
KEYS = Keys(bytes(range(16)), bytes(range(16, 32)))
NOON = nanoseconds(datetime(2024, 6, 1, 12, tzinfo=UTC))
ENERGY = bytes.fromhex("0100010800ff")
MAPPING = {"label": "energy", "source": "1-0:1.8.0*255", "unit": "Wh"}
LOCAL = {"label": "m", "host": "127.0.0.1", "mappings": [MAPPING]}
KEYED = {
    "label": "m", "system_title": TITLE.hex(), "encryption_key": "ek", "authentication_key": "ak",
    "mappings": [MAPPING],
}  # fmt: skip


def capture(name: str) -> bytes:
    return bytes.fromhex(CAPTURES[name]["hex"])


def notification(value: int = 5, time: bytes = cosem_time.encode(NOON)) -> bytes:
    items = [Data(axdr.OCTET_STRING, ENERGY), Data(axdr.UINT32, value)]
    items.append(Data(axdr.STRUCTURE, [Data(axdr.INT8, 1), Data(axdr.ENUM, 30)]))
    return encode_data_notification(DataNotification(1, time, Data(axdr.STRUCTURE, items)))


def sealed(apdu: bytes, counter: int, protection: Protection = Protection.BOTH, keys: Keys = KEYS) -> bytes:
    return Ciphering(TITLE, keys, lambda: counter, protection).protect(apdu, Wrapping.GENERAL_GLOBAL)


@pytest.fixture
def push_hub(fake_hub: FakeHub) -> FakeHub:
    fake_hub.secrets = {"ek": KEYS.encryption.hex(), "ak": KEYS.authentication.hex()}
    return fake_hub


@contextlib.asynccontextmanager
async def listening(hub: FakeHub, port: int, *meters: dict[str, Any], **given: Any) -> AsyncIterator[DlmsPush]:
    config = {"host": "127.0.0.1", "tcp_port": port, "udp_port": port, "meters": list(meters), **given}
    service = DlmsPush(hub, DlmsPushConfig.model_validate(config))
    async with hub.running(service):
        async with asyncio.timeout(5):
            while not service.status().listening:
                await asyncio.sleep(0.005)
        yield service


async def send(port: int, data: bytes, answer: int = 0) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        await writer.drain()
        async with asyncio.timeout(5):
            return await reader.readexactly(answer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def send_datagram(port: int, data: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(data, ("127.0.0.1", port))


def names(hub: FakeHub) -> list[str]:
    return [event.type.name for event in hub.recorded]


def row(service: DlmsPush) -> Any:
    return service.status().meters[0]


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_a_push_in_the_wrapper_becomes_readings_with_its_own_time(push_hub, port, transport):
    async with listening(push_hub, port, LOCAL) as service:
        frame = wrap(1, 102, notification())
        if transport == "tcp":
            await send(port, frame)
        else:
            send_datagram(port, frame)
        await push_hub.until_published("m/energy")
        table = await service.last_push(MeterChoice(meter="m"))
    reading = push_hub.published["m/energy"]
    assert (reading.value, reading.unit, reading.time, reading.clock) == (50.0, "Wh", NOON, Clock.VALID)
    assert (row(service).pushes, row(service).time, row(service).peer) == (1, "meter", "127.0.0.1")
    assert names(push_hub) == ["push-started"]
    assert [(e.place, e.name, e.kind, e.value, e.scaler, e.unit) for e in table.elements] == [
        ("#1", "", "octet-string", "0100010800ff", None, ""),
        ("#2", "1-0:1.8.0*255", "double-long-unsigned", "5", 1, "Wh"),
    ]


async def test_captured_frames_of_real_meters_arrive_over_tcp(push_hub, port, until):
    meters = [
        {"label": "e450", "device": "LGZ1030655933512", "zone": "Europe/Zurich", "mappings": [
            {"label": "power", "source": "1-0:1.7.0*255", "unit": "W"},
            {"label": "energy", "source": "1-1:1.8.0*255", "unit": "kWh", "scaler": -3},
        ]},
        {"label": "kaifa", "device": "KFM_001", "mappings": [
            {"label": "power", "source": "#4", "count": 18, "unit": "W"},
            {"label": "no-such-list", "source": "#1", "count": 1},
        ]},
        {"label": "aidon", "device": "AIDON_V0001", "zone": "Europe/Oslo", "deviation": "ignored", "mappings": [
            {"label": "voltage", "source": "1-0:32.7.0*255", "unit": "V"},
            {"label": "energy", "source": "1-0:1.8.0*255", "unit": "kWh"},
            {"label": "reactive", "source": "#16.2"},
        ]},
        {"label": "im350", "system_title": "534D53677004C446", "encryption_key": "im", "protection": "encrypted",
         "mappings": [{"label": "energy", "source": "#5", "unit": "Wh", "type": "int"}]},
    ]  # fmt: skip
    push_hub.secrets["im"] = CAPTURES["iskra-im350"]["key"]
    async with listening(push_hub, port, *meters) as service:
        for name in ("lg-e450", "iskra-im350"):
            await send(port, capture(name))
        for name in ("kaifa-3", "aidon-3"):
            await send(port, wrap(1, 1, capture(name)))
        await until(lambda: len(push_hub.published) == 7)
        rows = {meter.label: meter for meter in service.status().meters}
    values = {name: (reading.value, reading.unit) for name, reading in push_hub.published.items()}
    assert values == {
        "e450/power": (28.0, "W"), "e450/energy": (886.977, "kWh"), "kaifa/power": (4904.0, "W"),
        "aidon/voltage": (227.6, "V"), "aidon/energy": (22721.38, "kWh"), "aidon/reactive": (582430.0, "varh"),
        "im350/energy": (2946830, "Wh"),
    }  # fmt: skip
    assert push_hub.published["e450/power"].when == datetime(2021, 7, 6, 12, 58, 16, tzinfo=UTC)
    assert push_hub.published["aidon/energy"].when == datetime(2020, 1, 21, 15, 0, tzinfo=UTC)
    assert push_hub.published["kaifa/power"].time > NOON
    assert rows["kaifa"].time.startswith("arrival (")
    assert rows["kaifa"].never_seen == "no-such-list"


async def test_protected_pushes_are_verified_and_never_taken_twice(push_hub, port, until):
    first = wrap(1, 1, sealed(notification(1), 100))
    async with listening(push_hub, port, KEYED) as service:
        await send(port, first)
        await push_hub.until_published("m/energy")
        bad = [
            first,
            wrap(1, 1, sealed(notification(2), 99)),
            wrap(1, 1, sealed(notification(3), 101, Protection.ENCRYPTED)),
            wrap(1, 1, sealed(notification(4), 102, keys=Keys(bytes(16), bytes(16)))),
            wrap(1, 1, sealed(notification(5), 103)[:-1] + b"\x00"),
        ]
        for count, frame in enumerate(bad, 1):
            await send(port, frame)
            await until(lambda count=count: row(service).refused == count)
        assert push_hub.published["m/energy"].value == 10.0
    assert names(push_hub) == ["push-started", "push-refused"]
    push_hub.published.clear()
    async with listening(push_hub, port, KEYED) as service:
        await send(port, first)
        await until(lambda: row(service).refused == 1)
        await send(port, wrap(1, 1, sealed(notification(7), 101)))
        await push_hub.until_published("m/energy")
        assert push_hub.published["m/energy"].value == 70.0
        await service.forget_counter(MeterChoice(meter="m"))
        await send(port, wrap(1, 1, sealed(notification(8), 0)))
        await until(lambda: push_hub.published["m/energy"].value == 80.0)


async def test_a_push_in_clear_is_refused_where_the_meter_has_keys(push_hub, port, until):
    async with listening(push_hub, port, {**KEYED, "host": "127.0.0.0/8"}) as service:
        send_datagram(port, wrap(1, 1, notification()))
        await until(lambda: row(service).refused == 1)
    assert "in clear" in row(service).last_error
    assert push_hub.published == {}


async def test_garbage_with_a_high_counter_does_not_shut_out_a_meter_that_only_encrypts(push_hub, port, until):
    meter = {**KEYED, "protection": "encrypted"}
    async with listening(push_hub, port, meter) as service:
        forged = bytearray(sealed(notification(), 0xFFFF_FFFF, Protection.ENCRYPTED))
        forged[-20] ^= 0xFF
        forged[16] ^= 0xFF
        await send(port, wrap(1, 1, bytes(forged)))
        await until(lambda: row(service).errors == 1)
        await send(port, wrap(1, 1, sealed(notification(6), 7, Protection.ENCRYPTED)))
        await push_hub.until_published("m/energy")
    assert push_hub.published["m/energy"].value == 60.0


async def test_unknown_senders_are_counted_and_told_once(push_hub, port, until):
    async with listening(push_hub, port, {**KEYED, "host": "192.0.2.0/24"}) as service:
        for _ in range(3):
            send_datagram(port, wrap(1, 1, notification()))
        send_datagram(port, wrap(1, 1, sealed(notification(), 1)))
        await until(lambda: service.status().foreign == 4)
        unknown = service.status().unknown
    assert [(sender.sender, sender.pushes) for sender in unknown] == [(f"system title {TITLE.hex()}", 1), ("", 3)]
    assert names(push_hub) == ["push-unknown-sender"]
    assert push_hub.published == {}


async def test_blocks_are_put_together_and_acknowledged_where_that_is_asked(push_hub, port):
    apdu = sealed(notification(9), 5)
    streamed = b"".join(wrap(1, 1, block) for block in general_block.split(apdu, 20))
    async with listening(push_hub, port, KEYED):
        await send(port, streamed)
        await push_hub.until_published("m/energy")
        push_hub.published.clear()
        confirmed = list(general_block.split(sealed(notification(3), 6), 60, confirmed=True))
        answer = await send(port, b"".join(wrap(7, 9, block) for block in confirmed), answer=15)
        assert answer[:8] == bytes.fromhex("0001000900070007")
        assert general_block.decode(answer[8:15]).acknowledged == 1
        await push_hub.until_published("m/energy")
    assert push_hub.published["m/energy"].value == 30.0


async def test_an_event_notification_becomes_an_event_and_a_reading(push_hub, port, until):
    mapping = {"label": "alarm", "source": "0-0:97.98.0*255", "type": "int"}
    apdu = encode_event_notification(
        EventNotification(cosem_time.encode(NOON), Attribute(1, bytes.fromhex("0000616200ff"), 2), Data(axdr.UINT32, 4))
    )
    async with listening(push_hub, port, {**LOCAL, "mappings": [mapping]}) as service:
        for _ in range(40):
            send_datagram(port, wrap(1, 1, apdu))
        await until(lambda: row(service).pushes == 40)
    assert push_hub.published["m/alarm"].value == 4
    told = [event for event in push_hub.recorded if event.type.name == "meter-event"]
    assert told[0].parameters["object"] == "0-0:97.98.0*255"
    assert len(told) + row(service).events_left_out == 40
    assert len(told) < 20


async def test_values_that_do_not_fit_are_invalid_and_told_once(push_hub, port, until):
    mappings = [
        {"label": "text", "source": "1-0:1.8.0*255", "type": "str"},
        {"label": "volts", "source": "1-0:1.8.0*255", "unit": "V"},
        {"label": "kilo", "source": "1-0:1.8.0*255", "unit": "kWh"},
        {"label": "absent", "source": "1-0:2.8.0*255"},
        {"label": "long", "source": "#1", "count": 1, "type": "str"},
    ]
    long = DataNotification(1, cosem_time.encode(NOON), Data(axdr.STRUCTURE, [Data(axdr.OCTET_STRING, b"\x01" * 3000)]))
    async with listening(push_hub, port, {**LOCAL, "mappings": mappings}) as service:
        for _ in range(2):
            send_datagram(port, wrap(1, 1, notification()))
        send_datagram(port, wrap(1, 1, encode_data_notification(long)))
        await until(lambda: row(service).pushes == 3)
    assert {name: reading.quality for name, reading in push_hub.published.items()} == {
        "m/text": Quality.INVALID, "m/volts": Quality.INVALID, "m/kilo": Quality.GOOD,
        "m/long": Quality.INVALID,
    }  # fmt: skip
    assert push_hub.published["m/kilo"].value == 0.05
    assert names(push_hub).count("push-value-unfit") == 3
    assert row(service).never_seen == "absent"


async def test_a_meter_that_falls_silent_is_told_and_so_is_its_return(push_hub, port, until):
    async with listening(push_hub, port, {**LOCAL, "stale_after": 0.2}) as service:
        await until(lambda: row(service).state == "silent")
        send_datagram(port, wrap(1, 1, notification()))
        await until(lambda: row(service).state == "good")
        await until(lambda: row(service).state == "silent")
    assert names(push_hub) == ["push-silent", "push-started", "push-silent"]


@pytest.mark.parametrize(
    "data",
    [b"\x00\x02\x00\x01\x00\x01\x00\x01\x00", b"GET / HTTP/1.1\r\n" * 5000, b"\x00\x01\x00\x01\x00\x01\xff\xff" * 2],
)
async def test_what_is_no_push_ends_its_connection_alone(push_hub, port, data, until):
    async with listening(push_hub, port, LOCAL, max_length=1000) as service:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
        writer.close()
        await until(lambda: service.status().malformed == 1)
        await send(port, wrap(1, 1, notification()))
        await push_hub.until_published("m/energy")
    assert names(push_hub)[0] == "push-malformed"


async def test_malformed_datagrams_and_apdus_are_counted(push_hub, port, until):
    bad = [b"", b"\x00", wrap(1, 1, notification())[:-1], wrap(1, 1, b"\xc4\x01\x00"), 
           wrap(1, 1, notification() + b"x"), wrap(1, 1, b"\xe0\xc0\x00\x02\x00\x00\x00")]  # fmt: skip
    async with listening(push_hub, port, LOCAL) as service:
        for data in bad:
            send_datagram(port, data)
        await until(lambda: service.status().malformed == len(bad))
    assert names(push_hub) == ["push-malformed"]


async def test_a_flood_over_udp_is_cut_to_the_rate_and_over_tcp_slowed_down(push_hub, port, until):
    async with listening(push_hub, port, LOCAL, rate=2) as service:
        for _ in range(60):
            send_datagram(port, wrap(1, 1, notification()))
        await until(lambda: service.status().too_many + row(service).pushes == 60)
        assert row(service).pushes <= 25


async def test_connections_are_limited_and_idle_ones_closed(push_hub, port, until):
    async with listening(push_hub, port, LOCAL, connections=1, idle_timeout=1) as service:
        first, writer = await asyncio.open_connection("127.0.0.1", port)
        await until(lambda: service.status().connections == 1)
        second, other = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionError):
                assert await second.read() == b""
            with contextlib.suppress(ConnectionError):
                assert await first.read() == b""
        writer.close()
        other.close()
        assert service.status().refused_connections == 1


async def test_a_taken_port_and_a_broken_key_say_what_is_wrong(push_hub, port):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        service = DlmsPush(push_hub, DlmsPushConfig.model_validate({"host": "127.0.0.1", "tcp_port": port}))
        with pytest.raises(NotReady, match="cannot listen"):
            await service.run()
    push_hub.secrets["ek"] = "42"
    service = DlmsPush(push_hub, DlmsPushConfig.model_validate({"udp_port": port, "meters": [KEYED]}))
    with pytest.raises(ConfigError, match="'ek' is no key"):
        await service.run()
    with pytest.raises(Refused, match="no meter"):
        await service.last_push(MeterChoice(meter="x"))


@pytest.mark.parametrize(
    ("meters", "complaint"),
    [
        ([{"label": "m"}], "cannot be told from others"),
        ([{**KEYED, "encryption_key": None}], "both a system title and an encryption key"),
        ([{**KEYED, "system_title": "", "host": "192.0.2.1"}], "both a system title and an encryption key"),
        ([{**KEYED, "authentication_key": None}], "no authentication key"),
        ([{**LOCAL, "deviation": "ignored"}], "no time zone"),
        ([{**LOCAL, "host": "meter.example"}], "is no address"),
        ([{**LOCAL, "mappings": [MAPPING, MAPPING]}], "given more than once"),
        ([{**LOCAL, "mappings": [{**MAPPING, "source": "#0"}]}], "neither an OBIS code"),
        ([LOCAL, {**LOCAL, "label": "n"}], "could not be told apart"),
        ([KEYED, {**KEYED, "label": "n"}], "the system title"),
        ([LOCAL, LOCAL], "the meter label"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_a_reason(meters, complaint):
    with pytest.raises(ValidationError, match=complaint):
        DlmsPushConfig.model_validate({"tcp_port": 4059, "meters": meters})


def test_pushes_need_a_port_to_come_to():
    with pytest.raises(ValidationError, match="neither a TCP port nor a UDP port"):
        DlmsPushConfig()


def test_every_field_has_a_title_and_a_description():
    for module in (settings, status, readout_settings, readout_status):
        models = [thing for thing in vars(module).values() if isinstance(thing, type) and issubclass(thing, Config)]
        for model in models:
            for name, info in model.model_fields.items():
                assert info.title, (model, name)
                assert info.description, (model, name)


@pytest.mark.parametrize("transport", ["tcp", "udp"])
async def test_a_push_is_shown_as_a_frame_a_step_and_a_peer(push_hub, port, transport):
    frame = wrap(1, 102, notification())
    push_hub.trace.points.add("under-test/m/energy")
    async with listening(push_hub, port, LOCAL) as service:
        if transport == "tcp":
            await send(port, frame)
        else:
            send_datagram(port, frame)
        await push_hub.until_published("m/energy")
        conversion = service.conversion()
    (channel,) = push_hub.recorder.channels
    assert [entry[2:] for entry in channel.frames] == [(False, False, frame)]
    assert (channel.link, channel.listening, channel.closed) == (f"dlms-{transport}", True, True)
    assert [step.step for step in push_hub.steps] == ["decoded"]
    assert (conversion.role, conversion.peers[0].state, conversion.counters["pushes"]) == ("server", "good", 1)
