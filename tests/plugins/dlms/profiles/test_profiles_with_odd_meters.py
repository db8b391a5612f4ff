"""Load profiles of meters that refuse selections, change their clocks, lose entries, or break off."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from meterhub_dlms.client.profiles.events import PROFILE_GAP, PROFILE_NOT_FOUND, PROFILE_SET_BACK, PROFILE_UNTIMED
from meterhub_dlms.codec import axdr
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.selection import ByEntry, ByRange
from meterhub_dlms.codec.xdlms import AccessResult, Conformance
from meterhub_dlms.events import MAPPING_NOT_FOUND, VALUE_TYPE_WRONG
from meterhub_sdk import Clock, Quality, nanoseconds

HOUR = timedelta(hours=1)


@pytest.fixture
def complete(until):
    """Waits until the profile was looked at so often since."""

    async def wait(client, meter, looks=2):
        before = len(meter.selections)
        await until(lambda: len(meter.selections) >= before + looks)
        await until(lambda: client.status().profiles[0].state == "complete")

    return wait


def values(meter):
    return [row.value[2].value / 10 for row in meter.rows]


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize(
    ("refuses", "way"), [((), "by range"), ((ByRange,), "by entry"), ((ByRange, ByEntry), "whole")]
)
async def test_each_entry_is_published_once_in_whatever_way_the_meter_is_read(
    scripted, follow, hub, entries, meter, complete, kit, refuses, way, order
):
    meter.fill(60)
    meter.order, meter.refuses = order, set(refuses)
    async with scripted(meter) as port, follow(meter={"port": port}) as client:
        await complete(client, meter)
        meter.now += kit.QUARTER
        meter.capture(5000)
        await complete(client, meter)
        assert client.status().profiles[0].way == way
    assert [value for _, value in entries.all] == values(meter)
    assert entries.latest == (meter.now, 500.0)


async def test_a_restart_publishes_nothing_again_and_goes_on_where_it_was(
    scripted, follow, hub, entries, meter, complete, kit
):
    meter.fill(20)
    async with scripted(meter) as port:
        for _ in range(2):
            async with follow(meter={"port": port}) as client:
                await complete(client, meter)
            meter.now += 30 * kit.QUARTER
            meter.fill(30)
        async with follow(meter={"port": port}) as client:
            await complete(client, meter)
    assert [value for _, value in entries.all] == values(meter)


@pytest.mark.parametrize("refuses", [(), (ByRange,)])
@pytest.mark.parametrize("back", [timedelta(seconds=1200), HOUR, timedelta(days=365), timedelta(minutes=15)])
@pytest.mark.parametrize("seen", [True, False])
async def test_a_clock_that_was_set_back_loses_and_doubles_nothing(
    scripted, follow, hub, entries, meter, complete, kit, back, refuses, seen
):
    """Four entries before it, five after it; with ``seen`` the profile is looked at in between."""
    meter.fill(12)
    meter.refuses = set(refuses)
    hub.fixed_time = nanoseconds(meter.now)
    async with scripted(meter) as port, follow(meter={"port": port}) as client:
        await complete(client, meter)
        for number in range(9):
            meter.now += kit.QUARTER
            hub.fixed_time += 900 * 10**9
            if number == 4:
                meter.now -= back
                if seen:
                    await complete(client, meter, 1)
            meter.capture(7000 + number)
        await complete(client, meter, 3)
        last = meter.rows[-1].value[2].value / 10
    published = [value for _, value in entries.all]
    assert sorted(published) == sorted(values(meter))
    assert entries.latest[1] == last
    assert PROFILE_GAP not in [event.type for event in hub.recorded]


async def test_a_clock_set_forward_by_a_year_and_back_again_is_followed(
    scripted, follow, hub, entries, meter, complete, kit
):
    meter.fill(8)
    async with scripted(meter) as port, follow(meter={"port": port}) as client:
        await complete(client, meter)
        for step in (timedelta(days=366), kit.QUARTER, timedelta(days=-366), kit.QUARTER):
            meter.now += step
            meter.capture(8000 + len(meter.rows))
            await complete(client, meter)
    assert [value for _, value in entries.all] == values(meter)
    assert entries.latest[0] == meter.now
    assert [event.type for event in hub.recorded].count(PROFILE_SET_BACK) == 1


async def test_an_entry_between_two_changes_of_the_clock_is_found_by_the_number_of_entries(
    scripted, follow, hub, entries, meter, complete, kit
):
    """Nobody looked while the clock was wrong, and no range of time leads to that entry."""
    meter.fill(8)
    async with scripted(meter) as port, follow(meter={"port": port}) as client:
        await complete(client, meter)
        for step in (timedelta(days=-366), timedelta(days=366)):
            meter.now += kit.QUARTER + step
            meter.capture(8000 + len(meter.rows))
        await complete(client, meter)
    assert sorted(value for _, value in entries.all) == sorted(values(meter))
    assert entries.latest == (meter.now, values(meter)[-1])


@pytest.mark.parametrize("season", [(-120, -60), (-60, -120)])
async def test_the_hour_that_comes_twice_or_never_is_read_like_any_other(
    scripted, follow, hub, entries, meter, complete, kit, season
):
    """The meter compares local times, and changes between summer and winter time in the middle."""
    meter.deviation, after = season
    meter.fill(8)
    async with scripted(meter) as port, follow(meter={"port": port}) as client:
        await complete(client, meter)
        for number in range(12):
            meter.deviation = after
            meter.now += kit.QUARTER
            meter.capture(8000 + number)
            if number % 3 == 1:
                await complete(client, meter, 1)
        await complete(client, meter)
    assert [value for _, value in entries.all] == values(meter)
    assert entries.times == sorted(set(entries.times))


async def test_a_year_across_the_seasons_is_complete(scripted, follow, hub, entries, meter, complete, kit):
    meter.deviation = -120
    meter.fill(300, kit.NOON - 350 * kit.QUARTER)
    meter.deviation = -60
    meter.fill(51)
    async with scripted(meter) as port, follow(meter={"port": port}, first_read=366) as client:
        await complete(client, meter)
    assert [value for _, value in entries.all] == values(meter)


async def test_a_clock_without_a_deviation_is_placed_by_its_zone(scripted, follow, entries, meter, complete, kit):
    meter.deviation, meter.no_deviation = -60, True
    meter.fill(4)
    meter.rows = [
        kit.structure(Data(9, row.value[0].value[:9] + b"\x80\x00\x00"), *row.value[1:]) for row in meter.rows
    ]
    async with scripted(meter) as port, follow(meter={"port": port, "zone": "Europe/Warsaw"}) as client:
        await complete(client, meter)
    assert entries.times == [kit.NOON - n * kit.QUARTER for n in (3, 2, 1, 0)]


async def test_entries_whose_time_cannot_be_told_are_counted_and_told(
    scripted, follow, hub, entries, meter, complete, kit
):
    meter.fill(4)
    meter.rows[1] = kit.structure(Data(9, b"\xff" * 12), *meter.rows[1].value[1:])
    meter.refuses = {ByRange, ByEntry}
    async with scripted(meter) as port, follow(meter={"port": port}) as client:
        await complete(client, meter)
        assert client.status().profiles[0].untimed > 0
    assert len(entries.all) == 3
    assert [event.type for event in hub.recorded].count(PROFILE_UNTIMED) == 1


async def test_null_data_for_a_time_is_one_period_after_the_entry_before(
    scripted, follow, entries, meter, complete, kit
):
    meter.fill(6)
    meter.refuses = {ByRange, ByEntry}
    meter.rows[1:] = [kit.structure(Data(axdr.NULL, None), *row.value[1:]) for row in meter.rows[1:]]
    async with scripted(meter) as port, follow(meter={"port": port}) as client:
        await complete(client, meter)
    assert entries.times == [kit.NOON - n * kit.QUARTER for n in reversed(range(6))]


async def test_null_data_for_a_value_is_a_missing_value(scripted, follow, hub, entries, meter, complete, kit):
    meter.fill(2)
    meter.rows[1] = kit.structure(*meter.rows[1].value[:2], Data(axdr.NULL, None))
    async with scripted(meter) as port, follow(meter={"port": port}) as client:
        await complete(client, meter)
    assert [value for _, value in entries.all] == [100.0, None]
    assert hub.published["m/load/energy"].quality == Quality.INVALID


async def test_null_data_for_a_value_is_that_of_the_entry_before_where_the_settings_say_so(
    scripted, follow, entries, meter, complete, kit
):
    meter.compresses = True
    for number, value in enumerate((5, 5, 6, 6, 6, 7)):
        meter.now = kit.NOON + number * kit.QUARTER
        meter.capture(value)
    async with scripted(meter) as port, follow(meter={"port": port}, empty_values="unchanged") as client:
        await complete(client, meter)
        meter.now += kit.QUARTER
        meter.capture(7)
        await complete(client, meter)
    assert entries.all == [(kit.NOON + n * kit.QUARTER, v) for n, v in enumerate((0.5, 0.5, 0.6, 0.6, 0.6, 0.7, 0.7))]


async def test_entries_that_are_not_there_are_counted_and_told_once(
    scripted, follow, hub, entries, meter, complete, kit
):
    meter.fill(10)
    del meter.rows[4:7]
    async with scripted(meter) as port, follow(meter={"port": port}) as client:
        await complete(client, meter)
        assert client.status().profiles[0].missing == 3
    (gap,) = [event for event in hub.recorded if event.type == PROFILE_GAP]
    assert gap.parameters["missing"] == 3
    assert len(entries.all) == 7


@pytest.mark.parametrize("order", [1, 2])
async def test_entries_that_move_while_they_are_read_are_all_read(
    scripted, follow, hub, entries, meter, complete, kit, order, monkeypatch
):
    """The buffer is full: with each capture the oldest entry goes, and all others get another number."""
    monkeypatch.setattr("meterhub_dlms.client.profiles.sizing.MOST_ROWS", 7)
    meter.capacity, meter.order, meter.refuses = 50, order, {ByRange}
    meter.fill(50)
    expected = values(meter)
    captures = iter(range(3))

    def meanwhile():
        if len(meter.selections) % 3 == 0 and next(captures, None) is not None:
            meter.now += kit.QUARTER
            meter.capture(9000 + len(meter.selections))
            expected.append(meter.rows[-1].value[2].value / 10)

    meter.meanwhile = meanwhile
    async with scripted(meter) as port, follow(meter={"port": port}) as client:
        await complete(client, meter, 12)
    assert [value for _, value in entries.all] == expected


async def test_a_meter_that_is_lost_in_the_middle_is_read_on_from_there(
    scripted, follow, hub, entries, meter, kit, until, monkeypatch
):
    monkeypatch.setattr("meterhub_dlms.client.profiles.sizing.MOST_ROWS", 10)
    meter.fill(90)
    meter.lost_after = 4
    async with scripted(meter) as port, follow(meter={"port": port, "timeout": 0.2}) as client:
        await until(lambda: len(entries.all) >= 25)
        await until(lambda: len(meter.selections) > 5)
        meter.lost_after = None
        await until(lambda: client.status().profiles[0].state == "complete")
    assert [value for _, value in entries.all] == values(meter)


async def test_what_the_hub_did_not_take_is_published_again(
    scripted, follow, hub, entries, meter, complete, monkeypatch
):
    meter.fill(5)
    publish, failures = hub.publish, iter(range(2))

    async def failing(batch, *, history=False):
        if "m/load/energy" in batch and next(failures, None) is not None:
            raise OSError("the socket is gone")
        await publish(batch, history=history)

    monkeypatch.setattr(hub, "publish", failing)
    async with scripted(meter) as port, follow(meter={"port": port}) as client:
        await complete(client, meter)
    assert [value for _, value in entries.all] == values(meter)


async def test_the_status_of_an_entry_is_the_quality_of_its_values(scripted, follow, hub, meter, complete, kit):
    for number, status in enumerate((0, 0x04, 0x02, 0x28, 0x01)):
        meter.now = kit.NOON + number * kit.QUARTER
        meter.capture(100 + number, status)
    settings = {"status_name": "0-0:96.10.1*255"}
    async with scripted(meter) as port, follow(meter={"port": port}, **settings) as client:
        await complete(client, meter)
    found = [(reading.quality, reading.clock) for name, reading in hub.history if name == "m/load/energy"]
    good, bad = Quality.GOOD, Quality.INVALID
    valid, invalid = Clock.VALID, Clock.INVALID
    assert found == [(good, valid), (bad, valid), (good, invalid), (good, valid), (bad, valid)]


async def test_without_settings_every_numeric_column_is_a_point(scripted, follow, hub, meter, complete):
    meter.fill(3)
    async with scripted(meter) as port, follow(meter={"port": port}, columns=[]) as client:
        await complete(client, meter)
    declared = {name: point for name, point in hub.declared.items() if name.startswith("m/load/")}
    assert {name: point.unit for name, point in declared.items()} == {
        "m/load/1-0.1.8.0.255": "Wh",
        "m/load/0-0.96.10.1.255": "",
    }
    assert declared["m/load/1-0.1.8.0.255"].stale_after == 2700
    assert hub.published["m/load/1-0.1.8.0.255"].value == 100.2


async def test_a_column_that_is_not_there_is_a_mark_and_an_event(scripted, follow, hub, entries, meter, complete, kit):
    meter.fill(3)
    columns = [*kit.LOAD["columns"], {"label": "other", "logical_name": "1-0:2.8.0*255"}]
    async with scripted(meter) as port, follow(meter={"port": port}, columns=columns) as client:
        await complete(client, meter)
        assert client.status().profiles[0].not_found == "other"
    (event,) = [event for event in hub.recorded if event.type == MAPPING_NOT_FOUND]
    assert (event.parameters["mapping"], event.parameters["source"]) == ("load/other", "1-0:2.8.0*255")
    assert hub.published["m/load/other"].quality == Quality.INVALID
    assert len(entries.all) == 3


async def test_a_value_of_another_type_is_invalid_and_an_event_once(scripted, follow, hub, meter, complete, kit):
    meter.fill(3)
    columns = [{**kit.LOAD["columns"][0], "type": "int"}]
    async with scripted(meter) as port, follow(meter={"port": port}, columns=columns) as client:
        await complete(client, meter)
    assert [event.type for event in hub.recorded].count(VALUE_TYPE_WRONG) == 1
    assert hub.published["m/load/energy"].quality == Quality.INVALID


@pytest.mark.parametrize(
    "answer", [AccessResult.OBJECT_UNDEFINED, Data(axdr.ARRAY, []), Data(axdr.UINT8, 3)]
)  # fmt: skip
async def test_a_profile_that_is_not_there_is_told_once(scripted, follow, hub, meter, until, answer):
    meter.answers[7, 3] = answer
    async with scripted(meter) as port, follow(meter={"port": port}) as client:
        await until(lambda: client.status().profiles[0].state == "not found")
        await asyncio.sleep(0.3)
    assert [event.type for event in hub.recorded].count(PROFILE_NOT_FOUND) == 1


async def test_ratios_count_for_entries_as_for_polled_values(scripted, follow, entries, meter, complete):
    meter.fill(1)
    primary = {"ct_ratio": 40, "vt_ratio": 150, "values": "secondary"}
    async with scripted(meter) as port, follow(meter={"port": port, **primary}) as client:
        await complete(client, meter)
    assert entries.latest[1] == 100.0 * 40 * 150


async def test_a_meter_without_selective_access_is_read_whole(scripted, follow, entries, meter, complete):
    meter.features &= ~Conformance.SELECTIVE_ACCESS
    meter.fill(5)
    async with scripted(meter) as port, follow(meter={"port": port}) as client:
        await complete(client, meter)
    assert [value for _, value in entries.all] == values(meter)
    assert set(meter.selections) == {None}


async def test_malformed_entries_are_an_error_and_the_meter_goes_on_being_polled(
    scripted, follow, hub, entries, meter, until
):
    meter.answers[7, 2] = Data(axdr.ARRAY, [Data(axdr.UINT8, 7)])
    meter.fill(5)
    async with scripted(meter) as port, follow(meter={"port": port}) as client:
        await until(lambda: client.status().profiles[0].state == "failed")
        assert "columns" in client.status().profiles[0].last_error
        assert client.status().meters[0].state == "connected"
    assert not entries.all
