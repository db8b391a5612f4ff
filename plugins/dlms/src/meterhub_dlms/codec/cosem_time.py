"""COSEM date-time (IEC 62056-6-2, clause 4.1.6.1): twelve bytes of local time, deviation and clock status."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from meterhub_dlms.codec.errors import CodecError

LENGTH = 12
NO_DEVIATION = -0x8000
NO_STATUS = 0xFF
INVALID, DOUBTFUL, OTHER_BASE, INVALID_STATUS, DAYLIGHT_SAVING = 0x01, 0x02, 0x04, 0x08, 0x80

_MAX_DEVIATION = 840
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class CosemTime(NamedTuple):
    """What a clock said: nanoseconds since 1970 UTC (``None`` where it cannot be told) and the status byte."""

    time: int | None
    status: int


def decode(octets: bytes) -> CosemTime:
    """A date-time as UTC; ``CodecError`` when it is not twelve bytes.

    The deviation counts minutes from local time to UTC, so UTC is local time **plus** deviation. A
    time that is partly unspecified, impossible or without a deviation cannot be told in UTC.
    """
    if len(octets) != LENGTH:
        raise CodecError(f"a date-time has {LENGTH} bytes, not {len(octets)}")
    status = octets[11]
    deviation = int.from_bytes(octets[9:11], "big", signed=True)
    if not -_MAX_DEVIATION <= deviation <= _MAX_DEVIATION:
        return CosemTime(None, status)
    hundredths = 0 if octets[8] == 0xFF else octets[8]
    try:
        year = int.from_bytes(octets[0:2], "big")
        local = datetime(year, octets[2], octets[3], octets[5], octets[6], octets[7], hundredths * 10_000, tzinfo=UTC)
        utc = local + timedelta(minutes=deviation)
    except (ValueError, OverflowError):
        return CosemTime(None, status)
    return CosemTime((utc - _EPOCH) // timedelta(microseconds=1) * 1000, status)


def encode(time: int, *, deviation: int = 0, status: int = 0) -> bytes:
    """A date-time; ``time`` in nanoseconds since 1970 UTC, ``deviation`` in minutes from local time to UTC.

    ``CodecError`` when the time is out of the years 1 to 9999 or the deviation out of range.
    """
    if not -_MAX_DEVIATION <= deviation <= _MAX_DEVIATION:
        raise CodecError(f"a deviation of {deviation} minutes is not within {_MAX_DEVIATION} minutes")
    try:
        local = _EPOCH + timedelta(microseconds=time // 1000) - timedelta(minutes=deviation)
    except OverflowError:
        raise CodecError(f"{time} ns since 1970 is no date") from None
    return (
        local.year.to_bytes(2, "big")
        + bytes((local.month, local.day, local.isoweekday(), local.hour, local.minute, local.second))
        + bytes((local.microsecond // 10_000,))
        + deviation.to_bytes(2, "big", signed=True)
        + bytes((status,))
    )
