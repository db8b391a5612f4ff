"""Information elements of process information: one table says how a value becomes octets.

IEC 60870-5-101, 7.2.6 and 7.3.1. Each :class:`Kind` is a pair of types, without and with
CP56Time2a; interrogations are answered with the former, events are sent with the latter.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from meterhub_sdk import Quality, QualityFlag, Value

OV, CY, BL, SB, NT, IV = 0x01, 0x20, 0x10, 0x20, 0x40, 0x80
"""Bits of the quality descriptor (7.2.6.3), and CY of the counter reading (7.2.6.9)."""

_FLOAT_MAX = 3.4028234663852886e38
_WORD, _PACKED_MAX = 2**32 - 1, 2**16 - 1
_STEPS = 32768
"""Steps of a normalized value between 0 and 1 (7.2.6.6)."""

_NORMALIZED_MAX = (_STEPS - 1) / _STEPS

_float = struct.Struct("<fB").pack
_short = struct.Struct("<hB").pack
_bare = struct.Struct("<h").pack
_counter = struct.Struct("<iB").pack
_bits = struct.Struct("<IB").pack
_OCTETS = tuple(bytes((octet,)) for octet in range(256))


@dataclass(frozen=True, slots=True)
class Bits:
    """The quality descriptor of a kind.

    ``by_quality`` holds its bits at place ``quality * 4 + flags`` of a reading; ``absent`` are those of a
    point that never had a value, ``invalid`` those of what is no number, ``excess`` those of a value
    that had to be cut to the range.
    """

    by_quality: tuple[int, ...]
    absent: int
    invalid: int
    excess: int

    @classmethod
    def descriptor(cls, usable: int) -> Bits:
        """QDS, DIQ or SIQ: a type has the bits in ``usable``."""
        by_quality = {Quality.GOOD: 0, Quality.SUBSTITUTED: SB, Quality.STALE: NT, Quality.INVALID: IV}
        by_flag = (0, BL, OV, BL | OV)
        bits = tuple((bits | flag) & usable for bits in by_quality.values() for flag in by_flag)
        return cls(bits, (IV | NT) & usable, IV & usable, OV & usable)

    @classmethod
    def of_counter(cls) -> Bits:
        """A counter reading has IV and CY only: a stale count is invalid, a substituted one passes for good."""
        bits = tuple(
            (IV if quality >= Quality.STALE else 0) | (CY if flag & QualityFlag.OVERFLOW else 0)
            for quality in Quality
            for flag in range(4)
        )
        return cls(bits, IV, IV, IV)


_ALL = OV | BL | SB | NT | IV
_MEASURED, _STATUS, _NONE = Bits.descriptor(_ALL), Bits.descriptor(_ALL & ~OV), Bits.descriptor(0)


def _normalized(value: float) -> float:
    return round(value * _STEPS) / _STEPS


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of process information.

    ``low`` and ``high`` are the range of the type and ``resolved`` gives the nearest value that it
    can hold, as far as that is not any. ``state`` makes the bits of a status, and what they add to
    its quality. ``tagged`` is ``None`` where there is no type with time, ``periodic`` where cause 1 is allowed.
    """

    name: str
    untagged: int
    tagged: int | None
    size: int
    low: float
    high: float
    pack: Callable[[float, int], bytes]
    bits: Bits = field(repr=False)
    resolved: Callable[[float], float] | None = round
    state: Callable[[float, Bits], tuple[int, int]] | None = None
    counter: bool = False
    periodic: bool = False

    @property
    def numeric(self) -> bool:
        """Whether scaling and deadband make sense."""
        return self.state is None

    def fit(self, value: Value, factor: float) -> tuple[float, int]:
        """The value as sent, in range, and the quality bits that this adds."""
        if value is None or isinstance(value, str):
            return 0, self.bits.absent
        if value != value:  # noqa: PLR0124 -- not-a-number, without a call on the hot path
            return 0, self.bits.invalid
        if self.state is not None:
            return self.state(value, self.bits)
        try:
            scaled = value * factor
            if self.resolved is not None:
                scaled = self.resolved(scaled)
        except OverflowError:
            scaled = math.inf if (value > 0) == (factor > 0) else -math.inf
        if scaled > self.high:
            return self.high, self.bits.excess
        if scaled < self.low:
            return self.low, self.bits.excess
        return scaled, 0


def _single(value: float, _: Bits) -> tuple[int, int]:
    return (1 if value else 0), 0


def _double(value: float, bits: Bits) -> tuple[int, int]:
    """A contact is ON or OFF; a number is the state itself, 0 to 3 (7.2.6.2)."""
    if isinstance(value, bool):
        return (2 if value else 1), 0
    return (int(value), 0) if value in (0, 1, 2, 3) else (3, bits.invalid)


def _bitstring(value: float, bits: Bits) -> tuple[int, int]:
    """32 bits; a negative number as its two's complement, of one that is too large the low bits with OV."""
    return _low_bits(value, bits, 32)


def _packed(value: float, bits: Bits) -> tuple[int, int]:
    """16 bits in the same way; the change detection bits above them stay 0 (7.2.6.40)."""
    return _low_bits(value, bits, 16)


def _low_bits(value: float, bits: Bits, width: int) -> tuple[int, int]:
    if isinstance(value, float) and math.isinf(value):
        return 0, bits.invalid
    number = int(value)
    return number & ((1 << width) - 1), 0 if -1 << (width - 1) <= number < 1 << width else bits.excess


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("M_SP", 1, 30, 1, 0, 1, lambda v, q: _OCTETS[int(v) | q], _STATUS, state=_single),
        Kind("M_DP", 3, 31, 1, 0, 3, lambda v, q: _OCTETS[int(v) | q], _STATUS, state=_double),
        Kind("M_ST", 5, 32, 2, -64, 63, lambda v, q: _OCTETS[int(v) & 0x7F] + _OCTETS[q], _MEASURED),
        Kind("M_BO", 7, 33, 5, 0, _WORD, lambda v, q: _bits(int(v), q), _MEASURED, state=_bitstring),
        Kind(
            "M_ME_NA",
            9,
            34,
            3,
            -1,
            _NORMALIZED_MAX,
            lambda v, q: _short(int(v * _STEPS), q),
            _MEASURED,
            resolved=_normalized,
            periodic=True,
        ),
        Kind("M_ME_NB", 11, 35, 3, -32768, 32767, lambda v, q: _short(int(v), q), _MEASURED, periodic=True),
        Kind("M_ME_NC", 13, 36, 5, -_FLOAT_MAX, _FLOAT_MAX, _float, _MEASURED, resolved=None, periodic=True),
        Kind("M_IT", 15, 37, 5, -(2**31), 2**31 - 1, lambda v, q: _counter(int(v), q), Bits.of_counter(), counter=True),
        Kind("M_PS", 20, None, 5, 0, _PACKED_MAX, lambda v, q: _bits(int(v), q), _MEASURED, state=_packed),
        Kind(
            "M_ME_ND",
            21,
            None,
            2,
            -1,
            _NORMALIZED_MAX,
            lambda v, _: _bare(int(v * _STEPS)),
            _NONE,
            resolved=_normalized,
            periodic=True,
        ),
    )
}
"""The kinds by the name that settings use."""
