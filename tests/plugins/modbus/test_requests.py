"""Requests and their answers, over a real socket: every function, every exception."""

from __future__ import annotations

import pytest
from meterhub_modbus.pdu import PduHandler
from meterhub_sdk import NotDone, Quality, QualityFlag, Reading

LIVE = {"point": "d/live", "bank": "input", "address": 10, "format": "i32"}
SET = {"point": "d/set", "bank": "holding", "address": 20, "format": "u16", "writable": True}
LONG = {"point": "d/long", "bank": "holding", "address": 21, "format": "f32", "writable": True}
TEXT = {"point": "d/text", "bank": "holding", "address": 23, "format": "string[4]"}
VALVE = {"point": "d/valve", "bank": "coils", "address": 3, "format": "bool", "writable": True}
PUMP = {"point": "d/pump", "bank": "coils", "address": 4, "format": "bool", "writable": True}
DOOR = {"point": "d/door", "bank": "contacts", "address": 9, "format": "bool"}
ROWS = [LIVE, SET, LONG, TEXT, VALVE, PUMP, DOOR]


def give_all(hub):
    values = {"d/live": -2, "d/set": 7, "d/long": 1.5, "d/text": "kWh", "d/valve": True, "d/pump": False, "d/door": 1}
    for name, value in values.items():
        hub.give(name, value)


@pytest.mark.parametrize(
    ("request_pdu", "answer"),
    [
        ("01 0003 0002", "010101"),
        ("02 0009 0001", "020101"),
        ("03 0014 0001", "03020007"),
        ("03 0014 0005", "030a" + "0007" + "3fc00000" + "6b576800"),
        ("04 000a 0002", "0404fffffffe"),
        ("05 0004 ff00", "050004ff00"),
        ("06 0014 1234", "0600141234"),
        ("0f 0003 0002 01 02", "0f00030002"),
        ("10 0014 0003 06 0001 40200000", "1000140003"),
        ("16 0014 00f2 0025", "16001400f20025"),
        ("17 0014 0001 0014 0001 02 0009", "17020007"),
        ("17 0014 0005 0014 0003 06 0009 40200000", "170a" + "0007" + "3fc00000" + "6b576800"),
        ("2b 0e 04 01", "2b0e0482000001010d" + b"modbus-server".hex()),
        ("2b 0e 01 01", "2b0e0182000002010d" + b"modbus-server".hex() + "0205" + b"0.1.0".hex()),
        ("2b 0e 01 07", "2b0e01820000030008" + b"Meterhub".hex() + "010d" + b"modbus-server".hex() + "0205302e312e30"),
    ],
)
async def test_each_function_answers(serve, request_pdu, answer):
    async with serve(ROWS) as running:
        give_all(running.hub)
        assert await (await running.client()).ask(request_pdu) == answer


@pytest.mark.parametrize(
    ("request_pdu", "answer"),
    [
        ("63", "e301"),
        ("08 0000 0000", "8801"),
        ("80", "8001"),
        ("ff 00", "ff01"),
        ("2b 0d 01 00", "ab01"),
        ("2b", "ab01"),
        ("03 0013 0001", "8302"),
        ("03 0014 0006", "8302"),
        ("03 ffff 0002", "8302"),
        ("01 0002 0001", "8102"),
        ("01 ffff 07d0", "8102"),
        ("06 0015 0001", "8602"),
        ("10 0015 0001 02 0001", "9002"),
        ("10 0017 0002 04 00000000", "9002"),
        ("05 0009 ff00", "8502"),
        ("0f 0003 0003 01 07", "8f02"),
        ("16 0000 0000 0000", "9602"),
        ("16 0015 ffff 0000", "9602"),
        ("17 0000 0001 0014 0001 02 0009", "9702"),
        ("17 0014 0001 0017 0001 02 0009", "9702"),
        ("17 0014 0001 0015 0001 02 0009", "9702"),
        ("2b 0e 04 05", "ab02"),
        ("03 0014 0000", "8303"),
        ("03 0014 007e", "8303"),
        ("01 0003 07d1", "8103"),
        ("03 0014", "8303"),
        ("03 0014 0001 00", "8303"),
        ("05 0003 0001", "8503"),
        ("05 0003 ff01", "8503"),
        ("05 0003 1234", "8503"),
        ("10 0014 0001 04 00010002", "9003"),
        ("10 0014 007c 00", "9003"),
        ("0f 0003 0002 02 0300", "8f03"),
        ("0f 0003 0000 00", "8f03"),
        ("17 0014 0000 0014 0001 02 0009", "9703"),
        ("17 0014 0001 0014 0000 00", "9703"),
        ("17 0014 007e 0014 0001 02 0009", "9703"),
        ("17 0014 0001 0014 007a f4" + "00" * 243, "9703"),
        ("17 0014 0001 0014 0001 03 000900", "9703"),
        ("17 0014", "9703"),
        ("10 0015 0002 04 7fc00000", "9003"),
        ("16 0014 00f2", "9603"),
        ("2b 0e 05 00", "ab03"),
        ("2b 0e 01", "ab03"),
    ],
)
async def test_what_cannot_be_answered_is_an_exception_of_the_right_code(serve, request_pdu, answer):
    async with serve(ROWS) as running:
        give_all(running.hub)
        client = await running.client()
        assert await client.ask(request_pdu) == answer
        assert running.hub.writes == []
        assert await client.ask("03 0014 0001") == "03020007"
        assert running.service.status().exceptions == {str(int(answer[2:], 16)): 1}


