"""From what a meter sends to what a point holds, and back."""

from __future__ import annotations

import math
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from meterhub_sdk import PointType, Value

from meterhub_dlms.codec import axdr, units
from meterhub_dlms.codec.axdr import Data

_NUMBERS = frozenset({*axdr.INTEGER_RANGES, axdr.FLOAT32, axdr.FLOAT64, axdr.BCD})
_FLOATS = frozenset({axdr.FLOAT32, axdr.FLOAT64})
_TEXTS = frozenset({axdr.OCTET_STRING, axdr.VISIBLE_STRING, axdr.UTF8_STRING})
_MAX_INT = 2**63


class ValueMismatch(Exception):
    """A value does not suit the type of its point, or the other way round; the text says why."""


class ScalerUnit(NamedTuple):
    """Power of ten and unit of a register: value = raw * 10 ** exponent."""

    exponent: int
    unit: str


def scaler_unit(data: Data) -> ScalerUnit:
    """Attribute scaler_unit: a structure of an exponent and a unit code."""
    if data.tag != axdr.STRUCTURE or len(data.value) != 2:
        raise ValueMismatch("scaler_unit is not a structure of two")
    exponent, unit = data.value
    if exponent.tag not in axdr.INTEGER_RANGES or unit.tag not in axdr.INTEGER_RANGES:
        raise ValueMismatch("scaler_unit holds something else than two numbers")
    if not -128 <= exponent.value <= 127:
        raise ValueMismatch(f"the scaler {exponent.value} is out of range")
    return ScalerUnit(exponent.value, units.symbol(unit.value))


def to_value(data: Data, wanted: PointType, exponent: int) -> Value:
    """The value of a point of the type ``wanted``; :class:`ValueMismatch` when it cannot be one.

    Scaling is exact: multiplied by a power of ten, or divided by one and rounded once.
    """
    tag, raw = data
    if wanted == "float" and tag in _NUMBERS:
        return _scaled(raw, exponent)
    if wanted == "int" and tag in _NUMBERS and tag not in _FLOATS:
        return _integer(raw, exponent)
    if wanted == "bool" and (tag == axdr.BOOLEAN or (tag in axdr.INTEGER_RANGES and raw in (0, 1))):
        return bool(raw)
    if wanted == "str":
        return _text(data)
    raise ValueMismatch(f"it sends {_described(data)}, the mapping says {wanted}")


def _scaled(raw: float, exponent: int) -> float:
    try:
        value = float(raw * 10**exponent if exponent >= 0 else raw / 10**-exponent)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        raise ValueMismatch("it sends a number that is not finite")
    return value


def _integer(raw: int, exponent: int) -> int:
    if exponent < 0:
        raise ValueMismatch(f"it sends {-exponent} decimal places, the mapping says int; choose float")
    value = raw * int(10**exponent)
    if not -_MAX_INT <= value < 2 * _MAX_INT:
        raise ValueMismatch("it sends a number of more than 64 bits; choose float")
    return value


def _text(data: Data) -> str:
    """Readable strings as they are, other octets in hex."""
    if data.tag == axdr.BIT_STRING:
        return str(data.value)
    if data.tag not in _TEXTS:
        raise ValueMismatch(f"it sends {_described(data)}, the mapping says str")
    return readable(data.value)


def readable(octets: bytes) -> str:
    """An octet string for people: text where it is text, hex where it is not."""
    try:
        text = octets.decode("utf-8").rstrip("\0")
    except UnicodeDecodeError:
        return octets.hex()
    return text if text.isprintable() else octets.hex()


def _described(data: Data) -> str:
    if data.tag in _FLOATS:
        return "a floating-point number"
    if data.tag in _NUMBERS:
        return f"the number {data.value}"
    if data.tag in _TEXTS:
        return "a string"
    return {axdr.NULL: "nothing (null-data)", axdr.BOOLEAN: "a boolean"}.get(data.tag, f"data of type {data.tag}")


def to_data(value: Value, tag: int, exponent: int) -> Data:
    """What to send to a meter whose attribute has the type ``tag``; :class:`ValueMismatch` when it does not fit."""
    if tag == axdr.BOOLEAN and (isinstance(value, bool) or value in (0, 1)):
        return Data(tag, bool(value))
    if tag in _FLOATS and isinstance(value, int | float):
        return Data(tag, float(_raw(value, exponent)))
    if tag in axdr.INTEGER_RANGES and isinstance(value, int | float):
        return Data(tag, _raw_integer(value, tag, exponent))
    if tag in _TEXTS and isinstance(value, str):
        return Data(tag, value.encode())
    raise ValueMismatch(f"{value!r} cannot be sent as COSEM data of type {tag}, which the meter has there")


def _raw(value: float, exponent: int) -> Decimal:
    """The raw number behind a scaled one, computed in decimal from the value's shortest notation."""
    try:
        raw = Decimal(int(value) if isinstance(value, bool) else repr(value)).scaleb(-exponent)
    except (InvalidOperation, ValueError):
        raise ValueMismatch(f"{value!r} is not a number that can be sent") from None
    if not raw.is_finite():
        raise ValueMismatch(f"{value!r} is not a number that can be sent")
    return raw


def _raw_integer(value: float, tag: int, exponent: int) -> int:
    raw = _raw(value, exponent)
    lowest, highest = axdr.INTEGER_RANGES[tag]
    if not lowest <= raw <= highest:
        shown = f"{Decimal(lowest).scaleb(exponent)} to {Decimal(highest).scaleb(exponent)}"
        raise ValueMismatch(f"{value!r} does not fit the meter's register; {shown} will do")
    if raw != raw.to_integral_value():
        raise ValueMismatch(
            f"{value!r} is finer than the meter's register; give a multiple of {Decimal(1).scaleb(exponent)}"
        )
    return int(raw)
