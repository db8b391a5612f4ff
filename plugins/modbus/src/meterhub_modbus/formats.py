"""How a value becomes registers and back: formats, byte orders, scaling.

A register is 16 bits and goes over the wire with its high byte first (MODBUS Application Protocol
1.1b3, 4.2). The standard knows no longer values, so four byte orders are in use for them; for the
bytes ``ABCD`` of a 32-bit value they are called by what the wire shows. Values of 64 bits follow the
same rule: ``CDAB`` swaps the registers, ``BADC`` the bytes in each register, ``DCBA`` both.
"""

from __future__ import annotations

import math
import re
import struct
from dataclasses import dataclass
from typing import Literal

from meterhub_sdk import Value

ByteOrder = Literal["ABCD", "DCBA", "CDAB", "BADC"]

FORMAT_PATTERN = r"^(bool|i16|u16|i32|u32|i64|f32|f64|string\[[1-9][0-9]{0,2}\])$"
STRING_LIMIT = 246
"""Bytes: what one write of 123 registers can carry."""

# Codes of `struct`, and what stands in the registers when there is no value: the patterns that
# SunSpec's information model made usual.
_NUMBERS: dict[str, tuple[str, bytes]] = {
    "i16": (">h", b"\x80\x00"),
    "u16": (">H", b"\xff\xff"),
    "i32": (">i", b"\x80\x00\x00\x00"),
    "u32": (">I", b"\xff\xff\xff\xff"),
    "i64": (">q", b"\x80" + bytes(7)),
    "f32": (">f", b"\x7f\xc0\x00\x00"),
    "f64": (">d", b"\x7f\xf8" + bytes(6)),
}


class NotRepresentable(ValueError):
    """The format cannot hold this value, or these registers hold none."""


@dataclass(frozen=True, slots=True)
class Format:
    """One format with its scaling: register content = point value x ``scaling``."""

    name: str
    order: ByteOrder = "ABCD"
    scaling: float = 1.0

    @property
    def length(self) -> int:
        """Bytes in the registers; always even."""
        if self.name in _NUMBERS:
            return len(_NUMBERS[self.name][1])
        return 2 if self.name == "bool" else (self._characters + 1) // 2 * 2

    @property
    def registers(self) -> int:
        """16-bit registers that a value takes."""
        return self.length // 2

    @property
    def _characters(self) -> int:
        return int(re.findall(r"\d+", self.name)[0])

    def encode(self, value: Value) -> bytes:
        """The registers of a point's value; :class:`NotRepresentable` when the format cannot hold it."""
        if value is None:
            raise NotRepresentable("the point has no value")
        if self.name == "bool":
            return bytes((0, truth(value)))
        if self.name in _NUMBERS:
            return self._number(value)
        if not isinstance(value, str):
            raise NotRepresentable(f"{value!r} is not text")
        text = value.encode()
        if len(text) > self._characters:
            raise NotRepresentable(f"the text takes {len(text)} bytes; {self.name} holds {self._characters}")
        return text.ljust(self.length, b"\0")

    def _number(self, value: Value) -> bytes:
        if value is None or isinstance(value, str):
            raise NotRepresentable(f"{value!r} is not a number")
        factor = int(self.scaling) if self.scaling % 1 == 0 else self.scaling  # keeps large counters exact
        try:
            number = float(value * factor) if self.name[0] == "f" else round(value * factor)
            if not math.isfinite(number):
                raise OverflowError
            return reorder(struct.pack(_NUMBERS[self.name][0], number), self.order)
        except (struct.error, OverflowError, ValueError):
            raise NotRepresentable(f"{value!r} times {self.scaling:g} is out of the range of {self.name}") from None

    def decode(self, registers: bytes) -> bool | int | float | str:
        """The point's value for these registers; :class:`NotRepresentable` when they hold none."""
        if self.name == "bool":
            if registers not in (b"\0\0", b"\0\1"):
                raise NotRepresentable("a bool register takes 0 or 1")
            return registers == b"\0\1"
        if self.name in _NUMBERS:
            return self._unscaled(struct.unpack(_NUMBERS[self.name][0], reorder(registers, self.order))[0])
        try:
            return registers.rstrip(b"\0").decode()
        except UnicodeDecodeError:
            raise NotRepresentable("the registers hold no UTF-8 text") from None

    def _unscaled(self, number: int | float) -> int | float:
        if not math.isfinite(number):
            raise NotRepresentable("a value that is not a number cannot be written")
        if self.scaling == 1:
            return number
        try:
            value = number / self.scaling
        except OverflowError:
            value = math.inf
        if not math.isfinite(value):
            raise NotRepresentable(f"{number!r} divided by {self.scaling:g} is out of range")
        return int(value) if isinstance(number, int) and value.is_integer() else value

    def sentinel(self, own: float | None = None) -> bytes:
        """What stands in the registers when there is no value to show.

        ``own`` replaces the usual pattern and is not scaled; :class:`NotRepresentable` when it does not fit.
        """
        if own is not None:
            return Format(self.name, self.order).encode(own)
        if self.name in _NUMBERS:
            return reorder(_NUMBERS[self.name][1], self.order)
        return b"\xff\xff" if self.name == "bool" else bytes(self.length)


def truth(value: Value) -> bool:
    """A value as one bit: numbers are on when they are not 0; :class:`NotRepresentable` for text and NaN."""
    if value is None or isinstance(value, str) or (isinstance(value, float) and math.isnan(value)):
        raise NotRepresentable(f"{value!r} is neither on nor off")
    return value != 0


def reorder(value: bytes, order: ByteOrder) -> bytes:
    """A value of 32 or 64 bits between high byte first and ``order``, either way; 16 bits stay as they are."""
    if len(value) == 2 or order == "ABCD":
        return value
    if order == "DCBA":
        return value[::-1]
    words = [value[at : at + 2] for at in range(0, len(value), 2)]
    return b"".join(reversed(words)) if order == "CDAB" else b"".join(word[::-1] for word in words)
