"""A value, when it was true, and how far to trust it."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import IntEnum, IntFlag
from typing import Annotated, Any

import msgspec
from meterhub_sdk.errors import UnitMismatch

Value = bool | int | float | str | None
"""What a reading can hold; ``None`` only before the first value, with quality invalid."""

TEXT_LENGTH = 4096
UNIT_LENGTH = 64

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Quality(IntEnum):
    """How far a value can be trusted; ordered, so that ``max`` of the inputs is that of a result."""

    GOOD = 0
    SUBSTITUTED = 1
    STALE = 2
    INVALID = 3


class QualityFlag(IntFlag):
    """Conditions beside the quality, as in the quality descriptor of IEC 60870-5-101, 7.2.6.3."""

    NONE = 0
    BLOCKED = 1
    OVERFLOW = 2


class Clock(IntEnum):
    """Whether the clock that made a reading's time was right; ordered from best to worst."""

    VALID = 0
    UNKNOWN = 1
    INVALID = 2


class Reading(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One value of one point.

    ``time`` is the source's own time in nanoseconds since 1970 UTC and is never re-stamped on the
    way. Arithmetic keeps the oldest time, the worst quality and clock, all flags, and insists that
    units agree (:class:`UnitMismatch`). Quality, flags and clock are plain integers here because
    readings travel on the hot path; compare them with :class:`Quality`, :class:`QualityFlag` and
    :class:`Clock`.
    """

    value: bool | int | float | Annotated[str, msgspec.Meta(max_length=TEXT_LENGTH)] | None
    time: Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
    quality: Annotated[int, msgspec.Meta(ge=0, le=3)] = 0
    unit: Annotated[str, msgspec.Meta(max_length=UNIT_LENGTH)] = ""
    flags: Annotated[int, msgspec.Meta(ge=0, le=3)] = 0
    clock: Annotated[int, msgspec.Meta(ge=0, le=2)] = 0

    @classmethod
    def at(cls, when: datetime, value: Value, unit: str = "", **more: int) -> Reading:
        """A reading whose time is given as an aware datetime."""
        return cls(value, nanoseconds(when), unit=unit, **more)

    @classmethod
    def missing(cls, unit: str = "", time: int = 0) -> Reading:
        """What a point holds before its first value."""
        return cls(None, time, Quality.INVALID, unit, 0, Clock.UNKNOWN)

    @property
    def when(self) -> datetime:
        """The time as an aware datetime in UTC (microseconds, the nanoseconds are cut off)."""
        return moment(self.time)

    @property
    def good(self) -> bool:
        """True when the value may be used without a second thought."""
        return self.quality == 0 and self.flags == 0 and self.value is not None

    @property
    def number(self) -> float:
        """The value as a number (``True`` is 1), or not-a-number where there is none."""
        return float("nan") if self.value is None or isinstance(self.value, str) else self.value

    def degraded(self, quality: Quality) -> Reading:
        """The same reading with a quality at least as bad as the one given."""
        return self if self.quality >= quality else msgspec.structs.replace(self, quality=int(quality))

    def with_unit(self, unit: str) -> Reading:
        """The same reading with another unit; the value is not converted."""
        return msgspec.structs.replace(self, unit=unit)

    def scaled(self, factor: float, unit: str | None = None) -> Reading:
        """The value multiplied by ``factor``, in ``unit`` where one is given."""
        result = self * factor
        return result if unit is None else result.with_unit(unit)

    def _combine(self, other: Reading | float, work: Callable[[Any, Any], Any], *, product: bool) -> Reading:
        if not isinstance(other, Reading):
            return msgspec.structs.replace(self, **_computed(self.quality, work, self.value, other))
        unit = self.unit
        if product and not (self.unit and other.unit):
            unit = self.unit or other.unit
        elif self.unit != other.unit or product:
            raise UnitMismatch(
                f"cannot combine {self.unit or 'a number'!r} with {other.unit or 'a number'!r}; "
                "convert one of them with scaled() or with_unit()"
            )
        done = _computed(max(self.quality, other.quality), work, self.value, other.value)
        return Reading(
            done["value"],
            min(self.time, other.time),
            done["quality"],
            unit,
            self.flags | other.flags,
            max(self.clock, other.clock),
        )

    def __add__(self, other: Reading | float) -> Reading:
        return self._combine(other, operator.add, product=False)

    def __radd__(self, other: float) -> Reading:
        return self._combine(other, lambda a, b: b + a, product=False)

    def __sub__(self, other: Reading | float) -> Reading:
        return self._combine(other, operator.sub, product=False)

    def __rsub__(self, other: float) -> Reading:
        return self._combine(other, lambda a, b: b - a, product=False)

    def __mul__(self, other: Reading | float) -> Reading:
        return self._combine(other, operator.mul, product=True)

    __rmul__ = __mul__

    def __truediv__(self, other: Reading | float) -> Reading:
        if isinstance(other, Reading) and self.unit == other.unit:
            return self.with_unit("")._combine(other.with_unit(""), operator.truediv, product=True)
        if isinstance(other, Reading) and other.unit:
            raise UnitMismatch(f"cannot divide {self.unit or 'a number'!r} by {other.unit!r}; use with_unit()")
        return self._combine(other, operator.truediv, product=True)

    def __neg__(self) -> Reading:
        return self * -1

    def __abs__(self) -> Reading:
        return msgspec.structs.replace(self, **_computed(self.quality, lambda a, _: abs(a), self.value, 0))


def _computed(quality: int, work: Callable[[Any, Any], Any], a: Value, b: Value) -> dict[str, Any]:
    """Value and quality of one operation: what cannot be computed is invalid, never an exception."""
    try:
        if isinstance(a, str) or isinstance(b, str):
            raise TypeError("text cannot be computed with")
        value = work(a, b)
        if not math.isfinite(value):
            raise OverflowError(f"{value} is no number to go on with")
        return {"value": value, "quality": int(quality)}
    except (TypeError, ZeroDivisionError, OverflowError):
        return {"value": None, "quality": int(Quality.INVALID)}


def nanoseconds(when: datetime) -> int:
    """Nanoseconds since 1970 UTC of an aware datetime; a naive one raises ``ValueError``."""
    if when.tzinfo is None:
        raise ValueError(f"{when.isoformat()} has no time zone; give one, such as tzinfo=UTC")
    return (when - _EPOCH) // timedelta(microseconds=1) * 1000


def moment(time: int) -> datetime:
    """The aware UTC datetime of ``time`` in nanoseconds since 1970."""
    return _EPOCH + timedelta(microseconds=time // 1000)