@pytest.mark.parametrize(
    ("request_pdu", "writes"),
    [
        ("05 0003 0000", [("d/valve", False)]),
        ("06 0014 ffff", [("d/set", 65535)]),
        ("0f 0003 0002 01 02", [("d/valve", False), ("d/pump", True)]),
        ("10 0014 0003 06 0001 40200000", [("d/set", 1), ("d/long", 2.5)]),
        ("16 0014 0005 0038", [("d/set", 0b0101 & 7 | 0x38)]),
        ("17 0017 0002 0014 0003 06 0001 40200000", [("d/set", 1), ("d/long", 2.5)]),
    ],
)
async def test_writes_reach_the_points_with_who_asked(serve, request_pdu, writes):
    async with serve(ROWS) as running:
        give_all(running.hub)
        await (await running.client()).ask(request_pdu)
        assert [(name, value) for name, value, _ in running.hub.writes] == writes
        assert all("127.0.0.1" in reason for _, _, reason in running.hub.writes)


async def test_a_scaled_register_is_written_as_the_point_counts(serve):
    async with serve([{**SET, "format": "i16", "scaling": 10}]) as running:
        client = await running.client()
        await client.ask("06 0014 00e6")
        await client.ask("06 0014 00eb")
        assert [value for _, value, _ in running.hub.writes] == [23, 23.5]


async def test_a_refused_write_is_exception_4_and_an_event_with_the_reason(serve):
    async with serve(ROWS) as running:
        running.hub.refusals["d/set"] = "the meter is sealed"
        client = await running.client()
        assert await client.ask("06 0014 0001") == "8604"
        assert await client.ask("06 0014 0001") == "8604"
        await running.hub.settle()
        (event,) = running.hub.recorded
        assert event.type.name == "modbus-write-failed"
        assert event.type.sentence(event.parameters).endswith("d/set was not carried out: the meter is sealed")
        assert running.service.status().events_left_out == 1


async def test_a_write_of_unknown_outcome_is_exception_11_and_what_follows_is_not_begun(serve, monkeypatch):
    async with serve(ROWS) as running:
        asked = []

        async def write(name, value, *, reason, timeout):
            asked.append(name)
            raise NotDone("the meter did not answer in time")

        monkeypatch.setattr(running.hub, "write", write)
        assert await (await running.client()).ask("10 0014 0003 06 0001 40200000") == "900b"
        assert asked == ["d/set"]


@pytest.mark.parametrize("quality", [Quality.STALE, Quality.INVALID])
async def test_an_untrusted_value_is_exception_4_for_whatever_touches_it(serve, quality):
    async with serve(ROWS) as running:
        give_all(running.hub)
        running.hub.give("d/long", 1.5, quality=quality)
        client = await running.client()
        assert await client.ask("03 0014 0003") == "8304"
        assert await client.ask("03 0014 0001") == "03020007"
        running.hub.give("d/long", 2.0, quality=Quality.SUBSTITUTED)
        assert await client.ask("03 0014 0003") == "0306" + "0007" + "40000000"


async def test_a_mask_needs_a_value_to_mask_and_what_is_read_beside_a_write_must_be_trusted(serve):
    async with serve(ROWS) as running:
        give_all(running.hub)
        running.hub.give("d/set", 7, quality=Quality.STALE)
        client = await running.client()
        assert await client.ask("16 0014 00f2 0025") == "9604"
        assert await client.ask("17 0014 0001 0014 0001 02 0009") == "9704"
        assert running.hub.writes == []
        assert await client.ask("17 0017 0002 0014 0001 02 0009") == "17046b576800"
        assert [(name, value) for name, value, _ in running.hub.writes] == [("d/set", 9)]


async def test_before_the_first_reading_everything_mapped_is_exception_4(serve):
    async with serve(ROWS) as running:
        client = await running.client()
        assert [await client.ask(pdu) for pdu in ("01 0003 0001", "02 0009 0001", "03 0014 0001", "04 000a 0002")] == [
            "8104",
            "8204",
            "8304",
            "8404",
        ]
        assert running.service.status().withheld == len(ROWS)


async def test_a_value_out_of_range_is_treated_like_an_invalid_one(serve):
    async with serve(ROWS) as running:
        running.hub.give("d/set", 65536)
        assert await (await running.client()).ask("03 0014 0001") == "8304"


