"""Values and qualities as octets, against a decoder written apart from the codec."""

from __future__ import annotations

import itertools
import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_iec104.elements import KINDS
from meterhub_iec104.objects import InformationObject
from meterhub_iec104.push import Push
from meterhub_sdk import Quality, Reading

FLOAT_MAX = 3.4028234663852886e38
OV, BL, SB, NT, IV, CY = 0x01, 0x10, 0x20, 0x40, 0x80, 0x20
DESCRIPTOR = {"M_SP": BL | SB | NT | IV, "M_DP": BL | SB | NT | IV, "M_ME_ND": 0}
"""Quality bits of the types that do not have them all."""


def element(kind: str, reading: Reading, factor: float = 1.0) -> bytes:
    item = InformationObject(KINDS[kind], 1, ("p",), push=Push(), factor=factor)
    item.update("p", reading)
    return item.element


def decoded(kind: str, octets: bytes) -> tuple[float, int]:
    """Value and quality bits."""
    first = octets[0]
    match kind:
        case "M_SP":
            return first & 0x01, first & 0xFE
        case "M_DP":
            return first & 0x03, first & 0xFC
        case "M_ST":
            return (first & 0x3F) - (first & 0x40), octets[1]
        case "M_ME_NA":
            value, quality = struct.unpack("<hB", octets)
            return value / 2**15, quality
        case "M_ME_ND":
            return struct.unpack("<h", octets)[0] / 2**15, 0
    layout = {"M_ME_NB": "<hB", "M_ME_NC": "<fB", "M_IT": "<iB", "M_BO": "<IB", "M_PS": "<IB"}[kind]
    value, quality = struct.unpack(layout, octets)
    return value, quality


VALUES = [
    ("M_SP", True, 1.0, b"\1"),
    ("M_SP", 0, 1.0, b"\0"),
    ("M_SP", 17.5, 1.0, b"\1"),
    ("M_SP", None, 1.0, b"\xc0"),
    ("M_SP", math.nan, 1.0, b"\x80"),
    ("M_DP", True, 1.0, b"\2"),
    ("M_DP", False, 1.0, b"\1"),
    ("M_DP", 0, 1.0, b"\0"),
    ("M_DP", 2.0, 1.0, b"\2"),
    ("M_DP", 3, 1.0, b"\3"),
    ("M_DP", 4, 1.0, b"\x83"),
    ("M_DP", math.inf, 1.0, b"\x83"),
    ("M_DP", None, 1.0, b"\xc0"),
    ("M_ST", -3, 1.0, b"\x7d\0"),
    ("M_ST", 63.4, 1.0, b"\x3f\0"),
    ("M_ST", 64, 1.0, b"\x3f\1"),
    ("M_ST", -65, 1.0, b"\x40\1"),
    ("M_BO", 0xDEADBEEF, 1.0, bytes.fromhex("efbeadde00")),
    ("M_BO", -1, 1.0, bytes.fromhex("ffffffff00")),
    ("M_BO", True, 1.0, bytes.fromhex("0100000000")),
    ("M_BO", 2**32 + 5, 1.0, bytes.fromhex("0500000001")),
    ("M_BO", -(2**31) - 1, 1.0, bytes.fromhex("ffffff7f01")),
    ("M_BO", math.inf, 1.0, bytes.fromhex("0000000080")),
    ("M_PS", 0x8001, 1.0, bytes.fromhex("0180000000")),
    ("M_PS", -1, 1.0, bytes.fromhex("ffff000000")),
    ("M_PS", 0x10001, 1.0, bytes.fromhex("0100000001")),
    ("M_ME_NA", -1, 1.0, b"\0\x80\0"),
    ("M_ME_NA", 0.5, 1.0, b"\0\x40\0"),
    ("M_ME_NA", 1, 1.0, b"\xff\x7f\1"),
    ("M_ME_NA", 200, 0.0025, b"\0\x40\0"),
    ("M_ME_NA", 32767.4 / 32768, 1.0, b"\xff\x7f\0"),
    ("M_ME_ND", 0.5, 1.0, b"\0\x40"),
    ("M_ME_ND", 7, 1.0, b"\xff\x7f"),
    ("M_ME_ND", None, 1.0, b"\0\0"),
    ("M_ME_NB", 12.4, 10.0, b"\x7c\0\0"),
    ("M_ME_NB", 40000, 1.0, b"\xff\x7f\1"),
    ("M_ME_NB", -40000, 1.0, b"\0\x80\1"),
    ("M_ME_NB", math.inf, -1.0, b"\0\x80\1"),
    ("M_ME_NC", 2, 0.25, struct.pack("<fB", 0.5, 0)),
    ("M_ME_NC", math.nan, 1.0, bytes(4) + b"\x80"),
    ("M_ME_NC", math.inf, 1.0, struct.pack("<fB", FLOAT_MAX, 1)),
    ("M_ME_NC", -(10**400), 1.0, struct.pack("<fB", -FLOAT_MAX, 1)),
    ("M_ME_NC", -(10**400), -2.0, struct.pack("<fB", FLOAT_MAX, 1)),
    ("M_ME_NC", "text", 1.0, bytes(4) + b"\xc0"),
    ("M_IT", 2**31 - 1, 1.0, struct.pack("<iB", 2**31 - 1, 0)),
    ("M_IT", 2**31, 1.0, struct.pack("<iB", 2**31 - 1, 0x80)),
    ("M_IT", 1_234_567, 0.001, struct.pack("<iB", 1235, 0)),
    ("M_IT", None, 1.0, bytes(4) + b"\x80"),
]


