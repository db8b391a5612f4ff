"""Seven octet binary time, CP56Time2a (IEC 60870-5-101, 7.2.6.18), in UTC or in a local time with its SU bit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from meterhub_sdk import moment, nanoseconds

SIZE = 7
_INVALID = 0x80
_SUMMER = 0x80
_MILLISECOND = 1_000_000
_MINUTE = 60_000_000_000
_HOUR = 60 * _MINUTE


class Encoder:
    """Turns times into CP56Time2a; remembers the last one and its minute, because most times share them."""

    __slots__ = ("_invalid", "_minute", "_octets", "_rest", "_rest_invalid", "_time", "_zone")

    def __init__(self, zone: tzinfo = UTC) -> None:
        self._zone = zone
        self._minute: int | None = None
        self._rest = b""
        self._rest_invalid = b""
        self._time: int | None = None
        self._invalid = False
        self._octets = b""

    def encode(self, time: int, invalid: bool) -> bytes:
        """``time`` in nanoseconds since 1970 UTC, the rest below a millisecond cut off.

        The format holds the years 2000 to 2099; the times of other years are marked invalid.
        """
        if time == self._time and invalid == self._invalid:
            return self._octets
        minute, within = divmod(time, _MINUTE)
        if minute != self._minute:
            self._split(minute)
        self._time, self._invalid = time, invalid
        self._octets = (within // _MILLISECOND).to_bytes(2, "little") + (self._rest_invalid if invalid else self._rest)
        return self._octets

    def _split(self, minute: int) -> None:
        # offsets from UTC are whole minutes in this century, so a minute is the same in every zone
        try:
            when = moment(minute * _MINUTE).astimezone(self._zone)
        except OverflowError:
            when = moment(0)
        known = 2000 <= when.year <= 2099
        hour = when.hour | (_SUMMER if _summer(when) else 0)
        day = when.day | when.isoweekday() << 5
        rest = bytes((hour, day, when.month, when.year % 100))
        self._minute = minute
        self._rest_invalid = bytes((when.minute | _INVALID,)) + rest
        self._rest = bytes((when.minute,)) + rest if known else self._rest_invalid


def decode(octets: bytes, zone: tzinfo = UTC) -> int | None:
    """Nanoseconds since 1970 UTC, or ``None`` when the time is marked invalid or is no time at all.

    In the hour that comes twice in autumn SU decides which one it is. A zone without summer time
    takes SU for an hour on top of its time. The day of the week is not looked at.
    """
    milliseconds = int.from_bytes(octets[:2], "little")
    minute, hour, day, month, year = octets[2], octets[3], octets[4] & 0x1F, octets[5] & 0x0F, octets[6] & 0x7F
    if minute & _INVALID or milliseconds >= 60_000 or year > 99:
        return None
    summer = bool(hour & _SUMMER)
    try:
        when = datetime(2000 + year, month, day, hour & 0x1F, minute & 0x3F, tzinfo=zone, fold=not summer)
    except ValueError:
        return None
    time = nanoseconds(when) + milliseconds * _MILLISECOND
    return time - _HOUR if summer and not _summer(when) else time


def _summer(when: datetime) -> bool:
    """Whether the zone is ahead of its winter time; Ireland calls its summer time the standard one."""
    winter = min(when.replace(month=month, day=1, hour=12).utcoffset() or timedelta(0) for month in (1, 7))
    return (when.utcoffset() or timedelta(0)) > winter
