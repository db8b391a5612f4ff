"""Our client against our server over TCP."""

from __future__ import annotations

import asyncio

import pytest
from meterhub_dlms.client.intake import clock_stamp
from meterhub_dlms.codec import axdr
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.events import MAPPING_NOT_FOUND, METER_CONNECTED, METER_LOST, METER_REFUSED, VALUE_TYPE_WRONG
from meterhub_sdk import Clock, Quality, Reading, Refused, Requester

ENERGY = {"logical_name": "1-1:1.8.0*255", "point": "a/energy", "unit": "Wh"}
VOLTAGE = {
    "logical_name": "1-1:32.7.0*255",
    "point": "a/voltage",
    "unit": "V",
    "scaler": -1,
    "data_type": "long-unsigned",
}
READ_ENERGY = {"label": "energy", "logical_name": "1-1.1.8.0.255", "group": "fast"}
READ_VOLTAGE = {"label": "voltage", "logical_name": "1.1.32.7.0.255", "group": "fast"}
NOW = 1_700_000_000_120_000_000
SOMEBODY = Requester("somebody")


async def test_values_carry_scaler_unit_and_time_of_the_meter(meter_hub, hub, serve, poll):
    meter_hub.fixed_time = hub.fixed_time = NOW
    meter_hub.give("a/energy", 1234567, unit="Wh")
    meter_hub.give("a/voltage", 230.1, unit="V")
    async with serve(objects=[ENERGY, VOLTAGE]), poll(READ_ENERGY, READ_VOLTAGE) as client:
        await hub.until_published("m/energy", "m/voltage")
        assert hub.published["m/energy"] == Reading(1234567.0, NOW, unit="Wh")
        assert hub.published["m/voltage"] == Reading(230.1, NOW, unit="V")
        status = client.status().meters[0]
        assert (status.device, status.state, status.registers, status.time) == (
            "MHBdlmsserver",
            "connected",
            2,
            "meter",
        )
    assert [e.type for e in hub.recorded] == [METER_CONNECTED]


async def test_the_meters_invalid_clock_marks_the_readings(meter_hub, hub, serve, poll):
    meter_hub.clock = Clock.INVALID
    meter_hub.give("a/energy", 1)
    async with serve(objects=[ENERGY]), poll(READ_ENERGY):
        await hub.until_published("m/energy")
    assert hub.published["m/energy"].clock == Clock.INVALID


@pytest.mark.parametrize(
    ("octets", "stamp"),
    [
        ("07ea0105 010c0000 00 0000 00", (1767614400_000_000_000, Clock.VALID)),
        ("08d6 040b 05 17 2f 10 00 0000 00", (9223372036_000_000_000, Clock.VALID)),
        ("08d6 040b 05 17 2f 11 00 0000 00", None),
        ("270f 0c1f 05 17 3b 3b 00 0000 00", None),
        ("0001 0101 01 00 00 00 00 0000 00", None),
        ("07ea 0105 01 0c 00 00 00 8000 00", None),
    ],
)
def test_a_clock_that_no_reading_can_hold_is_not_used(octets, stamp):
    assert clock_stamp(Data(axdr.OCTET_STRING, bytes.fromhex(octets))) == stamp


async def test_without_meter_time_the_arrival_is_stamped_and_said(meter_hub, hub, serve, poll):
    meter_hub.fixed_time = 5
    hub.fixed_time = NOW
    meter_hub.give("a/energy", 1)
    async with serve(objects=[ENERGY]), poll(READ_ENERGY, meter_time=False) as client:
        await hub.until_published("m/energy")
        assert client.status().meters[0].time == "arrival"
    assert hub.published["m/energy"].time == NOW


async def test_unchanged_values_are_published_at_each_poll_as_one_batch(meter_hub, hub, serve, poll, until):
    meter_hub.give("a/energy", 1)
    meter_hub.give("a/voltage", 2)
    async with serve(objects=[ENERGY, VOLTAGE]), poll(READ_ENERGY, READ_VOLTAGE):
        await until(lambda: sum(name == "m/energy" for name, _ in hub.history) >= 4)
    names = [name for name, _ in hub.history if name != "m/connected"]
    assert names[:6] == ["m/energy", "m/voltage"] * 3


@pytest.mark.parametrize("quality", [Quality.STALE, Quality.INVALID])
async def test_what_is_not_fresh_is_invalid_for_that_point_only(meter_hub, hub, serve, poll, quality):
    meter_hub.give("a/energy", 7, quality=quality)
    meter_hub.give("a/voltage", 230)
    async with serve(objects=[ENERGY, VOLTAGE]), poll(READ_ENERGY, READ_VOLTAGE) as client:
        await hub.until_published("m/energy", "m/voltage")
        assert client.status().meters[0].last_error == "m/energy: temporary-failure (2)"
    assert hub.published["m/energy"].value is None
    assert hub.published["m/energy"].quality == Quality.INVALID
    assert hub.published["m/voltage"].good