@pytest.mark.parametrize(("kind", "value", "factor", "octets"), VALUES)
def test_values_become_octets(kind, value, factor, octets):
    assert element(kind, Reading(value, 0), factor) == octets


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("quality", "flags"), list(itertools.product(range(4), range(4))))
def test_every_quality_with_every_flag_shows_as_far_as_the_type_has_the_bits(kind, quality, flags):
    bits = {0: 0, 1: SB, 2: NT, 3: IV}[quality] | (BL if flags & 1 else 0) | (OV if flags & 2 else 0)
    expected = bits & DESCRIPTOR.get(kind, OV | BL | SB | NT | IV)
    if kind == "M_IT":
        expected = (IV if quality >= Quality.STALE else 0) | (CY if flags & 2 else 0)
    assert decoded(kind, element(kind, Reading(0, 0, quality, flags=flags))) == (0, expected)


@given(st.floats() | st.integers() | st.booleans() | st.none() | st.text(), st.integers(0, 3), st.integers(0, 3))
def test_no_reading_breaks_the_codec(value, quality, flags):
    for name, kind in KINDS.items():
        for factor in (1.0, -1e300, 1e-300):
            octets = element(name, Reading(value, 0, quality, flags=flags), factor)
            assert len(octets) == kind.size
            assert kind.low <= decoded(name, octets)[0] <= kind.high


RANGES = {"M_ST": (-64, 63, 1), "M_ME_NA": (-1, 32767 / 32768, 2**-15), "M_ME_ND": (-1, 32767 / 32768, 2**-15)}
RANGES |= {"M_ME_NB": (-32768, 32767, 1), "M_IT": (-(2**31), 2**31 - 1, 1), "M_ME_NC": (-(2.0**100), 2.0**100, 0)}


@pytest.mark.parametrize("kind", RANGES)
@given(data=st.data())
def test_a_number_in_range_arrives_to_the_nearest_step_and_without_overflow(kind, data):
    low, high, step = RANGES[kind]
    value = data.draw(st.floats(low, high, width=32 if step == 0 else 64))
    arrived, quality = decoded(kind, element(kind, Reading(value, 0)))
    assert abs(arrived - value) <= step / 2
    assert quality == 0


@given(st.floats(allow_nan=False), st.floats(allow_nan=False, allow_infinity=False).filter(bool))
def test_a_number_out_of_range_is_cut_to_it_and_says_so(value, factor):
    for kind, (low, high, step) in RANGES.items():
        scaled = value * factor
        if kind != "M_ME_NC" and not low - step < scaled < high + step and not math.isnan(scaled):
            arrived, quality = decoded(kind, element(kind, Reading(value, 0), factor))
            assert arrived == (high if scaled > 0 else low)
            assert quality == {"M_IT": IV, "M_ME_ND": 0}.get(kind, OV)


@given(st.integers(0, 2**32 - 1))
def test_bit_strings_arrive_bit_by_bit(value):
    assert decoded("M_BO", element("M_BO", Reading(value, 0))) == (value, 0)
    assert decoded("M_BO", element("M_BO", Reading(value - 2**32, 0)))[0] == value
