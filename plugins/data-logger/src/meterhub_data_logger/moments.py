"""Times as people write them: ISO 8601 with nanoseconds, or how long ago."""

from __future__ import annotations

import functools
import re
from datetime import UTC, datetime, timedelta

from meterhub_sdk import Refused, moment, nanoseconds

_AGO = re.compile(r"(?P<count>[0-9]{1,9})(?P<unit>[smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_FRACTION = re.compile(r"(?<=:[0-9]{2})[.,]([0-9]{1,9})[0-9]*")

EARLIEST, LATEST = -(2**63), 2**63 - 1


def parsed(text: str, now: int, field: str) -> int:
    """Nanoseconds since 1970 UTC of ``2026-11-21T12:00:00Z`` or of ``24h`` (ago); ``Refused`` when it is neither."""
    if ago := _AGO.fullmatch(text):
        return max(EARLIEST, now - int(ago["count"]) * _SECONDS[ago["unit"]] * 1_000_000_000)
    fraction = _FRACTION.search(text)
    try:
        when = nanoseconds(datetime.fromisoformat(_FRACTION.sub("", text)))
    except (ValueError, OverflowError):
        raise Refused(
            f"{field}: {text[:40]!r} is no time; give one with its zone such as 2026-11-21T12:00:00Z or "
            "2026-11-21T13:00:00+01:00, or how long ago, such as 30m, 24h or 7d"
        ) from None
    return min(max(when + (int(fraction[1].ljust(9, "0")) if fraction else 0), EARLIEST), LATEST)


def shown(time: int) -> str:
    """ISO 8601 in UTC with all nine digits of the second."""
    seconds, fraction = divmod(time, 1_000_000_000)
    return f"{_second(seconds)}.{fraction:09d}Z"


@functools.lru_cache(maxsize=1024)  # the entries of an export share them
def _second(seconds: int) -> str:
    return f"{moment(seconds * 1_000_000_000):%Y-%m-%dT%H:%M:%S}"


def day_shown(day: int) -> str:
    """The date of a day counted from 1970."""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)).date().isoformat()
