"""Profiles: captured once per period whatever the clock does, kept over restarts, read by range and entry."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
import sqlite_utils
from hypothesis import given
from hypothesis import strategies as st
from meterhub_dlms.codec import axdr, cosem_time, obis
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.ln_action import ActionResult
from meterhub_dlms.codec.selection import CLOCK, ByEntry, ByRange, CaptureObject, by_time
from meterhub_dlms.codec.xdlms import AccessResult
from meterhub_dlms.server.kept import MIGRATIONS
from meterhub_dlms.server.objects.profile_access import SLICE
from meterhub_dlms.server.objects.profile_store import ProfileStore, Span
from meterhub_sdk import Clock, Quality, nanoseconds

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
ENERGY = {"logical_name": "1-0:1.8.0*255", "point": "a/energy", "unit": "Wh"}
STATUS, PROFILE, HOURLY = "0-0:96.10.1*255", "1-0:99.1.0*255", "1-0:99.2.0*255"
COLUMNS = [{"logical_name": "0-0:1.0.0*255"}, {"logical_name": STATUS}, {"logical_name": ENERGY["logical_name"]}]
ROW = {"columns": COLUMNS, "status_name": STATUS}
METER = {"objects": [ENERGY], "profiles": [ROW]}
ENERGY_COLUMN = CaptureObject(3, obis.parse(ENERGY["logical_name"]), 2)
STATUS_COLUMN = CaptureObject(1, obis.parse(STATUS), 2)
QUARTER = timedelta(minutes=15)
MISSING, DAYLIGHT, CLOCK_SET, INTERRUPTED, CLOCK_INVALID = 4, 8, 32, 128, 2


def number(value, tag=axdr.UINT32):
    return Data(tag, value)


async def entries(meter, selection=None):
    """Capture time, status and value of each entry."""
    rows = await meter.select(PROFILE, selection)
    times = [cosem_time.decode(row[0].value).time for row in rows]
    return [
        (datetime.fromtimestamp(t / 1e9, UTC), *(d.value for d in row[1:])) for t, row in zip(times, rows, strict=True)
    ]


def test_an_entry_is_captured_at_the_end_of_each_period_with_the_time_of_that_end(play):
    async def scenario(meter):
        for hour in range(3):
            meter.hub.give("a/energy", hour, unit="Wh")
            await meter.until(NOON + timedelta(minutes=20 * (hour + 1)))
        assert await entries(meter) == [(NOON + QUARTER, 0, 0), (NOON + 2 * QUARTER, 0, 1), (NOON + 3 * QUARTER, 0, 2),
                                        (NOON + 4 * QUARTER, 0, 2)]  # fmt: skip
        assert meter.value(PROFILE, 7) == 4
        assert meter.value(STATUS) == 0

    play(scenario, start=NOON + timedelta(minutes=1), **METER)


def test_the_attributes_of_a_profile_tell_its_layout(play):
    async def scenario(meter):
        assert [meter.value(PROFILE, number) for number in (4, 5, 7, 8)] == [900, 1, 0, 5000]
        columns = [[part.value for part in row.value] for row in meter.value(PROFILE, 3)]
        assert columns == [[8, obis.parse("0-0:1.0.0*255"), 2, 0], [1, obis.parse(STATUS), 2, 0], [*ENERGY_COLUMN]]
        assert [part.value for part in meter.value(PROFILE, 6)] == [0, bytes(6), 0, 0]

    play(scenario, **METER)


def test_the_oldest_entries_make_room_for_new_ones(play):
    async def scenario(meter):
        await meter.until(NOON + 6 * QUARTER)
        assert [time for time, *_ in await entries(meter)] == [NOON + n * QUARTER for n in (4, 5, 6)]
        assert meter.value(PROFILE, 7) == 3
        assert await entries(meter, ByEntry(1, 1)) == [(NOON + 4 * QUARTER, MISSING, None)]

    play(scenario, objects=[ENERGY], profiles=[{**ROW, "entries": 3}])


@pytest.mark.parametrize(
    ("jump", "base", "minutes"),
    [
        (timedelta(days=365), timedelta(days=365), [0, 15, 30]),
        (timedelta(days=-365), timedelta(days=-365), [15, 30]),
        (timedelta(minutes=30), timedelta(), [30, 45, 60]),
        (timedelta(minutes=11), timedelta(), [15, 30, 45]),
        (timedelta(minutes=4), timedelta(), [15, 30]),
        (timedelta(minutes=-4), timedelta(), [15, 30]),
        (timedelta(minutes=-8), timedelta(), [15]),
        (timedelta(minutes=-20), timedelta(), [0, 15]),
    ],
)
def test_a_clock_that_is_set_loses_and_doubles_no_entry(play, jump, base, minutes):
    """At 12:06 the clock is set, and half an hour passes; the first entry after that says so."""

    async def scenario(meter):
        meter.hub.give("a/energy", 7, unit="Wh")
        await meter.until(NOON + timedelta(minutes=6))
        meter.hub.jump(seconds=jump.total_seconds())
        await asyncio.sleep(1800)
        first, *others = await entries(meter)
        assert first == (NOON, 0, 7)
        assert [time - NOON - base for time, *_ in others] == [timedelta(minutes=each) for each in minutes]
        assert [status for _, status, _ in others] == [CLOCK_SET] + [0] * (len(minutes) - 1)

    play(scenario, start=NOON - timedelta(minutes=10), **METER)


@pytest.mark.parametrize(
    ("down", "expected"),
    [
        (timedelta(minutes=3), [(0, 0), (15, INTERRUPTED), (30, 0)]),
        (timedelta(minutes=10, seconds=20), [(0, 0), (15, INTERRUPTED), (30, 0)]),
        (timedelta(minutes=14), [(0, 0), (30, INTERRUPTED)]),
        (timedelta(hours=3), [(0, 0), (195, INTERRUPTED), (210, 0)]),
        (timedelta(days=-30), [(0, 0), (-30 * 24 * 60 + 15, INTERRUPTED | CLOCK_SET), (-30 * 24 * 60 + 30, 0)]),
    ],
)
def test_entries_outlive_a_restart_and_the_first_one_after_the_gap_says_so(play, down, expected):
    """The service stops at 12:05; an end that was missed by a few seconds is still captured, others are not made up."""

    async def before(meter):
        await meter.until(NOON + timedelta(minutes=5))

    async def after(meter):
        meter.hub.give("a/energy", 1, unit="Wh")
        await asyncio.sleep((expected[-1][0] - 5) * 60 - down.total_seconds() + 2)
        found = [(time - NOON, status & ~MISSING) for time, status, _ in await entries(meter)]
        assert found == [(timedelta(minutes=minutes), status) for minutes, status in expected]

    play(before, start=NOON - timedelta(seconds=1), **METER)
    play(after, start=NOON + timedelta(minutes=5) + down, **METER)


def test_a_restart_just_after_a_capture_does_not_repeat_it(play):
    async def one_capture(meter):
        await meter.until(NOON)
        assert len(await entries(meter)) == 1

    play(one_capture, start=NOON - timedelta(seconds=1), **METER)
    play(one_capture, start=NOON + timedelta(seconds=2), **METER)


def test_other_columns_begin_a_new_buffer_and_the_log_tells(play, caplog):
    async def scenario(meter):
        await meter.until(NOON + QUARTER)
        assert meter.value(PROFILE, 7) == 1

    play(scenario, **METER)
    play(scenario, objects=[ENERGY], profiles=[{**ROW, "columns": COLUMNS[:2]}])
    assert "1 entries were dropped" in caplog.text


def test_a_smaller_capacity_keeps_the_newest_entries(play):
    async def fill(meter):
        await meter.until(NOON + 4 * QUARTER)

    async def look(meter):
        assert [time for time, *_ in await entries(meter)] == [NOON + 3 * QUARTER, NOON + 4 * QUARTER]

    play(fill, **METER)
    play(look, start=NOON + 4 * QUARTER, objects=[ENERGY], profiles=[{**ROW, "entries": 2}])


@pytest.mark.parametrize(
    ("reading", "clock", "offset", "status", "value"),
    [
        ({"value": 5}, Clock.VALID, "none", 0, 5),
        ({"value": 5, "quality": Quality.STALE}, Clock.VALID, "none", MISSING, None),
        ({"value": 5, "quality": Quality.SUBSTITUTED}, Clock.UNKNOWN, "none", 0, 5),
        ({"value": "text"}, Clock.INVALID, "none", MISSING | CLOCK_INVALID, None),
        ({"value": 5}, Clock.VALID, "European Union", DAYLIGHT, 5),
    ],
)
def test_the_status_of_an_entry_tells_how_far_to_trust_it(play, reading, clock, offset, status, value):
    july = NOON + timedelta(days=180)

    async def scenario(meter):
        meter.hub.clock = clock
        meter.hub.give("a/energy", reading["value"], unit="Wh", quality=reading.get("quality", Quality.GOOD))
        await meter.until(july + QUARTER)
        assert await entries(meter) == [(july + QUARTER, status, value)]

    play(scenario, start=july, clock={"daylight_saving": offset}, **METER)


@pytest.mark.parametrize(
    ("midnight", "length"),
    [
        (datetime(2026, 3, 28, 23, tzinfo=UTC), 23),
        (datetime(2026, 10, 24, 22, tzinfo=UTC), 25),
        (datetime(2026, 5, 31, 22, tzinfo=UTC), 24),
    ],
)
def test_a_daily_profile_follows_local_midnight_over_the_changes_of_the_clocks(play, midnight, length):
    async def scenario(meter):
        for hours in range(length + 1):
            await meter.skip_to(midnight + timedelta(hours=hours))
        (first, *_), (second, *_) = await entries(meter)
        assert (first, second) == (midnight, midnight + timedelta(hours=length))
        rows = await meter.select(HOURLY, by_time(nanoseconds(first), nanoseconds(second)))
        assert len(rows) == length + 1
        assert rows[0][0].value[5] == rows[-1][0].value[5] == 0

    profiles = [{**ROW, "period": 86_400}, {**ROW, "logical_name": HOURLY, "status_name": None, "columns": COLUMNS[:1],
                                            "period": 3600}]  # fmt: skip
    clock = {"offset": 60, "daylight_saving": "European Union"}
    play(scenario, start=midnight - timedelta(minutes=1), clock=clock, objects=[ENERGY], profiles=profiles)


def local(hour, minute=0, *, deviation=0):
    return Data(
        axdr.OCTET_STRING, cosem_time.encode(nanoseconds(NOON.replace(hour=hour, minute=minute)), deviation=deviation)
    )


def year(number):
    return Data(axdr.OCTET_STRING, number.to_bytes(2, "big") + bytes.fromhex("0101ff00000000000000"))


OPEN = Data(axdr.NULL, None)
UNSPECIFIED = Data(axdr.OCTET_STRING, b"\xff" * 9 + b"\x80\x00\xff")
NO_DEVIATION = Data(axdr.OCTET_STRING, local(12, 15).value[:9] + b"\x80\x00\xff")


@pytest.mark.parametrize(
    ("selection", "found"),
    [
        (None, [1, 2, 3, 4]),
        (ByEntry(2, 3), [2, 3]),
        (ByEntry(3, 0), [3, 4]),
        (ByEntry(4, 9), [4]),
        (ByEntry(5, 9), []),
        (ByRange(CLOCK, local(12, 15), local(12, 30)), [1, 2]),
        (ByRange(CLOCK, local(12, 16), local(12, 44)), [2]),
        (ByRange(CLOCK, local(12, 30, deviation=-60), OPEN), [2, 3, 4]),
        (ByRange(CLOCK, UNSPECIFIED, NO_DEVIATION), [1]),
        (ByRange(CLOCK, local(14), local(15)), []),
        (ByRange(CLOCK, year(1), year(9999)), [1, 2, 3, 4]),
        (ByRange(CLOCK, year(9998), year(9999)), []),
        (ByRange(CLOCK, local(13), local(12)), []),
        (ByRange(ENERGY_COLUMN, number(20), number(30)), [2, 3]),
        (ByRange(ENERGY_COLUMN, number(35, axdr.UINT16), number(99, axdr.UINT8)), [4]),
    ],
)
def test_a_selection_chooses_entries(play, selection, found):
    async def scenario(meter):
        for value in (10, 20, 30, 40):
            meter.hub.give("a/energy", value, unit="Wh")
            await meter.until(NOON + value / 10 * QUARTER)
        assert [value // 10 for *_, value in await entries(meter, selection)] == found

    play(scenario, **METER)


@pytest.mark.parametrize(
    ("selection", "row"),
    [
        (ByEntry(1, 0, 2, 3), [number(0, axdr.UINT8), number(9)]),
        (ByEntry(1, 0, 3, 0), [number(9)]),
        (ByRange(CLOCK, OPEN, OPEN, (ENERGY_COLUMN,)), [number(9)]),
        (ByRange(CLOCK, OPEN, OPEN, (ENERGY_COLUMN, STATUS_COLUMN)), [number(9), number(0, axdr.UINT8)]),
    ],
)
def test_a_selection_chooses_columns(play, selection, row):
    async def scenario(meter):
        meter.hub.give("a/energy", 9, unit="Wh")
        await meter.until(NOON + QUARTER)
        assert await meter.select(PROFILE, selection) == [row]

    play(scenario, **METER)


@pytest.mark.parametrize(
    ("selection", "result"),
    [
        (ByEntry(0, 3), AccessResult.SCOPE_OF_ACCESS_VIOLATED),
        (ByEntry(1, 0, 0, 1), AccessResult.SCOPE_OF_ACCESS_VIOLATED),
        (ByEntry(1, 0, 1, 4), AccessResult.SCOPE_OF_ACCESS_VIOLATED),
        (ByEntry(1, 0, 3, 2), AccessResult.SCOPE_OF_ACCESS_VIOLATED),
        (ByRange(CaptureObject(3, bytes(6), 2), number(1), number(2)), AccessResult.SCOPE_OF_ACCESS_VIOLATED),
        (ByRange(CLOCK, OPEN, OPEN, (CaptureObject(3, bytes(6), 2),)), AccessResult.SCOPE_OF_ACCESS_VIOLATED),
        (ByRange(CLOCK, number(1), number(2)), AccessResult.TYPE_UNMATCHED),
        (ByRange(CLOCK, Data(axdr.OCTET_STRING, b"\x07\xea"), OPEN), AccessResult.TYPE_UNMATCHED),
        (ByRange(CLOCK, Data(axdr.OCTET_STRING, b"\x07\xea" + UNSPECIFIED.value[2:]), OPEN),
         AccessResult.SCOPE_OF_ACCESS_VIOLATED),
        (ByRange(ENERGY_COLUMN, OPEN, OPEN), AccessResult.TYPE_UNMATCHED),
    ],
)  # fmt: skip
def test_a_selection_that_means_nothing_is_refused(play, selection, result):
    async def scenario(meter):
        assert await meter.select(PROFILE, selection) is result

    play(scenario, **METER)


def test_many_entries_are_read_in_parts_between_which_others_work(play):
    async def scenario(meter):
        meter.hub.store.execute("PRAGMA synchronous=OFF")
        for _ in range(2_000):
            await meter.call(PROFILE, 2)
        reading = asyncio.create_task(meter.select(PROFILE))
        turns = 0
        while not reading.done():
            turns += 1
            await asyncio.sleep(0)
        assert len(reading.result()) == 2_000
        assert turns >= 2_000 // SLICE

    play(scenario, **METER)


def test_changes_are_captured_when_the_settings_name_the_point(play):
    async def scenario(meter):
        for value in (1, 1, 2, 2, 3):
            meter.hub.give("a/energy", value, unit="Wh")
            await asyncio.sleep(10.5)
        meter.hub.give("a/energy", 4, quality=Quality.STALE)
        await asyncio.sleep(1)
        assert [value for *_, value in await entries(meter)] == [2, 3]

    play(scenario, objects=[ENERGY], profiles=[{**ROW, "period": 0, "on_change": ["a/energy"]}])


def test_a_client_captures_and_resets(play):
    async def scenario(meter):
        meter.hub.give("a/energy", 3, unit="Wh")
        await asyncio.sleep(5)
        assert await meter.call(PROFILE, 2) is ActionResult.SUCCESS
        assert await entries(meter) == [(NOON + timedelta(seconds=5), 0, 3)]
        assert await meter.call(PROFILE, 1) is ActionResult.SUCCESS
        assert (await meter.select(PROFILE), meter.value(PROFILE, 7)) == ([], 0)
        await meter.until(NOON + QUARTER)
        assert len(await entries(meter)) == 1

    play(scenario, **METER)


def test_an_element_of_a_structure_can_be_captured(play):
    columns = [{"logical_name": ENERGY["logical_name"], "attribute": 3, "element": each} for each in (1, 2, 3)]

    async def scenario(meter):
        await meter.call(PROFILE, 2)
        assert await meter.select(PROFILE) == [[number(0, axdr.INT8), number(30, axdr.ENUM), OPEN]]

    play(scenario, objects=[ENERGY], profiles=[{"columns": columns}])


def test_what_the_disk_does_not_take_is_counted_and_tried_again(play, monkeypatch, caplog):
    append = ProfileStore.append
    refusals = 3

    def full(self, *given):
        nonlocal refusals
        refusals -= 1
        if refusals >= 0:
            raise sqlite3.OperationalError("database or disk is full")
        append(self, *given)

    monkeypatch.setattr(ProfileStore, "append", full)

    async def scenario(meter):
        await meter.until(NOON + QUARTER + timedelta(seconds=10))
        assert [time for time, *_ in await entries(meter)] == [NOON + QUARTER]
        assert meter.service.background.unstored == 3
        assert caplog.text.count("could not store") == 1
        assert await meter.call(PROFILE, 2) is ActionResult.SUCCESS

    play(scenario, **METER)


def test_a_method_that_the_disk_does_not_take_answers_hardware_fault(play, monkeypatch):
    def full(self, *given):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(ProfileStore, "append", full)

    async def scenario(meter):
        assert await meter.call(PROFILE, 2) is ActionResult.HARDWARE_FAULT

    play(scenario, **METER)


@given(
    st.integers(1, 12),
    st.lists(st.one_of(st.integers(0, 50), st.just("clear"), st.just("again")), max_size=60),
    st.integers(1, 13),
)
def test_the_store_keeps_the_newest_entries_in_order(capacity, steps, size):
    """Against a plain list: appended, cleared and opened again in any order, read in parts of any size."""
    database = sqlite_utils.Database(sqlite3.connect(":memory:", isolation_level=None))
    for script in MIGRATIONS:
        database.conn.executescript(script)

    def opened():
        return ProfileStore(SimpleNamespace(store=database), 1, bytes(6), b"layout", capacity)

    store, expected = opened(), []
    for step in steps:
        if step == "clear":
            store.clear()
            expected = []
        elif step == "again":
            store = opened()
        else:
            store.append(step, bytes((step,)), step)
            expected = [*expected, step][-capacity:]
            assert store.ended == step
        assert len(store) == len(expected)
    for span, chosen in (
        (Span(store.first, store.end), expected),
        (store.captured(10, 30), [step for step in expected if 10 <= step <= 30]),
    ):
        found, place = [], span
        while place.first < place.end:
            found += [entry.content[0] for entry in store.part(place, size)]
            place = place._replace(first=place.first + size)
        assert found == chosen
    database.conn.close()
