"""Values and registers."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_modbus.formats import Format, NotRepresentable, reorder

ORDERS = ("ABCD", "DCBA", "CDAB", "BADC")
LIMITS = {"i16": 1 << 15, "u16": 1 << 16, "i32": 1 << 31, "u32": 1 << 32, "i64": 1 << 63}


@pytest.mark.parametrize(
    ("order", "registers"), [("ABCD", "42f6e979"), ("DCBA", "79e9f642"), ("CDAB", "e97942f6"), ("BADC", "f64279e9")]
)
def test_a_float_stands_in_the_registers_in_each_byte_order(order, registers):
    assert Format("f32", order).encode(123.456).hex() == registers


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("ABCD", "0102030405060708"),
        ("DCBA", "0807060504030201"),
        ("CDAB", "0708050603040102"),
        ("BADC", "0201040306050807"),
    ],
)
def test_64_bit_values_follow_the_same_rule(order, expected):
    assert Format("i64", order).encode(0x0102030405060708).hex() == expected


@pytest.mark.parametrize("order", ORDERS)
def test_16_bit_values_know_no_byte_order(order):
    assert Format("i16", order).encode(0x1234) == b"\x12\x34"


@given(st.sampled_from(ORDERS), st.binary(min_size=1, max_size=2).map(lambda b: b * 4))
def test_reordering_twice_is_nothing(order, value):
    assert reorder(reorder(value, order), order) == value


@given(st.sampled_from(sorted(LIMITS)), st.sampled_from(ORDERS), st.data())
def test_every_integer_in_range_comes_back(name, order, data):
    top = LIMITS[name]
    bottom = -top if name[0] == "i" else 0
    value = data.draw(st.integers(bottom, top - 1))
    assert Format(name, order).decode(Format(name, order).encode(value)) == value


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(ORDERS))
def test_every_double_comes_back(value, order):
    assert Format("f64", order).decode(Format("f64", order).encode(value)) == value


@pytest.mark.parametrize("name", sorted(LIMITS))
def test_just_outside_the_range_is_not_representable(name):
    top = LIMITS[name]
    for value in (top, -top - 1 if name[0] == "i" else -1):
        with pytest.raises(NotRepresentable, match=name):
            Format(name).encode(value)


@given(
    st.one_of(st.none(), st.text(max_size=5), st.booleans(), st.integers(), st.just(10**400), st.floats()),
    st.floats(1e-300, 1e300),
)
def test_a_value_fits_or_is_not_representable_and_nothing_else(value, scaling):
    for name in (*LIMITS, "bool", "f32", "f64", "string[3]"):
        form = Format(name, "CDAB", scaling)
        try:
            content = form.encode(value)
        except NotRepresentable:
            continue
        assert len(content) == form.length
        assert content != b"\x7f\x80\0\0"


@given(st.binary(min_size=8, max_size=8), st.floats(1e-300, 1e300))
def test_registers_decode_to_a_finite_value_or_none(registers, scaling):
    for name in (*LIMITS, "bool", "f32", "f64", "string[8]"):
        form = Format(name, "ABCD", scaling)
        try:
            value = form.decode(registers[: form.length])
        except NotRepresentable:
            continue
        assert isinstance(value, str) or math.isfinite(value)


def test_scaling_multiplies_towards_the_registers_and_divides_back():
    form = Format("i16", scaling=10)
    assert form.encode(23.04) == struct.pack(">h", 230)
    assert form.decode(struct.pack(">h", 230)) == 23
    assert form.decode(struct.pack(">h", 235)) == 23.5


def test_a_large_counter_is_exact():
    assert Format("i64", scaling=1000).encode(9_007_199_254_740_993) == struct.pack(">q", 9_007_199_254_740_993_000)


def test_text_is_filled_with_zeros_and_too_much_of_it_is_not_cut():
    assert Format("string[5]").encode("żó") == "żó".encode() + b"\0\0"
    with pytest.raises(NotRepresentable, match="holds 5"):
        Format("string[5]").encode("żółw")


@pytest.mark.parametrize(
    ("name", "pattern"),
    [("i16", "8000"), ("u16", "ffff"), ("i32", "80000000"), ("u32", "ffffffff"), ("i64", "8000000000000000"),
     ("string[4]", "00000000"), ("bool", "ffff")],
)  # fmt: skip
def test_the_usual_sentinels(name, pattern):
    assert Format(name).sentinel().hex() == pattern


@pytest.mark.parametrize("order", ORDERS)
def test_the_sentinel_of_floats_is_not_a_number_in_each_byte_order(order):
    for name, code in (("f32", ">f"), ("f64", ">d")):
        assert math.isnan(struct.unpack(code, reorder(Format(name, order).sentinel(), order))[0])
