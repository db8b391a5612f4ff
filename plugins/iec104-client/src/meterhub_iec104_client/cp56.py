# SPDX-License-Identifier: GPL-3.0-or-later
"""Seven octet binary time, CP56Time2a (IEC 60870-5-101, 7.2.6.18), in the time zone of the station."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo

from meterhub_sdk import nanoseconds

_INVALID = 0x80
_SUMMER = 0x80
_HOUR = 3_600_000_000_000
_MILLISECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class TimeTag:
    """``time`` in nanoseconds since 1970 UTC, ``None`` when it is no time; ``valid`` unless marked invalid."""

    time: int | None
    valid: bool


def decode(octets: bytes, zone: tzinfo) -> TimeTag:
    """The time that a station in this zone means.

    SU decides which of the two hours at the end of summer time it is. The day of the week is not
    looked at. Years are 2000 to 2099.
    """
    milliseconds = int.from_bytes(octets[:2], "little")
    minute, hour, day, month, year = octets[2], octets[3], octets[4] & 0x1F, octets[5] & 0x0F, octets[6] & 0x7F
    valid, summer = not minute & _INVALID, bool(hour & _SUMMER)
    if milliseconds >= 60_000 or year > 99:
        return TimeTag(None, False)
    try:
        when = datetime(2000 + year, month, day, hour & 0x1F, minute & 0x3F, tzinfo=zone, fold=0 if summer else 1)
    except ValueError:
        return TimeTag(None, False)
    time = nanoseconds(when) + milliseconds * _MILLISECOND
    if summer and not when.dst():
        # a zone without summer time: the station counted an hour on top of it
        time -= _HOUR
    return TimeTag(time, valid)
