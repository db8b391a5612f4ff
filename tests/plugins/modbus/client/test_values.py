"""Values of all types in all byte orders, both ways."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from meterhub_modbus.client.values import RegisterFormat, ValueMismatch

ORDERS = ["ABCD", "DCBA", "CDAB", "BADC"]
INTEGERS = {f"{sign}{bits}": (sign, int(bits)) for sign in "iu" for bits in ("16", "32", "64")}


@pytest.mark.parametrize(
    ("order", "wire"), [("ABCD", "42f6e979"), ("DCBA", "79e9f642"), ("CDAB", "e97942f6"), ("BADC", "f64279e9")]
)
def test_123_456_in_the_four_byte_orders(order, wire):
    form = RegisterFormat("f32", order)
    assert form.decode(bytes.fromhex(wire)) == pytest.approx(123.456, rel=1e-7)
    assert form.encode(123.456).hex() == wire


@given(st.data())
def test_integers_come_back(data):
    name = data.draw(st.sampled_from(sorted(INTEGERS)))
    sign, bits = INTEGERS[name]
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if sign == "i" else (0, 2**bits - 1)
    value = data.draw(st.integers(low, high))
    form = RegisterFormat(name, data.draw(st.sampled_from(ORDERS)))
    assert form.point_type == "int"
    assert form.decode(form.encode(value)) == value
    for beyond in (low - 1, high + 1):
        with pytest.raises(ValueMismatch, match="out of the range"):
            form.encode(beyond)


@given(st.integers(-(2**31), 2**31 - 1), st.sampled_from([0.1, 0.01, 0.001, 10, 1000, 0.25, 3]))
def test_scaled_integers_come_back(raw, factor):
    form = RegisterFormat("i32", "CDAB", factor)
    content = struct.pack(">i", raw)
    content = content[2:] + content[:2]
    assert form.encode(form.decode(content)) == content


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(ORDERS))
def test_doubles_come_back(value, order):
    form = RegisterFormat("f64", order)
    assert form.decode(form.encode(value)) == value


@pytest.mark.parametrize(
    ("form", "content", "value"),
    [
        (RegisterFormat("i16", factor=0.1), "08fd", 230.1),
        (RegisterFormat("u16", offset=-40), "0041", 25),
        (RegisterFormat("u16", factor=0.5, offset=1), "0003", 2.5),
        (RegisterFormat("bool"), "0001", True),
        (RegisterFormat("bit[15]"), "8000", True),
        (RegisterFormat("bit[0]"), "8000", False),
        (RegisterFormat("string[5]"), "4142430044ff", "ABC"),
        (RegisterFormat("string[4]"), "41422020", "AB"),
    ],
)
def test_what_registers_mean(form, content, value):
    assert form.decode(bytes.fromhex(content)) == value
    assert form.registers == len(content) // 4


@pytest.mark.parametrize(
    ("form", "content"),
    [
        (RegisterFormat("f32"), "7fc00000"),
        (RegisterFormat("f32"), "7f800000"),
        (RegisterFormat("u16", missing=0xFFFF), "ffff"),
        (RegisterFormat("i64", factor=1000), "7fffffffffffffff"),
        (RegisterFormat("bool"), "0002"),
        (RegisterFormat("string[2]"), "ffff"),
        (RegisterFormat("f64", factor=1e10), "7fe0000000000000"),
    ],
)
def test_registers_that_hold_no_value(form, content):
    with pytest.raises(ValueMismatch):
        form.decode(bytes.fromhex(content))


@pytest.mark.parametrize(
    ("form", "value"),
    [
        (RegisterFormat("f32"), math.nan),
        (RegisterFormat("f32"), math.inf),
        (RegisterFormat("f32"), 1e300),
        (RegisterFormat("u16"), "1"),
        (RegisterFormat("u16"), None),
        (RegisterFormat("u16"), -1),
        (RegisterFormat("bool"), 2),
        (RegisterFormat("string[2]"), "äö"),
        (RegisterFormat("string[2]"), 1),
    ],
)
def test_values_that_registers_cannot_hold(form, value):
    with pytest.raises(ValueMismatch):
        form.encode(value)
