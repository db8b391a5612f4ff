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

_FLAGS = QualityFlag.BLOCKED | QualityFlag.OVERFLOW
_FLOAT_MAX = 3.4028234663852886e38
_float = struct.Struct("<fB").pack
_short = struct.Struct("<hB").pack
_counter = struct.Struct("<iB").pack


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of process information.

    ``low`` and ``high`` are the range of the type, ``excess`` the quality bits of a value that had
    to be cut to it, ``absent`` those of a point that never had a value.
    """

    name: str
    untagged: int
    tagged: int
    size: int
    low: float
    high: float
    excess: int
    pack: Callable[[float, int], bytes]
    numeric: bool = True
    counter: bool = False
    absent: int = IV | NT
    qualities: tuple[int, ...] = field(default=(), repr=False)

    def quality(self, quality: int, flags: int) -> int:
        """Quality bits for the quality and flags of a reading."""
        return self.qualities[(min(quality, Quality.INVALID) << 2) | (flags & _FLAGS)]

    def fit(self, value: Value, factor: float) -> tuple[float, int]:
        """The value as sent, in range, and the quality bits that this adds."""
        if value is None or isinstance(value, str):
            return 0.0, self.absent
        if isinstance(value, float) and math.isnan(value):
            return 0.0, IV
        if not self.numeric:
            return (value, 0) if self.low <= value <= self.high else (1, 0)
        try:
            scaled = value if factor == 1.0 else value * factor
        except OverflowError:
            scaled = math.copysign(math.inf, factor if value > 0 else -factor)
        if scaled > self.high:
            return self.high, self.excess
        if scaled < self.low:
            return self.low, self.excess
        return scaled, 0


def _descriptor(usable: int) -> tuple[int, ...]:
    """Quality bits by quality and flags, as far as the type has them."""
    by_quality = {Quality.GOOD: 0, Quality.SUBSTITUTED: SB, Quality.STALE: NT, Quality.INVALID: IV}
    by_flag = (0, BL, OV, BL | OV)
    return tuple((bits | flag) & usable for bits in by_quality.values() for flag in by_flag)


def _counter_bits() -> tuple[int, ...]:
    """A counter reading has IV and CY only: a stale count is invalid, a substituted one passes for good."""
    return tuple(
        (IV if quality >= Quality.STALE else 0) | (CY if flag & QualityFlag.OVERFLOW else 0)
        for quality in Quality
        for flag in range(4)
    )


_ALL = OV | BL | SB | NT | IV
_MEASURED = _descriptor(_ALL)
_STATUS = _descriptor(_ALL & ~OV)

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("M_SP", 1, 30, 1, 0, 1, 0, lambda v, q: bytes(((1 if v else 0) | q,)), numeric=False, qualities=_STATUS),
        Kind("M_DP", 3, 31, 1, 0, 3, 0, lambda v, q: bytes((int(v) | q,)), numeric=False, qualities=_STATUS),
        Kind("M_ST", 5, 32, 2, -64, 63, OV, lambda v, q: bytes((round(v) & 0x7F, q)), qualities=_MEASURED),
        Kind("M_ME_NA", 9, 34, 3, -1, 32767 / 32768, OV, lambda v, q: _short(round(v * 32768), q), qualities=_MEASURED),
        Kind("M_ME_NB", 11, 35, 3, -32768, 32767, OV, lambda v, q: _short(round(v), q), qualities=_MEASURED),
        Kind("M_ME_NC", 13, 36, 5, -_FLOAT_MAX, _FLOAT_MAX, OV, _float, qualities=_MEASURED),
        Kind(
            "M_IT",
            15,
            37,
            5,
            -(2**31),
            2**31 - 1,
            IV,
            lambda v, q: _counter(round(v), q),
            counter=True,
            absent=IV,
            qualities=_counter_bits(),
        ),
    )
}
"""The kinds by the name that settings use."""
