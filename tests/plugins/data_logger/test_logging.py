"""What is logged: on change, each reading, by interval, scaled; with the reading's own time, type and validity."""

from __future__ import annotations

import asyncio
import math

import pytest
from meterhub_data_logger.asking import QueryArguments
from meterhub_data_logger.sampling import seconds_left
from meterhub_data_logger.settings import DataLoggerConfig
from meterhub_sdk import Clock, Quality, QualityFlag, Reading
from pydantic import ValidationError

SECOND = 1_000_000_000


async def entries(logger, **selection):
    return (await logger.query(QueryArguments(**selection))).entries


async def values(logger, **selection):
    return [entry.value for entry in await entries(logger, **selection)]


def source(**more):
    return {"label": "one", "points": ["**"], **more}


async def test_on_change_logs_what_changed_in_value_quality_flags_or_clock(hub, logging):
    async with logging() as logger:
        for time, more in enumerate([{}, {}, {"quality": 2}, {"quality": 2}, {"flags": 1}, {"clock": 2}, {}]):
            hub.offer("meter/a", 7, time, **more)
        await hub.until_empty()
        shown = [(e.quality, e.flags, e.clock) for e in await entries(logger)]
    assert shown == [
        ("good", [], "valid"),
        ("stale", [], "valid"),
        ("good", ["blocked"], "valid"),
        ("good", [], "invalid"),
        ("good", [], "valid"),
    ]


async def test_every_reading_is_logged_where_a_source_wants_that(hub, logging):
    async with logging(sources=[source(record="reading")]) as logger:
        for time in range(4):
            hub.offer("meter/profile", 5, time * SECOND)
        await hub.until_empty()
        assert await values(logger) == [5, 5, 5, 5]


async def test_numbers_that_differ_less_than_the_smallest_change_count_as_unchanged(hub, logging):
    async with logging(sources=[source(deadband=0.5)]) as logger:
        for time, value in enumerate([1.0, 1.3, 1.49, 1.5, 1.9, 0.9]):
            hub.offer("meter/a", value, time)
        await hub.until_empty()
        assert await values(logger) == [1.0, 1.5, 0.9]


@pytest.mark.parametrize(
    "value", [True, False, 0, -(2**63), 2**63 - 1, 2**64 - 1, 0.0, -1.5e300, 0.1, "", "żółw", "=1+1", None]
)
async def test_a_value_comes_back_as_it_was_with_its_type(hub, logging, value):
    async with logging() as logger:
        hub.offer("meter/a", value, 1234567890123456789, unit="kW", quality=3, flags=3, clock=1)
        await hub.until_empty()
        (entry,) = await entries(logger)
    kind = {bool: "bool", int: "int", float: "float", str: "text", type(None): "none"}[type(value)]
    assert (entry.value, type(entry.value), entry.type) == (value, type(value), kind)
    assert (entry.time, entry.unit, entry.clock) == ("2009-02-13T23:31:30.123456789Z", "kW", "unknown")
    assert (entry.quality, entry.flags) == ("invalid", ["blocked", "overflow"])


async def test_numbers_that_are_none_are_kept_and_shown_as_text(hub, logging):
    async with logging() as logger:
        for time, value in enumerate([math.nan, math.inf, -math.inf]):
            hub.offer("meter/a", value, time)
        await hub.until_empty()
        assert await values(logger) == ["nan", "inf", "-inf"]


async def test_a_point_that_was_never_measured_is_not_logged(hub, logging):
    async with logging() as logger:
        hub.offer("meter/a", None, 0, quality=Quality.INVALID)
        hub.offer("meter/a", 1, 5)
        await hub.until_empty()
        assert await values(logger) == [1]


async def test_a_change_of_unit_or_scalers_leaves_old_entries_as_they_were(hub, logging):
    async with logging() as logger:
        hub.offer("meter/a", 1, 1, unit="Wh")
        hub.offer("meter/a", 1, 2, unit="kWh")
        await hub.until_empty()
    scaled = source(label="all", scalers=[{"kind": "multiply", "factor": 1000}], unit="mWh")
    async with logging(sources=[scaled]) as logger:
        hub.offer("meter/a", 1, 3, unit="Wh")
        await hub.until_empty()
        assert [(e.value, e.unit) for e in await entries(logger)] == [(1, "Wh"), (1, "kWh"), (1000, "mWh")]