async def test_a_mapping_that_the_meter_lacks_is_an_event_once(meter_hub, hub, serve, poll, until):
    meter_hub.give("a/energy", 7)
    lacking = {"label": "lacking", "logical_name": "1-1:99.8.0*255", "group": "fast"}
    async with serve(objects=[ENERGY]), poll(READ_ENERGY, lacking):
        await until(lambda: sum(name == "m/lacking" for name, _ in hub.history) >= 3)
    assert [e.parameters["mapping"] for e in hub.recorded if e.type == MAPPING_NOT_FOUND] == ["lacking"]
    assert hub.published["m/lacking"].quality == Quality.INVALID
    assert hub.published["m/energy"].value == 7


@pytest.mark.parametrize(
    ("data_type", "scaler", "value", "wanted"),
    [
        ("visible-string", 0, "on", "float"),
        ("double-long", -1, 1, "int"),
        ("double-long", 0, 2, "bool"),
        ("boolean", 0, True, "str"),
    ],
)
async def test_a_value_of_the_wrong_type_is_an_event_once(
    meter_hub, hub, serve, poll, until, data_type, scaler, value, wanted
):
    meter_hub.give("a/energy", value)
    served = {"logical_name": "1-1:1.8.0*255", "point": "a/energy", "data_type": data_type, "scaler": scaler}
    async with serve(objects=[served]), poll({**READ_ENERGY, "type": wanted}):
        await until(lambda: sum(name == "m/energy" for name, _ in hub.history) >= 3)
    assert [e.type for e in hub.recorded if e.type == VALUE_TYPE_WRONG] == [VALUE_TYPE_WRONG]
    assert hub.published["m/energy"].quality == Quality.INVALID


@pytest.mark.parametrize(
    ("data_type", "class_id", "given", "wanted", "expected"),
    [
        ("boolean", 1, True, "bool", True),
        ("enum", 1, 1, "bool", True),
        ("long64", 1, -(2**63), "int", -(2**63)),
        ("long64-unsigned", 3, 2**64 - 1, "int", 2**64 - 1),
        ("float32", 3, 0.5, "float", 0.5),
        ("float64", 3, 230.123456789, "float", 230.123456789),
        ("visible-string", 1, "LGZ50114833", "str", "LGZ50114833"),
        ("octet-string", 1, "1.2.3", "str", "1.2.3"),
        ("utf8-string", 1, "Zażółć", "str", "Zażółć"),
    ],
)
async def test_each_data_type_arrives(meter_hub, hub, serve, poll, data_type, class_id, given, wanted, expected):
    meter_hub.give("a/x", given)
    served = {"logical_name": "0-0:96.1.0*255", "point": "a/x", "data_type": data_type, "class_id": class_id}
    mapping = {"label": "x", "logical_name": "0-0:96.1.0", "class_id": class_id, "type": wanted, "group": "fast"}
    mapping["logical_name"] = "0-0:96.1.0*255"
    async with serve(objects=[served]), poll(mapping):
        await hub.until_published("m/x")
    assert hub.published["m/x"].value == expected
    assert type(hub.published["m/x"].value) is type(expected)


@pytest.mark.parametrize("max_pdu_size", [64, 200, 1024, 65535])
async def test_many_values_arrive_whatever_the_pdu_size(meter_hub, hub, serve, poll, max_pdu_size):
    objects, mappings = [], []
    for i in range(120):
        meter_hub.give(f"a/{i}", i)
        name = f"1-1:{i}.8.0*255"
        objects.append({"logical_name": name, "point": f"a/{i}", "unit": "Wh", "scaler": -1})
        mappings.append({"label": f"v{i}", "logical_name": name, "group": "fast"})
    async with serve(objects=objects, max_pdu_size=max_pdu_size), poll(*mappings):
        await hub.until_published(*(f"m/v{i}" for i in range(120)))
    assert [hub.published[f"m/v{i}"].value for i in range(120)] == list(range(120))


async def test_a_long_text_comes_in_blocks(meter_hub, hub, serve, poll, monkeypatch):
    text = "".join(chr(33 + i % 90) for i in range(5000))
    monkeypatch.setattr("meterhub_dlms.client.association.MAX_PDU_SIZE", 100)
    meter_hub.give("a/text", text)
    meter_hub.give("a/energy", 5)
    served = {"logical_name": "0-0:96.1.0*255", "point": "a/text", "class_id": 1, "data_type": "octet-string"}
    mapping = {"label": "t", "logical_name": "0-0:96.1.0*255", "class_id": 1, "type": "str", "group": "fast"}
    async with serve(objects=[served, ENERGY]), poll(mapping, READ_ENERGY):
        await hub.until_published("m/t", "m/energy")
    assert hub.published["m/t"].value == text
    assert hub.published["m/energy"].value == 5


