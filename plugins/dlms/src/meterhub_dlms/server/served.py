"""Between a point's reading and the raw value that goes over the line."""

from __future__ import annotations

import math
from collections.abc import Mapping

from meterhub_sdk import Quality, QualityFlag, Reading, Value

from meterhub_dlms.codec import axdr, units
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.xdlms import AccessResult
from meterhub_dlms.server.cosem import Answer

_FLOATS = frozenset({axdr.FLOAT32, axdr.FLOAT64})
_TEXTS = frozenset({axdr.OCTET_STRING, axdr.VISIBLE_STRING, axdr.UTF8_STRING})


class Scaling:
    """The data type (``tag``), scaler and unit of a value on the line."""

    def __init__(self, tag: int, scaler: int, unit: str) -> None:
        self.scaler = scaler
        self.unit = unit
        self._tag = tag

    @property
    def scaler_unit(self) -> Data:
        """The attribute of that name."""
        return Data(axdr.STRUCTURE, [Data(axdr.INT8, self.scaler), Data(axdr.ENUM, units.code_of(self.unit))])

    def encode(self, value: Value, unit: str) -> Answer:
        """A value of the hub, encoded; ``other-reason`` when it does not suit the data type or unit."""
        between = self.exponent_from(unit)
        if between is None:
            return AccessResult.OTHER_REASON
        try:
            return axdr.encode(Data(self._tag, self._raw(value, between - self.scaler)))
        except (CodecError, TypeError, OverflowError, ValueError):
            return AccessResult.OTHER_REASON

    def exponent_from(self, unit: str) -> int | None:
        """The power of ten from a unit to this one; ``None`` when they do not go together."""
        return 0 if not unit or not self.unit else units.exponent_between(unit, self.unit)

    def _raw(self, value: Value, shift: int) -> int | float | bytes:
        if self._tag in _TEXTS:
            return str(value).encode("ascii" if self._tag == axdr.VISIBLE_STRING else "utf-8")
        if isinstance(value, str) or value is None:
            raise TypeError("a text is no number")
        if self._tag == axdr.BOOLEAN:
            if value not in (0, 1):
                raise ValueError("neither true nor false")
            return bool(value)
        scaled: float = value * 10**shift if shift >= 0 else _divided(value, 10**-shift)
        return float(scaled) if self._tag in _FLOATS else round(scaled)

    def decode(self, data: Data) -> Value:
        """The value to write for what a client sent; ``ValueError`` when its type is not the object's."""
        if data.tag != self._tag:
            raise ValueError(f"data type {data.tag} came where {self._tag} belongs")
        if self._tag in _TEXTS:
            return str(data.value.decode("utf-8"))
        if self._tag == axdr.BOOLEAN:
            return bool(data.value)
        if not math.isfinite(data.value):
            raise ValueError("the number is not finite")
        result: float = data.value * 10**self.scaler if self.scaler >= 0 else data.value / 10**-self.scaler
        return result


class ServedPoint:
    """The value of one object, taken from the newest reading of its point."""

    def __init__(self, point: str, scaling: Scaling, readings: Mapping[str, Reading]) -> None:
        self.point = point
        self.scaling = scaling
        self._readings = readings

    @property
    def reading(self) -> Reading | None:
        """The newest reading, ``None`` before the first that brought a value."""
        reading = self._readings.get(self.point)
        return None if reading is None or reading.value is None else reading

    def read(self) -> Answer:
        """The encoded value; ``temporary-failure`` while there is none that is fresh and valid."""
        reading = self.reading
        if reading is None or not usable(reading):
            return AccessResult.TEMPORARY_FAILURE
        return self.scaling.encode(reading.value, reading.unit)


def usable(reading: Reading) -> bool:
    """Whether a reading may be shown as a value: neither stale nor invalid, and no overflow."""
    return reading.value is not None and reading.quality < Quality.STALE and not reading.flags & QualityFlag.OVERFLOW


def _divided(value: float, divisor: int) -> float:
    """Whole numbers are rounded to the nearest whole one, which is exact for 64 bits too; others just divided."""
    if isinstance(value, int):
        quotient, rest = divmod(value, divisor)
        return quotient + (2 * rest >= divisor)
    return value / divisor