async def test_text_is_logged_as_it_is_and_what_scalers_cannot_compute_is_invalid(hub, logging):
    curve = {"kind": "linear-interpolation", "points": [{"x": 0, "y": 0}, {"x": 1, "y": 9}], "outside": "invalid"}
    async with logging(sources=[source(scalers=[curve])]) as logger:
        hub.offer("meter/text", "on", 1)
        hub.offer("meter/flag", True, 2)
        hub.offer("meter/much", 5, 3)
        await hub.until_empty()
        shown = [(e.value, e.quality) for e in await entries(logger)]
    assert shown == [("on", "good"), (9.0, "good"), (None, "invalid")]


async def test_sources_choose_points_and_the_loggers_own_ones_must_be_named(hub, logging):
    chosen = [
        {"label": "power", "points": ["meter/*/power"]},
        {"label": "rest", "points": ["meter/**", "**"]},
        {"label": "off", "points": ["**"], "enabled": False},
        {"label": "own", "points": ["data-logger/lost"], "record": "reading"},
    ]
    async with logging(sources=chosen) as logger:
        for name in ("meter/a/power", "meter/a/b/power", "other/x", "data-logger/lost"):
            hub.offer(name, 1, 1)
        await hub.until_empty()
        shown = {(e.source, e.point) for e in await entries(logger)}
        assert await values(logger, source="power") == [1]
    assert shown == {
        ("power", "meter/a/power"),
        ("rest", "meter/a/power"),
        ("rest", "meter/a/b/power"),
        ("rest", "other/x"),
        ("own", "data-logger/lost"),
    }


async def test_by_interval_logs_the_newest_readings_once_each(hub, logging):
    async with logging(sources=[source(record="interval", interval=1)]) as logger:
        hub.offer("meter/a", 5, 1)
        hub.offer("meter/a", 6, 2)
        async with asyncio.timeout(10):
            while logger.status().committed < 1:
                await asyncio.sleep(0.05)
        rooms = logger._rooms
        (sampler,) = rooms.samplers
        assert await sampler._samples() == []  # nothing newer came
        hub.readings["meter/a"] = Reading(6, 3)
        assert [row[0] for row in await sampler._samples()] == [3]  # the same value, of a later time
        assert await values(logger) == [6]


@pytest.mark.parametrize(
    ("now", "left"), [(0.0, 900.0), (899.0, 901.0), (450.0, 450.0), (451.0, 1349.0), (900.0, 900.0), (1e9 + 1, 899.0)]
)
def test_intervals_are_those_of_the_clock_and_a_clock_that_jumps_makes_no_pair(now, left):
    start = 1_699_999_200 * SECOND  # a whole quarter of an hour
    begin = start if now < 1e8 else 0
    expected = left if begin else 900 - (1e9 + 1) % 900
    found = seconds_left(begin + int(now * SECOND), 900)
    assert 450 <= found < 1350
    assert found == pytest.approx(expected if expected >= 450 else expected + 900, abs=1e-3)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"sources": [source(record="interval")]}, "source one records by interval only and has none; give the"),
        ({"sources": [source(), source()]}, "two sources are labelled one; give each its own label"),
        ({"sources": [source(points=["a/**/b"])]}, "'a/**/b' is no pattern of point names; dlms-client/main/"),
        ({"sources": [source(points=[""])]}, "'' is no pattern of point names"),
        ({"sources": [source(points=["a/b*"])]}, "'a/b*' is no pattern of point names"),
        ({"limit": 200_000_000}, "less than or equal to 100000000"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_a_sentence(settings, sentence):
    with pytest.raises(ValidationError) as caught:
        DataLoggerConfig.model_validate(settings)
    assert sentence in str(caught.value)


def test_flags_and_clock_names_are_the_sdks():
    assert {flag.name for flag in QualityFlag if flag} == {"BLOCKED", "OVERFLOW"}
    assert [clock.name for clock in Clock] == ["VALID", "UNKNOWN", "INVALID"]
