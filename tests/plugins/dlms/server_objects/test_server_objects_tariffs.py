"""Activity calendars, special days and register activations: the tariff at each moment, and who sets it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_dlms.codec import axdr, cosem_time, obis
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.ln_action import ActionResult
from meterhub_dlms.codec.xdlms import AccessResult
from meterhub_dlms.server.objects import calendar_tables
from meterhub_dlms.server.objects.date_patterns import NEVER, date_pattern
from meterhub_sdk import Quality, nanoseconds

MONDAY = datetime(2026, 1, 5, 12, tzinfo=UTC)
CALENDAR, SPECIAL, ACTIVATION = "0-0:13.0.0*255", "0-0:11.0.0*255", "0-0:14.0.0*255"
WORKDAY = {"day_id": 1, "switches": [{"time": "06:00", "tariff": 1}, {"time": "22:00", "tariff": 2}]}
WEEKEND = {"day_id": 2, "switches": [{"time": "00:00", "tariff": 2}]}
SUMMER_DAY = {"day_id": 3, "switches": [{"time": "00:00", "tariff": 3}]}
TABLES = {
    "name": "grid-2026",
    "seasons": [{"name": "winter", "month": 10, "week": "w"}, {"name": "summer", "month": 4, "week": "s"}],
    "weeks": [
        {"name": "w", "saturday": 2, "sunday": 2},
        {
            "name": "s",
            **dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"), 3),
        },
    ],
    "days": [WORKDAY, WEEKEND, SUMMER_DAY],
    "special_days": [{"index": 1, "month": 1, "day": 6, "day_id": 2}],
    "tariff_point": "tariff",
}
POLAND = {"offset": 60, "daylight_saving": "European Union"}


def octets(value):
    return Data(axdr.OCTET_STRING, value)


def rows(*given):
    return Data(axdr.ARRAY, [Data(axdr.STRUCTURE, list(row)) for row in given])


def at(when):
    return octets(cosem_time.encode(nanoseconds(when)))


def passive(tariff=7):
    """The passive tables of a calendar with one tariff always."""
    actions = rows([octets(bytes(4)), octets(calendar_tables.SCRIPT_TABLE), Data(axdr.UINT16, tariff)])
    return {
        6: octets(b"next"),
        7: rows([octets(b"all"), octets(b"\xff" * 12), octets(b"w")]),
        8: rows([octets(b"w"), *[Data(axdr.UINT8, 1)] * 7]),
        9: rows([Data(axdr.UINT8, 1), actions]),
    }


def tariff(meter):
    return meter.hub.published["tariff"].value


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (datetime(2026, 1, 5, 4, 59), 2),
        (datetime(2026, 1, 5, 5, 0), 1),
        (datetime(2026, 1, 5, 20, 59), 1),
        (datetime(2026, 1, 5, 21, 0), 2),
        (datetime(2026, 1, 6, 12, 0), 2),
        (datetime(2026, 1, 7, 3, 0), 2),
        (datetime(2026, 1, 7, 12, 0), 1),
        (datetime(2026, 1, 10, 12, 0), 2),
        (datetime(2026, 1, 12, 0, 0), 2),
        (datetime(2026, 3, 31, 21, 59), 2),
        (datetime(2026, 3, 31, 22, 0), 3),
        (datetime(2026, 9, 30, 21, 59), 3),
        (datetime(2026, 10, 1, 12, 0), 1),
        (datetime(2026, 12, 31, 12, 0), 1),
    ],
)
def test_the_tariff_follows_season_weekday_holiday_and_local_time(play, when, expected):
    async def scenario(meter):
        assert tariff(meter) == expected

    play(scenario, start=when.replace(tzinfo=UTC), clock=POLAND, calendars=[TABLES])


def test_the_tariff_is_published_when_it_changes(play):
    async def scenario(meter):
        hours = timedelta(hours=1)
        for place in range(1, 49):
            await meter.skip_to(MONDAY + place * hours)
        told = [(reading.when - MONDAY, reading.value) for name, reading in meter.hub.history]
        assert told == [(0 * hours, 1), (9 * hours, 2), (41 * hours, 1)]

    play(scenario, clock=POLAND, calendars=[TABLES])


@pytest.mark.parametrize("day", [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)])
def test_the_days_on_which_the_clocks_change_have_their_tariffs_too(play, day):
    """On a Sunday whose clocks change, the weekend's tariff holds from local midnight to local midnight."""
    always = {"name": "w", "saturday": 1, "sunday": 2}
    calendar = {**TABLES, "seasons": [{"name": "all", "week": "w"}], "weeks": [always], "days": [
        {"day_id": 1, "switches": [{"time": "00:00", "tariff": 1}]}, WEEKEND]}  # fmt: skip
    before, after = (1, 2) if day.month == 3 else (2, 1)

    async def scenario(meter):
        for hour in range(-2, 25):
            await meter.skip_to(day + timedelta(hours=hour))
        changes = [reading.when for _, reading in meter.hub.history[1:]]
        assert changes == [day - timedelta(hours=before), day + timedelta(hours=24 - after)]

    play(scenario, start=day - timedelta(hours=3), clock=POLAND, calendars=[calendar])


