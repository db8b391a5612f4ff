"""Times of one meter: read from its clock and its entries, and written the way it compares them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from meterhub_dlms.codec import axdr, cosem_time
from meterhub_dlms.codec.axdr import Data
from meterhub_dlms.codec.cosem_time import CosemTime
from meterhub_dlms.codec.errors import CodecError
from meterhub_dlms.codec.ln import GetResult
from meterhub_dlms.local_time import deviation_of, with_deviation

TimeReader = Callable[[bytes], CosemTime]
"""Tells what a date-time of the meter means in UTC; ``CodecError`` when it is none."""

_MINUTE = 60_000_000_000
_EARLIEST, _LATEST = -(2**62), 2**62
"""1823 and 2116: beyond them nothing is asked for."""


class Told(NamedTuple):
    """A date-time: nanoseconds UTC, the status of the clock, and minutes from its local time to UTC."""

    time: int
    status: int
    deviation: int


class MeterTime:
    """How one meter tells times; it is learnt from its clock."""

    def __init__(self, read: TimeReader = cosem_time.decode) -> None:
        self._read = read
        self._deviation = 0
        """From local time to UTC, as it is now."""
        self._sign = 1
        """What stands in its date-times in the place of the deviation, by it; 0: nothing does."""

    def told(self, octets: bytes) -> Told | None:
        """What a date-time means; ``None`` when it cannot be told in UTC."""
        time, status = self._read(octets)
        if time is None or not _EARLIEST <= time <= _LATEST:
            return None
        local = cosem_time.decode(with_deviation(octets, 0)).time
        return Told(time, status, 0 if local is None else round((time - local) / _MINUTE))

    def learn(self, clock: GetResult) -> Told | None:
        """The clock was read: from now on times are written as it writes them; ``None`` when it cannot be told."""
        if not isinstance(clock, Data) or clock.tag not in (axdr.OCTET_STRING, axdr.DATE_TIME):
            return None
        try:
            told = self.told(clock.value)
        except CodecError:
            return None
        if told is not None:
            field = deviation_of(clock.value)
            self._sign = 0 if field == cosem_time.NO_DEVIATION else -1 if field == -told.deviation != 0 else 1
            self._deviation = told.deviation
        return told

    def bounds(self, start: int, end: int, other: int | None) -> tuple[Data, Data]:
        """A range of times; ``other`` is the deviation of an entry read before.

        Meters compare local times, so where daylight saving began or ended in between the range is wider by that.
        """
        deviations = (self._deviation, self._deviation if other is None else other)
        return self._bound(start, max(deviations)), self._bound(end, min(deviations))

    def _bound(self, time: int, deviation: int) -> Data:
        octets = cosem_time.encode(min(max(time, _EARLIEST), _LATEST), deviation=deviation)
        field = cosem_time.NO_DEVIATION if not self._sign else self._sign * deviation
        return Data(axdr.OCTET_STRING, with_deviation(octets, field))