async def test_a_password_opens_and_a_wrong_one_does_not(meter_hub, hub, serve, poll, until):
    meter_hub.secrets["meter"] = hub.secrets["mine"] = "00000000"
    meter_hub.give("a/energy", 5)
    clients = [{"address": 32, "authentication": "password", "password": "meter"}]
    with_password = {"client_address": 32, "authentication": "password", "password": "mine"}
    async with serve(objects=[ENERGY], clients=clients) as server:
        hub.secrets["mine"] = "11111111"
        async with poll(READ_ENERGY, meter=with_password) as client:
            await until(lambda: server.status().refused_associations >= 2)
            assert client.status().meters[0].state == "refused"
            assert "authentication-failure (13)" in client.status().meters[0].last_error
        assert [e.type for e in hub.recorded] == [METER_REFUSED]
        assert len(meter_hub.recorded) == 1
        assert "11111111" not in str(meter_hub.recorded)
        hub.secrets["mine"] = "00000000"
        async with poll(READ_ENERGY, meter=with_password):
            await hub.until_published("m/energy")


async def test_a_write_is_done_when_it_returns_and_is_read_back(meter_hub, hub, serve, poll):
    meter_hub.give("a/voltage", 230.1)
    writable = {**READ_VOLTAGE, "group": "slow", "writable": True}
    rights = [{"address": 16, "rights": "read and write"}]
    async with serve(objects=[{**VOLTAGE, "writable": True}], clients=rights), poll(writable) as client:
        await hub.until_published("m/voltage")
        await client.write("m/voltage", 229.9, SOMEBODY)
        assert meter_hub.writes == [("a/voltage", 229.9, "DLMS client 16 at 127.0.0.1")]
        for value, reason in [
            (229.95, "finer"),
            (7000.0, "does not fit"),
            ("x", "cannot be sent"),
            (float("nan"), "not a number"),
        ]:
            with pytest.raises(Refused, match=reason):
                await client.write("m/voltage", value, SOMEBODY)
        meter_hub.refusals["a/voltage"] = "locked"
        with pytest.raises(Refused, match=r"read-write-denied \(3\)"):
            await client.write("m/voltage", 228, SOMEBODY)
        assert len(meter_hub.writes) == 1
        assert sum(name == "m/voltage" for name, _ in hub.history) == 2


async def test_a_client_without_the_right_cannot_write(meter_hub, hub, serve, poll):
    meter_hub.give("a/voltage", 230.1)
    async with serve(objects=[{**VOLTAGE, "writable": True}]), poll({**READ_VOLTAGE, "writable": True}) as client:
        await hub.until_published("m/voltage")
        with pytest.raises(Refused, match="read-write-denied"):
            await client.write("m/voltage", 1, SOMEBODY)
    assert meter_hub.writes == []


async def test_writes_that_cannot_be_sent_are_refused(hub, poll):
    async with poll({**READ_VOLTAGE, "writable": True}, READ_ENERGY) as client:
        with pytest.raises(Refused, match="not connected"):
            await client.write("m/voltage", 1, SOMEBODY)
        with pytest.raises(Refused, match="read-only"):
            await client.write("m/energy", 1, SOMEBODY)
        with pytest.raises(Refused, match="no meter"):
            await client.write("x/energy", 1, SOMEBODY)


async def test_a_meter_that_stops_and_comes_back_heals(meter_hub, hub, serve, poll, until):
    meter_hub.give("a/energy", 5)
    async with poll(READ_ENERGY) as client:
        await until(lambda: client.status().meters[0].state == "lost")
        for _ in range(2):
            async with serve(objects=[ENERGY]):
                await until(lambda: hub.published["m/connected"].value is True)
                hub.published.pop("m/energy", None)
                await hub.until_published("m/energy")
            await until(lambda: hub.published["m/connected"].value is False)
            assert hub.published["m/energy"].good
            await asyncio.sleep(0.3)
    assert [e.type for e in hub.recorded] == [METER_LOST, METER_CONNECTED, METER_LOST, METER_CONNECTED, METER_LOST]


async def test_a_dead_meter_does_not_hold_up_the_others(meter_hub, hub, serve, poll, port, until, scripted):
    meter_hub.give("a/energy", 5)
    async with scripted(lambda _: []) as silent, serve(objects=[ENERGY]):
        rows = [
            {"label": label, "host": "127.0.0.1", "port": p, "timeout": 30, "mappings": [READ_ENERGY]}
            for label, p in (("dead", silent), ("alive", port))
        ]
        async with poll(meters=rows):
            await until(lambda: sum(name == "alive/energy" for name, _ in hub.history) >= 5)
    assert "dead/energy" not in hub.published