def test_the_tables_of_the_settings_are_shown_and_the_active_ones_cannot_be_set(play):
    async def scenario(meter):
        assert [meter.value(CALENDAR, number) for number in (2, 6, 10)] == [b"grid-2026", b"", NEVER]
        seasons = [[part.value for part in row.value] for row in meter.value(CALENDAR, 3)]
        assert seasons[0] == [b"winter", bytes.fromhex("ffff0a01ff00000000800000"), b"w"]
        assert [part.value for part in meter.value(CALENDAR, 4)[0].value] == [b"w", 1, 1, 1, 1, 1, 2, 2]
        number, schedule = meter.value(CALENDAR, 5)[0].value
        assert (number.value, [part.value for part in schedule.value[1].value]) == (
            1, [bytes((22, 0, 0, 0)), obis.parse("0-0:10.0.100*255"), 2]
        )  # fmt: skip
        settable = {n for n, attribute in meter.found(CALENDAR).attributes.items() if attribute.set is not None}
        assert settable == {6, 7, 8, 9, 10}

    play(scenario, calendars=[TABLES])


def test_a_passive_calendar_is_set_and_becomes_active_at_its_time_even_after_a_restart(play):
    async def prepare(meter):
        for number, data in passive().items():
            assert await meter.set(CALENDAR, number, data) is AccessResult.SUCCESS
            assert meter.read(CALENDAR, number) == data
        assert await meter.set(CALENDAR, 10, at(MONDAY + timedelta(hours=1))) is AccessResult.SUCCESS
        await asyncio.sleep(60)
        assert tariff(meter) == 1

    async def wait(meter):
        assert (tariff(meter), meter.value(CALENDAR, 6)) == (1, b"next")
        await meter.until(MONDAY + timedelta(hours=1))
        assert (tariff(meter), meter.value(CALENDAR, 2), meter.value(CALENDAR, 10)) == (7, b"next", NEVER)

    async def later(meter):
        assert (tariff(meter), meter.value(CALENDAR, 2)) == (7, b"next")

    async def other_settings(meter):
        assert (tariff(meter), meter.value(CALENDAR, 2)) == (1, b"new")

    play(prepare, calendars=[TABLES])
    play(wait, start=MONDAY + timedelta(minutes=30), calendars=[TABLES])
    play(later, start=MONDAY + timedelta(hours=3), calendars=[TABLES])
    play(other_settings, start=MONDAY + timedelta(hours=4), calendars=[{**TABLES, "name": "new"}])


def test_a_passive_calendar_becomes_active_at_once_when_called_for(play):
    async def scenario(meter):
        for number, data in passive().items():
            await meter.set(CALENDAR, number, data)
        assert await meter.call(CALENDAR, 1) is ActionResult.SUCCESS
        await asyncio.sleep(1.5)
        assert tariff(meter) == 7

    play(scenario, calendars=[TABLES])


