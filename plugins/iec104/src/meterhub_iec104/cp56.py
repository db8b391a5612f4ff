"""Seven octet binary time, CP56Time2a (IEC 60870-5-101, 7.2.6.18), always in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from meterhub_sdk import moment, nanoseconds

SIZE = 7
_INVALID = 0x80
_MINUTE = 60_000_000_000
_MILLISECOND = 1_000_000


class Encoder:
    """Turns times into CP56Time2a; remembers the minute, because most times share it with the one before."""

    def __init__(self) -> None:
        self._minute: int | None = None
        self._rest = b""
        self._rest_invalid = b""

    def encode(self, time: int, invalid: bool) -> bytes:
        """``time`` in nanoseconds since 1970 UTC, the rest below a millisecond cut off.

        The format holds the years 2000 to 2099; the times of other years are marked invalid.
        """
        minute, within = divmod(time, _MINUTE)
        if minute != self._minute:
            self._split(minute)
        return (within // _MILLISECOND).to_bytes(2, "little") + (self._rest_invalid if invalid else self._rest)

    def _split(self, minute: int) -> None:
        try:
            when = moment(minute * _MINUTE)
        except OverflowError:
            when = moment(0)
        known = 2000 <= when.year <= 2099
        day = when.day | when.isoweekday() << 5
        rest = bytes((when.hour, day, when.month, when.year % 100))
        self._minute = minute
        self._rest_invalid = bytes((when.minute | _INVALID,)) + rest
        self._rest = bytes((when.minute,)) + rest if known else self._rest_invalid


def decode(octets: bytes) -> int | None:
    """Nanoseconds since 1970 UTC, or ``None`` when the time is marked invalid or is no time at all.

    Summer time (SU) is taken off; the day of the week is not looked at.
    """
    milliseconds = int.from_bytes(octets[:2], "little")
    minute, hour, day, month, year = octets[2], octets[3], octets[4] & 0x1F, octets[5] & 0x0F, octets[6] & 0x7F
    if minute & _INVALID or milliseconds >= 60_000 or year > 99:
        return None
    try:
        when = datetime(2000 + year, month, day, hour & 0x1F, minute & 0x3F, tzinfo=UTC)
    except ValueError:
        return None
    when += timedelta(milliseconds=milliseconds) - timedelta(hours=1 if hour & 0x80 else 0)
    return nanoseconds(when)
