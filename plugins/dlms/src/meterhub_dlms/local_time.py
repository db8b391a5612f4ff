"""Local times of clocks that do not tell how far they are from UTC: the time zone comes from the settings."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from meterhub_sdk import zone_of
from pydantic import AfterValidator, StringConstraints

from meterhub_dlms.codec import cosem_time

_DEVIATION = slice(9, 11)
_MINUTE = timedelta(minutes=1)


def _check(name: str) -> str:
    if name:
        zone_of(name)
    return name


ZoneName = Annotated[str, StringConstraints(max_length=64), AfterValidator(_check)]
"""The name of a time zone, or nothing."""


Deviation = Literal["as told", "inverted", "ignored"]
"""Whether what a clock tells about its difference to UTC is true, has the wrong sign, or is of no use."""


def placed(local: datetime, zone: ZoneInfo, daylight: bool | None = None) -> datetime:
    """A time without a zone as one of ``zone``.

    In the hour that comes twice in autumn ``daylight`` decides which one it is; ``None`` for the first.
    """
    first = local.replace(tzinfo=zone, fold=0)
    if daylight is None or bool(first.dst()) == daylight:
        return first
    second = local.replace(tzinfo=zone, fold=1)
    return second if bool(second.dst()) == daylight else first


def complete(octets: bytes, zone: ZoneInfo) -> bytes:
    """A COSEM date-time with the deviation of ``zone`` in place of its own; as it was when it is no time of a day."""
    if len(octets) != cosem_time.LENGTH:
        return octets
    status = octets[11]
    daylight = None if status == cosem_time.NO_STATUS else bool(status & cosem_time.DAYLIGHT_SAVING)
    try:
        year = int.from_bytes(octets[:2], "big")
        local = datetime(year, octets[2], octets[3], octets[5], octets[6], octets[7])  # noqa: DTZ001 -- placed just below
        offset = placed(local, zone, daylight).utcoffset() or timedelta(0)
    except (ValueError, OverflowError):
        return octets
    return with_deviation(octets, -(offset // _MINUTE))


def deviation_of(octets: bytes) -> int:
    """Minutes from the local time of a COSEM date-time to UTC, or ``cosem_time.NO_DEVIATION``."""
    return int.from_bytes(octets[_DEVIATION], "big", signed=True)


def with_deviation(octets: bytes, deviation: int) -> bytes:
    """A COSEM date-time with another deviation, in minutes from local time to UTC."""
    return octets[:9] + deviation.to_bytes(2, "big", signed=True) + octets[11:]


def corrected(octets: bytes, deviation: Deviation, zone: ZoneInfo | None) -> bytes:
    """A COSEM date-time whose difference to UTC is the true one, by what is known of the clock that told it."""
    if len(octets) != cosem_time.LENGTH:
        return octets
    told = deviation_of(octets)
    if zone is not None and (told == cosem_time.NO_DEVIATION or deviation == "ignored"):
        return complete(octets, zone)
    if deviation == "inverted" and told != cosem_time.NO_DEVIATION:
        return with_deviation(octets, -told)
    return octets