@pytest.mark.parametrize("left_out", [7, 8, 9])
def test_an_incomplete_passive_calendar_never_becomes_active(play, left_out):
    async def scenario(meter):
        for number, data in passive().items():
            if number != left_out:
                await meter.set(CALENDAR, number, data)
        assert await meter.call(CALENDAR, 1) is ActionResult.OTHER_REASON
        await meter.set(CALENDAR, 10, at(MONDAY))
        await asyncio.sleep(5)
        assert (tariff(meter), meter.value(CALENDAR, 2)) == (1, b"grid-2026")

    play(scenario, calendars=[TABLES])


@pytest.mark.parametrize(
    ("number", "data", "result"),
    [
        (6, Data(axdr.VISIBLE_STRING, b"x"), AccessResult.TYPE_UNMATCHED),
        (6, octets(bytes(65)), AccessResult.TYPE_UNMATCHED),
        (7, rows([octets(b"a"), octets(b"\xff" * 12)]), AccessResult.TYPE_UNMATCHED),
        (7, rows([octets(b"a"), octets(bytes(12)), octets(b"w")]), AccessResult.TYPE_UNMATCHED),
        (7, octets(b""), AccessResult.TYPE_UNMATCHED),
        (8, rows([octets(b"w"), *[Data(axdr.UINT8, 1)] * 6]), AccessResult.TYPE_UNMATCHED),
        (8, rows([octets(b"w"), *[Data(axdr.UINT16, 1)] * 7]), AccessResult.TYPE_UNMATCHED),
        (9, rows([Data(axdr.UINT8, 1), rows([octets(bytes((24, 0, 0, 0))), octets(bytes(6)), Data(axdr.UINT16, 1)])]),
         AccessResult.TYPE_UNMATCHED),
        (9, rows(*[[Data(axdr.UINT8, 1), rows()]] * 65), AccessResult.TYPE_UNMATCHED),
        (10, octets(bytes(5)), AccessResult.TYPE_UNMATCHED),
        (10, octets(b"\xff\xff" + at(MONDAY).value[2:]), AccessResult.OTHER_REASON),
    ],
)  # fmt: skip
def test_tables_that_are_malformed_are_refused_and_change_nothing(play, number, data, result):
    async def scenario(meter):
        before = meter.read(CALENDAR, number)
        assert await meter.set(CALENDAR, number, data) is result
        assert meter.read(CALENDAR, number) == before

    play(scenario, calendars=[TABLES])


def test_special_days_are_inserted_deleted_set_and_kept(play):
    new = Data(axdr.STRUCTURE, [Data(axdr.UINT16, 2), octets(date_pattern(1, 5)), Data(axdr.UINT8, 3)])

    async def change(meter):
        assert await meter.call(SPECIAL, 1, new) is ActionResult.SUCCESS
        await asyncio.sleep(1.5)
        assert tariff(meter) == 3
        assert await meter.call(SPECIAL, 2, Data(axdr.UINT16, 1)) is ActionResult.SUCCESS
        assert await meter.call(SPECIAL, 2, Data(axdr.UINT16, 1)) is ActionResult.OTHER_REASON

    async def look(meter):
        assert tariff(meter) == 3
        assert meter.value(SPECIAL) == [new]
        assert await meter.set(SPECIAL, 2, Data(axdr.ARRAY, [])) is AccessResult.SUCCESS
        await asyncio.sleep(1.5)
        assert tariff(meter) == 1

    play(change, calendars=[TABLES])
    play(look, calendars=[TABLES])


