"""The time of a readout by the meter's own clock, which tells time and date as text (0.9.1 and 0.9.2)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from meterhub_sdk import nanoseconds

from meterhub_dlms.client.values import ValueMismatch
from meterhub_dlms.local_time import placed
from meterhub_dlms.readout import addresses, values
from meterhub_dlms.readout.values import Located

TIME, DATE = addresses.parse("0.9.1"), addresses.parse("0.9.2")

_SEPARATORS = re.compile(r"[-:./ ]")
_DIGITS = re.compile(r"(?P<season>[012])?(?P<digits>\d{6})", re.ASCII)
_DAYLIGHT = {"0": False, "1": True}
_UTC = "2"


def meter_time(told: Sequence[Located], zone: ZoneInfo) -> int | None:
    """Nanoseconds since 1970 UTC; ``None`` when the readout does not tell it so that it can be understood.

    The date is year, month, day. A digit before either says the season: 0 normal time, 1 daylight saving, 2 UTC.
    """
    try:
        time = _DIGITS.fullmatch(_SEPARATORS.sub("", values.look_up(told, TIME, 0).value))
        date = _DIGITS.fullmatch(_SEPARATORS.sub("", values.look_up(told, DATE, 0).value))
    except ValueMismatch:
        return None
    if time is None or date is None:
        return None
    season = time["season"] or date["season"]
    try:
        local = datetime.strptime(date["digits"] + time["digits"], "%y%m%d%H%M%S")  # noqa: DTZ007 -- placed just below
    except ValueError:
        return None
    return nanoseconds(placed(local, ZoneInfo("UTC") if season == _UTC else zone, _DAYLIGHT.get(season or "")))
