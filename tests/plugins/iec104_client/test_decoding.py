"""Frames, elements, time tags and settings without a station."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_iec104_client import cp56
from meterhub_iec104_client.asdu import parse
from meterhub_iec104_client.elements import TYPES
from meterhub_iec104_client.settings import Iec104ClientConfig, Station
from meterhub_sdk import Quality, QualityFlag, moment
from pydantic import ValidationError


@given(st.binary(max_size=260))
def test_any_octets_are_parsed_or_refused(octets: bytes):
    try:
        asdu = parse(octets)
    except ValueError:
        return
    for _, element in asdu.objects if asdu and asdu.type_id in TYPES else ():
        TYPES[asdu.type_id].take(element)
        if TYPES[asdu.type_id].tagged:
            cp56.decode(element[-7:], UTC)


@given(st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)), st.booleans())
def test_a_time_tag_in_utc_comes_out_to_the_millisecond(when: datetime, invalid: bool):
    tag = cp56.decode(octets_of(when, 0x80 if invalid else 0), UTC)
    expected = when.replace(microsecond=when.microsecond // 1000 * 1000, tzinfo=UTC)
    assert tag.time is not None
    assert (moment(tag.time), tag.valid) == (expected, not invalid)


@pytest.mark.parametrize(
    ("when", "summer", "hour"),
    [
        (datetime(2026, 1, 1, 12), False, 11),
        (datetime(2026, 7, 1, 12), True, 10),
        (datetime(2026, 10, 25, 2, 30), True, 0),
        (datetime(2026, 10, 25, 2, 30), False, 1),
    ],
)
def test_a_local_time_tag_is_told_apart_by_its_summer_bit(when: datetime, summer: bool, hour: int):
    tag = cp56.decode(octets_of(when, 0, 0x80 if summer else 0), ZoneInfo("Europe/Warsaw"))
    assert tag.time is not None
    assert moment(tag.time).hour == hour


def octets_of(when: datetime, minute: int = 0, hour: int = 0) -> bytes:
    milliseconds = when.second * 1000 + when.microsecond // 1000
    rest = (when.minute | minute, when.hour | hour, when.day, when.month, when.year - 2000)
    return milliseconds.to_bytes(2, "little") + bytes(rest)


def test_what_is_no_time_is_none():
    assert cp56.decode(bytes(7), UTC) == cp56.TimeTag(None, False)
    assert cp56.decode(b"\xff" * 7, UTC) == cp56.TimeTag(None, False)


@pytest.mark.parametrize(
    ("type_id", "element", "value", "quality", "flags"),
    [
        (1, "81", True, Quality.INVALID, 0),
        (1, "40", False, Quality.STALE, 0),
        (3, "23", 3, Quality.SUBSTITUTED, 0),
        (5, "4001", -64, Quality.GOOD, QualityFlag.OVERFLOW),
        (7, "ffffffff10", 2**32 - 1, Quality.GOOD, QualityFlag.BLOCKED),
        (9, "0080f1", -1.0, Quality.INVALID, QualityFlag.BLOCKED | QualityFlag.OVERFLOW),
        (11, "ff7f00", 32767.0, Quality.GOOD, 0),
        (13, "0000c07f00", None, Quality.INVALID, 0),
        (15, "ffffffff20", -1, Quality.GOOD, QualityFlag.OVERFLOW),
        (15, "01000000c0", 1, Quality.INVALID, 0),
        (21, "0040", 0.5, Quality.GOOD, 0),
    ],
)
def test_every_quality_bit_has_its_place(type_id, element, value, quality, flags):
    raw = TYPES[type_id].take(bytes.fromhex(element))
    assert (raw.value, raw.quality, raw.flags) == (value, quality, flags)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"t2": 15}, "T2 below T1"),
        ({"w": 12}, "two thirds"),
        ({"time_zone": "Mars/Olympus"}, "no time zone"),
        ({"time_zone": "Europe/Warsaw", "clock_interval": 60}, "in UTC"),
        ({"points": [{"label": "connected", "type": "M_SP", "ioa": 1}]}, "two points"),
        ({"points": [{"label": a, "type": "M_SP", "ioa": 1} for a in "ab"]}, "IOA 1 twice"),
        ({"points": [{"label": "a", "type": "M_SP", "ioa": 1, "command": "C_SE_NC"}]}, "C_SC or C_DC"),
        ({"points": [{"label": "a", "type": "M_SP", "ioa": 1, "select": True}]}, "no command"),
        (
            {"points": [{"label": "a", "type": "M_BO", "ioa": 1, "command": "C_BO", "select": True}]},
            "cannot be selected",
        ),
        ({"points": [{"label": "a", "type": "M_SP", "ioa": 1, "scaling": 2}]}, "no scaling"),
        ({"points": [{"label": "a", "type": "M_ME_NC", "ioa": 1, "scaling": 0}]}, "scaling 0"),
    ],
)
def test_settings_that_cannot_work_are_refused_with_a_sentence(change, sentence):
    with pytest.raises(ValidationError, match=sentence):
        Station.model_validate({"label": "rtu", "host": "rtu.example", **change})


def test_two_stations_of_one_label_are_refused():
    with pytest.raises(ValidationError, match="two stations"):
        Iec104ClientConfig.model_validate({"stations": [{"label": "a", "host": "h"}] * 2})