@pytest.mark.parametrize(
    "row",
    [
        [Data(axdr.UINT8, 2), octets(date_pattern(1, 5)), Data(axdr.UINT8, 3)],
        [Data(axdr.UINT16, 2), octets(bytes(5)), Data(axdr.UINT8, 3)],
        [Data(axdr.UINT16, 2), octets(date_pattern(1, 5))],
    ],
)
def test_a_special_day_that_is_none_is_refused(play, row):
    async def scenario(meter):
        before = meter.read(SPECIAL, 2)
        assert await meter.call(SPECIAL, 1, Data(axdr.STRUCTURE, row)) is ActionResult.TYPE_UNMATCHED
        assert await meter.set(SPECIAL, 2, rows(row)) is AccessResult.TYPE_UNMATCHED
        assert meter.read(SPECIAL, 2) == before

    play(scenario, calendars=[TABLES])


def test_two_special_days_of_one_index_are_refused(play):
    row = [Data(axdr.UINT16, 2), octets(date_pattern(1, 5)), Data(axdr.UINT8, 3)]

    async def scenario(meter):
        assert await meter.set(SPECIAL, 2, rows(row, row)) is AccessResult.OTHER_REASON

    play(scenario, calendars=[TABLES])


def test_tables_that_name_no_day_publish_an_invalid_tariff(play):
    async def scenario(meter):
        strange = Data(axdr.STRUCTURE, [Data(axdr.UINT16, 9), octets(date_pattern(0xFF, 0xFF)), Data(axdr.UINT8, 99)])
        await meter.call(SPECIAL, 1, strange)
        await asyncio.sleep(1.5)
        assert (tariff(meter), meter.hub.published["tariff"].quality) == (None, Quality.INVALID)

    play(scenario, calendars=[TABLES])


VALUES = st.recursive(
    st.builds(Data, st.just(axdr.OCTET_STRING), st.binary(max_size=14))
    | st.builds(Data, st.sampled_from([axdr.UINT8, axdr.UINT16]), st.integers(0, 255)),
    lambda inner: st.builds(Data, st.sampled_from([axdr.ARRAY, axdr.STRUCTURE]), st.lists(inner, max_size=8)),
    max_leaves=20,
)


@given(VALUES, st.sampled_from(["with_name", "with_seasons", "with_weeks", "with_days"]))
def test_any_data_is_a_table_or_refused(data, take):
    tables = calendar_tables.Tables(b"")
    try:
        tables = getattr(calendar_tables, take)(tables, data)
    except calendar_tables.CodecError:
        return
    assert calendar_tables.decode_tables(calendar_tables.encode_tables(tables)) == tables
    calendar_tables.action_at(tables, lambda day: None, datetime(2026, 1, 5, 12))


# -- register activation --------------------------------------------------------------------------

PEAK, NIGHT = "1-0:1.4.1*255", "1-0:1.4.2*255"
DEMANDS = [{"logical_name": name, "point": "a/power", "unit": "W", "period": 900} for name in (PEAK, NIGHT)]
MASKS = [{"name": "peak", "registers": [PEAK], "tariff": 1}, {"name": "night", "registers": [NIGHT], "tariff": 2}]
ACTIVE = {"masks": MASKS, "active": "night", "calendar": CALENDAR}
METER = {"demands": DEMANDS, "calendars": [TABLES], "activations": [ACTIVE]}


def test_the_calendar_chooses_the_demands_that_count(play):
    async def scenario(meter):
        meter.hub.give("a/power", 100, unit="W")
        await asyncio.sleep(910)
        assert meter.value(ACTIVATION, 4) == b"peak"
        assert [meter.value(name, 3) for name in (PEAK, NIGHT)] == [100, AccessResult.TEMPORARY_FAILURE]
        await meter.skip_to(MONDAY + timedelta(hours=10))
        await asyncio.sleep(840)
        assert meter.value(ACTIVATION, 4) == b"night"
        assert [meter.value(name, 2) for name in (PEAK, NIGHT)] == [0, pytest.approx(93, abs=1)]
        meter.hub.give("a/power", 200, unit="W")
        await meter.until(MONDAY + timedelta(hours=10, minutes=31))
        assert [meter.value(name, 3) for name in (PEAK, NIGHT)] == [100, 200]

    play(scenario, **METER)


