"""Between a point's reading and the raw value that goes over the line."""

from __future__ import annotations

import math
from collections.abc import Mapping

from meterhub_sdk import Quality, QualityFlag, Reading, Value

from meterhub_dlms.codec import axdr, units
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.xdlms import AccessResult
from meterhub_dlms.server.settings import DATA_TYPES, ServedObject

_FLOATS = frozenset({axdr.FLOAT32, axdr.FLOAT64})
_TEXTS = frozenset({axdr.OCTET_STRING, axdr.VISIBLE_STRING, axdr.UTF8_STRING})


class ServedPoint:
    """The value of one object, taken from the newest reading of its point."""

    def __init__(self, served: ServedObject, readings: Mapping[str, Reading]) -> None:
        self.point = served.point
        self.unit = served.unit
        self.scaler = served.scaler
        self._tag = DATA_TYPES[served.data_type]
        self._readings = readings

    def read(self) -> bytes | AccessResult:
        """The encoded value; ``temporary-failure`` while there is none that is fresh and valid.

        ``other-reason`` when it does not suit the object's data type or unit.
        """
        reading = self._readings.get(self.point)
        if reading is None or reading.value is None or reading.quality >= Quality.STALE:
            return AccessResult.TEMPORARY_FAILURE
        if reading.flags & QualityFlag.OVERFLOW:
            return AccessResult.TEMPORARY_FAILURE
        shift = self._shift(reading.unit)
        if shift is None:
            return AccessResult.OTHER_REASON
        try:
            return axdr.encode(Data(self._tag, self._raw(reading.value, shift)))
        except (CodecError, TypeError, OverflowError, ValueError):
            return AccessResult.OTHER_REASON

    def _shift(self, unit: str) -> int | None:
        """Power of ten from the reading to the raw number; ``None`` when the units do not go together."""
        if not unit or not self.unit or unit == self.unit:
            return -self.scaler
        between = units.exponent_between(unit, self.unit)
        return None if between is None else between - self.scaler

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

    def value(self, data: Data) -> Value:
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


def _divided(value: float, divisor: int) -> float:
    """Whole numbers are rounded to the nearest whole one, which is exact for 64 bits too; others just divided."""
    if isinstance(value, int):
        quotient, rest = divmod(value, divisor)
        return quotient + (2 * rest >= divisor)
    return value / divisor
