"""Readings: arithmetic keeps the oldest time, the worst quality and clock, and insists on units."""

from __future__ import annotations

import math
import operator
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_sdk import Clock, Quality, QualityFlag, Reading, UnitMismatch, moment, nanoseconds

numbers = st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6) | st.booleans()
readings = st.builds(
    Reading,
    numbers | st.none() | st.just("text"),
    st.integers(0, 2**62),
    st.sampled_from([int(q) for q in Quality]),
    st.sampled_from(["Wh", "Wh", "W", ""]),
    st.integers(0, 3),
    st.integers(0, 2),
)
SUMS = [operator.add, operator.sub]
PRODUCTS = [operator.mul, operator.truediv]


@pytest.mark.parametrize("work", SUMS)
@given(a=readings, b=readings)
def test_a_sum_is_as_old_and_as_bad_as_its_worst_part(work, a: Reading, b: Reading) -> None:
    if a.unit != b.unit:
        with pytest.raises(UnitMismatch, match="cannot combine"):
            work(a, b)
        return
    result = work(a, b)
    assert result.time == min(a.time, b.time)
    assert result.clock == max(a.clock, b.clock)
    assert result.flags == a.flags | b.flags
    assert result.unit == a.unit
    if any(part.value is None or isinstance(part.value, str) for part in (a, b)):
        assert (result.value, result.quality) == (None, Quality.INVALID)
    else:
        assert result.value == work(a.value, b.value)
        assert result.quality == max(a.quality, b.quality)


@pytest.mark.parametrize("work", PRODUCTS)
@given(a=readings, b=readings)
def test_a_product_knows_one_unit_at_most(work, a: Reading, b: Reading) -> None:
    ratio = work is operator.truediv and a.unit == b.unit
    if not ratio and b.unit and (a.unit or work is operator.truediv):
        with pytest.raises(UnitMismatch):
            work(a, b)
        return
    result = work(a, b)
    assert result.unit == ("" if ratio else a.unit or b.unit)
    assert result.time == min(a.time, b.time)
    assert result.quality >= max(a.quality, b.quality)
    assert (result.value is None) <= (result.quality == Quality.INVALID)


@pytest.mark.parametrize("work", [*SUMS, *PRODUCTS])
@given(a=readings, number=numbers)
def test_a_plain_number_is_always_good_and_never_old(work, a: Reading, number: float) -> None:
    result = work(a, number)
    assert (result.time, result.unit, result.flags, result.clock) == (a.time, a.unit, a.flags, a.clock)
    assert result.quality in (a.quality, Quality.INVALID)


@given(st.lists(readings.map(lambda r: r.with_unit("Wh")), min_size=1, max_size=5))
def test_readings_can_be_summed(parts: list[Reading]) -> None:
    total = sum(parts)
    assert isinstance(total, Reading)
    assert total.time == min(part.time for part in parts)
    assert total.unit == "Wh"


@pytest.mark.parametrize(
    ("value", "want"),
    [
        (lambda: Reading(1, 5) / 0, None),
        (lambda: Reading(1, 5) / Reading(0, 5), None),
        (lambda: Reading(1e308, 5) * 10, None),
        (lambda: Reading(math.inf, 5) - math.inf, None),
        (lambda: Reading(math.nan, 5) + 1, None),
        (lambda: Reading(10**400, 5) * 1.0, None),
        (lambda: Reading("12", 5) + 1, None),
        (lambda: Reading(None, 5) * 2, None),
        (lambda: 10 - Reading(4, 5), 6),
        (lambda: -Reading(4, 5), -4),
        (lambda: abs(Reading(-4.5, 5)), 4.5),
        (lambda: Reading(True, 5) + True, 2),
        (lambda: 3 * Reading(4, 5), 12),
        (lambda: Reading(4, 5).scaled(0.5), 2.0),
    ],
)
def test_what_cannot_be_computed_is_invalid_and_never_an_exception(value, want) -> None:
    result = value()
    assert result.value == want
    assert result.quality == (Quality.INVALID if want is None else Quality.GOOD)
    assert result.time == 5


def test_units_are_converted_by_whoever_knows_how() -> None:
    reading = Reading(1500, 1, unit="Wh")
    assert reading.scaled(0.001, "kWh") == Reading(1.5, 1, unit="kWh")
    assert reading.with_unit("J").unit == "J"
    with pytest.raises(UnitMismatch, match=r"cannot combine 'Wh' with 'W'; convert one of them with scaled\(\)"):
        reading + Reading(1, 1, unit="W")
    with pytest.raises(UnitMismatch, match="cannot combine 'a number' with 'Wh'"):
        Reading(1, 1) + reading
    with pytest.raises(UnitMismatch, match="cannot divide 'V' by 'A'"):
        Reading(1, 1, unit="V") / Reading(1, 1, unit="A")
    with pytest.raises(ValueError, match="cannot combine"):  # it is a ValueError for whoever does not know better
        Reading(1, 1, unit="V") * Reading(1, 1, unit="A")


@given(readings, st.sampled_from(list(Quality)))
def test_a_quality_only_gets_worse(reading: Reading, quality: Quality) -> None:
    assert reading.degraded(quality).quality == max(reading.quality, quality)
    assert reading.degraded(quality).time == reading.time


def test_good_means_without_a_second_thought() -> None:
    assert Reading(0, 1).good
    assert Reading(False, 1, clock=Clock.INVALID).good
    for worse in (
        Reading(None, 1),
        Reading(1, 1, Quality.SUBSTITUTED),
        Reading(1, 1, Quality.STALE),
        Reading(1, 1, flags=QualityFlag.OVERFLOW),
        Reading.missing(),
    ):
        assert not worse.good


@pytest.mark.parametrize(("value", "number"), [(True, 1), (2, 2), (2.5, 2.5), (None, None), ("7", None)])
def test_number_is_a_number_or_none_at_all(value, number) -> None:
    found = Reading(value, 1).number
    assert math.isnan(found) if number is None else found == number


def test_before_its_first_value_a_point_is_missing() -> None:
    missing = Reading.missing("Wh", 7)
    assert missing == Reading(None, 7, Quality.INVALID, "Wh", 0, Clock.UNKNOWN)


# -- times ------------------------------------------------------------------------------------


@given(st.datetimes(datetime(1680, 1, 1), datetime(2260, 1, 1), timezones=st.just(UTC)))
def test_times_keep_every_microsecond(when: datetime) -> None:
    assert moment(nanoseconds(when)) == when
    assert Reading.at(when, 1, "Wh").when == when


def test_times_of_any_zone_are_utc_inside() -> None:
    local = datetime(2026, 3, 29, 3, 0, tzinfo=timezone(timedelta(hours=2)))
    assert nanoseconds(local) == nanoseconds(datetime(2026, 3, 29, 1, 0, tzinfo=UTC))
    assert Reading.at(local, 1, quality=Quality.STALE).quality == Quality.STALE
    with pytest.raises(ValueError, match="has no time zone; give one, such as tzinfo=UTC"):
        nanoseconds(datetime(2026, 1, 1))


# -- the wire ---------------------------------------------------------------------------------


@given(readings)
def test_a_reading_survives_its_encoding(reading: Reading) -> None:
    again = msgspec.msgpack.decode(msgspec.msgpack.encode(reading), type=Reading)
    assert again == reading
    assert type(again.value) is type(reading.value)


def test_the_encoding_is_short() -> None:
    """It travels a million times a day over slow lines to flash memory."""
    assert len(msgspec.msgpack.encode(Reading(230.5, 1_700_000_000_000_000_000, unit="V"))) <= 24