def test_registers_and_masks_are_shown(play):
    async def scenario(meter):
        assigned = [[part.value for part in row.value] for row in meter.value(ACTIVATION, 2)]
        assert assigned == [[5, obis.parse(PEAK)], [5, obis.parse(NIGHT)]]
        masks = [
            (row.value[0].value, [each.value for each in row.value[1].value]) for row in meter.value(ACTIVATION, 3)
        ]
        assert masks == [(b"peak", [1]), (b"night", [2])]

    play(scenario, **METER)


def test_clients_change_masks_and_the_changes_are_kept(play):
    both = Data(axdr.STRUCTURE, [octets(b"both"), Data(axdr.ARRAY, [Data(axdr.UINT8, 1), Data(axdr.UINT8, 2)])])

    async def change(meter):
        assert await meter.call(ACTIVATION, 2, both) is ActionResult.SUCCESS
        assert await meter.set(ACTIVATION, 4, octets(b"both")) is AccessResult.SUCCESS
        assert await meter.call(ACTIVATION, 3, octets(b"peak")) is ActionResult.SUCCESS

    async def look(meter):
        meter.hub.give("a/power", 100, unit="W")
        await asyncio.sleep(901)
        assert meter.value(ACTIVATION, 4) == b"both"
        assert [meter.value(name, 3) for name in (PEAK, NIGHT)] == [100, 100]

    settings = {"demands": DEMANDS, "activations": [{**ACTIVE, "calendar": None}]}
    play(change, **settings)
    play(look, **settings)


def register(class_id, name):
    return Data(axdr.STRUCTURE, [Data(axdr.UINT16, class_id), octets(obis.parse(name))])


def mask(name, *places):
    return Data(axdr.STRUCTURE, [octets(name), Data(axdr.ARRAY, [Data(axdr.UINT8, place) for place in places])])


@pytest.mark.parametrize(
    ("method", "data", "result"),
    [
        (1, register(5, PEAK), ActionResult.OTHER_REASON),
        (1, register(3, PEAK), ActionResult.OBJECT_CLASS_INCONSISTENT),
        (1, register(5, "1-0:9.9.9*255"), ActionResult.OBJECT_UNDEFINED),
        (1, register(8, "0-0:1.0.0*255"), ActionResult.OBJECT_UNDEFINED),
        (1, register(3, "1-0:1.8.0*255"), ActionResult.SUCCESS),
        (1, octets(b""), ActionResult.TYPE_UNMATCHED),
        (2, mask(b"x", 3), ActionResult.OTHER_REASON),
        (2, mask(b"x", 0), ActionResult.OTHER_REASON),
        (2, mask(b"", 1), ActionResult.OTHER_REASON),
        (2, mask(b"x"), ActionResult.SUCCESS),
        (2, Data(axdr.STRUCTURE, [octets(b"x"), Data(axdr.ARRAY, [octets(b"")])]), ActionResult.TYPE_UNMATCHED),
        (2, octets(b"x"), ActionResult.TYPE_UNMATCHED),
        (3, octets(b"night"), ActionResult.OTHER_REASON),
        (3, octets(b"none"), ActionResult.OTHER_REASON),
        (3, Data(axdr.UINT8, 1), ActionResult.TYPE_UNMATCHED),
    ],
)
def test_changes_of_masks_are_checked(play, method, data, result):
    energy = {"logical_name": "1-0:1.8.0*255", "point": "a/energy", "unit": "Wh"}

    async def scenario(meter):
        assert await meter.call(ACTIVATION, method, data) is result
        assert await meter.set(ACTIVATION, 4, octets(b"none")) is AccessResult.OTHER_REASON
        assert await meter.set(ACTIVATION, 4, Data(axdr.UINT8, 1)) is AccessResult.TYPE_UNMATCHED

    play(scenario, objects=[energy], demands=DEMANDS, activations=[{**ACTIVE, "calendar": None}])