@pytest.mark.parametrize(("flag", "answer"), [(QualityFlag.BLOCKED, "8304"), (QualityFlag.OVERFLOW, "8304")])
async def test_a_blocked_or_overflown_value_is_not_shown_as_good(serve, flag, answer):
    async with serve(ROWS) as running:
        running.hub.give("d/set", Reading(5, 1, flags=flag))
        assert await (await running.client()).ask("03 0014 0001") == answer


async def test_sentinels_stand_where_a_value_is_not_trusted(serve):
    rows = [
        {**LIVE, "address": 0},
        {**LIVE, "address": 2, "format": "f32"},
        {**LIVE, "address": 4, "format": "i16", "sentinel": -9999},
        {**LIVE, "address": 5, "format": "string[2]"},
        {**DOOR, "address": 0},
        {**DOOR, "address": 1, "sentinel": 1},
    ]
    async with serve(rows, stale="sentinel") as running:
        client = await running.client()
        assert await client.ask("04 0000 0006") == "040c" + "80000000" + "7fc00000" + "d8f1" + "0000"
        assert await client.ask("02 0000 0001") == "8204"
        assert await client.ask("02 0001 0001") == "020101"
        running.hub.give("d/live", 3)
        assert await client.ask("04 0000 0005") == "040a" + "00000003" + "40400000" + "0003"
        running.hub.give("d/live", 3, quality=Quality.STALE)
        assert await client.ask("04 0000 0005") == "040a" + "80000000" + "7fc00000" + "d8f1"


async def test_last_values_stand_beside_their_quality_and_their_own_time(serve):
    row = {**LIVE, "address": 0, "format": "i16", "quality_address": 1, "time_address": 2}
    bit = {**DOOR, "address": 0, "quality_address": 4}
    async with serve([row, bit], stale="last") as running:
        client = await running.client()
        assert await client.ask("04 0000 0005") == "040a" + "8000" + "0003" + "00000000" + "0003"
        assert await client.ask("02 0000 0001") == "020100"
        seconds = 1_700_000_000
        first = Reading(5, seconds * 10**9 + 999_999_999)
        shown = f"{seconds:08x}"
        running.hub.give_all({"d/live": first, "d/door": Reading(True, 1)})
        assert await client.ask("04 0000 0005") == "040a" + "0005" + "0000" + shown + "0000"
        assert await client.ask("02 0000 0001") == "020101"
        running.hub.give("d/live", first.degraded(Quality.STALE))
        assert await client.ask("04 0000 0004") == "0408" + "0005" + "0002" + shown
        running.hub.give("d/live", Reading(None, (seconds + 60) * 10**9, Quality.INVALID))
        assert await client.ask("04 0000 0004") == "0408" + "0005" + "0003" + shown
        running.hub.give("d/live", Reading(6, (seconds + 61) * 10**9, Quality.SUBSTITUTED))
        assert await client.ask("04 0000 0004") == "0408" + "0006" + "0001" + f"{seconds + 61:08x}"


async def test_groups_with_units_of_their_own_and_the_units_that_mean_the_server(serve):
    groups = [
        {"label": "a", "rows": [{**SET, "point": "d/a"}]},
        {"label": "b", "unit": 9, "rows": [{**SET, "point": "d/b"}]},
    ]
    async with serve(groups=groups, unit=5) as running:
        running.hub.give("d/a", 1)
        running.hub.give("d/b", 2)
        client = await running.client()
        answers = {unit: await client.ask("03 0014 0001", unit) for unit in (0, 5, 9, 255, 1)}
        assert answers == {0: "03020001", 5: "03020001", 9: "03020002", 255: "03020001", 1: "830b"}


async def test_one_point_can_stand_in_several_places(serve):
    async with serve([SET, {**SET, "address": 50, "format": "f32", "scaling": 0.5}]) as running:
        running.hub.give("d/set", 3)
        client = await running.client()
        assert await client.ask("03 0014 0001") == "03020003"
        assert await client.ask("03 0032 0002") == "03043fc00000"


async def test_identification_goes_on_in_a_second_answer_when_it_is_long(serve):
    texts = {"vendor": "v" * 120, "product_code": "c" * 110, "product": "p", "model": "", "application": "a" * 120}
    async with serve(identification=texts) as running:
        client = await running.client()
        objects = {}
        following = 0
        for _ in range(7):
            answer = bytes.fromhex(await client.ask(b"\x2b\x0e\x02" + bytes((following,))))
            assert len(answer) <= 253
            assert answer[:4] == b"\x2b\x0e\x02\x82"
            more, following, count, body = answer[4], answer[5], answer[6], answer[7:]
            for _ in range(count):
                objects[body[0]] = body[2 : 2 + body[1]].decode()
                body = body[2 + body[1] :]
            assert body == b""
            if not more:
                break
        assert objects == {0: "v" * 120, 1: "c" * 110, 2: "0.1.0", 4: "p", 6: "a" * 120}
        assert following == 0


def test_a_foreign_unit_gets_no_answer_from_the_handler_so_that_a_bus_stays_quiet():
    handler = PduHandler({}, None, None)
    assert handler.handle(3, b"\x03\0\0\0\1") is None
