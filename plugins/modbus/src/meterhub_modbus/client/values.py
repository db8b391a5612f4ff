"""From registers to the value of a point, and back.

Registers are 16 bits, high byte first on the wire (MODBUS Application Protocol 1.1b3, 4.2); the four
orders of longer values are those of the Modbus server (:mod:`meterhub_modbus.formats`).
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

from meterhub_sdk import PointType, Value

from meterhub_modbus.formats import STRING_LIMIT, ByteOrder, reorder

TYPE_PATTERN = r"^(bool|bit\[(?:[0-9]|1[0-5])\]|[iu](?:16|32|64)|f32|f64|string\[[1-9][0-9]{0,2}\])$"
_CODES = {"i16": ">h", "u16": ">H", "i32": ">i", "u32": ">I", "i64": ">q", "u64": ">Q", "f32": ">f", "f64": ">d"}
_MAX_INT = 2**63
_LEAST_INVERSE = 1e-300


class ValueMismatch(Exception):
    """Registers that hold no value of the type, or a value that the registers cannot hold; the text says why."""


@dataclass(frozen=True, slots=True)
class RegisterFormat:
    """How one value stands in its registers: point value = register content x ``factor`` + ``offset``.

    ``missing`` is the register content, unscaled, by which the device says that it has no value.
    """

    type: str
    order: ByteOrder = "ABCD"
    factor: float = 1.0
    offset: float = 0.0
    missing: int | None = None

    @property
    def registers(self) -> int:
        """16-bit registers that a value takes."""
        if self.type in _CODES:
            return int(self.type[1:]) // 16
        return (self.parameter + 1) // 2 if self.type.startswith("string") else 1

    @property
    def parameter(self) -> int:
        """The number in the brackets: the bit (0 is the lowest) or the length of the string in bytes."""
        return int(re.findall(r"\d+", self.type)[0])

    @property
    def is_bit(self) -> bool:
        """True for one bit of a register."""
        return self.type.startswith("bit")

    @property
    def point_type(self) -> PointType:
        """The type of the point that the value becomes."""
        if self.type == "bool" or self.is_bit:
            return "bool"
        if self.type.startswith("string"):
            return "str"
        whole = self.factor % 1 == 0 and self.offset % 1 == 0
        return "int" if self.type[0] in "iu" and whole else "float"

    def decode(self, registers: bytes) -> bool | int | float | str:
        """The value in these registers; :class:`ValueMismatch` when they hold none."""
        return self.decoder()(registers)

    def decoder(self) -> Callable[[bytes], bool | int | float | str]:
        """:meth:`decode` for many values: what depends on the format alone is worked out once."""
        if self.type in _CODES:
            return self._numbers()
        parameter = 0 if self.type == "bool" else self.parameter
        if self.type.startswith("string"):
            return lambda registers: _text(registers[:parameter])
        return (lambda registers: bool(registers[1 - parameter // 8] >> parameter % 8 & 1)) if self.is_bit else _truth

    def _numbers(self) -> Callable[[bytes], int | float]:
        unpack, order, missing = struct.Struct(_CODES[self.type]).unpack, self.order, self.missing
        scaled = self._whole if self.point_type == "int" else self._scaling()

        def number(registers: bytes) -> int | float:
            (raw,) = unpack(reorder(registers, order))
            if raw == missing:
                raise ValueMismatch(f"the device says with {missing} that it has no value")
            if not math.isfinite(raw):
                raise ValueMismatch(f"the device sends {raw}, which is no number")
            return scaled(raw)

        return number

    def _scaling(self) -> Callable[[float], float]:
        factor, offset = self.factor, self.offset
        inverse = round(1 / factor) if abs(factor) > _LEAST_INVERSE else 0
        # A division rounds once: 2301 x 0.1 would be 230.10000000000002.
        divisor = inverse if inverse and 1 / inverse == factor else None

        def scaled(raw: float) -> float:
            value = float((raw * factor if divisor is None else raw / divisor) + offset)
            if not math.isfinite(value):
                raise ValueMismatch(f"{raw} x {factor:g} is out of range")
            return value

        return scaled

    def _whole(self, raw: int) -> int:
        value = raw * int(self.factor) + int(self.offset)
        if not -_MAX_INT <= value < 2 * _MAX_INT:
            raise ValueMismatch(f"{raw} x {self.factor:g} has more than 64 bits")
        return value

    def encode(self, value: Value) -> bytes:
        """The registers for a value (not of one bit); :class:`ValueMismatch` when they cannot hold it."""
        if self.type in _CODES:
            return self._raw_number(value)
        if self.type.startswith("string"):
            return self._raw_text(value)
        return bytes((0, truth(value)))

    def _raw_number(self, value: Value) -> bytes:
        if value is None or isinstance(value, str):
            raise ValueMismatch(f"{value!r} is not a number")
        try:
            raw = (_decimal(value) - _decimal(self.offset)) / _decimal(self.factor)
            number = float(raw) if self.type[0] == "f" else int(raw.to_integral_value(ROUND_HALF_EVEN))
            if not math.isfinite(number):
                raise OverflowError
            return reorder(struct.pack(_CODES[self.type], number), self.order)
        except (struct.error, OverflowError, ValueError, InvalidOperation):
            raise ValueMismatch(f"{value!r} is out of the range of {self.type} with factor {self.factor:g}") from None

    def _raw_text(self, value: Value) -> bytes:
        if not isinstance(value, str):
            raise ValueMismatch(f"{value!r} is not text")
        text = value.encode()
        if len(text) > self.parameter:
            raise ValueMismatch(f"the text takes {len(text)} bytes; {self.type} holds {self.parameter}")
        return text.ljust(2 * self.registers, b"\0")


def _decimal(number: float) -> Decimal:
    """The number as people write it: 0.1 is a tenth."""
    return Decimal(int(number) if isinstance(number, bool) else repr(number))


def truth(value: Value) -> bool:
    """On or off; :class:`ValueMismatch` for anything but a bool, 0 and 1."""
    if isinstance(value, str) or value not in (0, 1):
        raise ValueMismatch(f"{value!r} is neither on nor off; give true or false")
    return bool(value)


def _truth(registers: bytes) -> bool:
    content = int.from_bytes(registers, "big")
    if content > 1:
        raise ValueMismatch(f"the register holds {content}; a bool register holds 0 or 1")
    return content == 1


def _text(content: bytes) -> str:
    """Text up to the first zero byte; ASCII or UTF-8."""
    try:
        return content.split(b"\0")[0].decode().rstrip()
    except UnicodeDecodeError:
        raise ValueMismatch(f"the registers hold no text but {content.hex()}") from None


def check_type(text: str) -> str:
    """The type itself, or ``ValueError`` that says which there are; a string must fit into one request."""
    if not re.fullmatch(TYPE_PATTERN, text):
        raise ValueError(
            f"{text!r:.40} is no type; give bool, bit[0] to bit[15], i16, u16, i32, u32, i64, u64, f32, f64 or "
            f"string[1] to string[{STRING_LIMIT}]"
        )
    if text.startswith("string") and RegisterFormat(text).parameter > STRING_LIMIT:
        raise ValueError(f"{text} is too long; a string has 1 to {STRING_LIMIT} bytes")
    return text
